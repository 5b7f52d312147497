//! What a small collection allows: the settings that are advised are accepted, and where none are, none would be.

use std::collections::HashMap;

use gamaka::internals::data::{Dataset, Part, Protocol, Split, Task};
use gamaka::internals::fewshot::EpisodeSampler;
use gamaka::internals::settings::SettingsError;
use gamaka::internals::settings::TrainConfig;
use gamaka::internals::train::{Collections, Heard, Setting, TrainError};

use super::split::dataset;

const SEEDS: [u64; 3] = [1, 2, 3];

fn collections<'a>(datasets: &'a [&'a Dataset], heard: Option<&'a Heard>) -> Collections<'a> {
    Collections {
        datasets,
        seeds: &SEEDS,
        heard,
    }
}

fn advice(dataset: &Dataset, config: &TrainConfig, given: &[Setting]) -> Vec<TrainConfig> {
    collections(&[dataset], None).advise(config, given)
}

fn shape(config: &TrainConfig) -> (Protocol, Task) {
    (config.protocol, config.task())
}

fn with(way: usize, shot: usize, query: usize) -> TrainConfig {
    TrainConfig {
        way,
        shot,
        query,
        ..TrainConfig::default()
    }
}

/// Splits under every seed, and draws episodes of every part.
fn accept(dataset: &Dataset, config: &TrainConfig, from: &str) {
    let (protocol, task) = shape(config);
    for seed in SEEDS {
        let split = Split::create(dataset, protocol, task, seed);
        let split = split.unwrap_or_else(|error| panic!("{from}: {:?}: {error}", shape(config)));
        let found = split.apply(dataset);
        for part in Part::ALL {
            let pool = dataset.pool(&found.indices(part));
            let task = match part {
                Part::Train => config.train_task(pool.classes.len()),
                _ => task,
            };
            let sampler = EpisodeSampler::new(pool, task)
                .unwrap_or_else(|error| panic!("{from}: {part}: {error}"));
            for index in 0..5 {
                sampler.sample(seed, index).unwrap();
            }
        }
    }
}

/// A grouping of files: by class and number, the group of a file that is not alone.
type Grouping = fn(usize, usize) -> Option<usize>;

#[test]
fn what_is_advised_is_accepted_and_where_nothing_is_nothing_would_be() {
    let groupings: [(&str, Grouping); 4] = [
        ("no groups", |_, _| None),
        ("pairs", |class, file| Some(100 * class + file / 2)),
        ("two copies in each class", |class, file| {
            (file < 2).then_some(class)
        }),
        ("an artist in two classes", |class, file| {
            (file == 0 && class < 2).then_some(7)
        }),
    ];
    for (name, grouping) in groupings {
        for classes in 1..=12 {
            for files in 1..=12 {
                for uneven in [false, true] {
                    let mut data = dataset(classes, files, grouping);
                    if uneven {
                        // The first class has half as many.
                        let few = files.div_ceil(2);
                        let mut number = 0;
                        data.items.retain(|item| {
                            number += usize::from(item.class == 0);
                            item.class != 0 || number <= few
                        });
                    }
                    let from = format!("{classes} classes of {files}, {name}, uneven: {uneven}");
                    let found = advice(&data, &TrainConfig::default(), &[]);
                    found.iter().for_each(|config| accept(&data, config, &from));
                    let protocols: Vec<Protocol> = found.iter().map(|c| c.protocol).collect();
                    assert!(
                        protocols.len() < 2 || protocols[0] != protocols[1],
                        "{from}"
                    );
                    for protocol in [Protocol::NovelClasses, Protocol::SeenClasses] {
                        let least = TrainConfig {
                            protocol,
                            ..with(2, 1, 1)
                        };
                        let works = collections(&[&data], None).check(&least).is_ok();
                        assert!(
                            !works || protocols.contains(&protocol),
                            "{from}: {protocol}"
                        );
                        if name == "no groups" && !uneven {
                            let enough = match protocol {
                                Protocol::NovelClasses => classes >= 6 && files >= 2,
                                Protocol::SeenClasses => classes >= 2 && files >= 6,
                            };
                            assert_eq!(protocols.contains(&protocol), enough, "{from}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn advice_changes_as_little_as_it_can_and_the_users_own_settings_last() {
    let data = dataset(6, 6, |_, _| None);
    let default = TrainConfig::default();
    let shapes = |given: &[Setting], config: &TrainConfig| -> Vec<_> {
        advice(&data, config, given).iter().map(shape).collect()
    };
    let (novel, seen) = (Protocol::NovelClasses, Protocol::SeenClasses);
    assert_eq!(
        shapes(&[], &default),
        [(novel, Task::new(2, 5, 1)), (seen, Task::new(5, 1, 1))]
    );
    let way = shapes(&[Setting::Way], &default);
    assert_eq!(
        way,
        [(seen, Task::new(5, 1, 1)), (novel, Task::new(2, 5, 1))]
    );
    let query = shapes(&[Setting::Query], &default);
    assert_eq!(query[0], (novel, Task::new(2, 1, 5)));
    let all = shapes(&Setting::ALL, &with(5, 3, 3));
    assert_eq!(all[0], (novel, Task::new(2, 3, 3)));
    // What fits is left as it is.
    assert_eq!(shapes(&[], &with(2, 3, 3))[0], (novel, Task::new(2, 3, 3)));
}

#[test]
fn a_split_that_the_manifest_gives_is_advised_on_as_it_is() {
    let mut data = dataset(7, 12, |_, _| None);
    for (number, item) in data.items.iter_mut().enumerate() {
        item.part = Some([Part::Train, Part::Validation, Part::Test][number % 12 / 4]);
    }
    let found = advice(&data, &TrainConfig::default(), &[]);
    let shapes: Vec<_> = found.iter().map(shape).collect();
    assert_eq!(shapes, [(Protocol::SeenClasses, Task::new(5, 3, 1))]);
    accept(&data, &found[0], "a given split");
}

#[test]
fn files_that_cannot_be_read_count_as_not_there() {
    let data = dataset(6, 6, |_, _| None);
    let heard: Heard = vec![(0..6).map(|class| (class * 6, 0)).collect()];
    let found = collections(&[&data], Some(&heard)).advise(&TrainConfig::default(), &[]);
    assert_eq!(
        shape(&found[0]),
        (Protocol::NovelClasses, Task::new(2, 4, 1))
    );
    let size = &collections(&[&data], Some(&heard)).sizes()[0];
    assert_eq!(size.to_string(), "6 classes of 5 files");
}

#[test]
fn tracks_are_cut_into_fewer_or_shorter_parts_until_most_are_long_enough() {
    let mut data = dataset(16, 1, |_, _| None);
    data.tracks = true;
    let config = TrainConfig::default();
    let advised = |seconds: f64| {
        let rate = f64::from(config.preset.sample_rate) / config.preset.hop_length as f64;
        let frames = (seconds * rate) as usize;
        let heard: Heard = vec![
            (0..16)
                .map(|file| (file, frames))
                .collect::<HashMap<_, _>>(),
        ];
        let found = collections(&[&data], Some(&heard)).advise(&config, &[]);
        let found = found.into_iter().next();
        found.inspect(|config| {
            let shortest = collections(&[&data], None).shortest_track(config).unwrap();
            assert!(shortest <= seconds, "{shortest} of {seconds} s");
        })
    };
    let parts = |config: &TrainConfig| {
        let parts = config.train_task(16).files();
        (config.way, parts, config.segment_seconds)
    };
    assert_eq!(parts(&advised(40.0).unwrap()), (5, 4, 3.0));
    assert_eq!(parts(&advised(30.0).unwrap()), (5, 3, 3.0));
    assert_eq!(parts(&advised(16.0).unwrap()), (5, 2, 3.0));
    let (way, count, segment) = parts(&advised(6.0).unwrap());
    assert!(
        (way, count) == (5, 2) && (1.0..1.4).contains(&segment),
        "{segment}"
    );
    assert_eq!(advised(3.0), None);
    let mut few = data.clone();
    few.items.truncate(5);
    assert!(advice(&few, &config, &[]).is_empty());
}

#[test]
fn a_training_says_what_is_lacking_before_any_file_is_read() {
    // Each class has files enough, but an artist of every class leaves nobody for the other side.
    let data = dataset(6, 4, |_, file| Some(file / 2));
    let error = collections(&[&data], None)
        .check(&with(2, 2, 2))
        .unwrap_err();
    assert!(error.is_too_little(), "{error}");
    assert!(!TrainError::Config(SettingsError("an odd number".into())).is_too_little());
}
