// Compresses mel power for the network: silence is 0.
//
//   y = log10(1 + SCALE * power)
//
// dispatch: SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read> power: array<f32>;    // [SIZE]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [SIZE]

override SIZE: u32;
override SCALE: f32;
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
  y[k] = log2(1.0 + SCALE * power[k]) * 0.30102999566;
}
