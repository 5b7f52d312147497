// Sums of squares of the gradients, and whether any is not finite.
//
//   partial[g] = (sum of squares, number of gradients that are not finite) over every PARTIALS-th run of LANES gradients
//
// On a GPU LANES invocations share a sum.
//
// dispatch: PARTIALS*LANES invocations, folded over x and y

@group(0) @binding(0) var<storage, read> grad: array<f32>;                 // [SIZE]
@group(0) @binding(1) var<storage, read_write> partial: array<vec2<f32>>;  // [PARTIALS, 2]

override SIZE: u32;
override PARTIALS: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * WORKGROUP + lane;
  let end = select(0u, SIZE, first < PARTIALS * LANES);
  var square = 0.0;
  var bad = 0.0;
  for (var k = first; k < end; k += PARTIALS * LANES) {
    let g = grad[k];
    square = fma(g, g, square);
    bad += select(1.0, 0.0, is_finite(g));
  }
  let part = lane % LANES;
  let sums = lane_sum(vec2<f32>(square, bad), lane, part, 1u);
  if (first < PARTIALS * LANES && part == 0u) {
    partial[first / LANES] = sums;
  }
}
