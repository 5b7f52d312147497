// Notes a step's result in a ring that the host reads now and then.
//
//   history[step mod ROWS] = (mean loss, accuracy, gradient norm, steps skipped so far)
//
// dispatch: one invocation

@group(0) @binding(0) var<storage, read> score: array<vec2<f32>>;          // [QUERIES, 2], from episode_loss
@group(0) @binding(1) var<storage, read> state: OptimizerState;
@group(0) @binding(2) var<storage, read> step: Step;
@group(0) @binding(3) var<storage, read_write> history: array<vec4<f32>>;  // [ROWS, 4]

override QUERIES: u32;
override ROWS: u32;

@compute @workgroup_size(1)
fn main() {
  var sum = vec2<f32>();
  for (var q = 0u; q < QUERIES; q++) {
    sum += score[q];
  }
  let mean = sum / f32(QUERIES);
  history[step.step % ROWS] = vec4<f32>(mean, state.norm, f32(state.skipped));
}
