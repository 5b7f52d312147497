// Gradient of kan_conv_forward with respect to its weights, in partial sums.
//
//   partial[s,i,kh,kw,m,o] = sum over the rows of split s of grad_y[n,o,oh,ow] * B_m(x[n,i,ih,iw])
//   with ih = oh*STRIDE_H + kh - PAD_H and iw alike.
//
// A row is one (n, oh); the rows are cut into SPLITS runs, and reduce_partials adds the splits in a
// fixed order: no float atomics, the same bits every time. One invocation makes TILE_T taps
// (a tap is one (i,kh,kw)) x 8 slots x 8 outputs; with ORDER 0, where a tap has a single slot,
// TILE_T*8 taps x 8 outputs.
//
// dispatch: x = ceil(SPLITS * ceil(taps/tile) * ceil(CO_PAD/8) / WORKGROUP), y = 1, z = ceil(slots/8),
//           taps = CI*KERNEL_H*KERNEL_W, tile = TILE_T, or TILE_T*8 with ORDER 0

@group(0) @binding(0) var<storage, read> x: array<f32>;                     // [N, CI, IN_H, IN_W]
@group(0) @binding(1) var<storage, read> grad_y: array<f32>;                // [N, CO, OUT_H, OUT_W]
@group(0) @binding(2) var<storage, read_write> partial: array<vec4<f32>>;   // [SPLITS, CI, KERNEL_H, KERNEL_W, slots, CO_PAD]

override N: u32;
override CI: u32;
override IN_H: u32;
override IN_W: u32;
override CO: u32;
override CO_PAD: u32;
override OUT_H: u32;
override OUT_W: u32;
override KERNEL_H: u32;
override KERNEL_W: u32;
override STRIDE_H: u32;
override STRIDE_W: u32;
override PAD_H: u32;
override PAD_W: u32;
override SPLITS: u32;
override TILE_T: u32; // 1 to 3
override WORKGROUP: u32;

const MAX_T = 3u;

// With ORDER 0 every basis value is a tap of its own.
fn taps_at_once() -> u32 {
  return select(TILE_T, TILE_T * SLOT_TILE, ORDER == 0u);
}

// The tap of basis value k in tile row t.
fn tap_of(first_tap: u32, t: u32, k: u32) -> u32 {
  return first_tap + select(t, t * SLOT_TILE + k, ORDER == 0u);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let taps = CI * KERNEL_H * KERNEL_W;
  let output_tiles = (CO_PAD + 7u) / 8u;
  let places = (taps + taps_at_once() - 1u) / taps_at_once() * output_tiles;
  let place = (group.x * WORKGROUP + lane) % places;
  let split = (group.x * WORKGROUP + lane) / places;
  if (split >= SPLITS) {
    return;
  }
  let first_tap = (place / output_tiles) * taps_at_once();
  let o4 = (place % output_tiles) * 2u;
  let rows = N * OUT_H;
  let first_row = split * rows / SPLITS;
  let end_row = (split + 1u) * rows / SPLITS;

  var channel: array<array<u32, SLOT_TILE>, MAX_T>;
  var kh: array<array<i32, SLOT_TILE>, MAX_T>;
  var kw: array<array<i32, SLOT_TILE>, MAX_T>;
  for (var t = 0u; t < TILE_T; t++) {
    for (var k = 0u; k < SLOT_TILE; k++) {
      let tap = min(tap_of(first_tap, t, k), taps - 1u);
      channel[t][k] = tap / (KERNEL_H * KERNEL_W);
      kh[t][k] = i32((tap / KERNEL_W) % KERNEL_H) - i32(PAD_H);
      kw[t][k] = i32(tap % KERNEL_W) - i32(PAD_W);
    }
  }

  let m0 = tile_slot(group.z);
  var sum: array<array<array<vec4<f32>, 2>, SLOT_TILE>, MAX_T>;
  for (var line = first_row; line < end_row; line++) {
    let n = line / OUT_H;
    let oh = line % OUT_H;
    for (var ow = 0u; ow < OUT_W; ow++) {
      var g: array<vec4<f32>, 2>;
      for (var q = 0u; q < 8u; q++) {
        let o = min(o4 * 4u + q, CO - 1u);
        g[q / 4u][q % 4u] = grad_y[((n * CO + o) * OUT_H + oh) * OUT_W + ow];
      }
      for (var t = 0u; t < TILE_T; t++) {
        var z = 0.0;
        var present = false;
        for (var k = 0u; k < SLOT_TILE; k++) {
          // The slots of a tap share its input.
          if (k == 0u || ORDER == 0u) {
            let ih = i32(oh * STRIDE_H) + kh[t][k];
            let iw = i32(ow * STRIDE_W) + kw[t][k];
            present = ih >= 0 && iw >= 0 && ih < i32(IN_H) && iw < i32(IN_W);
            z = x[select(0, (i32((n * CI + channel[t][k]) * IN_H) + ih) * i32(IN_W) + iw, present)];
          }
          if (ORDER == 0u || m0 + k < slot_count()) {
            let b = vec4<f32>(select(0.0, edge_basis(m0 + k, z), present));
            sum[t][k][0] = fma(b, g[0], sum[t][k][0]);
            sum[t][k][1] = fma(b, g[1], sum[t][k][1]);
          }
        }
      }
    }
  }
  for (var t = 0u; t < TILE_T; t++) {
    for (var k = 0u; k < SLOT_TILE; k++) {
      let tap = tap_of(first_tap, t, k);
      let m = select(m0 + k, 0u, ORDER == 0u);
      if (tap < taps && m < slot_count()) {
        let row = ((split * taps + tap) * slot_count() + m) * (CO_PAD / 4u);
        for (var h = 0u; h < 2u; h++) {
          if (o4 + h < CO_PAD / 4u) {
            // Outputs that only pad the row keep a gradient of zero.
            let o = vec4<u32>((o4 + h) * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
            partial[row + o4 + h] = select(vec4<f32>(), sum[t][k][h], o < vec4<u32>(CO));
          }
        }
      }
    }
  }
}
