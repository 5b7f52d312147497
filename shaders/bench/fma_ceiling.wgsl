// Nothing but multiply-adds: how fast can this adapter do them at all?
//
//   y[k] = ROUNDS * sum over i of a[k,i] * (b[k,0] + b[k,1]), one multiply-add at a time
//
// Each invocation keeps a tile of 8 x 8 sums in registers and adds the outer product of eight values
// and eight others ROUNDS times over: 64 multiply-adds a round that do not wait for one another, and
// no load among them. Rounding forbids a compiler to shorten it. Written out, because loops over a
// tile are what differs between compilers.
//
// dispatch: SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;        // [SIZE, 4]: a, then b
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;  // [SIZE]

override SIZE: u32;
override ROUNDS: u32;
override WORKGROUP: u32;

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
  let a0 = x[k * 4u];
  let a1 = x[k * 4u + 1u];
  let b0 = x[k * 4u + 2u];
  let b1 = x[k * 4u + 3u];
  var s00 = vec4<f32>();
  var s01 = vec4<f32>();
  var s10 = vec4<f32>();
  var s11 = vec4<f32>();
  var s20 = vec4<f32>();
  var s21 = vec4<f32>();
  var s30 = vec4<f32>();
  var s31 = vec4<f32>();
  var s40 = vec4<f32>();
  var s41 = vec4<f32>();
  var s50 = vec4<f32>();
  var s51 = vec4<f32>();
  var s60 = vec4<f32>();
  var s61 = vec4<f32>();
  var s70 = vec4<f32>();
  var s71 = vec4<f32>();
  for (var round = 0u; round < ROUNDS; round++) {
    s00 = fma(vec4<f32>(a0.x), b0, s00);
    s01 = fma(vec4<f32>(a0.x), b1, s01);
    s10 = fma(vec4<f32>(a0.y), b0, s10);
    s11 = fma(vec4<f32>(a0.y), b1, s11);
    s20 = fma(vec4<f32>(a0.z), b0, s20);
    s21 = fma(vec4<f32>(a0.z), b1, s21);
    s30 = fma(vec4<f32>(a0.w), b0, s30);
    s31 = fma(vec4<f32>(a0.w), b1, s31);
    s40 = fma(vec4<f32>(a1.x), b0, s40);
    s41 = fma(vec4<f32>(a1.x), b1, s41);
    s50 = fma(vec4<f32>(a1.y), b0, s50);
    s51 = fma(vec4<f32>(a1.y), b1, s51);
    s60 = fma(vec4<f32>(a1.z), b0, s60);
    s61 = fma(vec4<f32>(a1.z), b1, s61);
    s70 = fma(vec4<f32>(a1.w), b0, s70);
    s71 = fma(vec4<f32>(a1.w), b1, s71);
  }
  y[k] = (s00 + s01) + (s10 + s11) + (s20 + s21) + (s30 + s31)
    + (s40 + s41) + (s50 + s51) + (s60 + s61) + (s70 + s71);
}
