// grad_x = grad_y * f'(x): KIND 0 is silu, 1 relu, 2 gelu (tanh form).
//
// Four elements an invocation; the last ones may only fill up the buffer.
//
// dispatch: SIZE/4 invocations, rounded up, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;             // [SIZE]
@group(0) @binding(1) var<storage, read> grad_y: array<vec4<f32>>;        // [SIZE]
@group(0) @binding(2) var<storage, read_write> grad_x: array<vec4<f32>>;  // [SIZE]

override SIZE: u32;
override KIND: u32; // 0 to 2
override WORKGROUP: u32; // 1 to 256

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

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= (SIZE + 3u) / 4u) {
    return;
  }
  grad_x[k] = grad_y[k] * activation_slope(x[k]);
}
