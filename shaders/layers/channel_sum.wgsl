// Sum over positions: the first half of a bias gradient.
//
//   partial[n,c] = sum over p of values[n,c,p]
//
// LANES invocations share a row, neighbours of the values neighbours of the lanes.
//
// dispatch: N*C*LANES invocations, folded over x and y

@group(0) @binding(0) var<storage, read> values: array<vec4<f32>>;   // [ROWS, POSITIONS]
@group(0) @binding(1) var<storage, read_write> partial: array<f32>;  // [ROWS]

override ROWS: u32; // N * C
override POSITIONS: u32;
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
  let end = select(first, first + POSITIONS / WIDTH, row < ROWS);
  var sum = vec4<f32>();
  for (var k = first + part; k < end; k += LANES) {
    sum += few(values[few_index(k)], k);
  }
  let total = lane_sum(vec2<f32>(dot(sum, vec4<f32>(1.0)), 0.0), lane, part, 1u).x;
  if (row < ROWS && part == 0u) {
    partial[row] = total;
  }
}
