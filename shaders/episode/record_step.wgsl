// Notes a step's result in a ring that the host reads now and then.
//
//   history[step mod ROWS] = (means of the scores, gradient norm, steps skipped so far)
//
// dispatch: one workgroup

@group(0) @binding(0) var<storage, read> score: array<vec2<f32>>;          // [SCORES, 2], from episode_loss or prediction_loss
@group(0) @binding(1) var<storage, read> state: OptimizerState;
@group(0) @binding(2) var<storage, read> step: Step;
@group(0) @binding(3) var<storage, read_write> history: array<vec4<f32>>;  // [ROWS, 4]

override ROWS: u32;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32) {
  let mean = mean_score(lane);
  if (lane == 0u) {
    history[step.step % ROWS] = vec4<f32>(mean, state.norm, f32(state.skipped));
  }
}
