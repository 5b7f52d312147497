// AdamW (Loshchilov & Hutter 2019): decoupled weight decay, bias-corrected moments.
//
//   g = scale * grad;  m = BETA1 m + (1-BETA1) g;  v = BETA2 v + (1-BETA2) g^2
//   parameter -= rate * (decay * parameter + m / (1 - BETA1^t) / (sqrt(v / (1 - BETA2^t)) + EPSILON))
//
// Nothing changes when step_guard skips the step. decay has one value for every 64 parameters:
// a parameter tensor begins at a multiple of 64.
//
// dispatch: SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read_write> parameter: array<f32>;  // [SIZE]
@group(0) @binding(1) var<storage, read> grad: array<f32>;             // [SIZE]
@group(0) @binding(2) var<storage, read_write> first: array<f32>;      // [SIZE], the moment m
@group(0) @binding(3) var<storage, read_write> second: array<f32>;     // [SIZE], the moment v
@group(0) @binding(4) var<storage, read> decay: array<f32>;            // [SIZE/64]
@group(0) @binding(5) var<storage, read> state: OptimizerState;
@group(0) @binding(6) var<storage, read> step: Step;

override SIZE: u32;
override BETA1: f32;
override BETA2: f32;
override EPSILON: f32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= SIZE || state.skip == 1u) {
    return;
  }
  let g = grad[k] * state.scale;
  let m = fma(BETA1, first[k], (1.0 - BETA1) * g);
  let v = fma(BETA2, second[k], (1.0 - BETA2) * g * g);
  first[k] = m;
  second[k] = v;
  let p = parameter[k];
  let update = m / (1.0 - state.beta1_power) / (sqrt(v / (1.0 - state.beta2_power)) + EPSILON);
  parameter[k] = p - step.learning_rate * fma(decay[k / 64u], p, update);
}
