// What the host sends before each training step.
struct Step {
  seed: u32,
  step: u32,           // counts from 0
  learning_rate: f32,
  threshold: f32,      // of a group lasso; 0 without one
}
