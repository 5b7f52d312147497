// The coefficients of edges out of a table of curves: each edge has the number of its curve and a gain, a whole number of 8 bits,
// four in a word, which a half scales; BLOCK edges of a column share one.
//
//   y[edge, slot, column] = curves[indices[edge, column], slot] * (gains[edge, column] * scales[edge / BLOCK, column])
//
// The product in brackets is exact; the other is rounded once. Four columns at a time.
//
// dispatch: EDGES * SLOTS * COLUMNS_4 invocations, folded over x and y

@group(0) @binding(0) var<storage, read> indices: array<u32>;        // EDGES * COLUMNS numbers of INDEX_BITS bits
@group(0) @binding(1) var<storage, read> gains: array<u32>;          // [EDGES, COLUMNS_4]
@group(0) @binding(2) var<storage, read> scales: array<vec2<u32>>;   // halves, COLUMNS for each block of edges
@group(0) @binding(3) var<storage, read> curves: array<u32>;         // halves, SLOTS for each curve
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;  // [EDGES, SLOTS, COLUMNS_4, 4]

override EDGES: u32; // rows of edges: inputs and taps
override SLOTS: u32;
override COLUMNS_4: u32; // a quarter of the columns
override INDEX_BITS: u32; // 8 to 16
override BLOCK: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= EDGES * SLOTS * COLUMNS_4) {
    return;
  }
  let slot = k / COLUMNS_4 % SLOTS;
  let edge = k / COLUMNS_4 / SLOTS;
  let column = k % COLUMNS_4;
  let four = edge * COLUMNS_4 + column;
  let scale = floats_of_halves(halves_of_words(scales[edge / BLOCK * COLUMNS_4 + column]));
  let gain = vec4<f32>(signed_of_word(gains[four], 8u)) * scale;
  var place: vec4<u32>;
  if (INDEX_BITS == 8u) {
    place = (vec4<u32>(indices[four]) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xffu);
  } else {
    place = halves_of_words(vec2<u32>(indices[2u * four], indices[2u * four + 1u]));
  }
  place = place * SLOTS + vec4<u32>(slot);
  let words = vec4<u32>(
    curves[place.x / 2u],
    curves[place.y / 2u],
    curves[place.z / 2u],
    curves[place.w / 2u],
  );
  let half = (words >> (vec4<u32>(16u) * (place % vec4<u32>(2u)))) & vec4<u32>(0xffffu);
  y[k] = floats_of_halves(half) * gain;
}
