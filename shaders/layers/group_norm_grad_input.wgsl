// Gradient of group_norm_forward with respect to its input.
//
//   grad_x = inverse * (g - mean(g) - normal * mean(g * normal))
//   with g = grad_y * affine[0,c], normal = (x - mean) * inverse, means over the group.
//
// dispatch: N*GROUPS workgroups, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<f32>;             // [N, C, POSITIONS]
@group(0) @binding(1) var<storage, read> affine: array<f32>;        // [2, C]
@group(0) @binding(2) var<storage, read> moments: array<f32>;       // [N, GROUPS, 2]
@group(0) @binding(3) var<storage, read> grad_y: array<f32>;        // [N, C, POSITIONS]
@group(0) @binding(4) var<storage, read_write> grad_x: array<f32>;  // [N, C, POSITIONS]

override N: u32;
override C: u32;
override GROUPS: u32;
override POSITIONS: u32;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= N * GROUPS) {
    return;
  }
  let size = C / GROUPS * POSITIONS;
  let first = row * size;
  let first_channel = (row % GROUPS) * (C / GROUPS);
  let mean = moments[2u * row];
  let inverse = moments[2u * row + 1u];

  var sums = vec2<f32>();
  for (var k = lane; k < size; k += WORKGROUP) {
    let g = grad_y[first + k] * affine[first_channel + k / POSITIONS];
    sums += vec2<f32>(g, g * (x[first + k] - mean) * inverse);
  }
  let means = row_sum(sums, lane) / f32(size);
  for (var k = lane; k < size; k += WORKGROUP) {
    let g = grad_y[first + k] * affine[first_channel + k / POSITIONS];
    let normal = (x[first + k] - mean) * inverse;
    grad_x[first + k] = inverse * (g - means.x - normal * means.y);
  }
}
