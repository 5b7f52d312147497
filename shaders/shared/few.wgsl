// Rows of values in an array of vec4, read WIDTH elements at a time: 4 where a row's length is a
// multiple of it, because a vec4 loads in the time of two scalars, else 1.

override WIDTH: u32; // 1 to 4: 4 or 1

// The vec4 that holds item k of WIDTH elements.
fn few_index(k: u32) -> u32 {
  return select(k / 4u, k, WIDTH == 4u);
}

// Item k out of its vec4; a single element comes first and zeros after it.
fn few(values: vec4<f32>, k: u32) -> vec4<f32> {
  if (WIDTH == 4u) {
    return values;
  }
  return vec4<f32>(values[k % 4u], 0.0, 0.0, 0.0);
}
