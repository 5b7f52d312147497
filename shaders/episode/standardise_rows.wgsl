// Embeddings centred and scaled by statistics that are taken as constant; without CENTRED the gradient by x of the same.
//
//   y[r,d] = (x[r,d] - statistics[d] if CENTRED) * statistics[WIDTH]
//
// dispatch: ROWS*WIDTH invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<f32>;           // [ROWS, WIDTH]
@group(0) @binding(1) var<storage, read> statistics: array<f32>;  // [WIDTH + 1], from row_statistics
@group(0) @binding(2) var<storage, read_write> y: array<f32>;     // [ROWS, WIDTH]

override ROWS: u32;
override WIDTH: u32;
override CENTRED: bool;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= ROWS * WIDTH) {
    return;
  }
  y[k] = (x[k] - select(0.0, statistics[k % WIDTH], CENTRED)) * statistics[WIDTH];
}
