// Copies equally long rows to other places: takes the queries out of an episode, brings classes together.
//
//   y[TO_FIRST + r * TO_STRIDE + k] = x[FROM_FIRST + r * FROM_STRIDE + k] for r < ROWS, k < SIZE
//
// dispatch: ROWS*SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<f32>;        // [ROWS*SIZE and more]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [ROWS*SIZE and more]

override ROWS: u32;
override SIZE: u32;
override FROM_FIRST: u32; // 0 or more
override FROM_STRIDE: u32; // 0 or more
override TO_FIRST: u32; // 0 or more
override TO_STRIDE: u32; // 0 or more
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= ROWS * SIZE) {
    return;
  }
  y[TO_FIRST + k / SIZE * TO_STRIDE + k % SIZE] = x[FROM_FIRST + k / SIZE * FROM_STRIDE + k % SIZE];
}
