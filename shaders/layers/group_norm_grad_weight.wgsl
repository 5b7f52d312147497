// Gradient of group_norm_forward with respect to its affine parameters, one partial sum an image.
//
//   partial[n,0,c] = sum over p of grad_y[n,c,p] * (x[n,c,p] - mean) * inverse
//   partial[n,1,c] = sum over p of grad_y[n,c,p]
//
// reduce_partials then adds over n.
//
// dispatch: N*C invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;        // [N, C, POSITIONS]
@group(0) @binding(1) var<storage, read> moments: array<f32>;        // [N, GROUPS, 2]
@group(0) @binding(2) var<storage, read> grad_y: array<vec4<f32>>;   // [N, C, POSITIONS]
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;  // [N, 2, C]

override N: u32;
override C: u32;
override GROUPS: u32; // 1 to C
override POSITIONS: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (row >= N * C) {
    return;
  }
  let n = row / C;
  let c = row % C;
  let moment = 2u * (n * GROUPS + c / (C / GROUPS));
  let mean = moments[moment];
  let inverse = moments[moment + 1u];
  var product = vec4<f32>();
  var sum = vec4<f32>();
  for (var k = row * (POSITIONS / WIDTH); k < (row + 1u) * (POSITIONS / WIDTH); k++) {
    let g = few(grad_y[few_index(k)], k);
    product = fma(g, few(x[few_index(k)] - mean, k) * inverse, product);
    sum += g;
  }
  partial[n * 2u * C + c] = dot(product, vec4<f32>(1.0));
  partial[n * 2u * C + C + c] = dot(sum, vec4<f32>(1.0));
}
