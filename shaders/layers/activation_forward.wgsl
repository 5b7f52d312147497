// y = f(x), element by element: KIND 0 is silu, 1 relu, 2 gelu (tanh form).
//
// Four elements an invocation; the last ones may only fill up the buffer.
//
// dispatch: SIZE/4 invocations, rounded up, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;        // [SIZE]
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;  // [SIZE]

override SIZE: u32;
override KIND: u32; // 0 to 2
override WORKGROUP: u32; // 1 to 256

fn activation(z: vec4<f32>) -> vec4<f32> {
  if (KIND == 0u) {
    return z / (1.0 + exp(-z));
  }
  if (KIND == 1u) {
    return max(z, vec4<f32>());
  }
  // gelu(z) = z * sigmoid(2 sqrt(2/pi) (z + 0.044715 z^3))
  return z / (1.0 + exp(-1.5957691216 * (z + 0.044715 * z * z * z)));
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
  y[k] = activation(x[k]);
}
