// Rows of a tensor that is there.

@group(0) @binding(0) var<storage, read> x: array<f32>;  // [N, ROWS = C*H, FRAMES]

override N: u32;
override ROWS: u32;
override FRAMES: u32;

// Element k, before it is read in any other way.
fn first_x(k: u32) -> f32 {
  return x[k];
}
