// Floats out of halves (IEEE 754 binary16), two in a word, the first in its low 16 bits.
//
//   y[k] = halves[4*FIRST + k]
//
// Four at a time.
//
// dispatch: ceil(SIZE / 4) invocations, folded over x and y

@group(0) @binding(0) var<storage, read> halves: array<vec2<u32>>;   // those before 4*FIRST, SIZE and maybe more
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;  // [SIZE]

override FIRST: u32; // 0 or more
override SIZE: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (4u * k >= SIZE) {
    return;
  }
  y[k] = floats_of_halves(halves_of_words(halves[FIRST + k]));
}
