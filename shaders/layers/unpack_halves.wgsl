// Floats out of halves (IEEE 754 binary16), two in a word, the first in its low 16 bits.
//
//   y[k] = halves[4*FIRST + k]
//
// By whole numbers: a device may flush the smallest halves in a conversion of its own, and then the bits were not the same
// everywhere. Four at a time.
//
// dispatch: ceil(SIZE / 4) invocations, folded over x and y

@group(0) @binding(0) var<storage, read> halves: array<vec2<u32>>;   // those before 4*FIRST, SIZE and maybe more
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;  // [SIZE]

override FIRST: u32; // 0 or more
override SIZE: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (4u * k >= SIZE) {
    return;
  }
  let words = halves[FIRST + k].xxyy;
  let half = (words >> vec4<u32>(0u, 16u, 0u, 16u)) & vec4<u32>(0xffffu);
  let exponent = (half >> vec4<u32>(10u)) & vec4<u32>(31u);
  let fraction = half & vec4<u32>(1023u);
  // Exponents of a float are 112 more, but those of infinities and NaN.
  let biased = select(exponent + vec4<u32>(112u), vec4<u32>(255u), exponent == vec4<u32>(31u));
  let normal = (biased << vec4<u32>(23u)) | (fraction << vec4<u32>(13u));
  // What has no exponent is a multiple of 2^-24.
  let small = bitcast<vec4<u32>>(vec4<f32>(fraction) * 5.9604644775390625e-8);
  let magnitude = select(normal, small, exponent == vec4<u32>(0u));
  y[k] = bitcast<vec4<f32>>(magnitude | ((half & vec4<u32>(0x8000u)) << vec4<u32>(16u)));
}
