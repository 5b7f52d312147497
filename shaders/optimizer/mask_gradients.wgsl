// Takes the gradients of removed weights away, so that the optimiser leaves these where they are: at zero.
//
//   grad[k] = 0 where bit k of kept is 0
//
// dispatch: SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read> kept: array<u32>;            // [SIZE/32], the lowest bit first
@group(0) @binding(1) var<storage, read_write> grad: array<f32>;      // [SIZE]

override SIZE: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= SIZE) {
    return;
  }
  if (((kept[k / 32u] >> (k % 32u)) & 1u) == 0u) {
    grad[k] = 0.0;
  }
}
