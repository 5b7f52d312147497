// Decides on this step: skip it if a gradient is not finite, else clip the gradient norm to CLIP.
//
//   norm = sqrt(sum of squares);  scale = min(1, CLIP / norm)
//
// dispatch: one invocation

@group(0) @binding(0) var<storage, read> partial: array<vec2<f32>>;  // [PARTIALS, 2], from grad_norm
@group(0) @binding(1) var<storage, read_write> state: OptimizerState;

override PARTIALS: u32;
override CLIP: f32;
override BETA1: f32;
override BETA2: f32;

@compute @workgroup_size(1)
fn main() {
  var sums = vec2<f32>();
  for (var g = 0u; g < PARTIALS; g++) {
    sums += partial[g];
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
