use super::*;
use crate::audio::AudioWarning;
use crate::mel::Preset;

fn hearing(n_mels: usize) -> Hearing {
    Hearing {
        preset: Preset {
            n_mels,
            ..Preset::gamaka()
        },
        max_seconds: 30.0,
        strict: false,
    }
}

fn heard(values: Vec<f32>) -> Features {
    Features {
        frames: values.len() / 2,
        values,
        mfcc: (0..Features::MFCC_LEN).map(|k| k as f32 / 3.0).collect(),
        stopped: true,
        warnings: vec![AudioWarning::Incomplete {
            decoded_s: 1.5,
            expected_s: None,
        }],
    }
}

const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Two audio files, and a file that keeps the features of one.
struct Kept {
    folder: tempfile::TempDir,
    first: Features,
    given: Vec<f32>,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.wav"), [1; 100]).unwrap();
        std::fs::write(folder.path().join("b.wav"), [2; 50]).unwrap();
        let given: Vec<f32> = (0..1000).map(|k| (k as f32 * 0.37).sin() * 7.0).collect();
        let path = folder.path().join("kept");
        let kept = KeptFeatures::open(&path).unwrap();
        let song = folder.path().join("a.wav");
        let name = Path::new("x/a.wav");
        let first = kept.put(name, &song, HASH, &hearing(2), heard(given.clone()));
        let first = first.unwrap();
        kept.save().unwrap();
        Self {
            folder,
            first,
            given,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("kept")
    }

    fn get(&self, kept: &KeptFeatures, name: &str, hearing: &Hearing) -> Option<Features> {
        let song = self.folder.path().join("a.wav");
        kept.get(Path::new(name), &song, hearing).unwrap()
    }
}

#[test]
fn later_runs_read_the_values_that_the_first_went_on_with() {
    let made = Kept::new();
    let kept = KeptFeatures::open(&made.path()).unwrap();
    let found = made.get(&kept, "x/a.wav", &hearing(2)).unwrap();
    assert_eq!(found.values, made.first.values);
    assert_eq!(found.mfcc, heard(vec![]).mfcc);
    assert_eq!(found.frames, 500);
    assert!(found.stopped && found.warnings == heard(vec![]).warnings);
    // Least and largest stay, and the rest is rounded by half a step at most.
    let range = |values: &[f32]| {
        let fold = |pick: fn(f32, f32) -> f32| values.iter().copied().reduce(pick).unwrap();
        [fold(f32::min), fold(f32::max)]
    };
    let [low, high] = range(&made.given);
    assert_eq!(range(&found.values), [low, high]);
    let most = made.given.iter().zip(&found.values);
    let most = most.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let half = (high - low) / 510.0;
    assert!(most > 0.9 * half && most <= 1.0001 * half, "{most} {half}");
    let known = kept.known();
    assert_eq!(known[Path::new("x/a.wav")], (100, HASH.to_string()));
}

#[test]
fn features_of_another_file_or_heard_otherwise_are_none() {
    let made = Kept::new();
    let kept = KeptFeatures::open(&made.path()).unwrap();
    assert!(made.get(&kept, "a.wav", &hearing(2)).is_none());
    for other in [
        hearing(4),
        Hearing {
            max_seconds: 29.0,
            ..hearing(2)
        },
        Hearing {
            strict: true,
            ..hearing(2)
        },
    ] {
        assert!(made.get(&kept, "x/a.wav", &other).is_none());
    }
    let (name, hearing) = (Path::new("x/a.wav"), hearing(2));
    let gone = made.folder.path().join("gone.wav");
    assert!(kept.get(name, &gone, &hearing).unwrap().is_none());
    // Another file of the same name takes its place.
    let other = made.folder.path().join("b.wav");
    assert!(kept.get(name, &other, &hearing).unwrap().is_none());
    let put = kept.put(name, &other, HASH, &hearing, heard(vec![1.0; 4]));
    assert_eq!(put.unwrap().values, [1.0; 4]);
    assert!(made.get(&kept, "x/a.wav", &hearing).is_none());
    kept.save().unwrap();
    let kept = KeptFeatures::open(&made.path()).unwrap();
    assert_eq!(kept.known()[name].0, 50);
    let found = kept.get(name, &other, &hearing).unwrap();
    assert_eq!(found.unwrap().values, [1.0; 4]);
}

#[test]
fn what_is_there_stays_when_more_is_added_and_the_order_does_not_matter() {
    let made = Kept::new();
    let other = made.folder.path().join("other");
    let song = made.folder.path().join("b.wav");
    let kept = KeptFeatures::open(&made.path()).unwrap();
    let reverse = KeptFeatures::open(&other).unwrap();
    let b = Path::new("b.wav");
    for kept in [&kept, &reverse] {
        kept.put(b, &song, HASH, &hearing(2), heard(vec![3.0, 4.0]))
            .unwrap();
    }
    let a = made.folder.path().join("a.wav");
    let again = heard(made.given.clone());
    let name = Path::new("x/a.wav");
    reverse.put(name, &a, HASH, &hearing(2), again).unwrap();
    kept.save().unwrap();
    reverse.save().unwrap();
    // Still there after the file was written over.
    let found = made.get(&kept, "x/a.wav", &hearing(2)).unwrap();
    assert_eq!(found.values, made.first.values);
    let bytes = std::fs::read(made.path()).unwrap();
    assert!(bytes == std::fs::read(&other).unwrap());
    kept.save().unwrap();
    assert!(bytes == std::fs::read(made.path()).unwrap());
}

#[test]
fn what_is_not_finite_is_not_kept() {
    let made = Kept::new();
    let kept = KeptFeatures::open(&made.path()).unwrap();
    let song = made.folder.path().join("b.wav");
    let values = heard(vec![1.0, f32::INFINITY]);
    let b = Path::new("b.wav");
    let back = kept.put(b, &song, HASH, &hearing(2), values).unwrap();
    assert_eq!(back.values, [1.0, f32::INFINITY]);
    assert!(kept.get(b, &song, &hearing(2)).unwrap().is_none());
}

#[test]
fn a_changed_byte_is_found_wherever_it_is() {
    let made = Kept::new();
    let bytes = std::fs::read(made.path()).unwrap();
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        std::fs::write(made.path(), changed).unwrap();
        let error = KeptFeatures::open(&made.path());
        // A blank before the header's end may be another.
        assert!(error.is_err() || bytes[at] == b' ', "{at}");
    }
    for end in [0, 5, 100, bytes.len() - 1] {
        std::fs::write(made.path(), &bytes[..end]).unwrap();
        assert!(KeptFeatures::open(&made.path()).is_err());
    }
    assert!(KeptFeatures::open(made.folder.path()).is_err());
}
