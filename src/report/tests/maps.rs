//! Maps: places, and what the page carries.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::*;
use crate::ops::Distance;
use crate::random::Stream;

const WIDTH: usize = 6;

/// `count` tracks around each of the corners of a simplex.
fn clusters(corners: usize, count: usize) -> Vec<f32> {
    let mut stream = Stream::new(1, "clusters", 0);
    let tracks = (0..corners).flat_map(|corner| (0..count).map(move |_| corner));
    let near = |corner: usize, at: usize| if corner == at { 5.0 } else { 0.0 };
    tracks
        .flat_map(|corner| (0..WIDTH).map(move |at| near(corner, at)))
        .map(|v| v + 0.3 * stream.normal() as f32)
        .collect()
}

fn placed(embeddings: &[f32]) -> Places {
    place(embeddings, WIDTH, Distance::Euclidean, |_, _| {}).unwrap()
}

#[test]
fn clusters_stay_apart_and_the_picture_is_the_same_each_time() {
    const COUNT: usize = 20;
    let embeddings = clusters(4, COUNT);
    let mut steps = Vec::new();
    let places = place(&embeddings, WIDTH, Distance::Euclidean, |step, of| {
        steps.push((step, of))
    })
    .unwrap();
    assert_eq!(places.placing, Placing::Neighbours);
    assert_eq!(
        (steps.len(), steps[0], steps[999]),
        (1000, (1, 1000), (1000, 1000))
    );
    let distance = |a: usize, b: usize| {
        let [a, b] = [a, b].map(|track| places.points[track]);
        (a[0] - b[0]).hypot(a[1] - b[1])
    };
    for track in 0..4 * COUNT {
        let mut others: Vec<usize> = (0..4 * COUNT).filter(|&other| other != track).collect();
        others.sort_by(|&a, &b| distance(track, a).total_cmp(&distance(track, b)));
        let own = others[..COUNT - 1]
            .iter()
            .filter(|&&other| other / COUNT == track / COUNT);
        assert_eq!(own.count(), COUNT - 1, "track {track}");
        assert!(
            places.nearest[track]
                .iter()
                .all(|&other| other / COUNT == track / COUNT)
        );
    }
    assert_eq!(places, placed(&embeddings));
}

#[test]
fn by_angles_only_the_direction_counts() {
    let rows = [[1.0, 0.0], [9.0, 0.9], [0.0, 1.0], [0.1, 5.0], [0.0, 0.0]];
    let nearest = |distance| {
        let places = place(rows.as_flattened(), 2, distance, |_, _| {}).unwrap();
        [0, 2].map(|track: usize| places.nearest[track][0])
    };
    assert_eq!(nearest(Distance::Cosine), [1, 3]);
    assert_eq!(nearest(Distance::Euclidean), [4, 4]);
}

#[test]
fn few_equal_and_broken_tracks_have_places() {
    for tracks in [0, 1, 2, 15] {
        let places = placed(&clusters(1, tracks));
        assert_eq!(places.placing, Placing::Axes);
        assert_eq!(places.points.len(), tracks);
        let near = places.nearest.iter().map(Vec::len);
        assert!(
            near.into_iter()
                .all(|near| near == NEAREST.min(tracks.saturating_sub(1)))
        );
    }
    let equal = placed(&[2.5; 40 * WIDTH]);
    assert!(
        equal.points.iter().all(|&point| point == equal.points[0]),
        "{equal:?}"
    );

    let mut embeddings = clusters(2, 3);
    embeddings[WIDTH] = f32::NAN;
    let broken = placed(&embeddings);
    assert!(broken.points[1].iter().all(|v| v.is_nan()));
    assert!(
        broken.nearest[1].is_empty() && broken.nearest.iter().flatten().all(|&other| other != 1)
    );
    assert_eq!(broken.nearest[0].len(), 4);
    let none = placed(&[f32::INFINITY; WIDTH]);
    assert_eq!(none.points.len(), 1);
    assert!(matches!(
        place(&[0.0; 7], WIDTH, Distance::Euclidean, |_, _| {}),
        Err(ReportError::Shape { .. })
    ));
}

/// The data of a page, as its script reads them.
fn data(html: &str) -> Value {
    let start = "<script type=\"application/json\" id=\"data\">";
    let (_, rest) = html.split_once(start).unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

fn numbers(data: &Value, name: &str) -> Vec<u8> {
    STANDARD.decode(data[name].as_str().unwrap()).unwrap()
}

fn words(data: &Value, name: &str) -> Vec<u32> {
    let bytes = numbers(data, name);
    let words = bytes.chunks_exact(4);
    words
        .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
        .collect()
}

#[test]
fn a_page_holds_every_track_once_whatever_its_name() {
    let long = "ü".repeat(300);
    let names = [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        "say \"no\" & 'yes' \\ \u{2028}",
        "مرحبا \u{202e}gpj.\u{202c}",
        "🎷\t\n",
        &long,
    ];
    let paths: Vec<PathBuf> = names
        .iter()
        .map(|name| PathBuf::from(format!("/music/{}/{name}.ogg", names[1].replace('/', ""))))
        .collect();
    let genres = ["Rock".to_owned(), names[0].to_owned(), "unused".to_owned()];
    let tracks: Vec<MapTrack> = (names.iter().zip(&paths).enumerate())
        .map(|(track, (name, path))| MapTrack {
            path,
            title: name,
            artist: names[track / 2],
            genre: [None, Some(1), Some(1), Some(0), Some(1), None][track],
            probability: (track == 2).then_some(0.5),
        })
        .collect();
    let places = placed(&clusters(2, 3));
    let map = Map {
        title: names[0],
        source: names[2],
        none: "unknown",
        genres: &genres,
        tracks: &tracks,
        places: &places,
    };
    let html = map.html();
    assert_eq!(html.matches("</script>").count(), 2);
    assert_eq!(html.matches("<script").count(), 2);
    assert!(
        !html.contains("http://")
            || html.matches("http://").count()
                == html.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(!html.contains("https://"));

    let data = data(&html);
    assert_eq!(data["count"], 6);
    assert_eq!(data["title"], names[0]);
    assert_eq!(data["titles"].as_array().unwrap().len(), 6);
    let folders = words(&data, "folder");
    let artists = words(&data, "artist");
    for (track, path) in paths.iter().enumerate() {
        let folder = data["folders"][folders[track] as usize].as_str().unwrap();
        let whole = format!("{folder}{}", data["files"][track].as_str().unwrap());
        assert_eq!(whole, path.to_str().unwrap());
        let artist = data["artists"][artists[track] as usize].as_str().unwrap();
        assert_eq!(artist, names[track / 2]);
    }
    // Genres with most tracks first.
    assert_eq!(data["genres"][0]["name"], names[0]);
    assert_eq!(data["genres"].as_array().unwrap().len(), 3);
    assert_eq!(words(&data, "genre"), [u32::MAX, 0, 0, 1, 0, u32::MAX]);
    assert_eq!(numbers(&data, "sure"), [255, 255, 125, 255, 255, 255]);
    let near = words(&data, "near");
    for track in 0..6 {
        let nearest: Vec<u32> = places.nearest[track]
            .iter()
            .map(|&other| other as u32)
            .collect();
        assert_eq!(near[5 * track..][..5], nearest);
    }
    let at = numbers(&data, "at");
    let at: Vec<u16> = at
        .chunks_exact(2)
        .map(|v| u16::from_le_bytes([v[0], v[1]]))
        .collect();
    let (highest, lowest) = (at.iter().max().unwrap(), at.iter().min().unwrap());
    assert_eq!((at.len(), *lowest, *highest), (12, 0, 65535));
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf_8_are_kept_and_tracks_without_a_place_are_counted() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    let tracks = [&b"/a/\xff\xc3.mp3"[..], b"b.mp3"].map(|path| MapTrack {
        path: Path::new(OsStr::from_bytes(path)),
        title: "b",
        artist: "",
        genre: None,
        probability: None,
    });
    let places = Places {
        points: vec![[0.0, 1.0], [f32::NAN; 2]],
        nearest: vec![vec![1], vec![]],
        placing: Placing::Axes,
    };
    let map = |tracks, places| Map {
        title: "t",
        source: "",
        none: "",
        genres: &[],
        tracks,
        places,
    };
    let html = map(&tracks, &places).html();
    assert!(html.contains(r#""files":["\udcff\udcc3.mp3"]"#), "{html}");
    assert!(html.contains(r#""count":1,"leftOut":1"#));
    let empty = Places {
        points: vec![],
        nearest: vec![],
        placing: Placing::Axes,
    };
    assert_eq!(data(&map(&[], &empty).html())["count"], 0);
}
