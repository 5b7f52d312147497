// Sums over LANES invocations of a workgroup that work on one row together, each on a part of it. They lie `apart`
// places apart. With one lane there is neither workgroup memory nor a barrier. The sum is that of the lane with part 0.
// Every invocation must call lane_sum: it has barriers.

override LANES: u32; // 1 to WORKGROUP: a power of two

var<workgroup> lane_sums: array<vec2<f32>, WORKGROUP>;

fn lane_sum(value: vec2<f32>, lane: u32, part: u32, apart: u32) -> vec2<f32> {
  if (LANES == 1u) {
    return value;
  }
  lane_sums[lane] = value;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (part < half) {
      lane_sums[lane] += lane_sums[lane + half * apart];
    }
  }
  return lane_sums[lane];
}
