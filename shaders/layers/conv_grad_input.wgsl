// Gradient of kan_conv_forward with respect to its input; with ORDER 0 that of conv_forward.
//
//   grad_x[n,i,ih,iw] = sum over m of B'_m(x[n,i,ih,iw]) * A_m
//   A_m = sum over o and the taps (kh,kw) that reach (ih,iw) of grad_y[n,o,oh,ow] * weight[i,kh,kw,m,o]
//   with oh = (ih + PAD_H - kh) / STRIDE_H where that divides, and ow alike.
//
// A GEMM whose rows are the slots of the input channels. Positions of one phase (ih mod STRIDE_H,
// iw mod STRIDE_W) meet the same taps, so a workgroup works on a single phase and no lane diverges. One
// invocation makes TILE_P positions of TILE_R rows: a tile of slots after the other of TILE_R/TILE_S
// channels. With ORDER 0 a channel has a single slot.
//
// Phases have unequal numbers of taps. They take turns along x, because lavapipe gives the first half of
// the workgroups to one core and the second half to another.
//
// dispatch: x = STRIDE_H*STRIDE_W * ceil(N*ceil(IN_H/STRIDE_H)*ceil(IN_W/STRIDE_W) / (WORKGROUP*TILE_P)),
//           y = ceil(CI / (TILE_R/TILE_S)), z = SPLITS

@group(0) @binding(0) var<storage, read> x: array<f32>;             // [N, CI, IN_H, IN_W]
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;  // [CI, KERNEL_H, KERNEL_W, slots, CO_PAD]
@group(0) @binding(2) var<storage, read> grad_y: array<vec4<f32>>;  // [N, OUT_H, OUT_W, CO_PAD]
@group(0) @binding(3) var<storage, read_write> grad_x: array<f32>;  // [SPLITS, N, CI, IN_H, IN_W]

override TILE_P: u32; // 1 to MAX_P
override TILE_R: u32; // 1 to 32: MAX_R, which a plan may set; a multiple of TILE_S
override WORKGROUP: u32; // 1 to 256

// Why loops run to the greatest size of a tile: see kan_conv_forward.
const MAX_P = 16u;
const MAX_R = 16u;

// The channel of row k of the tile, counted from the tile's first, and its place in the tile of slots.
fn row_channel(k: u32) -> u32 {
  return k / TILE_S;
}

fn row_slot(k: u32) -> u32 {
  return k % TILE_S;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let phase_h = group.x / STRIDE_W % STRIDE_H;
  let phase_w = group.x % STRIDE_W;
  // Positions of a phase: an image of which the last row or column may lie outside.
  let rows = (IN_H + STRIDE_H - 1u) / STRIDE_H;
  let columns = (IN_W + STRIDE_W - 1u) / STRIDE_W;
  let positions = N * rows * columns;
  let first = group.x / (STRIDE_H * STRIDE_W) * WORKGROUP * TILE_P + lane;
  let first_channel = group.y * (TILE_R / TILE_S);
  let split = split_index(group);
  // Its taps: every STRIDE-th one from these on.
  let kh0 = (phase_h + PAD_H) % STRIDE_H;
  let kw0 = (phase_w + PAD_W) % STRIDE_W;
  let taps_h = (max(KERNEL_H, kh0) - kh0 + STRIDE_H - 1u) / STRIDE_H;
  let taps_w = (max(KERNEL_W, kw0) - kw0 + STRIDE_W - 1u) / STRIDE_W;

  var image: array<i32, MAX_P>; // place of grad_y[n, 0, 0]
  var bottom: array<i32, MAX_P>; // oh and ow at the first tap
  var right: array<i32, MAX_P>;
  var total: array<array<f32, MAX_R>, MAX_P>;
  var sum: array<array<f32, MAX_R>, MAX_P>;
  for (var j = 0u; j < MAX_P; j++) {
    let p = min(first + j * WORKGROUP, positions - 1u);
    let n = p / (rows * columns);
    let r = p % (rows * columns);
    image[j] = i32(n * OUT_H * OUT_W);
    bottom[j] = i32(((r / columns) * STRIDE_H + phase_h + PAD_H) / STRIDE_H);
    right[j] = i32(((r % columns) * STRIDE_W + phase_w + PAD_W) / STRIDE_W);
  }

  for (var tile = 0u; tile < slot_tiles(); tile++) {
    let m0 = tile_slot(tile);
    for (var j = 0u; j < MAX_P; j++) {
      for (var k = 0u; k < MAX_R; k++) {
        sum[j][k] = 0.0;
      }
    }
    let turns = taps_h * taps_w * (CO_PAD / 4u);
    for (var e = first_turn(split, turns); e < first_turn(split + 1u, turns); e++) {
      let o4 = e % (CO_PAD / 4u);
      let tap_w = (e / (CO_PAD / 4u)) % taps_w;
      let tap_h = e / (CO_PAD / 4u) / taps_w;
      let tap = (kh0 + tap_h * STRIDE_H) * KERNEL_W + kw0 + tap_w * STRIDE_W;
      var w: array<vec4<f32>, MAX_R>;
      for (var k = 0u; k < MAX_R + IDLE_TURN; k++) {
        // Channels past CI repeat the last one and are not stored.
        let channel = min(first_channel + row_channel(k), CI - 1u);
        if (k < TILE_R && m0 + row_slot(k) < slot_count() && has_slope(m0 + row_slot(k))) {
          w[k] = weight[((channel * KERNEL_H * KERNEL_W + tap) * slot_count() + m0 + row_slot(k)) * (CO_PAD / 4u) + o4];
        }
      }
      for (var j = 0u; j < MAX_P + IDLE_TURN; j++) {
        if (j < TILE_P) {
          let oh = bottom[j] - i32(tap_h);
          let ow = right[j] - i32(tap_w);
          let present = oh >= 0 && ow >= 0 && oh < i32(OUT_H) && ow < i32(OUT_W);
          let at = u32(select(0, image[j] + oh * i32(OUT_W) + ow, present));
          let g = select(vec4<f32>(), grad_y[at * (CO_PAD / 4u) + o4], present);
          for (var k = 0u; k < MAX_R + IDLE_TURN; k++) {
            if (k < TILE_R && m0 + row_slot(k) < slot_count() && has_slope(m0 + row_slot(k))) {
              sum[j][k] = fma(g.x, w[k].x, fma(g.y, w[k].y, fma(g.z, w[k].z, fma(g.w, w[k].w, sum[j][k]))));
            }
          }
        }
      }
    }
    for (var j = 0u; j < MAX_P + IDLE_TURN; j++) {
      let p = first + j * WORKGROUP;
      let n = p / (rows * columns);
      let r = p % (rows * columns);
      let ih = (r / columns) * STRIDE_H + phase_h;
      let iw = (r % columns) * STRIDE_W + phase_w;
      if (j < TILE_P && p < positions && ih < IN_H && iw < IN_W) {
        var z = 0.0;
        for (var k = 0u; k < MAX_R + IDLE_TURN; k++) {
          let c = row_channel(k);
          let m = m0 + row_slot(k);
          let at = ((n * CI + first_channel + c) * IN_H + ih) * IN_W + iw;
          let to = split * (N * CI * IN_H * IN_W) + at;
          if (k < TILE_R && first_channel + c < CI) {
            if (ORDER == 0u) {
              grad_x[to] = sum[j][k];
            } else {
              if (row_slot(k) == 0u) {
                z = x[at];
              }
              if (m < slot_count() && has_slope(m)) {
                total[j][c] = fma(edge_basis_slope(m, z), sum[j][k], total[j][c]);
              }
              if (tile + 1u == slot_tiles() && row_slot(k) + 1u == TILE_S) {
                grad_x[to] = total[j][c];
              }
            }
          }
        }
      }
    }
  }
}
