// Decides on this step: see shared/guard.wgsl.
//
// dispatch: one workgroup

@group(0) @binding(0) var<storage, read> partial: array<vec2<f32>>;  // [PARTIALS, 2], from grad_norm
@group(0) @binding(1) var<storage, read_write> state: OptimizerState;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32) {
  guard(lane);
}
