// The weighted sum of two tensors: a step of gradient descent, a difference, a running mean.
//
//   y[k] = ALPHA a[k] + BETA b[k]
//
// dispatch: SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read> a: array<f32>;        // [SIZE]
@group(0) @binding(1) var<storage, read> b: array<f32>;        // [SIZE]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;  // [SIZE]

override SIZE: u32;
override ALPHA: f32;
override BETA: f32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= SIZE) {
    return;
  }
  y[k] = fma(BETA, b[k], ALPHA * a[k]);
}
