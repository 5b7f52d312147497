// Prototypes: the mean embedding of each class's shots (Snell et al. 2017).
//
//   prototype[c,d] = mean over k of embedding[c*SHOT + k, d]
//
// dispatch: WAY*WIDTH invocations, folded over x and y

@group(0) @binding(0) var<storage, read> embedding: array<f32>;        // [WAY*SHOT supports, then the queries; WIDTH]
@group(0) @binding(1) var<storage, read_write> prototype: array<f32>;  // [WAY, WIDTH]

override WAY: u32;
override SHOT: u32;
override WIDTH: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= WAY * WIDTH) {
    return;
  }
  let c = k / WIDTH;
  let d = k % WIDTH;
  var sum = 0.0;
  for (var s = 0u; s < SHOT; s++) {
    sum += embedding[(c * SHOT + s) * WIDTH + d];
  }
  prototype[k] = sum / f32(SHOT);
}
