// Mean squared error and its gradient.
//
//   error[k] = (y[k] - target[k])^2;  grad_y[k] = 2 (y[k] - target[k]) / SIZE
//
// dispatch: SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read> y: array<f32>;             // [SIZE]
@group(0) @binding(1) var<storage, read> wanted: array<f32>;        // [SIZE], the target
@group(0) @binding(2) var<storage, read_write> error: array<f32>;   // [SIZE]
@group(0) @binding(3) var<storage, read_write> grad_y: array<f32>;  // [SIZE]

override SIZE: u32;
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
  let difference = y[k] - wanted[k];
  error[k] = difference * difference;
  grad_y[k] = 2.0 * difference / f32(SIZE);
}
