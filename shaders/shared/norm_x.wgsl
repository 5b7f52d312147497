// What is normalised: a tensor that is there.

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;  // [N, C, POSITIONS]

override N: u32;
override C: u32;
override POSITIONS: u32;

// Item k of WIDTH elements: before any other call for it, and ...
fn first_few_x(k: u32) -> vec4<f32> {
  return few(x[few_index(k)], k);
}

// ... afterwards, less a number.
fn few_x(k: u32, less: f32) -> vec4<f32> {
  return few(x[few_index(k)] - less, k);
}
