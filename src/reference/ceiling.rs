//! Twins of `shaders/bench/`.

/// Twin of `fma_ceiling`: x is [k, 16], the result [k, 4].
pub fn fma_ceiling(rounds: usize, x: &[f64]) -> Vec<f64> {
    let mut y = Vec::new();
    for row in x.chunks(16) {
        let (a, b) = row.split_at(8);
        let sum: f64 = a.iter().sum();
        y.extend((0..4).map(|j| rounds as f64 * sum * (b[j] + b[j + 4])));
    }
    y
}

/// Twin of `copy_ceiling`.
pub fn copy_ceiling(x: &[f64]) -> Vec<f64> {
    x.to_vec()
}
