// Floats out of halves (IEEE 754 binary16), two in a word, the first in its low 16 bits.
//
//   y[k] = halves[FIRST + k]
//
// By whole numbers: a device may flush the smallest halves in a conversion of its own, and then the bits were not the same
// everywhere.
//
// dispatch: SIZE invocations, folded over x and y

@group(0) @binding(0) var<storage, read> halves: array<u32>;    // [WORDS]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;   // [SIZE]

override WORDS: u32;
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
  if (k >= SIZE) {
    return;
  }
  let word = halves[min((FIRST + k) / 2u, WORDS - 1u)];
  let half = select(word & 0xffffu, word >> 16u, (FIRST + k) % 2u == 1u);
  let exponent = (half >> 10u) & 31u;
  let fraction = half & 1023u;
  // Exponents of a float are 112 more, but those of infinities and NaN.
  let normal = (select(exponent + 112u, 255u, exponent == 31u) << 23u) | (fraction << 13u);
  // What has no exponent is a multiple of 2^-24.
  let small = bitcast<u32>(f32(fraction) * 5.9604644775390625e-8);
  y[k] = bitcast<f32>(((half & 0x8000u) << 16u) | select(normal, small, exponent == 0u));
}
