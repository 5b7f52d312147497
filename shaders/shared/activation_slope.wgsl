// The slope of activation_forward: KIND 0 is silu, 1 relu, 2 gelu (tanh form).

override KIND: u32; // 0 to 2

fn activation_slope(z: vec4<f32>) -> vec4<f32> {
  if (KIND == 0u) {
    let sigmoid = 1.0 / (1.0 + exp(-z));
    return sigmoid * (1.0 + z * (1.0 - sigmoid));
  }
  if (KIND == 1u) {
    return select(vec4<f32>(), vec4<f32>(1.0), z > vec4<f32>());
  }
  let sigmoid = 1.0 / (1.0 + exp(-1.5957691216 * (z + 0.044715 * z * z * z)));
  return sigmoid * (1.0 + z * (1.0 - sigmoid) * 1.5957691216 * (1.0 + 0.134145 * z * z));
}
