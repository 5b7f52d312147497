// Gradient of a convolution with respect to its input by tiles in workgroup memory: what conv_grad_input computes, of
// splines and with ORDER 0 of plain weights.
//
//   grad_x[n,i,ih,iw] = sum over m of B'_m(x[n,i,ih,iw]) * A_m
//   A_m = sum over o and the taps (kh,kw) that reach (ih,iw) of grad_y[n,o,oh,ow] * weight[i,kh,kw,m,o]
//   with oh = (ih + PAD_H - kh) / STRIDE_H where that divides, and ow alike.
//
// A GEMM whose rows are the slots of the input channels and whose columns are the positions of one phase (see
// conv_grad_input). Between two barriers lie GROUP_O vec4 of outputs of one tap, of LANES_P*TILE_P positions and
// LANES_I*TILE_R rows. An invocation makes TILE_P positions of TILE_R rows: all slots of TILE_R/TILE_S channels, so that no
// other has a part in the sum with their slopes.
//
// dispatch: x = STRIDE_H*STRIDE_W * ceil(N*ceil(IN_H/STRIDE_H)*ceil(IN_W/STRIDE_W) / (LANES_P*TILE_P)),
//           y = ceil(CI / (LANES_I*TILE_R/TILE_S)), z = SPLITS

@group(0) @binding(0) var<storage, read> x: array<f32>;             // [N, CI, IN_H, IN_W]
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;  // [CI, KERNEL_H, KERNEL_W, slots, CO_PAD]
@group(0) @binding(2) var<storage, read> grad_y: array<vec4<f32>>;  // [N, OUT_H, OUT_W, CO_PAD]
@group(0) @binding(3) var<storage, read_write> grad_x: array<f32>;  // [SPLITS, N, CI, IN_H, IN_W]

override LANES_P: u32; // 1 to 256
override LANES_I: u32; // 1 to 256
override GROUP_O: u32; // 1 to 8
override TILE_P: u32; // 1 to 8: MAX_P, which a plan may set
override TILE_R: u32; // 1 to 16: MAX_R, which a plan may set; a multiple of TILE_S
override TILE_F: u32; // 1 to 64: MAX_F, which a plan may set; vec4 of grad_y that an invocation fills

const MAX_P = 4u;
const MAX_R = 16u;
const MAX_F = 8u;

override WORKGROUP: u32 = LANES_P * LANES_I; // 1 to 256
override POSITIONS: u32 = LANES_P * TILE_P;
override FILL: u32 = GROUP_O * POSITIONS; // vec4 of grad_y
override ROWS: u32 = LANES_I * TILE_R;
// Two vec4 more, because lanes fill neighbouring outputs of a position, whose banks then differ.
override NEXT_G: u32 = POSITIONS + 2u;
override NEXT_W: u32 = ROWS + 2u;
override FILLS_W: u32 = (GROUP_O * ROWS + WORKGROUP - 1u) / WORKGROUP; // weights that an invocation fills
override GRADS: u32 = GROUP_O * NEXT_G; // 1 to 1024
override WEIGHTS: u32 = GROUP_O * NEXT_W; // 1 to 1024

var<workgroup> tile_g: array<vec4<f32>, GRADS>; // [GROUP_O, POSITIONS and 2 more]
var<workgroup> tile_w: array<vec4<f32>, WEIGHTS>; // [GROUP_O, ROWS and 2 more]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let phase_h = group.x / STRIDE_W % STRIDE_H;
  let phase_w = group.x % STRIDE_W;
  // Positions of a phase: an image of which the last row or column may lie outside.
  let rows = (IN_H + STRIDE_H - 1u) / STRIDE_H;
  let columns = (IN_W + STRIDE_W - 1u) / STRIDE_W;
  let positions = N * rows * columns;
  let first = group.x / (STRIDE_H * STRIDE_W) * POSITIONS;
  let p = lane % LANES_P;
  let row = lane / LANES_P * TILE_R; // of the tile's
  let first_channel = group.y * (ROWS / TILE_S);
  let split = split_index(group);
  // Its taps: every STRIDE-th one from these on.
  let kh0 = (phase_h + PAD_H) % STRIDE_H;
  let kw0 = (phase_w + PAD_W) % STRIDE_W;
  let taps_h = (max(KERNEL_H, kh0) - kh0 + STRIDE_H - 1u) / STRIDE_H;
  let taps_w = (max(KERNEL_W, kw0) - kw0 + STRIDE_W - 1u) / STRIDE_W;

  // Of the vec4 that this invocation fills: the place of grad_y[n, 0, 0], and oh and ow at the first tap.
  var image: array<i32, MAX_F>;
  var bottom: array<i32, MAX_F>;
  var right: array<i32, MAX_F>;
  for (var k = 0u; k < TILE_F; k++) {
    let q = min(first + (lane + k * WORKGROUP) / GROUP_O, positions - 1u);
    let r = q % (rows * columns);
    image[k] = i32(q / (rows * columns) * (OUT_H * OUT_W));
    bottom[k] = i32(((r / columns) * STRIDE_H + phase_h + PAD_H) / STRIDE_H);
    right[k] = i32(((r % columns) * STRIDE_W + phase_w + PAD_W) / STRIDE_W);
  }

  var loaded: array<vec4<f32>, MAX_F>;
  var sum: array<array<f32, MAX_P>, MAX_R>;
  let chunks = (CO_PAD / 4u + GROUP_O - 1u) / GROUP_O;
  let turns = taps_h * taps_w * chunks;
  let end = first_turn(split + 1u, turns);
  for (var e = first_turn(split, turns); e < end; e++) {
    let first_o4 = e % chunks * GROUP_O;
    let tap_w = e / chunks % taps_w;
    let tap_h = e / chunks / taps_w;
    let tap = (kh0 + tap_h * STRIDE_H) * KERNEL_W + kw0 + tap_w * STRIDE_W;
    // Loads come before the barrier, behind which others still work on the last turn's tiles.
    for (var k = 0u; k < TILE_F; k++) {
      let o4 = first_o4 + (lane + k * WORKGROUP) % GROUP_O;
      let oh = bottom[k] - i32(tap_h);
      let ow = right[k] - i32(tap_w);
      let present = oh >= 0 && ow >= 0 && oh < i32(OUT_H) && ow < i32(OUT_W) && o4 < CO_PAD / 4u;
      let at = u32(image[k] + oh * i32(OUT_W) + ow) * (CO_PAD / 4u) + o4;
      loaded[k] = select(vec4<f32>(), grad_y[select(0u, at, present)], present);
    }
    workgroupBarrier();
    for (var k = 0u; k < TILE_F; k++) {
      let q = lane + k * WORKGROUP;
      if (q < FILL) {
        tile_g[q % GROUP_O * NEXT_G + q / GROUP_O] = loaded[k];
      }
    }
    for (var k = 0u; k < FILLS_W; k++) {
      let q = lane + k * WORKGROUP;
      let o4 = first_o4 + q % GROUP_O;
      let r = q / GROUP_O;
      // Channels past CI and outputs past CO_PAD repeat the last ones: the first are not stored, of the others grad_y is 0.
      let channel = min(first_channel + r / TILE_S, CI - 1u);
      let weights = (channel * (KERNEL_H * KERNEL_W) + tap) * slot_count() + r % TILE_S;
      let w = weight[weights * (CO_PAD / 4u) + min(o4, CO_PAD / 4u - 1u)];
      if (r < ROWS) {
        tile_w[q % GROUP_O * NEXT_W + r] = w;
      }
    }
    workgroupBarrier();
    for (var o = 0u; o < GROUP_O; o++) {
      var g: array<vec4<f32>, MAX_P>;
      for (var j = 0u; j < TILE_P; j++) {
        g[j] = tile_g[o * NEXT_G + p + j * LANES_P];
      }
      for (var k = 0u; k < TILE_R; k++) {
        if (has_slope(k % TILE_S)) {
          let w = tile_w[o * NEXT_W + row + k];
          for (var j = 0u; j < TILE_P; j++) {
            sum[k][j] = fma(g[j].x, w.x, fma(g[j].y, w.y, fma(g[j].z, w.z, fma(g[j].w, w.w, sum[k][j]))));
          }
        }
      }
    }
  }

  for (var j = 0u; j < TILE_P; j++) {
    let q = first + p + j * LANES_P;
    let n = q / (rows * columns);
    let r = q % (rows * columns);
    let ih = (r / columns) * STRIDE_H + phase_h;
    let iw = (r % columns) * STRIDE_W + phase_w;
    if (q < positions && ih < IN_H && iw < IN_W) {
      var z = 0.0;
      var total = 0.0;
      for (var k = 0u; k < TILE_R; k++) {
        let c = first_channel + (row + k) / TILE_S;
        let m = k % TILE_S;
        if (c < CI) {
          let at = ((n * CI + c) * IN_H + ih) * IN_W + iw;
          let to = split * (N * CI * IN_H * IN_W) + at;
          if (ORDER == 0u) {
            grad_x[to] = sum[k][j];
          } else {
            if (m == 0u) {
              z = x[at];
              total = 0.0;
            }
            if (has_slope(m)) {
              total = fma(edge_basis_slope(m, z), sum[k][j], total);
            }
            if (m + 1u == TILE_S) {
              grad_x[to] = total;
            }
          }
        }
      }
    }
  }
}
