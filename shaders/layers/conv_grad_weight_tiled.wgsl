// Gradient of a convolution with respect to its weights by tiles in workgroup memory, in partial sums: what
// kan_conv_grad_weight and conv_grad_weight compute.
//
//   partial[s, weight of input i, slot m, kh,kw and o] = sum over the positions of split s of
//     grad_y[n,o,oh,ow] * slot m of x[n,i,ih,iw],  with ih = oh*STRIDE_H + kh - PAD_H and iw alike.
//
// A workgroup makes all taps of GROUP_I inputs x 4*TILE_O*LANES_O output channels, over the tiles of positions
// (shared/input_tile.wgsl) of its split, one after the other. An invocation makes one (kh,kw) of TILE_I inputs, all their
// slots, x 4*TILE_O output channels. reduce_partials adds the splits in a fixed order.
//
// dispatch: x = SPLITS, y = ceil(inputs / GROUP_I), z = ceil(CO_PAD / (4*TILE_O*LANES_O))

@group(0) @binding(1) var<storage, read> grad_y: array<vec4<f32>>;         // [N, OUT_H, OUT_W, CO_PAD]
@group(0) @binding(2) var<storage, read_write> partial: array<vec4<f32>>;  // [SPLITS, CI, KERNEL_H, KERNEL_W, slots, CO_PAD]

override SPLITS: u32; // 1 to 65535
override LANES_I: u32; // 1 to 256
override LANES_O: u32; // 1 to 256
override TILE_I: u32; // 1 to 2: MAX_I, which a plan may set
override TILE_O: u32; // 1 to 4: MAX_O, which a plan may set

const MAX_I = 2u;
const MAX_O = 2u;

override GROUP_I: u32 = LANES_I * TILE_I;
override WORKGROUP: u32 = LANES_I * KERNEL_H * KERNEL_W * LANES_O; // 1 to 256
override OUTPUTS: u32 = TILE_O * LANES_O; // vec4 of outputs
override GRADS: u32 = GROUP_N * GROUP_H * GROUP_W * OUTPUTS; // 1 to 1024
override FILLS_G: u32 = (GRADS + WORKGROUP - 1u) / WORKGROUP; // of them that an invocation fills

var<workgroup> tile_g: array<vec4<f32>, GRADS>; // [GROUP_N, GROUP_H, GROUP_W, OUTPUTS]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tiles_h = (OUT_H + GROUP_H - 1u) / GROUP_H;
  let tiles_w = (OUT_W + GROUP_W - 1u) / GROUP_W;
  let tiles = (N + GROUP_N - 1u) / GROUP_N * tiles_h * tiles_w;
  let first_input = group.y * GROUP_I;
  let first_o4 = group.z * OUTPUTS;
  let column = lane % LANES_O * TILE_O;
  let tap = lane / LANES_O % (KERNEL_H * KERNEL_W);
  let input = lane / LANES_O / (KERNEL_H * KERNEL_W) * TILE_I; // of the tile's
  let first_place = input * VECTORS * ELEMENTS + tap_place(tap / KERNEL_W, tap % KERNEL_W);

  var element: array<TileElement, MAX_F>;
  for (var k = 0u; k < TILE_F; k++) {
    element[k] = tile_element(lane + k * WORKGROUP);
  }
  var loaded: array<Element, MAX_F>;
  var sum: array<array<array<vec4<f32>, MAX_O>, MAX_S>, MAX_I>;
  // Quotient and remainder apart, because there may be more tiles than 32 bits hold times SPLITS.
  let quotient = tiles / SPLITS;
  let remainder = tiles % SPLITS;
  let end = (group.x + 1u) * quotient + (group.x + 1u) * remainder / SPLITS;
  for (var t = group.x * quotient + group.x * remainder / SPLITS; t < end; t++) {
    let first_n = t / (tiles_h * tiles_w) * GROUP_N;
    let first_oh = t / tiles_w % tiles_h * GROUP_H;
    let first_ow = t % tiles_w * GROUP_W;
    // Loads come before the barrier, behind which others still work on the last tile.
    var present: array<bool, MAX_F>;
    for (var k = 0u; k < TILE_F; k++) {
      let index = input_index(element[k], first_n, first_oh, first_ow, first_input);
      present[k] = index != ABSENT && first_input + element[k].i < INPUTS;
      loaded[k] = load_element(select(0u, index, present[k]));
    }
    workgroupBarrier();
    for (var k = 0u; k < TILE_F; k++) {
      let e = lane + k * WORKGROUP;
      if (e < FILL) {
        fill(e, element[k].i, loaded[k], present[k]);
      }
    }
    for (var k = 0u; k < FILLS_G; k++) {
      let e = lane + k * WORKGROUP;
      let at = e / OUTPUTS;
      let n = first_n + at / (GROUP_H * GROUP_W);
      let oh = first_oh + at / GROUP_W % GROUP_H;
      let ow = first_ow + at % GROUP_W;
      let o4 = first_o4 + e % OUTPUTS;
      let there = n < N && oh < OUT_H && ow < OUT_W && o4 < CO_PAD / 4u;
      let g = grad_y[select(0u, ((n * OUT_H + oh) * OUT_W + ow) * (CO_PAD / 4u) + o4, there)];
      if (e < GRADS) {
        tile_g[e] = select(vec4<f32>(), g, there);
      }
    }
    workgroupBarrier();
    for (var n = 0u; n < GROUP_N; n++) {
      for (var h = 0u; h < GROUP_H; h++) {
        for (var w = 0u; w < GROUP_W; w++) {
          let p = (n * GROUP_H + h) * GROUP_W + w;
          let place = first_place + n * IMAGE + h * (STRIDE_H * ROW) + w;
          var g: array<vec4<f32>, MAX_O>;
          for (var q = 0u; q < TILE_O; q++) {
            g[q] = tile_g[p * OUTPUTS + column + q];
          }
          for (var i = 0u; i < TILE_I; i++) {
            for (var v = 0u; v < VECTORS; v++) {
              let b = basis[place + (i * VECTORS + v) * ELEMENTS];
              for (var s = 0u; s < 4u; s++) {
                if (4u * v + s < TILE_S) {
                  for (var q = 0u; q < TILE_O; q++) {
                    sum[i][4u * v + s][q] = fma(vec4<f32>(b[s]), g[q], sum[i][4u * v + s][q]);
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  for (var i = 0u; i < TILE_I; i++) {
    for (var m = 0u; m < TILE_S; m++) {
      for (var q = 0u; q < TILE_O; q++) {
        let o4 = first_o4 + column + q;
        if (has_weight(first_input + input + i, m) && o4 < CO_PAD / 4u) {
          let row = group.x * weight_rows() + weight_row(first_input + input + i, tap, m);
          partial[row * (CO_PAD / 4u) + o4] = sum[i][m][q];
        }
      }
    }
  }
}
