// A tile of the input in workgroup memory: the slots (spline_slots.wgsl, channel_slots.wgsl) of GROUP_I inputs under
// GROUP_H x GROUP_W output positions of GROUP_N images, what the taps reach beyond them included. They are computed once,
// for all taps and outputs.
//
// Columns of one residue mod STRIDE_W lie together, so that neighbouring positions read neighbouring vec4: no two lanes
// wait for the same bank.

override GROUP_N: u32; // 1 to 256
override GROUP_H: u32; // 1 to 256
override GROUP_W: u32; // 1 to 256
override TILE_F: u32; // 1 to 64: MAX_F, which a plan may set; elements that an invocation fills

const MAX_F = 8u;

override COLUMNS: u32 = (GROUP_W - 1u) * STRIDE_W + KERNEL_W;
override RUN: u32 = (COLUMNS + STRIDE_W - 1u) / STRIDE_W; // columns of one residue: the last one may have one less
override ROW: u32 = RUN * STRIDE_W - (RUN * STRIDE_W - COLUMNS + STRIDE_W - 1u) / STRIDE_W;
override IMAGE: u32 = ((GROUP_H - 1u) * STRIDE_H + KERNEL_H) * ROW;
override ELEMENTS: u32 = GROUP_N * IMAGE; // of an input
override FILL: u32 = GROUP_I * ELEMENTS;
override BASIS: u32 = FILL * VECTORS; // 1 to 1024

var<workgroup> basis: array<vec4<f32>, BASIS>; // [GROUP_I, VECTORS, GROUP_N, rows, ROW]

// Element e of FILL: its image and input, counted from the tile's first, and its row and column from where the tile's first
// output position begins.
struct TileElement {
  n: u32,
  i: u32,
  ih: i32,
  iw: i32,
}

fn tile_element(e: u32) -> TileElement {
  let q = e % IMAGE;
  let column = q % ROW;
  return TileElement(
    e / IMAGE % GROUP_N,
    select(e / ELEMENTS, 0u, GROUP_I == 1u),
    i32(q / ROW) - i32(PAD_H),
    i32(column % RUN * STRIDE_W + column / RUN) - i32(PAD_W),
  );
}

const ABSENT = 0xffffffffu;

// Where it is in x, in a tile whose first image, output row and column and input are these; ABSENT beside the images.
fn input_index(element: TileElement, n: u32, oh: u32, ow: u32, i: u32) -> u32 {
  let ih = i32(oh * STRIDE_H) + element.ih;
  let iw = i32(ow * STRIDE_W) + element.iw;
  let index = element_index(n + element.n, i + element.i, u32(ih * i32(IN_W) + iw));
  return select(ABSENT, index, n + element.n < N && in_image(ih, iw));
}

// Fills element e, which is of the tile's input i.
fn fill(e: u32, i: u32, element: Element, present: bool) {
  for (var v = 0u; v < VECTORS; v++) {
    basis[e + (i * (VECTORS - 1u) + v) * ELEMENTS] = select(vec4<f32>(), element_slots(element, v), present);
  }
}

// Where position p of the tile finds its first tap, and a tap from there on, in `basis`.
fn position_place(p: u32) -> u32 {
  return p / (GROUP_H * GROUP_W) * IMAGE + p / GROUP_W % GROUP_H * (STRIDE_H * ROW) + p % GROUP_W;
}

fn tap_place(kh: u32, kw: u32) -> u32 {
  return kh * ROW + kw % STRIDE_W * RUN + kw / STRIDE_W;
}
