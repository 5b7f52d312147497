// Adds partial sums in a fixed order.
//
//   total[i] = sum over s of partial[s,i]
//
// dispatch: SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read> partial: array<f32>;      // [SPLITS, SIZE]
@group(0) @binding(1) var<storage, read_write> total: array<f32>;  // [SIZE]

override SPLITS: u32;
override SIZE: u32;
override WORKGROUP: u32; // 1 to 256

// So many turns of a long loop are written out by the compiler: lavapipe ends all loops of an invocation, silently,
// after 65,535 turns.
const UNROLLED = 8u;

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
  for (var s = 0u; s < SPLITS; s += UNROLLED) {
    for (var j = 0u; j < UNROLLED; j++) {
      if (s + j < SPLITS) {
        sum += partial[(s + j) * SIZE + i];
      }
    }
  }
  total[i] = sum;
}
