//! Features brought to mean 0 and deviation 1, each dimension by itself.

use serde::{Deserialize, Serialize};

/// The mean and deviation of each dimension over the files it was fitted on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standardiser {
    /// Mean of each dimension.
    pub mean: Vec<f32>,
    /// Population deviation of each dimension; 1 where the dimension never varied, so that it stays 0.
    pub deviation: Vec<f32>,
}

impl Standardiser {
    /// Fits on the training files' features. None where there are none, their lengths differ, or a value is not finite.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the moments are summed in f64"
    )]
    pub fn fit(features: &[&[f32]]) -> Option<Self> {
        let length = features.first()?.len();
        if features
            .iter()
            .any(|row| row.len() != length || row.iter().any(|value| !value.is_finite()))
        {
            return None;
        }
        let column = |j: usize| features.iter().map(move |row| f64::from(row[j]));
        let count = features.len() as f64;
        let mean: Vec<f64> = (0..length)
            .map(|j| column(j).sum::<f64>() / count)
            .collect();
        let deviation = mean.iter().enumerate().map(|(j, mean)| {
            let deviation =
                (column(j).map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
            // Rounding leaves a trace of deviation where all values are the same.
            if deviation > 1e-6 * mean.abs() {
                deviation as f32
            } else {
                1.0
            }
        });
        Some(Self {
            deviation: deviation.collect(),
            mean: mean.into_iter().map(|mean| mean as f32).collect(),
        })
    }

    /// Checks one that was stored: for features of `length` values, and fit to divide by.
    pub(crate) fn check(&self, length: usize) -> Result<(), String> {
        let Self { mean, deviation } = self;
        if mean.len() != length || deviation.len() != length {
            return Err(format!(
                "its MFCC have {} means and {} deviations, and {length} of each are needed",
                mean.len(),
                deviation.len()
            ));
        }
        let positive = |d: &f32| d.is_finite() && *d > 0.0;
        if !(mean.iter().all(|m| m.is_finite()) && deviation.iter().all(positive)) {
            return Err(
                "the means of its MFCC must be finite, and their deviations above 0".into(),
            );
        }
        Ok(())
    }

    /// (value - mean) / deviation in each dimension; dimensions beyond the fitted ones are left out.
    pub fn apply(&self, features: &[f32]) -> Vec<f32> {
        let fitted = self.mean.iter().zip(&self.deviation);
        features
            .iter()
            .zip(fitted)
            .map(|(value, (mean, deviation))| (value - mean) / deviation)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitted_features_get_mean_zero_and_deviation_one_and_constants_get_zero() {
        let rows: Vec<Vec<f32>> = (0..9)
            .map(|i| vec![i as f32 * 3.0 - 1.0, 0.1, (i * i) as f32])
            .collect();
        let borrowed: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let fitted = Standardiser::fit(&borrowed).unwrap();
        let applied: Vec<Vec<f32>> = rows.iter().map(|row| fitted.apply(row)).collect();
        for j in [0, 2] {
            let mean = applied.iter().map(|row| row[j]).sum::<f32>() / 9.0;
            let variance = applied.iter().map(|row| row[j] * row[j]).sum::<f32>() / 9.0;
            assert!(
                mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5,
                "{mean} {variance}"
            );
        }
        assert!(applied.iter().all(|row| row[1].abs() < 1e-6));
    }

    #[test]
    fn features_that_are_not_finite_or_of_several_lengths_cannot_be_fitted() {
        assert!(Standardiser::fit(&[]).is_none());
        assert!(Standardiser::fit(&[&[1.0], &[f32::NAN]]).is_none());
        assert!(Standardiser::fit(&[&[1.0], &[1.0, 2.0]]).is_none());
    }

    #[test]
    fn it_can_be_stored() {
        let fitted = Standardiser::fit(&[&[1.0, 2.0], &[3.0, 2.0]]).unwrap();
        let text = serde_json::to_string(&fitted).unwrap();
        assert_eq!(serde_json::from_str::<Standardiser>(&text).unwrap(), fitted);
    }
}
