// Gradient of kan_conv_forward with respect to its input.
//
//   grad_x[n,i,ih,iw] = sum over m of B'_m(x[n,i,ih,iw]) * A_m
//   A_m = sum over o and the taps (kh,kw) that reach (ih,iw) of grad_y[n,o,oh,ow] * weight[i,kh,kw,m,o]
//   with oh = (ih + PAD_H - kh) / STRIDE_H where that divides, and ow alike.
//
// Positions of one phase (ih mod STRIDE_H, iw mod STRIDE_W) meet the same taps, so a workgroup works
// on a single phase and no lane diverges. One invocation makes TILE_P positions of one channel; with
// ORDER 0, where a channel has a single slot, of 8 channels.
//
// dispatch: x = ceil(N * ceil(IN_H/STRIDE_H) * ceil(IN_W/STRIDE_W) / (WORKGROUP*TILE_P)),
//           y = CI, or CI / 8 rounded up with ORDER 0, z = STRIDE_H * STRIDE_W

@group(0) @binding(0) var<storage, read> x: array<f32>;             // [N, CI, IN_H, IN_W]
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;  // [CI, KERNEL_H, KERNEL_W, slots, CO_PAD]
@group(0) @binding(2) var<storage, read> grad_y: array<f32>;        // [N, CO, OUT_H, OUT_W]
@group(0) @binding(3) var<storage, read_write> grad_x: array<f32>;  // [N, CI, IN_H, IN_W]

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
override TILE_P: u32; // 1 to 16
override WORKGROUP: u32;

const MAX_P = 16u;

fn channels_at_once() -> u32 {
  return select(1u, 8u, ORDER == 0u);
}

// The rows of weights that an invocation works on at a time: the slots of one channel, or 8 channels.
fn row_exists(channel: u32, m: u32) -> bool {
  return select(m < slot_count(), channel < CI, ORDER == 0u);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let phase_h = group.z / STRIDE_W;
  let phase_w = group.z % STRIDE_W;
  // Positions of a phase: an image of PHASE_H x PHASE_W, of which the last row or column may lie outside.
  let rows = (IN_H + STRIDE_H - 1u) / STRIDE_H;
  let columns = (IN_W + STRIDE_W - 1u) / STRIDE_W;
  let positions = N * rows * columns;
  let first = group.x * WORKGROUP * TILE_P + lane;
  let first_channel = group.y * channels_at_once();

  var image: array<i32, MAX_P>; // index of grad_y[n, 0, 0, 0]
  var row: array<i32, MAX_P>;   // (ih + PAD_H) / STRIDE_H
  var column: array<i32, MAX_P>;
  var z: array<f32, MAX_P>;
  var total: array<f32, MAX_P>;
  for (var j = 0u; j < TILE_P; j++) {
    let p = min(first + j * WORKGROUP, positions - 1u);
    let n = p / (rows * columns);
    let r = p % (rows * columns);
    let ih = min((r / columns) * STRIDE_H + phase_h, IN_H - 1u);
    let iw = min((r % columns) * STRIDE_W + phase_w, IN_W - 1u);
    image[j] = i32(n * CO * OUT_H * OUT_W);
    row[j] = i32((ih + PAD_H) / STRIDE_H);
    column[j] = i32((iw + PAD_W) / STRIDE_W);
    z[j] = x[((n * CI + first_channel) * IN_H + ih) * IN_W + iw];
    total[j] = 0.0;
  }

  var sum: array<array<f32, SLOT_TILE>, MAX_P>;
  for (var tile = 0u; tile < slot_tiles(); tile++) {
    let m0 = tile_slot(tile);
    for (var j = 0u; j < TILE_P; j++) {
      for (var k = 0u; k < SLOT_TILE; k++) {
        sum[j][k] = 0.0;
      }
    }
    for (var kh = (phase_h + PAD_H) % STRIDE_H; kh < KERNEL_H; kh += STRIDE_H) {
      for (var kw = (phase_w + PAD_W) % STRIDE_W; kw < KERNEL_W; kw += STRIDE_W) {
        for (var o4 = 0u; o4 < CO_PAD / 4u; o4++) {
          var w: array<vec4<f32>, SLOT_TILE>;
          for (var k = 0u; k < SLOT_TILE; k++) {
            let channel = first_channel + select(0u, k, ORDER == 0u);
            let m = select(m0 + k, 0u, ORDER == 0u);
            if (row_exists(channel, m)) {
              w[k] = weight[(((channel * KERNEL_H + kh) * KERNEL_W + kw) * slot_count() + m) * (CO_PAD / 4u) + o4];
            }
          }
          for (var j = 0u; j < TILE_P; j++) {
            let oh = row[j] - i32(kh / STRIDE_H);
            let ow = column[j] - i32(kw / STRIDE_W);
            let present = oh >= 0 && ow >= 0 && oh < i32(OUT_H) && ow < i32(OUT_W);
            let at = select(0, image[j] + oh * i32(OUT_W) + ow, present);
            var g = vec4<f32>();
            for (var q = 0u; q < 4u; q++) {
              let o = o4 * 4u + q;
              let value = grad_y[at + i32(min(o, CO - 1u) * (OUT_H * OUT_W))];
              g[q] = select(0.0, value, present && o < CO);
            }
            for (var k = 0u; k < SLOT_TILE; k++) {
              if (ORDER == 0u || m0 + k < slot_count()) {
                sum[j][k] = fma(g.x, w[k].x, fma(g.y, w[k].y, fma(g.z, w[k].z, fma(g.w, w[k].w, sum[j][k]))));
              }
            }
          }
        }
      }
    }
    if (ORDER > 0u) {
      for (var j = 0u; j < TILE_P; j++) {
        for (var k = 0u; k < SLOT_TILE; k++) {
          if (m0 + k < slot_count()) {
            total[j] = fma(edge_basis_slope(m0 + k, z[j]), sum[j][k], total[j]);
          }
        }
      }
    }
  }

  for (var j = 0u; j < TILE_P; j++) {
    let p = first + j * WORKGROUP;
    let n = p / (rows * columns);
    let r = p % (rows * columns);
    let ih = (r / columns) * STRIDE_H + phase_h;
    let iw = (r % columns) * STRIDE_W + phase_w;
    if (p < positions && ih < IN_H && iw < IN_W) {
      for (var k = 0u; k < channels_at_once(); k++) {
        let channel = first_channel + k;
        if (channel < CI) {
          grad_x[((n * CI + channel) * IN_H + ih) * IN_W + iw] = select(total[j], sum[j][k], ORDER == 0u);
        }
      }
    }
  }
}
