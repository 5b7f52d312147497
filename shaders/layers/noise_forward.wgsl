// Adds normal noise of deviation DEVIATION while training. Its gradient is the identity.
//
//   y[k] = x[k] + DEVIATION * normal(seed, step, LAYER, k)
//
// dispatch: SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<f32>;        // [SIZE]
@group(0) @binding(1) var<storage, read> step: Step;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;  // [SIZE]

override SIZE: u32;
override DEVIATION: f32;
override LAYER: u32; // 0 or more: keeps the streams of two layers apart
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
  y[k] = fma(DEVIATION, normal(vec4<u32>(step.seed, step.step, 0x10000u + LAYER, k)), x[k]);
}
