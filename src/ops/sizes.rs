//! Arithmetic of sizes that cannot overflow.

/// The product of sizes, at most `usize::MAX`. A plan with a tensor, a constant or a dispatch near it does not validate.
pub(crate) fn product(sizes: &[usize]) -> usize {
    sizes.iter().copied().fold(1, usize::saturating_mul)
}

/// `size / by`. A `by` of 0, with which no plan validates, counts as 1.
pub(super) fn quotient(size: usize, by: usize) -> usize {
    size.checked_div(by).unwrap_or(size)
}

/// How many elements a kernel reads at a time from rows of so many: its constant `WIDTH` (see
/// `shaders/shared/few.wgsl`).
pub(super) fn width(row: usize) -> usize {
    if row.is_multiple_of(4) { 4 } else { 1 }
}
