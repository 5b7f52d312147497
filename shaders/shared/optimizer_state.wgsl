// What the optimiser keeps from step to step, and what a step's kernels tell each other.
struct OptimizerState {
  beta1_power: f32,  // beta1 to the number of applied steps
  beta2_power: f32,
  applied: u32,      // steps applied
  skipped: u32,      // steps skipped because a gradient was not finite
  scale: f32,        // what this step's gradients are multiplied by
  norm: f32,         // this step's gradient norm before clipping
  skip: u32,         // 1 if this step is skipped
  unused: u32,
}

// By its bits: comparisons with NaN may be optimised away.
fn is_finite(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}
