// y = x, four values an invocation: how fast can this adapter move data at all?
//
// dispatch: SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;        // [SIZE]
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;  // [SIZE]

override SIZE: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k < SIZE) {
    y[k] = x[k];
  }
}
