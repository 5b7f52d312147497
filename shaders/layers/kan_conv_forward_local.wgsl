// kan_conv_forward by local support.
//
//   y[n,o,oh,ow] = bias[o] + sum over i,kh,kw,m of weight[i,kh,kw,m,o] * B_m(x[n,i,ih,iw])
//   with ih = oh*STRIDE_H + kh - PAD_H and iw alike; a tap outside the image is an absent edge.
//
// For large grids: every position loads the weights of the few splines that are not zero there (see
// shared/local_spline.wgsl), whatever the grid's size. kan_conv_forward shares one load of all weights
// between its positions instead, which is faster while there are few. One invocation makes TILE_P
// positions x 4*TILE_O output channels.
//
// dispatch: x = ceil(N*OUT_H*OUT_W / (WORKGROUP*TILE_P)), y = ceil(CO_PAD / (4*TILE_O)),
//           z = SPLITS

@group(0) @binding(0) var<storage, read> x: array<f32>;             // [N, CI, IN_H, IN_W]
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;  // [CI, KERNEL_H, KERNEL_W, slots, CO_PAD]
@group(0) @binding(2) var<storage, read> bias: array<f32>;          // [CO]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;       // [SPLITS, N, CO, OUT_H, OUT_W]

override TILE_P: u32; // 1 to MAX_P
override TILE_O: u32; // 1 to MAX_O
override WORKGROUP: u32; // 1 to 256

// Why loops run to the greatest size of a tile: see kan_conv_forward.
const MAX_P = 4u;
const MAX_O = 2u;
const MAX_ORDER = 3u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let positions = N * OUT_H * OUT_W;
  let first = group.x * WORKGROUP * TILE_P + lane;
  let o4 = group.y * TILE_O;
  let split = split_index(group);

  var image: array<i32, MAX_P>; // index of x[n, 0, 0, 0]
  var top: array<i32, MAX_P>;
  var left: array<i32, MAX_P>;
  var sum: array<array<vec4<f32>, MAX_O>, MAX_P>;
  var start: array<vec4<f32>, MAX_O>;
  for (var q = 0u; q < 4u * MAX_O; q++) {
    start[q / 4u][q % 4u] = select(0.0, bias[min(o4 * 4u + q, CO - 1u)], split == 0u);
  }
  for (var j = 0u; j < MAX_P; j++) {
    let place = output_place(min(first + j * WORKGROUP, positions - 1u));
    image[j] = i32(place.n * CI * IN_H * IN_W);
    top[j] = place.top;
    left[j] = place.left;
    sum[j] = start;
  }

  let slots = GRID + ORDER + 1u; // the last one is silu
  let taps = CI * KERNEL_H * KERNEL_W;
  for (var tap = first_turn(split, taps); tap < first_turn(split + 1u, taps); tap++) {
    let i = tap / (KERNEL_H * KERNEL_W);
    let kh = (tap / KERNEL_W) % KERNEL_H;
    let kw = tap % KERNEL_W;
    for (var j = 0u; j < MAX_P + IDLE_TURN; j++) {
      if (j < TILE_P) {
        let ih = top[j] + i32(kh);
        let iw = left[j] + i32(kw);
        let present = in_image(ih, iw);
        let z = x[select(0, image[j] + (i32(i * IN_H) + ih) * i32(IN_W) + iw, present)];
        let splines = local_splines(z);
        for (var k = 0u; k <= MAX_ORDER + 1u; k++) {
          if (k <= ORDER + 1u) {
            let base = k == ORDER + 1u;
            let slot = select(splines.cell + k, GRID + ORDER, base);
            let value = select(splines.values[min(k, MAX_ORDER)], z / (1.0 + exp(-z)), base);
            let b = vec4<f32>(select(0.0, value, present));
            for (var h = 0u; h < MAX_O + IDLE_TURN; h++) {
              if (h < TILE_O) {
                // Outputs past CO_PAD repeat the last ones and are not stored.
                let w = weight[(tap * slots + slot) * (CO_PAD / 4u) + min(o4 + h, CO_PAD / 4u - 1u)];
                sum[j][h] = fma(b, w, sum[j][h]);
              }
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
