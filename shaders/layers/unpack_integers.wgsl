// Floats out of whole numbers of 8 or 4 bits, four or eight in a word, the first in its lowest bits, and of halves that scale
// them: BLOCK rows of a column share one.
//
//   y[row, column] = values[row, column] * scales[row / BLOCK, column]
//
// Both factors have few bits, so the product is exact. Four columns at a time.
//
// dispatch: ROWS * COLUMNS_4 invocations, folded over x and y

@group(0) @binding(0) var<storage, read> values: array<u32>;         // ROWS * COLUMNS numbers of BITS bits
@group(0) @binding(1) var<storage, read> scales: array<vec2<u32>>;   // halves, COLUMNS for each block of rows
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;  // [ROWS, COLUMNS_4, 4]

override ROWS: u32;
override COLUMNS_4: u32; // a quarter of the columns
override BITS: u32; // 4 to 8
override BLOCK: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= ROWS * COLUMNS_4) {
    return;
  }
  let block = k / COLUMNS_4 / BLOCK;
  let scale = floats_of_halves(halves_of_words(scales[block * COLUMNS_4 + k % COLUMNS_4]));
  let word = values[k * BITS / 8u] >> (4u * k * BITS % 32u);
  y[k] = vec4<f32>(signed_of_word(word, BITS)) * scale;
}
