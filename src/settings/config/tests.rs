use super::*;
use crate::shift::Shift;

#[test]
fn a_file_names_only_what_differs() {
    let config = TrainConfig::from_toml("way = 7\n[augment]\nnoise = 0.1\n").unwrap();
    assert_eq!(config.way, 7);
    assert_eq!(
        config.augment,
        Augment {
            noise: 0.1,
            ..Augment::default()
        }
    );
    assert_eq!(config.shot, TrainConfig::default().shot);
    // A configuration without altered copies is told as before there were any.
    assert!(!config.to_toml().contains("shifts"));
    let text = "[shifts]\nkinds = [\"reverb\", \"hum\"]\ncopies = 3\n";
    let altered = TrainConfig::from_toml(text).unwrap();
    let shifts = altered.shifts.clone().unwrap();
    assert_eq!(shifts.kinds, [Shift::Reverb, Shift::Hum]);
    assert_eq!((shifts.copies, shifts.share), (3, 0.5));
    assert_eq!(TrainConfig::from_toml(&altered.to_toml()).unwrap(), altered);
    assert_eq!(TrainConfig::from_toml(&config.to_toml()).unwrap(), config);
}

#[test]
fn a_misspelt_field_and_a_senseless_number_are_refused_by_name() {
    for (text, word) in [
        ("ways = 7", "ways"),
        ("[shifts]\nkinds = [\"studio\"]", "unknown variant `studio`"),
        ("[shifts]\nkind = \"hum\"", "unknown field `kind`"),
    ] {
        let error = TrainConfig::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    for (text, word) in [
        ("shot = 0", "shot"),
        ("learning_rate = -1.0", "learning_rate"),
        ("way = 1", "way"),
        ("train_share = 0.0", "train_share"),
        ("segment_seconds = nan", "segment_seconds"),
        ("weight_decay = nan", "weight_decay"),
        ("mix_share = 1.5", "mix_share"),
        ("mix_share = nan", "mix_share"),
        ("[augment]\nnoise = -1.0", "augment.noise"),
        ("[shifts]\ncopies = 1", "shifts.kinds is empty"),
        (
            "[shifts]\nkinds = [\"hum\"]\ncopies = 0",
            "shifts.copies is 0",
        ),
        (
            "[shifts]\nkinds = [\"hum\"]\ncopies = 65",
            "shifts.copies is 65",
        ),
        (
            "[shifts]\nkinds = [\"hum\"]\nshare = 1.5",
            "shifts.share is 1.5",
        ),
        ("[shifts]\nkinds = [\"hum\"]\nshare = nan", "shifts.share"),
        ("[optimizer]\nbeta1 = 1.0", "beta1"),
        ("[learner]\nsteps = 0", "learner.steps"),
        ("[learner]\nsteps = 65", "learner.steps"),
        ("[learner]\nmethod = \"reptile\"\nsteps = 1", "reptile"),
        ("[learner]\nbody_rate = 0.0", "learner.body_rate"),
        ("[learner]\nhead_rate = nan", "learner.head_rate"),
        ("[geometry]\nshrinkage = 0.0", "geometry.shrinkage is 0"),
        ("[geometry]\nteacher = 1.0", "geometry.teacher is 1"),
        ("[geometry]\nteacher = nan", "geometry.teacher is NaN"),
        (
            "[geometry]\n[learner]\nmethod = \"maml\"",
            "geometry goes with",
        ),
        (
            "[geometry]\n[network]\nname = \"n\"\nlayers = [{ type = \"statistics_pool\" }]",
            "last layer is linear",
        ),
    ] {
        let error = TrainConfig::from_toml(text)
            .unwrap()
            .validate()
            .unwrap_err()
            .to_string();
        assert!(error.contains(word), "{error}");
    }
    TrainConfig::default().validate().unwrap();
}

#[test]
fn the_learning_rate_rises_then_falls_to_a_hundredth() {
    let config = TrainConfig {
        episodes: 100,
        warmup: 0.2,
        learning_rate: 1.0,
        ..TrainConfig::default()
    };
    assert!((config.learning_rate(0) - 0.05).abs() < 1e-9);
    assert!((config.learning_rate(19) - 1.0).abs() < 1e-9);
    assert!(config.learning_rate(60) < config.learning_rate(30));
    assert!((config.learning_rate(99) - 0.01).abs() < 1e-9);
}
