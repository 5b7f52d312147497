//! Comparison of any mel engine with the fixtures of `tests/fixtures/make_mel.py`.

use std::fs::File;
use std::path::Path;

use gamaka::mel::{AMIN, Preset, TOP_DB, decibels, mfcc};
use ndarray::{Array1, Array2};
use ndarray_npy::NpzReader;

/// How far an element may stray from `want`, given the largest `|want|` of its array.
pub(super) type Bound = fn(want: f64, largest: f64) -> f64;

pub(super) const POWER: Bound = |want, largest| 1e-4 * want.abs() + 1e-6 * largest;
pub(super) const DECIBELS: Bound = |_, _| 0.01;
pub(super) const MFCC: Bound = |_, _| 0.01;

pub(super) fn open(name: &str) -> NpzReader<File> {
    // From the working folder, which is the package's: the test binary also runs on machines that did not build it.
    let path = Path::new("tests/fixtures/mel").join(name);
    NpzReader::new(File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap()
}

/// The test signals, by name.
pub(super) fn signals() -> Vec<(String, Vec<f32>)> {
    let mut file = open("signals.npz");
    file.names()
        .unwrap()
        .into_iter()
        .map(|name| {
            let samples: Array1<i16> = file.by_name(&name).unwrap();
            (
                name,
                samples.iter().map(|&x| f32::from(x) / 32768.0).collect(),
            )
        })
        .collect()
}

/// Compares every element and gives the worst as a share of its bound; above 1, or with a NaN or a
/// wrong length, it is an error that shows the worst element.
pub(super) fn compare(got: &[f32], want: &[f32], bound: Bound) -> Result<f64, String> {
    if got.len() != want.len() {
        return Err(format!("{} values for {}", got.len(), want.len()));
    }
    let largest = want
        .iter()
        .fold(0.0, |m: f64, &x| m.max(f64::from(x).abs()));
    let mut worst = (0.0, 0);
    for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(g) - f64::from(w)).abs();
        let share = match error / bound(w.into(), largest) {
            _ if error == 0.0 => 0.0,
            share if share.is_nan() => f64::INFINITY,
            share => share,
        };
        if share > worst.0 {
            worst = (share, i);
        }
    }
    let (share, i) = worst;
    if share <= 1.0 {
        return Ok(share);
    }
    Err(format!(
        "{share:.3} times the bound at element {i} of {}: {} for {}",
        got.len(),
        got[i],
        want[i]
    ))
}

/// Runs an engine, samples to power-mel frames `[n_mels][n_frames]`, over all signals and compares
/// power, decibels and MFCC with the library after which the preset is named. The error lists
/// every failure.
pub(super) fn check(
    preset: &Preset,
    mut engine: impl FnMut(&[f32]) -> Vec<f32>,
) -> Result<(), String> {
    let signals = signals();
    assert!(signals.len() >= 8);
    let failures: String = signals
        .iter()
        .filter_map(|(name, samples)| check_signal(preset, name, samples, engine(samples)).err())
        .collect();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures)
    }
}

/// Compares the power-mel frames that an engine made of one signal, as [`check`] does.
pub(super) fn check_signal(
    preset: &Preset,
    name: &str,
    samples: &[f32],
    power: Vec<f32>,
) -> Result<(), String> {
    let mut file = open(&format!("{}.npz", preset.name));
    let mut failures = String::new();
    let db = decibels(&power, 1.0, AMIN, Some(TOP_DB));
    let cepstrum = mfcc(&db, preset.n_mels, preset.n_mfcc);
    for (kind, values, width, bound) in [
        ("power", power, preset.n_mels, POWER),
        ("db", db, preset.n_mels, DECIBELS),
        ("mfcc", cepstrum, preset.n_mfcc, MFCC),
    ] {
        let want: Array2<f32> = file.by_name(&format!("{name}.{kind}")).unwrap();
        assert_eq!(
            want.dim(),
            (width, preset.n_frames(samples.len())),
            "{name}.{kind}"
        );
        let want: Vec<f32> = want.iter().copied().collect();
        match compare(&values, &want, bound) {
            Ok(share) => println!("{} {name} {kind}: {share:.4} of the bound", preset.name),
            Err(e) => failures += &format!("{} {name} {kind}: {e}\n", preset.name),
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures)
    }
}
