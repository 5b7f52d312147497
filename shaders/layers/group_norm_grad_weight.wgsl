// Gradient of group_norm_forward with respect to its affine parameters, one partial sum an image.
//
//   partial[n,c] = sum over p of grad_y[n,c,p] * (x[n,c,p] - mean) * inverse
//   partial[n,C+c] = sum over p of grad_y[n,c,p]
//
// reduce_partials then adds over n. LANES invocations share a row (n,c), neighbours of the values neighbours of
// the lanes.
//
// dispatch: N*C*LANES invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;        // [N, C, POSITIONS]
@group(0) @binding(1) var<storage, read> moments: array<f32>;        // [N, GROUPS, 2]
@group(0) @binding(2) var<storage, read> grad_y: array<vec4<f32>>;   // [N, C, POSITIONS]
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;  // [N, ROW]

override N: u32;
override C: u32;
override GROUPS: u32; // 1 to C
override POSITIONS: u32;
override ROW: u32; // of partial: 2*C, or more
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = ((group.y * groups.x + group.x) * WORKGROUP + lane) / LANES;
  let part = lane % LANES;
  let first = row * (POSITIONS / WIDTH);
  let end = select(first, first + POSITIONS / WIDTH, row < N * C);
  let n = min(row / C, N - 1u);
  let c = row % C;
  let moment = 2u * (n * GROUPS + c / (C / GROUPS));
  let mean = moments[moment];
  let inverse = moments[moment + 1u];
  var product = vec4<f32>();
  var sum = vec4<f32>();
  for (var k = first + part; k < end; k += LANES) {
    let g = few(grad_y[few_index(k)], k);
    product = fma(g, few(x[few_index(k)] - mean, k) * inverse, product);
    sum += g;
  }
  let sums = vec2<f32>(dot(product, vec4<f32>(1.0)), dot(sum, vec4<f32>(1.0)));
  let totals = lane_sum(sums, lane, part, 1u);
  if (row < N * C && part == 0u) {
    partial[n * ROW + c] = totals.x;
    partial[n * ROW + C + c] = totals.y;
  }
}
