//! The two protocols, and finding a stored split again.

use gamaka::internals::data::{DataError, Dataset, Item, Part, Protocol, Split, Task};
use std::{collections::BTreeSet, path::PathBuf};

/// `classes` classes of `files` files; files are put into groups by `group`, if it names one.
pub(crate) fn dataset(
    classes: usize,
    files: usize,
    group: impl Fn(usize, usize) -> Option<usize>,
) -> Dataset {
    let mut items = Vec::new();
    for class in 0..classes {
        for file in 0..files {
            items.push(Item {
                columns: Default::default(),
                path: PathBuf::from(format!("c{class:02}/{file:03}.wav")),
                class,
                group: group(class, file).unwrap_or(10_000 + items.len()),
                part: None,
                hash: format!("hash {class} {file}"),
            });
        }
    }
    Dataset {
        root: PathBuf::from("music"),
        classes: (0..classes).map(|class| format!("c{class:02}")).collect(),
        groups: (0..10_000 + items.len())
            .map(|group| group.to_string())
            .collect(),
        items,
        tracks: false,
        warnings: vec![],
    }
}

/// The classes that have files in each part.
fn classes_of(dataset: &Dataset, split: &Split) -> [BTreeSet<usize>; 3] {
    let found = split.apply(dataset);
    Part::ALL.map(|part| {
        found
            .indices(part)
            .into_iter()
            .map(|index| dataset.items[index].class)
            .collect()
    })
}

fn create(
    dataset: &Dataset,
    protocol: Protocol,
    way: usize,
    shot: usize,
    query: usize,
) -> Result<Split, DataError> {
    Split::create(dataset, protocol, Task::new(way, shot, query), 1)
}

#[test]
fn novel_classes_gives_half_of_the_classes_to_training_and_no_class_to_two_parts() {
    let data = dataset(24, 12, |_, _| None);
    for seed in 0..20 {
        let split = Split::create(&data, Protocol::NovelClasses, Task::new(5, 5, 5), seed).unwrap();
        let [train, validation, test] = classes_of(&data, &split);
        assert_eq!([train.len(), validation.len(), test.len()], [12, 6, 6]);
        assert!(
            train.is_disjoint(&validation)
                && train.is_disjoint(&test)
                && validation.is_disjoint(&test)
        );
        assert_eq!(split.files.len(), data.items.len());
        assert_eq!(split.seed, Some(seed));
    }
}

#[test]
fn the_seed_alone_decides_the_split() {
    let data = dataset(24, 12, |_, _| None);
    for protocol in [Protocol::NovelClasses, Protocol::SeenClasses] {
        let of = |seed| {
            Split::create(&data, protocol, Task::new(5, 2, 2), seed)
                .unwrap()
                .files
        };
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
    }
    let in_test = (0..300).filter(|&seed| {
        let split = Split::create(&data, Protocol::NovelClasses, Task::new(5, 5, 5), seed).unwrap();
        classes_of(&data, &split)[2].contains(&0)
    });
    // A quarter of 300 with a deviation of 7.5.
    assert!(in_test.count().abs_diff(75) < 30);
}

#[test]
fn few_classes_are_spread_so_that_every_part_has_its_ways() {
    let data = dataset(16, 4, |_, _| None);
    let sizes = classes_of(
        &data,
        &create(&data, Protocol::NovelClasses, 5, 1, 1).unwrap(),
    )
    .map(|part| part.len());
    assert_eq!(sizes, [6, 5, 5]);
}

#[test]
fn too_few_classes_are_refused() {
    let data = dataset(10, 100, |_, _| None);
    let text = create(&data, Protocol::NovelClasses, 5, 5, 5)
        .unwrap_err()
        .to_string();
    for word in [
        "asks for 15 classes",
        "there are 10",
        "fewer ways",
        "seen-classes",
    ] {
        assert!(text.contains(word), "{text}");
    }
    assert!(create(&data, Protocol::NovelClasses, 3, 5, 5).is_ok());
}

#[test]
fn classes_that_share_a_group_stay_in_one_part() {
    // Group 7 is in the classes 0, 5 and 9.
    let data = dataset(24, 6, |class, file| {
        (file == 0 && [0, 5, 9].contains(&class)).then_some(7)
    });
    for seed in 0..20 {
        let split = Split::create(&data, Protocol::NovelClasses, Task::new(5, 1, 1), seed).unwrap();
        let parts = classes_of(&data, &split);
        let with_zero = parts.iter().find(|part| part.contains(&0)).unwrap();
        assert!(with_zero.contains(&5) && with_zero.contains(&9));
    }
    // Eight classes that hang together fit into training's twelve, whenever their turn comes.
    let eight = dataset(24, 6, |class, file| (file == 0 && class < 8).then_some(7));
    for seed in 0..50 {
        let split =
            Split::create(&eight, Protocol::NovelClasses, Task::new(5, 1, 1), seed).unwrap();
        let parts = classes_of(&eight, &split);
        assert_eq!(parts.map(|part| part.len()), [12, 6, 6]);
    }
    let tied = dataset(24, 6, |_, file| (file == 0).then_some(7));
    let text = create(&tied, Protocol::NovelClasses, 5, 1, 1)
        .unwrap_err()
        .to_string();
    assert!(text.contains("24 share groups"), "{text}");
}

#[test]
fn a_class_with_too_few_files_is_named() {
    let mut data = dataset(24, 12, |_, _| None);
    data.items
        .retain(|item| item.class != 3 || item.path.ends_with("000.wav"));
    let text = create(&data, Protocol::NovelClasses, 5, 5, 5)
        .unwrap_err()
        .to_string();
    for word in ["class `c03` has 1 files", "5 for support and 5 for query"] {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn seen_classes_has_all_classes_in_each_part_and_divides_no_group() {
    let data = dataset(3, 40, |class, file| Some(class * 100 + file / 3));
    for seed in 0..20 {
        let split = Split::create(&data, Protocol::SeenClasses, Task::new(3, 3, 3), seed).unwrap();
        assert!(
            classes_of(&data, &split)
                .iter()
                .all(|classes| classes.len() == 3)
        );
        let found = split.apply(&data);
        let groups = Part::ALL.map(|part| -> BTreeSet<usize> {
            found
                .indices(part)
                .into_iter()
                .map(|index| data.items[index].group)
                .collect()
        });
        assert!(groups[0].is_disjoint(&groups[1]) && groups[0].is_disjoint(&groups[2]));
        assert!(groups[1].is_disjoint(&groups[2]));
        let train = found.indices(Part::Train).len();
        assert!((54..=66).contains(&train), "{train} of 120 train");
    }
}

#[test]
fn seen_classes_keeps_groups_that_span_classes_on_one_side() {
    let data = dataset(4, 40, |_, file| Some(file / 2));
    let split = create(&data, Protocol::SeenClasses, 4, 3, 3).unwrap();
    let found = split.apply(&data);
    for group in 0..20 {
        let parts: BTreeSet<Part> = (0..data.items.len())
            .filter(|&index| data.items[index].group == group)
            .filter_map(|index| found.part[index])
            .collect();
        assert_eq!(parts.len(), 1, "group {group}");
    }
}

#[test]
fn seen_classes_needs_files_for_three_parts() {
    let text = create(&dataset(6, 12, |_, _| None), Protocol::SeenClasses, 5, 5, 5)
        .unwrap_err()
        .to_string();
    for word in [
        "class `c00` has 12 files in 12 groups",
        "needs 30",
        "fewer shots",
        "novel-classes",
    ] {
        assert!(text.contains(word), "{text}");
    }
    assert!(create(&dataset(6, 12, |_, _| None), Protocol::SeenClasses, 5, 2, 2).is_ok());
    // 30 files, but all in two groups.
    let grouped = dataset(6, 30, |class, file| Some(class * 10 + file % 2));
    let text = create(&grouped, Protocol::SeenClasses, 5, 5, 5)
        .unwrap_err()
        .to_string();
    assert!(text.contains("30 files in 2 groups"), "{text}");
}

#[test]
fn a_split_given_by_the_manifest_is_used_as_it_is() {
    let mut data = dataset(9, 12, |_, _| None);
    for item in &mut data.items {
        item.part = Some(if item.class < 4 {
            Part::Test
        } else {
            Part::Train
        });
    }
    let split = create(&data, Protocol::NovelClasses, 4, 5, 5).unwrap();
    assert_eq!(split.seed, None);
    let [train, validation, test] = classes_of(&data, &split);
    assert_eq!(
        (train.len(), validation.len(), test),
        (5, 0, BTreeSet::from([0, 1, 2, 3]))
    );
}

#[test]
fn a_given_split_that_does_not_fit_the_protocol_is_refused() {
    let given = |part: &dyn Fn(usize, usize) -> Part| {
        let mut data = dataset(6, 12, |_, _| None);
        for (index, item) in data.items.iter_mut().enumerate() {
            item.part = Some(part(item.class, index % 12));
        }
        data
    };
    let text =
        |data: &Dataset, protocol, way| create(data, protocol, way, 2, 2).unwrap_err().to_string();
    let by_class = given(&|class, _| if class < 3 { Part::Train } else { Part::Test });
    let by_file = given(&|_, file| if file < 8 { Part::Train } else { Part::Test });
    assert!(create(&by_class, Protocol::NovelClasses, 3, 2, 2).is_ok());
    assert!(create(&by_file, Protocol::SeenClasses, 3, 2, 2).is_ok());
    assert!(text(&by_file, Protocol::NovelClasses, 3).contains("class `c00` is in train and test"));
    assert!(text(&by_class, Protocol::SeenClasses, 3).contains("class `c00` has no file in test"));
    assert!(
        text(&given(&|_, _| Part::Train), Protocol::SeenClasses, 3).contains("no file is in test")
    );
    assert!(
        text(&by_class, Protocol::NovelClasses, 4)
            .contains("train: 4-way episodes need 4 classes and there are 3")
    );
}

#[test]
fn a_stored_split_is_found_again_though_files_have_moved_changed_come_and_gone() {
    let data = dataset(12, 6, |_, _| None);
    let split = create(&data, Protocol::NovelClasses, 3, 2, 2).unwrap();
    let stored = serde_json::to_string(&split).unwrap();
    let split: Split = serde_json::from_str(&stored).unwrap();
    let before = split.apply(&data);
    assert!(before.new.is_empty() && before.changed.is_empty());
    assert!(before.relabelled.is_empty() && before.missing.is_empty());

    let mut now = data.clone();
    now.items[0].path = "elsewhere/renamed.wav".into();
    now.items[1].hash = "encoded anew".into();
    now.items[2].class = 11;
    let mut new = now.items[3].clone();
    (new.path, new.hash) = ("c00/new.wav".into(), "new".into());
    now.items.push(new);
    now.items.remove(5);
    let found = split.apply(&now);
    assert_eq!(
        (found.new, found.changed, found.relabelled),
        (vec![71], vec![1], vec![2])
    );
    assert_eq!(found.missing, [PathBuf::from("c00/005.wav")]);
    assert_eq!(found.part[71], None);
    // Every file that was known is where it was.
    assert_eq!(found.part[..5], before.part[..5]);
    assert_eq!(found.part[5..71], before.part[6..]);
}

#[test]
fn files_left_out_later_change_no_other_files_part() {
    let data = dataset(12, 6, |_, _| None);
    let split = create(&data, Protocol::SeenClasses, 3, 1, 1).unwrap();
    let mut expected = split.apply(&data).part;
    let mut left = data;
    for index in [30, 7] {
        left.items.remove(index);
        expected.remove(index);
    }
    let after = split.apply(&left);
    assert_eq!(after.part, expected);
    assert_eq!(after.missing.len(), 2);
}
