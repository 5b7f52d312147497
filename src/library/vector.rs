//! Vectors as bytes of a table, little-endian.

use half::f16;

/// Full precision.
pub(super) fn floats(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// What [`floats`] wrote, added to `to`.
pub(super) fn read_floats(bytes: &[u8], to: &mut Vec<f32>) {
    let (values, _) = bytes.as_chunks::<4>();
    to.extend(values.iter().map(|value| f32::from_le_bytes(*value)));
}

/// Half precision: 11 significant bits.
pub(super) fn halves(values: &[f32]) -> Vec<u8> {
    let halves = values.iter().map(|&value| f16::from_f32(value));
    halves.flat_map(f16::to_le_bytes).collect()
}

/// What [`halves`] wrote.
pub(super) fn read_halves(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<2>();
    let halves = values.iter().map(|value| f16::from_le_bytes(*value));
    halves.map(f16::to_f32).collect()
}
