// The means of a step's scores, which are the kernel's. Every invocation of the only workgroup must call it.

override SCORES: u32;

fn mean_score(lane: u32) -> vec2<f32> {
  var sum = vec2<f32>();
  for (var k = lane; k < SCORES; k += WORKGROUP) {
    sum += score[k];
  }
  return row_sum(sum, lane) / f32(SCORES);
}
