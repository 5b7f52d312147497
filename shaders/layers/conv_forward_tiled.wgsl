// Convolution by tiles in workgroup memory: what kan_conv_forward and conv_forward compute.
//
//   y[n,o,oh,ow] = bias[o] + sum over inputs i, slots m and kh,kw of weight * slot m of x[n,i,ih,iw]
//   with ih = oh*STRIDE_H + kh - PAD_H and iw alike; a tap outside the image adds nothing.
//
// A workgroup makes a tile of positions (shared/input_tile.wgsl) and 4*TILE_O*LANES_O output channels, an invocation
// TILE_P positions x 4*TILE_O output channels. Between two barriers lie GROUP_I inputs, which are read from x a turn
// ahead. Weights are read where they are: the lanes of a workgroup share them, and caches hold them.
//
// dispatch: x = ceil(N/GROUP_N) * ceil(OUT_H/GROUP_H) * ceil(OUT_W/GROUP_W), y = ceil(CO_PAD / (4*TILE_O*LANES_O)),
//           z = SPLITS

@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;  // [CI, KERNEL_H, KERNEL_W, slots, CO_PAD]
@group(0) @binding(2) var<storage, read> bias: array<f32>;          // [CO]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;       // [SPLITS, N, CO, OUT_H, OUT_W]

override GROUP_I: u32; // 1 to 64
override LANES_O: u32; // 1 to 256
override TILE_P: u32; // 1 to 8: MAX_P, which a plan may set
override TILE_O: u32; // 1 to 4: MAX_O, which a plan may set

const MAX_P = 4u;
const MAX_O = 2u;

override LANES_P: u32 = GROUP_N * GROUP_H * GROUP_W / TILE_P; // 1 to 256
override WORKGROUP: u32 = LANES_P * LANES_O; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tiles_h = (OUT_H + GROUP_H - 1u) / GROUP_H;
  let tiles_w = (OUT_W + GROUP_W - 1u) / GROUP_W;
  let first_n = group.x / (tiles_h * tiles_w) * GROUP_N;
  let first_oh = group.x / tiles_w % tiles_h * GROUP_H;
  let first_ow = group.x % tiles_w * GROUP_W;
  let p = lane % LANES_P;
  let o4 = (group.y * LANES_O + lane / LANES_P) * TILE_O;
  let split = split_index(group);

  var start: array<vec4<f32>, MAX_O>;
  for (var q = 0u; q < 4u * TILE_O; q++) {
    start[q / 4u][q % 4u] = select(0.0, bias[min(o4 * 4u + q, CO - 1u)], split == 0u);
  }
  var place: array<u32, MAX_P>;
  var sum: array<array<vec4<f32>, MAX_O>, MAX_P>;
  for (var j = 0u; j < TILE_P; j++) {
    place[j] = position_place(p + j * LANES_P);
    sum[j] = start;
  }
  // Where the elements lie that this invocation fills.
  var index: array<u32, MAX_F>;
  var input: array<u32, MAX_F>;
  for (var k = 0u; k < TILE_F; k++) {
    let element = tile_element(lane + k * WORKGROUP);
    index[k] = input_index(element, first_n, first_oh, first_ow, 0u);
    input[k] = element.i;
  }

  let first = first_turn(split, INPUTS);
  let end = first_turn(split + 1u, INPUTS);
  var ahead: array<Element, MAX_F>;
  for (var k = 0u; k < TILE_F; k++) {
    let present = index[k] != ABSENT && first + input[k] < end;
    ahead[k] = load_element(select(0u, index[k] + first * NEXT_INPUT, present));
  }
  for (var i = first; i < end; i += GROUP_I) {
    workgroupBarrier();
    for (var k = 0u; k < TILE_F; k++) {
      let e = lane + k * WORKGROUP;
      if (e < FILL) {
        fill(e, input[k], ahead[k], index[k] != ABSENT && i + input[k] < end);
      }
    }
    let next = i + GROUP_I;
    for (var k = 0u; k < TILE_F; k++) {
      let present = index[k] != ABSENT && next + input[k] < end;
      ahead[k] = load_element(select(0u, index[k] + next * NEXT_INPUT, present));
    }
    workgroupBarrier();
    for (var kh = 0u; kh < KERNEL_H; kh++) {
      for (var kw = 0u; kw < KERNEL_W; kw++) {
        let tap = tap_place(kh, kw);
        for (var v = 0u; v < GROUP_I * VECTORS; v++) {
          var b: array<vec4<f32>, MAX_P>;
          for (var j = 0u; j < TILE_P; j++) {
            b[j] = basis[v * ELEMENTS + place[j] + tap];
          }
          for (var s = 0u; s < 4u; s++) {
            let m = v % VECTORS * 4u + s;
            if (m < TILE_S) {
              let row = weight_row(i + v / VECTORS, kh * KERNEL_W + kw, m) * (CO_PAD / 4u);
              for (var h = 0u; h < TILE_O; h++) {
                // Outputs past CO_PAD repeat the last ones and are not stored.
                let w = weight[row + min(o4 + h, CO_PAD / 4u - 1u)];
                for (var j = 0u; j < TILE_P; j++) {
                  sum[j][h] = fma(vec4<f32>(b[j][s]), w, sum[j][h]);
                }
              }
            }
          }
        }
      }
    }
  }

  for (var j = 0u; j < TILE_P; j++) {
    let at = p + j * LANES_P;
    let n = first_n + at / (GROUP_H * GROUP_W);
    let oh = first_oh + at / GROUP_W % GROUP_H;
    let ow = first_ow + at % GROUP_W;
    if (n < N && oh < OUT_H && ow < OUT_W) {
      for (var q = 0u; q < 4u * TILE_O; q++) {
        let o = o4 * 4u + q;
        if (o < CO) {
          y[(((split * N + n) * CO + o) * OUT_H + oh) * OUT_W + ow] = sum[j][q / 4u][q % 4u];
        }
      }
    }
  }
}
