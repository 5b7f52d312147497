// The weights of edges in another basis (see shared/spline.wgsl), or their gradient back.
//
//   to[t,a,o] = sum over b of matrix[a,b] * from[t,b,o]
//
// dispatch: TAPS * SLOTS * CO_PAD/4 invocations, folded over x and y

@group(0) @binding(0) var<storage, read> matrix: array<f32>;          // [SLOTS, SLOTS]
@group(0) @binding(1) var<storage, read> from_: array<vec4<f32>>;     // [TAPS, SLOTS, CO_PAD]
@group(0) @binding(2) var<storage, read_write> to_: array<vec4<f32>>; // [TAPS, SLOTS, CO_PAD]

override TAPS: u32;
override SLOTS: u32;
override CO_PAD: u32; // 4 or more
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = CO_PAD / 4u;
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= TAPS * SLOTS * row) {
    return;
  }
  let a = (k / row) % SLOTS;
  let first = k / (SLOTS * row) * (SLOTS * row) + k % row;
  var sum: vec4<f32>;
  for (var b = 0u; b < SLOTS; b++) {
    sum = fma(vec4<f32>(matrix[a * SLOTS + b]), from_[first + b * row], sum);
  }
  to_[k] = sum;
}
