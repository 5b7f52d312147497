//! Drawing episodes.

use gamaka::internals::{
    data::{Pool, PoolError, Task},
    fewshot::{Episode, EpisodeError, EpisodeSampler},
};
use std::collections::{BTreeMap, BTreeSet};

/// Classes with as many files as told, and the group of each file.
fn pool(sizes: &[usize], group: impl Fn(usize, usize) -> usize) -> Pool {
    let mut files = Vec::new();
    let mut group_of = Vec::new();
    for (class, &size) in sizes.iter().enumerate() {
        files.push((group_of.len()..group_of.len() + size).collect());
        group_of.extend((0..size).map(|file| group(class, file)));
    }
    Pool::new(
        (0..sizes.len()).map(|class| format!("c{class}")).collect(),
        files,
        group_of,
    )
}

fn alone(class: usize, file: usize) -> usize {
    class * 1000 + file
}

fn episodes(sampler: &EpisodeSampler, count: u64) -> Vec<Episode> {
    (0..count)
        .map(|index| sampler.sample(5, index).unwrap())
        .collect()
}

/// Shape, membership, and no file or group on both sides.
fn assert_sound(episode: &Episode, pool: &Pool, way: usize, shot: usize, query: usize) {
    assert_eq!(episode.classes.iter().collect::<BTreeSet<_>>().len(), way);
    for (slot, &class) in episode.classes.iter().enumerate() {
        assert_eq!(
            (episode.support[slot].len(), episode.query[slot].len()),
            (shot, query)
        );
        let both: BTreeSet<_> = episode.support[slot]
            .iter()
            .chain(&episode.query[slot])
            .collect();
        assert_eq!(both.len(), shot + query, "a file comes twice");
        assert!(both.iter().all(|file| pool.files[class].contains(file)));
    }
    let groups = |side: &[Vec<usize>]| {
        side.iter()
            .flatten()
            .map(|&f| pool.group_of[f])
            .collect::<BTreeSet<_>>()
    };
    assert!(
        groups(&episode.support).is_disjoint(&groups(&episode.query)),
        "a group is on both sides"
    );
}

#[test]
fn an_episode_is_a_pure_function_of_seed_and_number() {
    let sampler = EpisodeSampler::new(pool(&[12; 6], alone), Task::new(5, 3, 4)).unwrap();
    assert_eq!(sampler.sample(1, 7), sampler.clone().sample(1, 7));
    assert_ne!(sampler.sample(1, 7), sampler.sample(1, 8));
    assert_ne!(sampler.sample(1, 7), sampler.sample(2, 7));
}

#[test]
fn no_file_stands_on_both_sides() {
    let pool = pool(&[12, 30, 7, 9, 7, 100], alone);
    let sampler = EpisodeSampler::new(pool.clone(), Task::new(5, 3, 4)).unwrap();
    episodes(&sampler, 300)
        .iter()
        .for_each(|episode| assert_sound(episode, &pool, 5, 3, 4));
}

#[test]
fn without_groups_every_class_and_file_is_equally_likely_on_each_side() {
    let pool = pool(&[8; 4], alone);
    let sampler = EpisodeSampler::new(pool, Task::new(3, 2, 3)).unwrap();
    let mut support = BTreeMap::new();
    let mut query = BTreeMap::new();
    for episode in episodes(&sampler, 8000) {
        episode
            .support
            .concat()
            .into_iter()
            .for_each(|file| *support.entry(file).or_insert(0usize) += 1);
        episode
            .query
            .concat()
            .into_iter()
            .for_each(|file| *query.entry(file).or_insert(0usize) += 1);
    }
    // 8000 * 3/4 * 2/8 = 1500 with a deviation of 35; 2250 with 40.
    assert!(
        support.len() == 32 && support.values().all(|count| count.abs_diff(1500) < 170),
        "{support:?}"
    );
    assert!(
        query.len() == 32 && query.values().all(|count| count.abs_diff(2250) < 200),
        "{query:?}"
    );
}

#[test]
fn no_group_stands_on_both_sides_even_across_classes() {
    // Groups of 3, each in two classes.
    let pool = pool(&[24; 6], |class, file| (class / 2) * 100 + file / 3);
    let sampler = EpisodeSampler::new(pool.clone(), Task::new(5, 5, 5)).unwrap();
    episodes(&sampler, 300)
        .iter()
        .for_each(|episode| assert_sound(episode, &pool, 5, 5, 5));
}

#[test]
fn a_large_group_is_as_likely_in_the_support_as_its_files() {
    // One group of 6 among 12 files: with one shot it should be the support half the time.
    let pool = pool(&[12; 3], |class, file| class * 100 + file.saturating_sub(5));
    let sampler = EpisodeSampler::new(pool.clone(), Task::new(3, 1, 2)).unwrap();
    let large = episodes(&sampler, 3000)
        .iter()
        .flat_map(|episode| episode.support.concat())
        .filter(|&file| pool.group_of[file] % 100 == 0)
        .count();
    // 9000 supports with a deviation of 47.
    assert!(large.abs_diff(4500) < 240, "{large}");
}

#[test]
fn groups_that_leave_one_way_only_are_still_parted() {
    // Two groups of 10: one is the support's, the other the queries'. And 1 + 20: the single file cannot be the support.
    let two = pool(&[20; 5], |class, file| class * 100 + file / 10);
    let sampler = EpisodeSampler::new(two.clone(), Task::new(5, 5, 10)).unwrap();
    episodes(&sampler, 100)
        .iter()
        .for_each(|episode| assert_sound(episode, &two, 5, 5, 10));
    let uneven = pool(&[21; 5], |class, file| class * 100 + file.min(1));
    let sampler = EpisodeSampler::new(uneven.clone(), Task::new(5, 5, 1)).unwrap();
    episodes(&sampler, 100)
        .iter()
        .for_each(|episode| assert_sound(episode, &uneven, 5, 5, 1));
}

#[test]
fn a_class_that_is_too_small_is_named_with_its_counts() {
    let small = EpisodeSampler::new(pool(&[12, 9, 12], alone), Task::new(3, 5, 5)).unwrap_err();
    assert!(
        matches!(&small, EpisodeError::Pool(PoolError::TooFewFiles { class, files: 9, groups: 9, .. }) if class == "c1")
    );
    assert!(
        small.to_string().contains("class `c1` has 9 files"),
        "{small}"
    );
    // Three groups of 4: 5 + 5 files would need half a group.
    let grouped = EpisodeSampler::new(
        pool(&[12; 3], |class, file| class * 100 + file / 4),
        Task::new(3, 5, 5),
    );
    assert!(matches!(
        grouped,
        Err(EpisodeError::Pool(PoolError::TooFewFiles {
            files: 12,
            groups: 3,
            ..
        }))
    ));
    assert!(
        EpisodeSampler::new(
            pool(&[12; 3], |class, file| class * 100 + file / 4),
            Task::new(3, 5, 4),
        )
        .is_ok()
    );
}

#[test]
fn episodes_of_no_shape_and_too_many_ways_are_refused() {
    let sampler =
        |way, shot, query| EpisodeSampler::new(pool(&[12; 3], alone), Task::new(way, shot, query));
    assert!(matches!(
        sampler(4, 1, 1),
        Err(EpisodeError::Pool(PoolError::TooFewClasses {
            way: 4,
            classes: 3
        }))
    ));
    for (way, shot, query) in [(1, 1, 1), (0, 1, 1), (3, 0, 1), (3, 1, 0)] {
        assert!(matches!(
            sampler(way, shot, query),
            Err(EpisodeError::Pool(PoolError::NoEpisode(_)))
        ));
    }
}

#[test]
fn groups_that_span_classes_beyond_hope_are_an_error_and_no_endless_search() {
    // One group holds half of each class, the other half of the first is the support-less rest of the second.
    let pool = Pool::new(
        vec!["a".into(), "b".into()],
        vec![vec![0, 1, 2], vec![3, 4, 5]],
        // Class a: groups 0 (2 files) and 1; class b: groups 1 (2 files) and 0. Support of 2 in a takes 0, in b takes 1.
        vec![0, 0, 1, 1, 1, 0],
    );
    let found = EpisodeSampler::new(pool, Task::new(2, 2, 1));
    assert!(
        matches!(found, Err(EpisodeError::GroupsSpanClasses { .. })),
        "{found:?}"
    );
}

#[test]
fn between_two_collections_supports_come_from_one_and_queries_from_the_other() {
    // Three classes of 4 files in the first collection and 5 in the second; a group has a file in each.
    let files: Vec<Vec<usize>> = (0..3)
        .map(|class| (class * 9..class * 9 + 9).collect())
        .collect();
    let query_only: Vec<bool> = (0..27).map(|file| file % 9 >= 4).collect();
    let group_of: Vec<usize> = (0..27)
        .map(|file| if file % 9 == 4 { file - 4 } else { file })
        .collect();
    let pool = Pool::new(
        ["a", "b", "c"].map(String::from).to_vec(),
        files,
        group_of.clone(),
    );
    let sampler =
        EpisodeSampler::between(pool.clone(), query_only.clone(), Task::new(2, 3, 4)).unwrap();
    let mut queried = BTreeSet::new();
    for index in 0..200 {
        let episode = sampler.sample(1, index).unwrap();
        let (supports, queries) = (episode.support.concat(), episode.query.concat());
        assert_eq!((supports.len(), queries.len()), (6, 8));
        assert!(supports.iter().all(|&file| !query_only[file]));
        assert!(queries.iter().all(|&file| query_only[file]));
        let groups = |files: &[usize]| files.iter().map(|&f| group_of[f]).collect::<BTreeSet<_>>();
        assert!(groups(&supports).is_disjoint(&groups(&queries)));
        queried.extend(queries);
    }
    assert_eq!(queried.len(), 15);
    let few = |shot, query| {
        let found =
            EpisodeSampler::between(pool.clone(), query_only.clone(), Task::new(2, shot, query));
        found.unwrap_err().to_string()
    };
    assert!(few(5, 1).contains("4 files to learn from and 5 are needed: use fewer shots"));
    assert!(few(1, 6).contains("5 files to find and 6 are needed: use fewer queries"));
}

#[test]
fn tracks_of_an_episode_are_of_different_albums_as_far_as_there_are_albums() {
    // Eight tracks of two parts: five on one album, two on another, one alone.
    let albums = [0, 0, 0, 0, 0, 1, 1, 2];
    let mut pool = pool(&[2; 8], |class, file| 2 * class + file);
    pool.album_of = albums.to_vec();
    let mut heard = [0; 8];
    let three = EpisodeSampler::new(pool.clone(), Task::new(3, 1, 1)).unwrap();
    for index in 0..300 {
        let episode = three.sample(5, index).unwrap();
        let mut of: Vec<usize> = episode.classes.iter().map(|&class| albums[class]).collect();
        of.sort_unstable();
        assert_eq!(of, [0, 1, 2]);
        episode.classes.iter().for_each(|&class| heard[class] += 1);
    }
    assert_eq!(heard[7], 300);
    assert!(
        heard[..5].iter().all(|&times| (30..90).contains(&times)),
        "{heard:?}"
    );
    // With more ways than albums the rest comes from any.
    let five = EpisodeSampler::new(pool, Task::new(5, 1, 1)).unwrap();
    let episode = five.sample(5, 0).unwrap();
    let of: BTreeSet<usize> = episode.classes.iter().map(|&class| albums[class]).collect();
    assert_eq!((episode.classes.len(), of.len()), (5, 3));
}

#[test]
fn numbers_that_make_no_episode_are_refused_before_they_are_added() {
    let pool = |classes: usize| {
        let files = (0..classes).map(|class| vec![2 * class, 2 * class + 1]);
        let names = (0..classes).map(|class| class.to_string()).collect();
        Pool::new(names, files.collect(), (0..2 * classes).collect())
    };
    for [way, shot, query] in [
        [0, 1, 1],
        [1, 1, 1],
        [2, 0, 1],
        [2, 1, 0],
        [2, usize::MAX, 1],
        [2, 1, usize::MAX],
        [usize::MAX, 1, 1],
        [2, usize::MAX / 2 + 1, usize::MAX / 2 + 1],
    ] {
        let said = pool(3)
            .check(Task::new(way, shot, query))
            .unwrap_err()
            .to_string();
        assert!(said.contains("an episode has 2 to 10000 ways"), "{said}");
        let only = vec![false; 6];
        assert!(EpisodeSampler::between(pool(3), only, Task::new(way, shot, query)).is_err());
    }
    for classes in 0..2 {
        let said = pool(classes)
            .check(Task::new(5, 1, 1))
            .unwrap_err()
            .to_string();
        assert!(
            !said.contains("--way") && said.ends_with("add classes"),
            "{said}"
        );
    }
    let said = pool(3).check(Task::new(5, 1, 1)).unwrap_err().to_string();
    assert!(
        said.contains("ask for fewer ways, or add classes"),
        "{said}"
    );
    assert!(pool(3).check(Task::new(3, 1, 1)).is_ok());
}
