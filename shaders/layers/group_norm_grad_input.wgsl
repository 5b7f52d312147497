// Gradient of group_norm_forward with respect to its input.
//
//   grad_x = inverse * (g - mean(g) - normal * mean(g * normal))
//   with g = grad_y * affine[0,c], normal = (x - mean) * inverse, means over the group.
//
// dispatch: N*GROUPS workgroups, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;             // [N, C, POSITIONS]
@group(0) @binding(1) var<storage, read> affine: array<f32>;        // [2, C]
@group(0) @binding(2) var<storage, read> moments: array<f32>;       // [N, GROUPS, 2]
@group(0) @binding(3) var<storage, read> grad_y: array<vec4<f32>>;        // [N, C, POSITIONS]
@group(0) @binding(4) var<storage, read_write> grad_x: array<vec4<f32>>;  // [N, C, POSITIONS]

override N: u32;
override C: u32;
override GROUPS: u32; // 1 to C
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
  let first = row * (size / WIDTH);
  let first_channel = (row % GROUPS) * (C / GROUPS);
  let mean = moments[2u * row];
  let inverse = moments[2u * row + 1u];

  var sum = vec4<f32>();
  var product = vec4<f32>();
  for (var k = lane; k < size / WIDTH; k += WORKGROUP) {
    let g = few(grad_y[few_index(first + k)], first + k) * affine[first_channel + k * WIDTH / POSITIONS];
    sum += g;
    product = fma(g, few(x[few_index(first + k)] - mean, first + k) * inverse, product);
  }
  let sums = vec2<f32>(dot(sum, vec4<f32>(1.0)), dot(product, vec4<f32>(1.0)));
  let means = row_sum(sums, lane) / f32(size);
  for (var k = lane; k < size / WIDTH; k += WORKGROUP) {
    let g = few(grad_y[few_index(first + k)], first + k) * affine[first_channel + k * WIDTH / POSITIONS];
    let normal = few(x[few_index(first + k)] - mean, first + k) * inverse;
    let value = inverse * (g - means.x - normal * means.y);
    if (WIDTH == 4u) {
      grad_x[first + k] = value;
    } else {
      grad_x[(first + k) / 4u][(first + k) % 4u] = value.x;
    }
  }
}
