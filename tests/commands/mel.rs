//! `gamaka mel`.

use ndarray::Array2;
use ndarray_npy::read_npy;

use crate::{fails, fixture, gamaka, stderr, succeeds, text};

#[test]
fn every_common_format_becomes_an_array_of_the_right_shape() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["s16.wav", "flac.flac", "cbr.mp3", "vorbis.ogg", "aac.m4a"] {
        let out = folder.path().join(format!("{file}.npy"));
        let said = succeeds(&["mel", &fixture(file), "-o", text(&out), "--engine", "cpu"]);
        assert!(said.contains("preset librosa, cpu engine"), "{said}");
        let db: Array2<f32> = read_npy(&out).unwrap();
        assert_eq!(db.nrows(), 128, "{file}");
        // 1.2 s, the PCM files 50 ms.
        let frames = if file.ends_with("wav") {
            3..=3
        } else {
            50..=60
        };
        assert!(
            frames.contains(&db.ncols()),
            "{file}: {} frames",
            db.ncols()
        );
        let (low, high) = db
            .iter()
            .fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
        assert!(
            (high - low - 80.0).abs() < 1e-3 || high - low < 80.0,
            "{file}: {low} to {high} dB"
        );
    }
}

#[test]
fn presets_kinds_and_engines_give_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.npy");
    let array = |flags: &[&str]| -> Array2<f32> {
        let file = fixture("vorbis.ogg");
        let mut arguments = vec!["mel", &file, "-q", "-o", text(&out)];
        arguments.extend(flags);
        assert_eq!(succeeds(&arguments), "", "quiet");
        read_npy(&out).unwrap()
    };
    let power = array(&["--power", "--engine", "cpu"]);
    let by_gpu = array(&["--power", "--engine", "gpu"]);
    let largest = power.iter().fold(0f32, |m, &v| m.max(v));
    let error = power
        .iter()
        .zip(&by_gpu)
        .map(|(a, b)| (a - b).abs())
        .fold(0f32, f32::max);
    assert!(error < 1e-4 * largest, "{error} of {largest}");
    // dB with ref 1 is 10 log10 of the power, down to 80 below the loudest.
    let db = array(&["--engine", "cpu"]);
    let floor = 10.0 * largest.log10() - 80.0;
    for (p, d) in power.iter().zip(&db) {
        assert!((d - (10.0 * p.max(1e-10).log10()).max(floor)).abs() < 1e-3);
    }
    let all = array(&["--top-db", "none", "--ref", "100"]);
    assert!((all[[5, 5]] - (10.0 * power[[5, 5]].max(1e-10).log10() - 20.0)).abs() < 1e-2);
    assert_eq!(array(&["--mfcc"]).nrows(), 20);
    assert_eq!(
        array(&["--mfcc", "--n-mfcc", "13", "--preset", "gamaka"]).nrows(),
        13
    );
    assert_eq!(array(&["--preset", "gamaka"]).nrows(), 64);
    let torchaudio = array(&["--preset", "torchaudio"]);
    assert!(torchaudio.ncols() > 90, "16 kHz, hop 200");
}

#[test]
fn a_picture_is_a_png() {
    let folder = tempfile::tempdir().unwrap();
    for flags in [["--db"], ["--power"], ["--mfcc"]] {
        let out = folder.path().join(format!("{}.PNG", flags[0]));
        let file = fixture("vorbis.ogg");
        let arguments = ["mel", &file, "-o", text(&out), flags[0]];
        succeeds(&arguments);
        let bytes = std::fs::read(&out).unwrap();
        assert!(
            bytes.starts_with(b"\x89PNG\r\n") && bytes.len() > 5000,
            "{} bytes",
            bytes.len()
        );
    }
}

#[test]
fn wrong_usage_says_what_is_right() {
    let file = fixture("s16.wav");
    let said = fails(1, &["mel", &file, "-o", "out.jpg"]);
    assert!(
        said.contains("out.jpg") && said.contains(".npy") && said.contains(".png"),
        "{said}"
    );
    let said = fails(2, &["mel", &file]);
    assert!(said.contains("--output"), "{said}");
    let said = fails(2, &["mel", &file, "-o", "o.npy", "--preset", "kapre"]);
    assert!(said.contains("librosa, torchaudio or gamaka"), "{said}");
    fails(2, &["mel", &file, "-o", "o.npy", "--db", "--power"]);
    let said = fails(
        1,
        &["mel", &file, "-o", "o.npy", "--mfcc", "--n-mfcc", "500"],
    );
    assert!(said.contains("n_mfcc is 500"), "{said}");
    let said = fails(
        1,
        &[
            "mel",
            &file,
            "-o",
            "/no/such/folder/o.npy",
            "--engine",
            "cpu",
        ],
    );
    assert!(
        said.contains("/no/such/folder/o.npy") && said.contains("folder first"),
        "{said}"
    );
}

#[test]
fn a_cut_off_file_is_used_with_a_word_and_refused_under_strict() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.npy");
    let file = fixture("bad/truncated.wav");
    let output = gamaka(&["mel", &file, "-o", text(&out), "--engine", "cpu"]);
    assert!(output.status.success() && out.exists());
    assert!(stderr(&output).contains("cut short"), "{}", stderr(&output));
    std::fs::remove_file(&out).unwrap();
    let said = fails(1, &["mel", &file, "-o", text(&out), "--strict"]);
    assert!(
        said.contains("truncated.wav") && said.contains("cut short") && !out.exists(),
        "{said}"
    );
}
