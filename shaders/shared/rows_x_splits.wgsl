// Rows of the sum of SPLITS parts, which is written too.

@group(0) @binding(0) var<storage, read_write> x: array<f32>;  // [N, ROWS = C*H, FRAMES]
@group(0) @binding(2) var<storage, read> parts: array<f32>;    // [SPLITS, N, ROWS, FRAMES]

override N: u32;
override ROWS: u32;
override FRAMES: u32;
override SPLITS: u32;

// Element k, which the invocation may read afterwards: adds it up and keeps it.
fn first_x(k: u32) -> f32 {
  var sum = 0.0;
  for (var split = 0u; split < SPLITS; split++) {
    sum += parts[split * (N * ROWS * FRAMES) + k];
  }
  x[k] = sum;
  return sum;
}
