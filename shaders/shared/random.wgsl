// Random numbers as a pure function of four words: pcg4d of Jarzynski & Olano, "Hash Functions for
// GPU Rendering" (2020). The same words give the same bits on every adapter.

fn pcg4d(words: vec4<u32>) -> vec4<u32> {
  var v = words * 1664525u + 1013904223u;
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  v = v ^ (v >> vec4<u32>(16u));
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  return v;
}

// Four uniform numbers in [0, 1).
fn uniform4(words: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(pcg4d(words) >> vec4<u32>(8u)) * (1.0 / 16777216.0);
}

// A standard normal number (Box-Muller).
fn normal(words: vec4<u32>) -> f32 {
  let u = uniform4(words);
  return sqrt(-2.0 * log(1.0 - u.x)) * cos(6.283185307179586 * u.y);
}
