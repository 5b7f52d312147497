//! Cases of parameters in fewer bits: every word counts, and every bit of the answer.

use super::builder::Builder;
use super::case::{Case, Expected};
use crate::gpu::{AdapterClass, BufferRole, Tensor};
use crate::ops::{self, CodebookShape, IntegersShape};
use crate::reference as twin;

/// Halves in words: as many of all there are that are finite, large and small ones in turns.
fn halves_in_words(count: usize) -> Vec<u32> {
    // 63 is prime to the number of finite halves without a sign.
    let half = |k: usize| (k * 63 % 0x7c00) as u32 | (k as u32 % 3 % 2) << 15;
    let words = 0..count.div_ceil(2);
    words
        .map(|word| half(2 * word) | half(2 * word + 1) << 16)
        .collect()
}

/// Words of all kinds of bits.
fn noise(words: usize) -> Vec<u32> {
    let word = |k: usize| {
        (k as u32)
            .wrapping_mul(0x9e37_79b9)
            .rotate_left(k as u32 % 32)
    };
    (1..=words).map(word).collect()
}

/// Expects each bit.
fn exact(b: &mut Builder, tensor: Tensor, values: Vec<f64>) {
    b.expected.push(Expected {
        tensor,
        values,
        tolerance: 0.0,
        rounding: 0.0,
    });
}

/// Halves `first` and those behind it.
pub fn halves(class: AdapterClass, first: usize, count: usize) -> Case {
    let mut b = Builder::new(class);
    let words = halves_in_words(first + count);
    let shape = [1, 1, 1, 2 * words.len()];
    let packed = b.plan.halves("input", shape, BufferRole::Input);
    b.inputs.push((packed, words.clone()));
    let y = b.output([1, 1, 1, count]);
    ops::unpack_halves(&mut b.plan, packed, first, y);
    exact(&mut b, y, twin::unpack_halves(&words, first, count));
    b.case(format!("{count} halves from {first} on"))
}

/// Whole numbers of all values.
pub fn integers(class: AdapterClass, shape: &IntegersShape) -> Case {
    let mut b = Builder::new(class);
    let [rows, columns] = shape.size;
    let values = noise((rows * columns * shape.bits).div_ceil(32));
    let scales = halves_in_words(rows.div_ceil(shape.block) * columns);
    let tensors = [&values, &scales].map(|words| b.words([1, 1, 1, words.len()], words.clone()));
    let y = b.output([1, 1, rows, columns]);
    ops::unpack_integers(&mut b.plan, shape, tensors, y);
    exact(&mut b, y, twin::unpack_integers(shape, &values, &scales));
    b.case(format!("{shape:?}"))
}

/// Edges of a table of as many curves as an index of this many bits reaches, or of some.
pub fn codebook(class: AdapterClass, shape: &CodebookShape, curves: u32) -> Case {
    let mut b = Builder::new(class);
    let [edges, columns] = shape.size;
    let (count, bits) = (edges * columns, shape.index_bits);
    let mut indices = vec![0; (count * bits).div_ceil(32)];
    for k in 0..count {
        let index = (k as u32).wrapping_mul(40_503) % curves;
        indices[k * bits / 32] |= index << (k * bits % 32);
    }
    // Of a size that products with gains stay finite.
    let curve = |k: usize| (k as u32).wrapping_mul(2_654_435_761) >> 8 & 0xbfff_bfff;
    let words = [
        indices,
        noise(count.div_ceil(4)),
        halves_in_words(edges.div_ceil(shape.block) * columns),
        (0..(curves as usize * shape.slots).div_ceil(2))
            .map(curve)
            .collect(),
    ];
    let tensors = words
        .each_ref()
        .map(|words| b.words([1, 1, 1, words.len()], words.clone()));
    let y = b.output([1, edges, shape.slots, columns]);
    ops::unpack_codebook(&mut b.plan, shape, tensors, y);
    let [indices, gains, scales, curve] = &words;
    let expected = twin::unpack_codebook(shape, [indices, gains, scales, curve]);
    exact(&mut b, y, expected);
    b.case(format!("{shape:?} of {curves} curves"))
}

/// Weights between the numbers that they round to, beyond the largest, and without scales.
pub fn rounded(class: AdapterClass, bits: u32, size: usize) -> Case {
    let mut b = Builder::new(class);
    let most = ((1u32 << (bits - 1)) - 1) as f32;
    let value = |k: usize| [0.0, 0.25, 1.5e-3, 3.0][k % 4];
    // Far enough from halves, which a division may round either way.
    let number = |k: usize| (k % 300) as f32 - 150.0 + 0.4 * (k % 11) as f32 / 5.0 - 0.4;
    let unit = |k: usize| if k.is_multiple_of(4) { 1.0 } else { value(k) };
    let weights = (0..size).map(|k| number(k) * unit(k)).collect();
    let shape = [1, 1, 1, size];
    let (scale, scales) = b.values(shape, (0..size).map(value).collect());
    let (weight, weights) = b.values(shape, weights);
    let y = b.output(shape);
    ops::round_weights(&mut b.plan, most, [weight, scale], y);
    b.expect(y, twin::round_weights(most.into(), &weights, &scales), 1);
    b.case(format!("{size} weights in {bits} bits"))
}
