// Numbers in fewer bits than 32.

// Floats of four halves (IEEE 754 binary16), each in the low 16 bits.
//
// By whole numbers: a device may flush the smallest halves in a conversion of its own, and then the bits were not the same
// everywhere.
fn floats_of_halves(half: vec4<u32>) -> vec4<f32> {
  let exponent = (half >> vec4<u32>(10u)) & vec4<u32>(31u);
  let fraction = half & vec4<u32>(1023u);
  // Exponents of a float are 112 more, but those of infinities and NaN.
  let biased = select(exponent + vec4<u32>(112u), vec4<u32>(255u), exponent == vec4<u32>(31u));
  let normal = (biased << vec4<u32>(23u)) | (fraction << vec4<u32>(13u));
  // What has no exponent is a multiple of 2^-24.
  let small = bitcast<vec4<u32>>(vec4<f32>(fraction) * 5.9604644775390625e-8);
  let magnitude = select(normal, small, exponent == vec4<u32>(0u));
  return bitcast<vec4<f32>>(magnitude | ((half & vec4<u32>(0x8000u)) << vec4<u32>(16u)));
}

// The four halves of two words, the first in the low 16 bits of the first.
fn halves_of_words(words: vec2<u32>) -> vec4<u32> {
  return (words.xxyy >> vec4<u32>(0u, 16u, 0u, 16u)) & vec4<u32>(0xffffu);
}

// Four signed numbers of `bits` bits each, the first in the lowest bits of `word`; 4 * bits is at most 32.
fn signed_of_word(word: u32, bits: u32) -> vec4<i32> {
  let unused = vec4<u32>(32u - bits);
  let left = unused - vec4<u32>(0u, 1u, 2u, 3u) * bits;
  return bitcast<vec4<i32>>(vec4<u32>(word) << left) >> unused;
}
