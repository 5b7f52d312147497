// Ordinary convolution: the yardstick of kan_conv_forward.
//
//   y[n,o,oh,ow] = bias[o] + sum over i,kh,kw of weight[i,kh,kw,o] * x[n,i,ih,iw]
//   with ih = oh*STRIDE_H + kh - PAD_H and iw alike; a tap outside the image adds nothing.
//
// An implicit GEMM over (tap, channel), TILE_C channels at a time: 4 with one load, or 1 where there is
// a single channel. One invocation makes TILE_P positions x 4*TILE_O output channels.
//
// dispatch: x = ceil(N*OUT_H*OUT_W / (WORKGROUP*TILE_P)), y = ceil(CO_PAD / (4*TILE_O)),
//           z = SPLITS

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;       // [N, IN_H, IN_W, CI rounded up to TILE_C]
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;  // [CI, KERNEL_H, KERNEL_W, CO_PAD]
@group(0) @binding(2) var<storage, read> bias: array<f32>;          // [CO]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;       // [SPLITS, N, CO, OUT_H, OUT_W]

override TILE_P: u32; // 1 to MAX_P
override TILE_O: u32; // 1 to MAX_O
override TILE_C: u32; // 1 to MAX_C: 4 or 1
override WORKGROUP: u32; // 1 to 256

// Why loops run to the greatest size of a tile: see kan_conv_forward.
const MAX_P = 16u;
const MAX_O = 4u;
const MAX_C = 4u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let positions = N * OUT_H * OUT_W;
  let first = group.x * WORKGROUP * TILE_P + lane;
  let o4 = group.y * TILE_O;
  let split = split_index(group);
  let channel_tiles = (CI + TILE_C - 1u) / TILE_C;

  var image: array<i32, MAX_P>; // place of x[n, 0, 0]
  var top: array<i32, MAX_P>;
  var left: array<i32, MAX_P>;
  var sum: array<array<vec4<f32>, MAX_O>, MAX_P>;
  var start: array<vec4<f32>, MAX_O>;
  for (var q = 0u; q < 4u * MAX_O; q++) {
    start[q / 4u][q % 4u] = select(0.0, bias[min(o4 * 4u + q, CO - 1u)], split == 0u);
  }
  for (var j = 0u; j < MAX_P; j++) {
    let place = output_place(min(first + j * WORKGROUP, positions - 1u));
    image[j] = i32(place.n * IN_H * IN_W);
    top[j] = place.top;
    left[j] = place.left;
    sum[j] = start;
  }

  let turns = KERNEL_H * KERNEL_W * channel_tiles;
  for (var e = first_turn(split, turns); e < first_turn(split + 1u, turns); e++) {
    let c = e % channel_tiles;
    let tap = e / channel_tiles;
    let kh = i32(tap / KERNEL_W);
    let kw = i32(tap % KERNEL_W);
    var w: array<array<vec4<f32>, MAX_O>, MAX_C>;
    for (var k = 0u; k < MAX_C + IDLE_TURN; k++) {
      for (var h = 0u; h < MAX_O + IDLE_TURN; h++) {
        if (h < TILE_O && k < TILE_C) {
          // Channels past CI are 0 in x. Outputs past CO_PAD repeat the last ones and are not stored.
          let channel = min(c * TILE_C + k, CI - 1u);
          w[k][h] = weight[(channel * KERNEL_H * KERNEL_W + tap) * (CO_PAD / 4u) + min(o4 + h, CO_PAD / 4u - 1u)];
        }
      }
    }
    for (var j = 0u; j < MAX_P + IDLE_TURN; j++) {
      if (j < TILE_P) {
        let ih = top[j] + kh;
        let iw = left[j] + kw;
        let present = in_image(ih, iw);
        let at = u32(select(0, image[j] + ih * i32(IN_W) + iw, present));
        var b: vec4<f32>;
        if (TILE_C == 1u) {
          b.x = x[at / 4u][at % 4u];
        } else {
          b = x[at * channel_tiles + c];
        }
        b = select(vec4<f32>(), b, present);
        for (var h = 0u; h < MAX_O + IDLE_TURN; h++) {
          for (var k = 0u; k < MAX_C + IDLE_TURN; k++) {
            if (h < TILE_O && k < TILE_C) {
              sum[j][h] = fma(vec4<f32>(b[k]), w[k][h], sum[j][h]);
            }
          }
        }
      }
    }
  }

  for (var j = 0u; j < MAX_P + IDLE_TURN; j++) {
    let p = first + j * WORKGROUP;
    if (j < TILE_P && p < positions) {
      let place = output_place(p);
      for (var q = 0u; q < 4u * MAX_O; q++) {
        let o = o4 * 4u + q;
        if (q < 4u * TILE_O && o < CO) {
          y[((split * N + place.n) * CO + o) * (OUT_H * OUT_W) + place.r] = sum[j][q / 4u][q % 4u];
        }
      }
    }
  }
}
