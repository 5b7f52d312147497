// Decides on a step: skip it if a gradient is not finite, else clip the gradient norm to CLIP.
//
//   norm = sqrt(sum of squares);  scale = min(1, CLIP / norm)
//
// `partial`, of grad_norm, and `state` are the kernel's.

override PARTIALS: u32;
override CLIP: f32;
override BETA1: f32;
override BETA2: f32;

// Every invocation of the only workgroup must call it; the first writes the state.
fn guard(lane: u32) {
  var sums = vec2<f32>();
  for (var g = lane; g < PARTIALS; g += WORKGROUP) {
    sums += partial[g];
  }
  sums = row_sum(sums, lane);
  if (lane > 0u) {
    return;
  }
  let norm = sqrt(sums.x);
  let skip = sums.y > 0.0 || !is_finite(sums.x);
  state.norm = norm;
  state.skip = select(0u, 1u, skip);
  state.scale = min(1.0, CLIP / max(norm, 1e-30));
  if (skip) {
    state.skipped += 1u;
  } else {
    state.applied += 1u;
    state.beta1_power *= BETA1;
    state.beta2_power *= BETA2;
  }
}
