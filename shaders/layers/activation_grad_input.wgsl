// grad_x = grad_y * f'(x), with f' of shared/activation_slope.wgsl.
//
// Four elements an invocation; the last ones may only fill up the buffer.
//
// dispatch: SIZE/4 invocations, rounded up, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;             // [SIZE]
@group(0) @binding(1) var<storage, read> grad_y: array<vec4<f32>>;        // [SIZE]
@group(0) @binding(2) var<storage, read_write> grad_x: array<vec4<f32>>;  // [SIZE]

override SIZE: u32;
override WORKGROUP: u32; // 1 to 256

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
