// The weights that few bits can hold, for a network to be trained with them: the nearest multiple of a scale, by whole numbers up to
// MOST. What has no scale stays.
//
//   seen[k] = clamp(round(weight[k] / scale[k]), -MOST, MOST) * scale[k],  or weight[k] where scale[k] = 0
//
// dispatch: SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read> weight: array<f32>;      // [SIZE]
@group(0) @binding(1) var<storage, read> scale: array<f32>;       // [SIZE]
@group(0) @binding(2) var<storage, read_write> seen: array<f32>;  // [SIZE]

override SIZE: u32;
override MOST: f32;
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
  var value = weight[k];
  let unit = scale[k];
  if (unit != 0.0) {
    value = clamp(round(value / unit), -MOST, MOST) * unit;
  }
  seen[k] = value;
}
