// Gradient of conv_forward with respect to its weights, in partial sums.
//
//   partial[s,i,kh,kw,o] = sum over the positions of split s of grad_y[n,o,oh,ow] * x[n,i,ih,iw]
//   with ih = oh*STRIDE_H + kh - PAD_H and iw alike.
//
// Splits are as in kan_conv_grad_weight. One invocation makes TILE_T rows x 4*TILE_O output channels; a
// row is one tap (kh,kw) of TILE_C channels: 4 with one load, or 1 where there is a single channel.
//
// dispatch: x = ceil(SPLITS * ceil(rows/TILE_T) * ceil(CO_PAD/(4*TILE_O)) / WORKGROUP),
//           rows = KERNEL_H*KERNEL_W * ceil(CI/TILE_C)

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;              // [N, IN_H, IN_W, CI rounded up to TILE_C]
@group(0) @binding(1) var<storage, read> grad_y: array<vec4<f32>>;         // [N, OUT_H, OUT_W, CO_PAD]
@group(0) @binding(2) var<storage, read_write> partial: array<vec4<f32>>;  // [SPLITS, CI, KERNEL_H, KERNEL_W, CO_PAD]

override SPLITS: u32; // 1 to 65536
override TILE_T: u32; // 1 to MAX_T
override TILE_O: u32; // 1 to MAX_O
override TILE_C: u32; // 1 to MAX_C: 4 or 1
override WORKGROUP: u32; // 1 to 256

// Why loops run to the greatest size of a tile: see kan_conv_forward.
const MAX_T = 4u;
const MAX_O = 4u;
const MAX_C = 4u;

// First row of outputs of a split, floor(split * N*OUT_H / SPLITS): rows go to one split as a whole. Quotient
// and remainder apart, because there may be more rows than 32 bits hold times SPLITS.
fn split_row(split: u32) -> u32 {
  let rows = N * OUT_H;
  return split * (rows / SPLITS) + split * (rows % SPLITS) / SPLITS;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let channel_tiles = (CI + TILE_C - 1u) / TILE_C;
  let rows = KERNEL_H * KERNEL_W * channel_tiles;
  let output_tiles = (CO_PAD / 4u + TILE_O - 1u) / TILE_O;
  let places = (rows + TILE_T - 1u) / TILE_T * output_tiles;
  let place = (group.x * WORKGROUP + lane) % places;
  let split = (group.x * WORKGROUP + lane) / places;
  if (split >= SPLITS) {
    return;
  }
  let first_row = (place / output_tiles) * TILE_T;
  let o4 = (place % output_tiles) * TILE_O;
  let first = split_row(split) * OUT_W;
  let end = split_row(split + 1u) * OUT_W;

  var c: array<u32, MAX_T>;
  var kh: array<i32, MAX_T>;
  var kw: array<i32, MAX_T>;
  for (var t = 0u; t < MAX_T; t++) {
    let row = min(first_row + t, rows - 1u);
    c[t] = row % channel_tiles;
    kh[t] = i32(row / channel_tiles / KERNEL_W);
    kw[t] = i32(row / channel_tiles % KERNEL_W);
  }

  var sum: array<array<array<vec4<f32>, MAX_O>, MAX_C>, MAX_T>;
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
        let at = u32(select(0, (i32(output.n * IN_H) + ih) * i32(IN_W) + iw, present));
        var b: vec4<f32>;
        if (TILE_C == 1u) {
          b.x = x[at / 4u][at % 4u];
        } else {
          b = x[at * channel_tiles + c[t]];
        }
        b = select(vec4<f32>(), b, present);
        for (var k = 0u; k < MAX_C + IDLE_TURN; k++) {
          for (var h = 0u; h < MAX_O + IDLE_TURN; h++) {
            if (k < TILE_C && h < TILE_O) {
              sum[t][k][h] = fma(vec4<f32>(b[k]), g[h], sum[t][k][h]);
            }
          }
        }
      }
    }
  }

  for (var t = 0u; t < MAX_T + IDLE_TURN; t++) {
    let row = first_row + t;
    for (var k = 0u; k < MAX_C + IDLE_TURN; k++) {
      let channel = row % channel_tiles * TILE_C + k;
      for (var h = 0u; h < MAX_O + IDLE_TURN; h++) {
        if (t < TILE_T && row < rows && k < TILE_C && channel < CI && h < TILE_O && o4 + h < CO_PAD / 4u) {
          let to = (split * CI + channel) * (KERNEL_H * KERNEL_W) + row / channel_tiles;
          partial[to * (CO_PAD / 4u) + o4 + h] = sum[t][k][h];
        }
      }
    }
  }
}
