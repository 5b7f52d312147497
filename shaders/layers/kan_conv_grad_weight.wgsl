// Gradient of kan_conv_forward with respect to its weights, in partial sums.
//
//   partial[s,i,kh,kw,m,o] = sum over the positions of split s of grad_y[n,o,oh,ow] * B_m(x[n,i,ih,iw])
//   with ih = oh*STRIDE_H + kh - PAD_H and iw alike.
//
// The positions (n,oh,ow) are cut into SPLITS runs, and reduce_partials adds the splits in a fixed
// order: no float atomics, the same bits every time. One invocation makes TILE_T taps (a tap is one
// (i,kh,kw)) x a tile of slots x 4*TILE_O output channels.
//
// dispatch: x = ceil(SPLITS * ceil(taps/TILE_T) * ceil(CO_PAD/(4*TILE_O)) / WORKGROUP), y = 1,
//           z = slot tiles

@group(0) @binding(0) var<storage, read> x: array<f32>;                    // [N, CI, IN_H, IN_W]
@group(0) @binding(1) var<storage, read> grad_y: array<vec4<f32>>;         // [N, OUT_H, OUT_W, CO_PAD]
@group(0) @binding(2) var<storage, read_write> partial: array<vec4<f32>>;  // [SPLITS, CI, KERNEL_H, KERNEL_W, slots, CO_PAD]

override SPLITS: u32; // 1 to 65536
override TILE_T: u32; // 1 to MAX_T
override TILE_O: u32; // 1 to MAX_O
override WORKGROUP: u32; // 1 to 256

// Why loops run to the greatest size of a tile: see kan_conv_forward.
const MAX_T = 3u;
const MAX_O = 4u;

// First row of outputs of a split, floor(split * N*OUT_H / SPLITS): rows go to one split as a whole. Quotient
// and remainder apart, because there may be more rows than 32 bits hold times SPLITS.
fn split_row(split: u32) -> u32 {
  let rows = N * OUT_H;
  return split * (rows / SPLITS) + split * (rows % SPLITS) / SPLITS;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let taps = CI * KERNEL_H * KERNEL_W;
  let output_tiles = (CO_PAD / 4u + TILE_O - 1u) / TILE_O;
  let places = (taps + TILE_T - 1u) / TILE_T * output_tiles;
  let place = (group.x * WORKGROUP + lane) % places;
  let split = (group.x * WORKGROUP + lane) / places;
  if (split >= SPLITS) {
    return;
  }
  let first_tap = (place / output_tiles) * TILE_T;
  let o4 = (place % output_tiles) * TILE_O;
  let first = split_row(split) * OUT_W;
  let end = split_row(split + 1u) * OUT_W;

  var channel: array<u32, MAX_T>;
  var kh: array<i32, MAX_T>;
  var kw: array<i32, MAX_T>;
  for (var t = 0u; t < MAX_T; t++) {
    let tap = min(first_tap + t, taps - 1u);
    channel[t] = tap / (KERNEL_H * KERNEL_W);
    kh[t] = i32((tap / KERNEL_W) % KERNEL_H);
    kw[t] = i32(tap % KERNEL_W);
  }

  let m0 = tile_slot(group.z);
  var sum: array<array<array<vec4<f32>, MAX_O>, MAX_S>, MAX_T>;
  for (var p = first; p < end; p++) {
    let output = output_place(p);
    var g: array<vec4<f32>, MAX_O>;
    for (var h = 0u; h < MAX_O + IDLE_TURN; h++) {
      if (h < TILE_O) {
        g[h] = grad_y[p * (CO_PAD / 4u) + min(o4 + h, CO_PAD / 4u - 1u)];
      }
    }
    for (var t = 0u; t < MAX_T + IDLE_TURN; t++) {
      if (t < TILE_T) {
        let ih = output.top + kh[t];
        let iw = output.left + kw[t];
        let present = in_image(ih, iw);
        let z = tap_input(x[select(0, (i32((output.n * CI + channel[t]) * IN_H) + ih) * i32(IN_W) + iw, present)], present);
        for (var k = 0u; k < MAX_S + IDLE_TURN; k++) {
          if (k < TILE_S && m0 + k < slot_count()) {
            let b = vec4<f32>(tap_basis(m0 + k, z, present));
            for (var h = 0u; h < MAX_O + IDLE_TURN; h++) {
              if (h < TILE_O) {
                sum[t][k][h] = fma(b, g[h], sum[t][k][h]);
              }
            }
          }
        }
      }
    }
  }

  for (var t = 0u; t < MAX_T + IDLE_TURN; t++) {
    for (var k = 0u; k < MAX_S + IDLE_TURN; k++) {
      for (var h = 0u; h < MAX_O + IDLE_TURN; h++) {
        if (t < TILE_T && first_tap + t < taps && k < TILE_S && m0 + k < slot_count() && h < TILE_O && o4 + h < CO_PAD / 4u) {
          let row = (split * taps + first_tap + t) * slot_count() + m0 + k;
          partial[row * (CO_PAD / 4u) + o4 + h] = sum[t][k][h];
        }
      }
    }
  }
}
