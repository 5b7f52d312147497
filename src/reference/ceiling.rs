//! Twins of `shaders/bench/`.

/// Twin of `fma_ceiling`: x is [k, 16], the result [k, 4].
pub fn fma_ceiling(rounds: usize, x: &[f64]) -> Vec<f64> {
    let mut y = Vec::new();
    for row in x.chunks(16) {
        let (a, b) = (row[12], row[13]);
        let ends: Vec<f64> = row[..12]
            .iter()
            .map(|&start| (0..8 * rounds).fold(start, |s, _| s * a + b))
            .collect();
        y.extend((0..4).map(|j| ends[j] + ends[j + 4] + ends[j + 8]));
    }
    y
}

/// Twin of `copy_ceiling`.
pub fn copy_ceiling(x: &[f64]) -> Vec<f64> {
    x.to_vec()
}
