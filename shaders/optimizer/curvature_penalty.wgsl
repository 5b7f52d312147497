// Adds the gradient of a curvature penalty on spline coefficients, which keeps the learned functions smooth.
//
//   penalty = WEIGHT * sum over edges and 0 < m < COEFFICIENTS-1 of (c[m-1] - 2 c[m] + c[m+1])^2
//   grad[edge,m] += d penalty / d c[edge,m];  the silu slot, the last one, is left alone
//
// dispatch: TAPS*COEFFICIENTS*CO_PAD invocations, folded over x and y

@group(0) @binding(0) var<storage, read> weight: array<f32>;       // [TAPS, COEFFICIENTS + 1, CO_PAD]
@group(0) @binding(1) var<storage, read_write> grad: array<f32>;   // [TAPS, COEFFICIENTS + 1, CO_PAD]

override TAPS: u32;
override COEFFICIENTS: u32; // 2 or more: spline coefficients an edge
override CO_PAD: u32; // 4 or more
override WEIGHT: f32;
override WORKGROUP: u32; // 1 to 256

// The second difference at coefficient m of the edge whose first coefficient is at `first`; 0 at the ends.
fn second_difference(first: u32, m: i32) -> f32 {
  if (m < 1 || m > i32(COEFFICIENTS) - 2) {
    return 0.0;
  }
  let at = first + u32(m) * CO_PAD;
  return weight[at - CO_PAD] - 2.0 * weight[at] + weight[at + CO_PAD];
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= TAPS * COEFFICIENTS * CO_PAD) {
    return;
  }
  let tap = k / (COEFFICIENTS * CO_PAD);
  let m = i32((k / CO_PAD) % COEFFICIENTS);
  let first = tap * (COEFFICIENTS + 1u) * CO_PAD + k % CO_PAD;
  let sum = second_difference(first, m - 1) - 2.0 * second_difference(first, m) + second_difference(first, m + 1);
  grad[first + u32(m) * CO_PAD] += 2.0 * WEIGHT * sum;
}
