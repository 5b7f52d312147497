// What is normalised: the sum of SPLITS parts, which is written too.

@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;  // [N, C, POSITIONS]
@group(0) @binding(4) var<storage, read> parts: array<vec4<f32>>;    // [SPLITS, N, C, POSITIONS]

override N: u32;
override C: u32;
override POSITIONS: u32;
override SPLITS: u32;

// Item k of WIDTH elements: adds it up and keeps it.
fn first_few_x(k: u32) -> vec4<f32> {
  var sum = vec4<f32>();
  for (var split = 0u; split < SPLITS; split++) {
    let at = split * (N * C * POSITIONS / WIDTH) + k;
    sum += few(parts[few_index(at)], at);
  }
  if (WIDTH == 4u) {
    x[k] = sum;
  } else {
    x[k / 4u][k % 4u] = sum.x;
  }
  return sum;
}

// Afterwards in the same invocation: the item less a number.
fn few_x(k: u32, less: f32) -> vec4<f32> {
  return few(x[few_index(k)] - less, k);
}
