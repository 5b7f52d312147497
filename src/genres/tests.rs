//! Genres learned from made-up embeddings.

use std::path::{Path, PathBuf};

use super::*;
use crate::fewshot::{Metric, Whitening};
use crate::random::Stream;

fn comparison() -> Comparison {
    Comparison {
        metric: Metric::COSINE,
        calibration: None,
        whitening: Whitening::diagonal(&[], &[]),
    }
}

fn example(name: &str, embedding: &[f32]) -> Example {
    Example {
        path: name.into(),
        hash: crate::files::hash_bytes(name.as_bytes()),
        embedding: embedding.to_vec(),
    }
}

fn genre(name: &str, embeddings: &[[f32; 3]]) -> Genre {
    let examples = embeddings.iter().enumerate();
    let examples = examples.map(|(k, e)| example(&format!("{name}-{k}.ogg"), e));
    Genre {
        name: name.into(),
        examples: examples.collect(),
    }
}

fn learn(genres: Vec<Genre>, adapt: bool) -> Genres {
    Genres::learn(genres, comparison(), adapt).unwrap()
}

/// `count` vectors about a direction.
fn about(middle: &[f32], count: usize, spread: f32, stream: &mut Stream) -> Vec<Vec<f32>> {
    let one = |_| {
        middle
            .iter()
            .map(|x| x + spread * stream.normal() as f32)
            .collect()
    };
    (0..count).map(one).collect()
}

/// A genre of random examples about some directions.
fn cloud(name: &str, middles: &[&[f32]], count: usize, stream: &mut Stream) -> Genre {
    let examples = middles
        .iter()
        .flat_map(|middle| about(middle, count, 0.1, stream));
    let examples = examples.collect::<Vec<_>>().into_iter().enumerate();
    let examples = examples.map(|(k, e)| example(&format!("{name}-{k}.ogg"), &e));
    Genre {
        name: name.into(),
        examples: examples.collect(),
    }
}

fn axis(k: usize) -> Vec<f32> {
    let mut axis = vec![0.0; 8];
    axis[k] = 1.0;
    axis
}

fn far() -> [Genre; 4] {
    let mut stream = Stream::new(1, "test", 0);
    [0, 1, 2, 3].map(|k| cloud(["a", "b", "c", "d"][k], &[&axis(k)], 4, &mut stream))
}

#[test]
fn names_are_trimmed_and_bad_ones_refused() {
    assert_eq!(checked_name(" Jazz / Swing ").unwrap(), "Jazz/Swing");
    assert_eq!(checked_name("Ünïcode 音楽").unwrap(), "Ünïcode 音楽");
    for (name, reason) in [
        ("", "empty"),
        ("  ", "empty"),
        ("a//b", "part"),
        ("/a", "part"),
        ("a/ ", "part"),
        ("a\nb", "shown"),
        ("a\u{202e}b", "shown"),
        ("Unknown", "answers"),
        (&"x".repeat(201), "longer"),
    ] {
        let error = checked_name(name).unwrap_err().to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
    assert_eq!(parents("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
    assert_eq!(parents("a").count(), 0);
}

#[test]
fn an_answer_ranks_genres_and_gives_its_reasons() {
    let genres = learn(far().to_vec(), false);
    let query = axis(2);
    let (near, other) = (axis(2), axis(0));
    let part = |start_s, embedding| Part {
        start_s,
        end_s: start_s + 5.0,
        embedding,
    };
    let answer = genres
        .answer(&query, &[part(0.0, &other), part(5.0, &near)])
        .unwrap();
    assert_eq!(answer.ranked[0].genre, "c");
    assert!((answer.ranked.iter().map(|r| r.probability).sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(answer.ranked[0].probability > 0.9);
    assert!(!answer.unknown && answer.novelty < 1.0);
    assert!(answer.nearest.iter().all(|near| near.genre == "c") && answer.nearest.len() == 3);
    assert_eq!(answer.decided.unwrap().start_s, 5.0);
    assert!(genres.answer(&query, &[]).unwrap().decided.is_none());
    assert_eq!(
        answer,
        learn(far().to_vec(), false)
            .answer(&query, &[part(0.0, &other), part(5.0, &near)])
            .unwrap()
    );
}

#[test]
fn what_is_like_no_genre_is_unknown() {
    let genres = learn(far().to_vec(), false);
    for k in 4..8 {
        assert!(genres.answer(&axis(k), &[]).unwrap().unknown, "{k}");
    }
    let opposite: Vec<f32> = axis(0).iter().map(|x| -x).collect();
    assert!(genres.answer(&opposite, &[]).unwrap().unknown);
    // With one genre, and with one example each.
    let one = learn(far()[..1].to_vec(), false);
    assert!(
        one.answer(&axis(5), &[]).unwrap().unknown && !one.answer(&axis(0), &[]).unwrap().unknown
    );
    let single = [0, 1, 2].map(|k| Genre {
        name: k.to_string(),
        examples: vec![example("one", &axis(k))],
    });
    let single = learn(single.to_vec(), true);
    assert!(
        single.answer(&axis(5), &[]).unwrap().unknown
            && !single.answer(&axis(1), &[]).unwrap().unknown
    );
    assert!(!single.is_adapted());
}

#[test]
fn a_parent_has_the_sum_of_what_lies_within() {
    let mut genres = far();
    for (genre, name) in genres
        .iter_mut()
        .zip(["Jazz", "Jazz/Swing", "Jazz/Bop/Hard", "Jazzy"])
    {
        genre.name = name.into();
    }
    let answer = learn(genres.to_vec(), false)
        .answer(&[0.5; 8], &[])
        .unwrap();
    let of = |name: &str| {
        answer
            .ranked
            .iter()
            .find(|r| r.genre == name)
            .unwrap()
            .probability
    };
    let parent = |name: &str| {
        answer
            .parents
            .iter()
            .find(|p| p.genre == name)
            .unwrap()
            .probability
    };
    assert_eq!(answer.parents.len(), 2);
    assert!((parent("Jazz") - of("Jazz") - of("Jazz/Swing") - of("Jazz/Bop/Hard")).abs() < 1e-12);
    assert!((parent("Jazz/Bop") - of("Jazz/Bop/Hard")).abs() < 1e-12);
}

#[test]
fn examples_that_disagree_have_two_prototypes_where_that_helps() {
    let mut stream = Stream::new(2, "test", 0);
    // The mean of the two lies where the other genre is.
    let middle = [1.0, 1.0, 0.0];
    let split = cloud(
        "split",
        &[&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0]],
        4,
        &mut stream,
    );
    let between = cloud("between", &[&middle], 4, &mut stream);
    let genres = learn(vec![split.clone(), between], false);
    assert_eq!((genres.prototypes(0), genres.prototypes(1)), (1, 2));
    assert_eq!(genres.check().right, 12);
    assert_eq!(
        genres.check().disagreeing[0]
            .groups
            .iter()
            .map(Vec::len)
            .collect::<Vec<_>>(),
        [4, 4]
    );
    assert_eq!(
        genres.answer(&[1.0, 0.1, 0.0], &[]).unwrap().ranked[0].genre,
        "split"
    );
    // Alone, nothing tells that it would help.
    assert_eq!(learn(vec![split], false).prototypes(0), 1);
    assert!((0..4).all(|k| learn(far().to_vec(), false).prototypes(k) == 1));
}

#[test]
fn a_probe_is_taken_where_leave_one_out_gets_more_right_and_only_if_asked_for() {
    // Told apart by a small dimension beside a large one that says nothing.
    let mut stream = Stream::new(3, "test", 0);
    let mut of = |name: &str, side: f32| {
        let examples = (0..8).map(|k| {
            let noise = 4.0 * stream.normal() as f32;
            example(
                &format!("{name}-{k}"),
                &[10.0, noise, side + 0.1 * stream.normal() as f32],
            )
        });
        Genre {
            name: name.into(),
            examples: examples.collect(),
        }
    };
    let both = vec![of("left", -1.0), of("right", 1.0)];
    let plain = learn(both.clone(), false);
    let adapted = learn(both, true);
    assert!(!plain.is_adapted() && adapted.is_adapted());
    let check = adapted.check();
    assert!(check.right_adapted.unwrap() > check.right);
    let answer = adapted.answer(&[10.0, -6.0, 1.0], &[]).unwrap();
    assert_eq!(answer.ranked[0].genre, "right");
    assert!((answer.ranked.iter().map(|r| r.probability).sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(
        !learn(far().to_vec(), true).is_adapted(),
        "all are right without"
    );
}

#[test]
fn a_check_names_what_looks_wrong() {
    let mut genres = far();
    let stray = genres[0].examples[0].clone();
    genres[1].examples.push(Example {
        path: "stray.ogg".into(),
        ..stray
    });
    genres[3].examples.truncate(1);
    let check = learn(genres.to_vec(), false).check();
    assert_eq!((check.left_out, check.right), (13, 12));
    assert_eq!(check.misplaced.len(), 1);
    assert_eq!(check.misplaced[0].path, Path::new("stray.ogg"));
    assert_eq!(check.misplaced[0].nearer_to, "a");
    let confused = &check.confused[0];
    assert_eq!(
        (
            confused.genre.as_str(),
            confused.taken_for.as_str(),
            confused.count,
            confused.of
        ),
        ("b", "a", 1, 5)
    );
    assert_eq!(check.alone, ["d"]);
    let shared: Vec<&str> = check.shared[0]
        .genres
        .iter()
        .map(|(genre, _)| genre.as_str())
        .collect();
    assert_eq!(shared, ["a", "b"]);
    assert!(check.alike.is_empty());
    let rejection = check.rejection.unwrap();
    assert!(
        rejection.area > 0.9 && rejection.known_rejected < 0.2,
        "{rejection:?}"
    );

    let mut stream = Stream::new(4, "test", 0);
    let same = [
        cloud("x", &[&axis(1)], 8, &mut stream),
        cloud("y", &[&axis(1)], 8, &mut stream),
    ];
    let check = learn(same.to_vec(), false).check();
    assert_eq!(check.alike, [["x".to_owned(), "y".to_owned()]], "{check:?}");
    assert!(
        check.rejection.is_none(),
        "two genres leave nothing to be unknown to"
    );
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let learn = |genres| Genres::learn(genres, comparison(), false).unwrap_err();
    assert_eq!(learn(vec![]), GenresError::None);
    assert_eq!(learn(vec![genre("a", &[])]), GenresError::Empty("a".into()));
    assert_eq!(
        learn(vec![genre("a", &[[f32::NAN; 3]])]),
        GenresError::NotFinite
    );
    let mut mixed = genre("a", &[[1.0; 3], [2.0; 3]]);
    mixed.examples[1].embedding.push(1.0);
    let lengths = |found, expected| GenresError::Lengths { found, expected };
    assert_eq!(learn(vec![mixed]), lengths(4, 3));
    let good = super::tests::learn(vec![genre("a", &[[1.0; 3]])], false);
    assert_eq!(good.answer(&[1.0; 2], &[]), Err(lengths(2, 3)));
    assert_eq!(
        good.answer(&[f32::INFINITY; 3], &[]),
        Err(GenresError::NotFinite)
    );
}

#[test]
fn groups_of_tracks_are_found_largest_first_and_the_same_every_time() {
    let mut stream = Stream::new(5, "test", 0);
    let mut tracks = about(&axis(0), 12, 0.1, &mut stream);
    tracks.extend(about(&axis(1), 30, 0.1, &mut stream));
    tracks.extend(about(&axis(2), 20, 0.1, &mut stream));
    let tracks: Vec<&[f32]> = tracks.iter().map(Vec::as_slice).collect();
    let whitening = Whitening::diagonal(&[], &[]);
    let found = suggest(&tracks, &whitening, 10);
    let sizes: Vec<usize> = found.iter().map(|group| group.tracks.len()).collect();
    assert_eq!(sizes, [30, 20, 12]);
    assert!(found[0].tracks.iter().all(|track| (12..42).contains(track)));
    assert_eq!(found, suggest(&tracks, &whitening, 10));
    assert_eq!(suggest(&tracks[..5], &whitening, 10).len(), 1);
    assert!(suggest(&tracks[..2], &whitening, 10).is_empty());
    assert!(suggest(&[], &whitening, 10).is_empty());
    let equal = vec![tracks[0]; 9];
    assert_eq!(
        suggest(&equal, &whitening, 10).len(),
        1,
        "equal tracks are one group"
    );
}

fn shared() -> SharedGenres {
    let of = |genre: &Genre| SharedGenre {
        name: genre.name.clone(),
        examples: genre
            .examples
            .iter()
            .map(|example| SharedExample {
                name: example.path.display().to_string(),
                hash: example.hash.clone(),
                seconds: 30.0,
                embedding: example.embedding.clone(),
            })
            .collect(),
    };
    SharedGenres {
        model: SharedModel {
            name: "net".into(),
            hash: crate::files::hash_bytes(b"net"),
            width: 8,
        },
        adapt: true,
        genres: far().iter().map(of).collect(),
    }
}

#[test]
fn shared_genres_come_back_to_the_bit_and_bad_files_are_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("genres.json");
    shared().write(&path).unwrap();
    assert_eq!(SharedGenres::read(&path).unwrap(), shared());
    let text = std::fs::read_to_string(&path).unwrap();
    let refused = |text: &str| -> String {
        let path = folder.path().join("bad.json");
        std::fs::write(&path, text).unwrap();
        let error = SharedGenres::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("bad.json: ") && !error.contains('\n'),
            "{error}"
        );
        error
    };
    for end in [1, 10, text.len() / 2, text.len() - 2] {
        assert!(refused(&text[..end]).contains("is "), "{end}");
    }
    assert!(refused(&text[..text.len() / 2]).contains("damaged"));
    assert!(refused(&text.replacen("a-0.ogg", "a-1.ogg", 1)).contains("damaged"));
    assert!(refused(&text.replacen("\"version\":1", "\"version\":2", 1)).contains("update gamaka"));
    for foreign in [
        "",
        "{}",
        "[1, 2]",
        "RIFF",
        "{\"kind\":\"other\",\"version\":1}",
    ] {
        assert!(refused(foreign).contains("no file of genres"), "{foreign}");
    }
    let written = |change: &dyn Fn(&mut SharedGenres)| {
        let mut genres = shared();
        change(&mut genres);
        genres.write(&path).unwrap();
        SharedGenres::read(&path).unwrap_err().to_string()
    };
    assert!(written(&|g| g.genres[0].name = "a//b".into()).contains("no name for a genre"));
    assert!(written(&|g| g.genres[1].name = "a".into()).contains("twice"));
    assert!(written(&|g| g.genres[0].examples.clear()).contains("no example"));
    assert!(written(&|g| g.genres.clear()).contains("holds no genres"));
    assert!(
        written(&|g| g.genres[0].examples[0].embedding.truncate(1)).contains("cannot be compared")
    );
    assert!(written(&|g| g.genres[0].examples[0].hash = "x".into()).contains("cannot be compared"));
    assert!(written(&|g| g.model.hash.clear()).contains("which model"));
    assert!(
        SharedGenres::read(&PathBuf::from("/nowhere.json"))
            .unwrap_err()
            .to_string()
            .contains("cannot be read")
    );
}
