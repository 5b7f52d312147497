use super::*;
use crate::data::Pool;
use crate::fewshot::{Head, Metric};

const HEAD: Head = Head::Prototype(Metric::EUCLIDEAN);

fn system(embeddings: &[Vec<f32>]) -> System<'_> {
    System::new("made up", embeddings, HEAD)
}

#[test]
fn average_precision_is_the_textbooks_and_ties_are_no_order() {
    // Right at ranks 1 and 3: (1/1 + 2/3) / 2.
    let found = average_precision(&[true, false, true, false], &[0.1, 0.2, 0.3, 0.4]);
    assert!((found - 5.0 / 6.0).abs() < 1e-12);
    let tied = average_precision(&[true, false, false, false], &[1.0; 4]);
    assert!((tied - 0.25).abs() < 1e-12);
    let infinite = average_precision(&[true, false], &[f32::INFINITY; 2]);
    assert!((infinite - 0.5).abs() < 1e-12);
}

#[test]
fn a_random_order_has_the_mean_precision_of_all_orders() {
    // Two of four: ranks 12, 13, 14, 23, 24, 34.
    let orders = [1.0, 5.0 / 6.0, 0.75, 7.0 / 12.0, 0.5, 5.0 / 12.0];
    let mean = orders.iter().sum::<f64>() / 6.0;
    assert!((random_precision(4, 2) - mean).abs() < 1e-12);
    assert_eq!((random_precision(3, 3), random_precision(3, 0)), (1.0, 0.0));
    assert_eq!(random_precision(1, 1), 1.0);
}

#[test]
fn f1_weighs_what_was_given_and_what_was_missed() {
    let truths = [true, true, false, false];
    assert_eq!(f1_score(&truths, &truths), 1.0);
    // One right, one missed, one too many.
    assert_eq!(f1_score(&truths, &[true, false, true, false]), 0.5);
    assert_eq!(f1_score(&truths, &[false; 4]), 0.0);
}

/// The labels of a file, of which `members` are the files that have each.
fn sets(members: &[&[usize]]) -> impl Fn(usize) -> LabelSet {
    |file| {
        let having = (0..members.len()).filter(|&label| members[label].contains(&file));
        having.fold(0, |set, label| set | 1 << label)
    }
}

#[test]
fn every_combination_of_a_supports_labels_has_the_supports_that_hold_it() {
    // File 0 has labels 0 and 1, file 1 has 0, file 2 has 1 and 2.
    let task = Labelled::new(
        sets(&[&[0, 1, 3], &[0, 2], &[2]]),
        &[vec![0, 1], vec![0], vec![2]],
        &[vec![3], vec![], vec![]],
    );
    let mut found = task.combinations.clone();
    found.sort();
    let expected: [(LabelSet, Vec<usize>); 5] = [
        (0b001, vec![0, 1]),
        (0b010, vec![0, 2]),
        (0b011, vec![0]),
        (0b100, vec![2]),
        (0b110, vec![2]),
    ];
    assert_eq!(found, expected);
    assert_eq!(task.queries, [(3, 0b001)]);
}

#[test]
fn a_query_gets_all_labels_of_the_nearest_combination() {
    // Supports: label 0 at (0, 0), label 1 at (4, 4), both at (4, 0). Prototypes: {0} at (2, 0), {1} at (4, 2),
    // {0, 1} at (4, 0).
    let embeddings: Vec<Vec<f32>> = [
        [0.0, 0.0],
        [4.0, 4.0],
        [4.0, 0.0],
        // Queries with labels {0, 1}, {0} and {1}; the last one lies at the wrong prototype.
        [4.0, -1.0],
        [1.0, 0.0],
        [2.5, -1.0],
    ]
    .map(Vec::from)
    .into();
    let task = Labelled::new(
        sets(&[&[0, 2, 3, 4], &[1, 2, 3, 5]]),
        &[vec![0, 2], vec![1, 2]],
        &[vec![3, 4], vec![3, 5]],
    );
    let [f1, precision] = task.score(&system(&embeddings));
    // Label 0: given to all three, right for two: 4/5. Label 1: given to one of two: 2/3.
    assert!((f1 - (0.8 + 2.0 / 3.0) / 2.0).abs() < 1e-12, "{f1}");
    // Label 0: its nearest prototypes are 1, 1 and 1.25 away, the first two right: 1. Label 1: 1 for query 3, 9 for
    // query 4, 3.25 for query 5: right at ranks 1 and 2.
    assert!((precision - 1.0).abs() < 1e-12, "{precision}");
}

#[test]
fn combinations_that_the_supports_do_not_tell_apart_go_together() {
    let embeddings = vec![vec![0.0], vec![9.0], vec![1.0], vec![8.0]];
    // One support has both labels: {0}, {1} and {0, 1} have the same prototype.
    let task = Labelled::new(
        sets(&[&[0, 2], &[0, 2], &[1, 3]]),
        &[vec![0], vec![0], vec![1]],
        &[vec![2], vec![2], vec![3]],
    );
    assert_eq!(task.score(&system(&embeddings)), [1.0, 1.0]);
    // Every query has every label: each of two labels is right for one of two queries.
    let [f1, precision] = task.floor();
    assert!((f1 - 2.0 / 3.0).abs() < 1e-12);
    // The right one of two comes first or second.
    assert!((precision - 0.75).abs() < 1e-12);
}

/// 40 files of four labels, the label k there where bit k of the kind is set; a file alone in its group.
fn pool() -> (Pool, Vec<usize>) {
    let kinds: Vec<usize> = (0..40)
        .map(|file| {
            [
                0b0001, 0b0010, 0b0100, 0b1000, 0b0011, 0b1100, 0b0110, 0b1001,
            ][file % 8]
        })
        .collect();
    let kinds_of = &kinds;
    let of = |label: usize| (0..40).filter(move |&file| kinds_of[file] >> label & 1 == 1);
    let files = (0..4).map(|label| of(label).collect()).collect();
    let names = ["a", "b", "c", "d"].map(String::from).into();
    (Pool::new(names, files, (0..40).collect()), kinds)
}

#[test]
fn episodes_cover_each_label_and_no_group_stands_on_both_sides() {
    let (mut pool, _) = pool();
    // Pairs of files of one kind are a group.
    pool.group_of = (0..40).map(|file| file / 16 * 8 + file % 8).collect();
    let sampler = EpisodeSampler::new(pool.clone(), Task::new(3, 2, 3)).unwrap();
    for index in 0..200 {
        let episode = sampler.sample(5, index).unwrap();
        let groups = |side: &[Vec<usize>]| -> BTreeSet<usize> {
            let files = side.iter().flatten();
            files.map(|&file| pool.group_of[file]).collect()
        };
        assert!(groups(&episode.support).is_disjoint(&groups(&episode.query)));
        for (k, &label) in episode.classes.iter().enumerate() {
            let holds = |file: &usize| pool.files[label].contains(file);
            assert!(episode.support[k].len() == 2 && episode.support[k].iter().all(holds));
            assert!(episode.query[k].len() == 3 && episode.query[k].iter().all(holds));
        }
    }
}

#[test]
fn a_perfect_system_scores_one_and_one_that_hears_nothing_no_more_than_chance() {
    let (pool, kinds) = pool();
    let perfect: Vec<Vec<f32>> = kinds
        .iter()
        .map(|kind| (0..4).map(|k| (kind >> k & 1) as f32).collect())
        .collect();
    let mut stream = Stream::new(1, "test", 0);
    let deaf: Vec<Vec<f32>> = kinds.iter().map(|_| vec![stream.normal() as f32]).collect();
    let systems = [system(&perfect), system(&deaf)];
    // All four labels, five shots: every kind is nearly always among the supports.
    let sampler = EpisodeSampler::new(pool, Task::new(4, 5, 4)).unwrap();
    let found = evaluate_multi_label(&sampler, &systems, 200, 1).unwrap();
    assert_eq!((found.files, found.labels_per_file), (40, 1.5));
    let [good, bad] = [&found.systems[0], &found.systems[1]];
    assert!(good.mean_average_precision.mean > 0.95, "{good:?}");
    let chance = found.random_mean_average_precision;
    let lift = bad.mean_average_precision.mean - chance;
    assert!(lift.abs() < 0.08, "{bad:?} {chance}");
    assert!(good.macro_f1.mean > bad.macro_f1.mean + 0.3, "{found:?}");
    let less = &found.differences[0];
    let gap = good.macro_f1.mean - bad.macro_f1.mean;
    assert!((less.macro_f1.mean - gap).abs() < 1e-9);
    assert!(less.macro_f1.over_files.unwrap().low > 0.0);
    assert!(good.macro_f1.over_files.is_some());
}

#[test]
fn files_of_too_many_labels_are_refused() {
    let files = vec![(0..8).collect::<Vec<usize>>(); 14];
    let names = (0..14).map(|k| k.to_string()).collect();
    let pool = Pool::new(names, files, (0..8).collect());
    let sampler = EpisodeSampler::new(pool, Task::new(13, 1, 1)).unwrap();
    let embeddings = vec![vec![0.0]; 8];
    let said = evaluate_multi_label(&sampler, &[system(&embeddings)], 2, 1).unwrap_err();
    assert!(said.to_string().contains("12 ways or fewer"), "{said}");
}
