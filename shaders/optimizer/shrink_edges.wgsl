// The proximal step of a group lasso: the weights of an edge, of all its slots together, are drawn to zero, and an edge that
// is short enough becomes exactly zero.
//
//   norm = sqrt(sum over s of weight[t,s,o]^2)
//   weight[t,s,o] *= max(0, 1 - WEIGHT * threshold / norm)
//
// threshold comes with each step.
//
// dispatch: TAPS * CO_PAD/4 invocations, folded over x and y

@group(0) @binding(0) var<storage, read_write> weight: array<vec4<f32>>; // [TAPS, SLOTS, CO_PAD]
@group(0) @binding(1) var<storage, read> step: Step;

override TAPS: u32;
override SLOTS: u32;
override CO_PAD: u32; // 4 or more
override WEIGHT: f32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = CO_PAD / 4u;
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= TAPS * row) {
    return;
  }
  let first = k / row * (SLOTS * row) + k % row;
  var square: vec4<f32>;
  for (var s = 0u; s < SLOTS; s++) {
    let w = weight[first + s * row];
    square = fma(w, w, square);
  }
  // Where a norm is 0 so are the weights, whatever they are multiplied by.
  let norm = max(sqrt(square), vec4<f32>(1e-30));
  let factor = max(1.0 - WEIGHT * step.threshold / norm, vec4<f32>());
  for (var s = 0u; s < SLOTS; s++) {
    weight[first + s * row] *= factor;
  }
}
