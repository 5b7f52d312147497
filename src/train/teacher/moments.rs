//! Standardised vectors.

use crate::vectors::Vectors;

/// Mean and scale of each value of the vectors.
pub(super) struct Moments {
    mean: Vec<f64>,
    /// One over the deviation; 0 where a value never varies, so that it becomes 0 everywhere.
    scale: Vec<f64>,
}

impl Moments {
    pub(super) fn new(vectors: &Vectors, rows: &[usize]) -> Self {
        let count = rows.len() as f64;
        let mut mean = vec![0.0; vectors.width];
        for &row in rows {
            let values = mean.iter_mut().zip(vectors.vector(row));
            values.for_each(|(mean, &v)| *mean += f64::from(v) / count);
        }
        let mut square = vec![0.0; vectors.width];
        for &row in rows {
            let values = square.iter_mut().zip(vectors.vector(row)).zip(&mean);
            values
                .for_each(|((square, &v), mean)| *square += (f64::from(v) - mean).powi(2) / count);
        }
        // What differs by rounding alone does not vary.
        let scale = square.iter().zip(&mean).map(|(square, mean)| {
            let deviation = square.sqrt();
            match deviation > 1e-7 * mean.abs() && deviation > 0.0 {
                true => deviation.recip(),
                false => 0.0,
            }
        });
        Self {
            scale: scale.collect(),
            mean,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "targets are f32")]
    pub(super) fn standardise(&self, vectors: &Vectors, rows: &[usize]) -> Vec<f32> {
        let mut targets = Vec::with_capacity(rows.len() * vectors.width);
        for &row in rows {
            let values = vectors.vector(row).iter().zip(&self.mean).zip(&self.scale);
            targets
                .extend(values.map(|((&v, mean), scale)| ((f64::from(v) - mean) * scale) as f32));
        }
        targets
    }
}
