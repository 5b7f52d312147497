//! The few-shot classifier in one value, on files as a user has them.

use std::fs;
use std::path::{Path, PathBuf};

use gamaka::gpu::DeviceChoice;
use gamaka::internals::ear::{Ear, EarError};
use gamaka::internals::embed::{Embedder, mean_embedding};
use gamaka::internals::features::FrontEnd;
use gamaka::internals::model_file::Model;
use gamaka::mel::EngineChoice;

use crate::gpu;
use crate::training::write_wav;

fn device() -> DeviceChoice {
    let device = std::env::var("GAMAKA_DEVICE").unwrap_or_default();
    device.parse().unwrap()
}

fn clip(style: &str, number: usize) -> PathBuf {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/corpus");
    corpus.join(format!("{style}/{style}-{number:03}.ogg"))
}

/// A folder of three examples of each of some styles.
fn folder(styles: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for style in styles {
        fs::create_dir(folder.path().join(style)).unwrap();
        for number in 0..3 {
            let from = clip(style, number);
            fs::copy(
                &from,
                folder.path().join(style).join(from.file_name().unwrap()),
            )
            .unwrap();
        }
    }
    folder
}

#[test]
fn an_ear_hears_as_its_parts_do_and_says_which_examples_it_could_not_use() {
    let ear = Ear::new(Model::included().unwrap(), &device()).unwrap();
    let folder = folder(&["march", "ska", "waltz"]);
    let broken = folder.path().join("ska/broken.ogg");
    fs::write(&broken, b"no music").unwrap();
    let silent = folder.path().join("march/silent.wav");
    write_wav(&silent, &[0.0; 70_000]);
    for number in 0..3 {
        let waltz = folder.path().join(format!("waltz/waltz-{number:03}.ogg"));
        fs::write(waltz, b"no music either").unwrap();
    }
    let (examples, left_out) = ear.examples(folder.path()).unwrap();
    // The genre of which nothing can be heard is gone, and every file that is not there is named.
    assert_eq!(examples.genres, ["march", "ska"]);
    assert_eq!(examples.fewest(), 3);
    let told: Vec<String> = left_out.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(told.iter().any(|t| t.contains("broken.ogg")), "{told:?}");
    assert!(told.iter().any(|t| t.contains("silent.wav")), "{told:?}");

    // By the parts.
    let model = ear.model();
    let front_end = FrontEnd::new(EngineChoice::Cpu, None, model.hearing(false)).unwrap();
    let embedder = Embedder::new(gpu(), &model.network, &model.parameters).unwrap();
    let heard = front_end.features(&clip("ska", 4)).unwrap();
    let segments = heard.segments(model.info.segment);
    let clips: Vec<_> = segments.into_iter().map(|s| s.values).collect();
    let expected = mean_embedding(&embedder.embed(&clips).unwrap());
    let found = ear.embed(&[clip("ska", 4)]).unwrap().remove(0).unwrap();
    assert_eq!(found.len(), model.network.width());
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-2, "{found} {expected}");
    }

    // An example is nearest to itself.
    let example = folder.path().join("ska/ska-001.ogg");
    let answer = ear.classify(&example, &examples).unwrap();
    assert_eq!(answer.ranked[0].genre, "ska");
    assert_eq!(answer.nearest[0].path, example);
    assert!(answer.nearest[0].distance.abs() < 1e-5);
    let total: f64 = answer.ranked.iter().map(|r| r.probability).sum();
    assert!((total - 1.0).abs() < 1e-9);
}

#[test]
fn an_ear_refuses_what_it_cannot_classify_by_name() {
    let ear = Ear::new(Model::included().unwrap(), &device()).unwrap();
    let one = folder(&["ska"]);
    fs::create_dir(one.path().join("waltz")).unwrap();
    let broken = one.path().join("waltz/broken.ogg");
    fs::write(&broken, b"no music").unwrap();
    let error = ear.examples(one.path()).unwrap_err();
    assert!(
        matches!(&error, EarError::TooFewGenres { genres: 1, .. }),
        "{error}"
    );
    let error = ear.examples(&one.path().join("none")).unwrap_err();
    assert!(matches!(error, EarError::Data(_)), "{error}");

    let two = folder(&["march", "ska"]);
    let (examples, _) = ear.examples(two.path()).unwrap();
    let error = ear.classify(&broken, &examples).unwrap_err().to_string();
    assert!(error.contains("broken.ogg"), "{error}");
    let silent = one.path().join("silent.wav");
    write_wav(&silent, &[0.0; 70_000]);
    let error = ear.classify(&silent, &examples).unwrap_err();
    assert!(matches!(error, EarError::Silent { .. }), "{error}");
}
