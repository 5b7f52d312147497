// Nothing but multiply-adds: how fast can this adapter do them at all?
//
//   twelve values s of each invocation become s * a + b, 8*ROUNDS times over; y = their sums by fours
//
// Twelve chains that do not wait for one another keep the multipliers busy, and with a and b they fit the
// sixteen registers of a CPU. A product of factors that never change, added again and again, would be no
// measure: a compiler may compute it once. Written out, because an unrolled loop is up to the compiler.
//
// dispatch: SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;        // [SIZE, 4]: s, then a, b, two unused
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;  // [SIZE]

override SIZE: u32;
override ROUNDS: u32;
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
  var s0 = x[k * 4u];
  var s1 = x[k * 4u + 1u];
  var s2 = x[k * 4u + 2u];
  let a = vec4<f32>(x[k * 4u + 3u].x);
  let b = vec4<f32>(x[k * 4u + 3u].y);
  for (var round = 0u; round < ROUNDS; round++) {
    s0 = fma(s0, a, b);
    s1 = fma(s1, a, b);
    s2 = fma(s2, a, b);
    s0 = fma(s0, a, b);
    s1 = fma(s1, a, b);
    s2 = fma(s2, a, b);
    s0 = fma(s0, a, b);
    s1 = fma(s1, a, b);
    s2 = fma(s2, a, b);
    s0 = fma(s0, a, b);
    s1 = fma(s1, a, b);
    s2 = fma(s2, a, b);
    s0 = fma(s0, a, b);
    s1 = fma(s1, a, b);
    s2 = fma(s2, a, b);
    s0 = fma(s0, a, b);
    s1 = fma(s1, a, b);
    s2 = fma(s2, a, b);
    s0 = fma(s0, a, b);
    s1 = fma(s1, a, b);
    s2 = fma(s2, a, b);
    s0 = fma(s0, a, b);
    s1 = fma(s1, a, b);
    s2 = fma(s2, a, b);
  }
  y[k] = s0 + s1 + s2;
}
