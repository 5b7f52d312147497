// Gradient of statistics_pool_forward with respect to its input.
//
//   grad_x[n,r,w] = (grad_y[n,0,r] + grad_y[n,1,r] * (x[n,r,w] - y[n,0,r]) / y[n,1,r]) / FRAMES
//
// dispatch: N*ROWS*FRAMES invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<f32>;             // [N, ROWS, FRAMES]
@group(0) @binding(1) var<storage, read> y: array<f32>;             // [N, 2, ROWS]
@group(0) @binding(2) var<storage, read> grad_y: array<f32>;        // [N, 2, ROWS]
@group(0) @binding(3) var<storage, read_write> grad_x: array<f32>;  // [N, ROWS, FRAMES]

override N: u32;
override ROWS: u32;
override FRAMES: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= N * ROWS * FRAMES) {
    return;
  }
  let row = k / FRAMES;
  let at = (row / ROWS) * 2u * ROWS + row % ROWS;
  let deviation = (x[k] - y[at]) / y[at + ROWS];
  grad_x[k] = fma(grad_y[at + ROWS], deviation, grad_y[at]) / f32(FRAMES);
}
