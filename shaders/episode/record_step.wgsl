// Notes a step's result in a ring that the host reads now and then.
//
//   history[step mod ROWS] = (means of the scores, gradient norm, steps skipped so far)
//
// dispatch: one invocation

@group(0) @binding(0) var<storage, read> score: array<vec2<f32>>;          // [SCORES, 2], from episode_loss or prediction_loss
@group(0) @binding(1) var<storage, read> state: OptimizerState;
@group(0) @binding(2) var<storage, read> step: Step;
@group(0) @binding(3) var<storage, read_write> history: array<vec4<f32>>;  // [ROWS, 4]

override SCORES: u32;
override ROWS: u32;

@compute @workgroup_size(1)
fn main() {
  var sum = vec2<f32>();
  for (var k = 0u; k < SCORES; k++) {
    sum += score[k];
  }
  let mean = sum / f32(SCORES);
  history[step.step % ROWS] = vec4<f32>(mean, state.norm, f32(state.skipped));
}
