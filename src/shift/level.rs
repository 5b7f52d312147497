//! Levels of samples: root mean squares and decibels.

/// Root mean square; 0 for none.
pub(super) fn rms(samples: &[f32]) -> f64 {
    let squares: f64 = samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    (squares / samples.len().max(1) as f64).sqrt()
}

pub(super) fn scale(samples: &mut [f32], factor: f64) {
    samples.iter_mut().for_each(|x| *x *= factor as f32);
}

/// Brings `samples` to the root mean square of `reference`; silence stays as it is.
pub(super) fn match_level(mut samples: Vec<f32>, reference: &[f32]) -> Vec<f32> {
    let found = rms(&samples);
    if found > 0.0 {
        scale(&mut samples, rms(reference) / found);
    }
    samples
}

/// Adds `noise`, brought to a level `snr_db` below that of `samples`.
pub(super) fn add_noise(samples: &[f32], mut noise: Vec<f32>, snr_db: f64) -> Vec<f32> {
    let found = rms(&noise);
    if found > 0.0 {
        scale(
            &mut noise,
            rms(samples) / found * decibels_to_factor(-snr_db),
        );
    }
    noise.iter().zip(samples).map(|(n, x)| n + x).collect()
}

pub(super) fn decibels_to_factor(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}
