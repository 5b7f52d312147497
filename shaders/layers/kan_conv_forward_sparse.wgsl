// As kan_conv_forward, of a layer of which most edges are zero: an invocation walks the taps alone by which any of its outputs
// hears something, in their order in a list.
//
//   y[n,o,oh,ow] = bias[o] + sum over the taps (i,kh,kw) listed for o, and m, of weight[i,kh,kw,m,o] * B_m(x[n,i,ih,iw])
//
// A tile of TILE_O vec4 of outputs has a list: lists[tile] is where it begins among all taps, which lie behind the beginnings, and
// the next one's beginning is its end.
//
// dispatch: x = ceil(N*OUT_H*OUT_W / (WORKGROUP*TILE_P)), y = ceil(CO_PAD / (4*TILE_O))

@group(0) @binding(0) var<storage, read> x: array<f32>;             // [N, CI, IN_H, IN_W]
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;  // [CI, KERNEL_H, KERNEL_W, slots, CO_PAD]
@group(0) @binding(2) var<storage, read> bias: array<f32>;          // [CO]
@group(0) @binding(3) var<storage, read> lists: array<u32>;         // [LISTED]
@group(0) @binding(4) var<storage, read_write> y: array<f32>;       // [N, CO, OUT_H, OUT_W]

override LISTED: u32; // 2 or more: the tiles, one more, and all lists' taps
override TILE_P: u32; // 1 to MAX_P
override TILE_O: u32; // 1 to MAX_O
override WORKGROUP: u32; // 1 to 256

const MAX_P = 16u;
const MAX_O = 1u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let positions = N * OUT_H * OUT_W;
  let first = group.x * WORKGROUP * TILE_P + lane;
  let o4 = group.y * TILE_O;
  let tiles = (CO_PAD / 4u + TILE_O - 1u) / TILE_O;

  var image: array<i32, MAX_P>; // index of x[n, 0, 0, 0]
  var top: array<i32, MAX_P>;
  var left: array<i32, MAX_P>;
  var sum: array<array<vec4<f32>, MAX_O>, MAX_P>;
  var start: array<vec4<f32>, MAX_O>;
  for (var q = 0u; q < 4u * MAX_O; q++) {
    start[q / 4u][q % 4u] = bias[min(o4 * 4u + q, CO - 1u)];
  }
  for (var j = 0u; j < MAX_P; j++) {
    let place = output_place(min(first + j * WORKGROUP, positions - 1u));
    image[j] = i32(place.n * CI * IN_H * IN_W);
    top[j] = place.top;
    left[j] = place.left;
    sum[j] = start;
  }

  let turns = slot_tiles();
  let begin = lists[group.y] * turns;
  let end = lists[group.y + 1u] * turns;
  for (var e = begin; e < end; e++) {
    let m0 = tile_slot(e % turns);
    let tap = lists[tiles + 1u + e / turns];
    let i = tap / (KERNEL_H * KERNEL_W);
    let kh = (tap / KERNEL_W) % KERNEL_H;
    let kw = tap % KERNEL_W;
    var w: array<array<vec4<f32>, MAX_O>, MAX_S>;
    for (var k = 0u; k < MAX_S + IDLE_TURN; k++) {
      for (var h = 0u; h < MAX_O + IDLE_TURN; h++) {
        if (h < TILE_O && k < TILE_S && m0 + k < slot_count()) {
          w[k][h] = weight[(tap * slot_count() + m0 + k) * (CO_PAD / 4u) + min(o4 + h, CO_PAD / 4u - 1u)];
        }
      }
    }
    for (var j = 0u; j < MAX_P + IDLE_TURN; j++) {
      if (j < TILE_P) {
        let ih = top[j] + i32(kh);
        let iw = left[j] + i32(kw);
        let present = in_image(ih, iw);
        let z = tap_input(x[select(0, image[j] + (i32(i * IN_H) + ih) * i32(IN_W) + iw, present)], present);
        for (var k = 0u; k < MAX_S + IDLE_TURN; k++) {
          if (k < TILE_S && m0 + k < slot_count()) {
            let b = vec4<f32>(tap_basis(m0 + k, z, present));
            for (var h = 0u; h < MAX_O + IDLE_TURN; h++) {
              if (h < TILE_O) {
                sum[j][h] = fma(b, w[k][h], sum[j][h]);
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
          y[(place.n * CO + o) * (OUT_H * OUT_W) + place.r] = sum[j][q / 4u][q % 4u];
        }
      }
    }
  }
}
