// Adds partial sums in a fixed order.
//
//   total[i] = sum over s of partial[s,i]
//
// dispatch: SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read> partial: array<f32>;      // [SPLITS, SIZE]
@group(0) @binding(1) var<storage, read_write> total: array<f32>;  // [SIZE]

override SPLITS: u32;
override SIZE: u32;
override WORKGROUP: u32;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (i >= SIZE) {
    return;
  }
  var sum = 0.0;
  for (var s = 0u; s < SPLITS; s++) {
    sum += partial[s * SIZE + i];
  }
  total[i] = sum;
}
