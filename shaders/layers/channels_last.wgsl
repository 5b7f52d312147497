// The same values with the channels innermost, so that four of them are one load.
//
//   y[n,p,c] = x[n,c,p], and 0 for the channels that fill up C_PAD
//
// dispatch: N * POSITIONS * C_PAD/4 invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<f32>;              // [N, C, POSITIONS]
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;  // [N, POSITIONS, C_PAD]

override N: u32;
override C: u32;
override C_PAD: u32; // 4 or more: C rounded up to a multiple of 4
override POSITIONS: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  // Neighbouring invocations read neighbouring positions.
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= N * POSITIONS * (C_PAD / 4u)) {
    return;
  }
  let p = k % POSITIONS;
  let c4 = (k / POSITIONS) % (C_PAD / 4u);
  let n = k / (POSITIONS * (C_PAD / 4u));
  var values: vec4<f32>;
  for (var q = 0u; q < 4u; q++) {
    let c = 4u * c4 + q;
    values[q] = select(0.0, x[(n * C + min(c, C - 1u)) * POSITIONS + p], c < C);
  }
  y[(n * POSITIONS + p) * (C_PAD / 4u) + c4] = values;
}
