// The gradient of activation_forward by its input.

@group(0) @binding(2) var<storage, read> x: array<f32>;       // [N, C, POSITIONS]
@group(0) @binding(3) var<storage, read> grad_y: array<f32>;  // [N, C, POSITIONS]

fn gradient(n: u32, at: vec4<u32>, p: u32) -> vec4<f32> {
  let z = vec4<f32>(x[at.x], x[at.y], x[at.z], x[at.w]);
  return vec4<f32>(grad_y[at.x], grad_y[at.y], grad_y[at.z], grad_y[at.w]) * activation_slope(z);
}
