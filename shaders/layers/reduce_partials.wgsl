// Adds partial sums in a fixed order.
//
//   total[i] = sum over s of partial[s,i]
//
// Where there are few sums, LANES invocations share one; neighbours in a workgroup read neighbouring sums.
//
// dispatch: SIZE*LANES invocations, folded over x and y

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
  let sums = WORKGROUP / LANES; // of a workgroup
  let i = (group.y * groups.x + group.x) * sums + lane % sums;
  let part = lane / sums;
  let end = select(0u, SPLITS, i < SIZE);
  var sum = 0.0;
  for (var s = part * UNROLLED; s < end; s += UNROLLED * LANES) {
    for (var j = 0u; j < UNROLLED; j++) {
      if (s + j < SPLITS) {
        sum += partial[(s + j) * SIZE + i];
      }
    }
  }
  let all = lane_sum(vec2<f32>(sum, 0.0), lane, part, sums).x;
  if (i < SIZE && part == 0u) {
    total[i] = all;
  }
}
