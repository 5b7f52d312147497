// Sums over the invocations of a workgroup. Every invocation must call row_sum: it has barriers.

override WORKGROUP: u32; // 1 to 256: a power of two

var<workgroup> row_sum_scratch: array<vec2<f32>, WORKGROUP>;

fn row_sum(value: vec2<f32>, lane: u32) -> vec2<f32> {
  if (WORKGROUP == 1u) {
    return value;
  }
  workgroupBarrier(); // the last call's result has been read
  row_sum_scratch[lane] = value;
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      row_sum_scratch[lane] += row_sum_scratch[lane + half];
    }
  }
  workgroupBarrier();
  return row_sum_scratch[0];
}
