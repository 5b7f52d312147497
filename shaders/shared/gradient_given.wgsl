// A gradient that is there.

@group(0) @binding(2) var<storage, read> given: array<f32>;  // [N, C, POSITIONS]

// Of four elements of image n, at these places, all at position p.
fn gradient(n: u32, at: vec4<u32>, p: u32) -> vec4<f32> {
  return vec4<f32>(given[at.x], given[at.y], given[at.z], given[at.w]);
}
