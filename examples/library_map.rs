//! How well a library's map keeps neighbours, what it costs, and the map itself.
//!
//! `cargo run --release --features internals --example library_map -- OUT.html VECTORS.npz [TRACKS]`, with vectors by
//! `gamaka embed MUSIC --per file -o VECTORS.npz`: prints the share of the 10 nearest tracks by their embeddings that are
//! among the 10 and the 30 nearest in the picture, and trustworthiness (Venna and Kaski 2001), for principal components
//! and for the map; then seconds and the most memory. With a number of tracks it makes that many: each between a track
//! and one of its neighbours, with noise.

#![allow(
    clippy::cast_possible_truncation,
    reason = "random numbers are rounded"
)]

use std::path::Path;
use std::time::Instant;

use gamaka::internals::random::Stream;
use gamaka::internals::vectors::Vectors;
use gamaka::ops::Distance;
use gamaka::report::{Map, MapTrack, place, project};

/// Tracks that the figures are means over, at most.
const JUDGED: usize = 500;
const NEAR: usize = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, vectors, tracks @ ..] = &arguments[..] else {
        return Err("usage: library_map OUT.html VECTORS.npz [TRACKS]".into());
    };
    let read = Vectors::read(Path::new(vectors))?;
    let width = read.width;
    let mut names: Vec<String> = (read.rows.iter())
        .map(|row| read.paths[row.path].clone())
        .collect();
    let mut rows = read.values;
    if let Some(tracks) = tracks.first() {
        (rows, names) = grown(&rows, &names, width, tracks.parse()?);
    }
    let tracks = names.len();
    println!("{tracks} tracks, {width} numbers each");

    let start = Instant::now();
    let components = project(&rows, width)?.points;
    println!("components: {:.2} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let mut neighbours = 0.0;
    let places = place(&rows, width, Distance::Euclidean, |step, _| {
        if step == 1 {
            neighbours = start.elapsed().as_secs_f64();
        }
    });
    let places = places?;
    println!(
        "map: {:.2} s, of which {neighbours:.2} s until its first step; {}",
        start.elapsed().as_secs_f64(),
        most_memory()
    );
    for (name, points) in [("components", &components), ("map", &places.points)] {
        let [ten, thirty, trust] = judged(&rows, width, points);
        println!(
            "{name}: {NEAR} of {NEAR} nearest {ten:.3}, of 30 {thirty:.3}, trustworthiness {trust:.4}"
        );
    }

    let folder = |name: &str| {
        let above = Path::new(name).parent().and_then(Path::file_name);
        above.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    };
    let mut genres: Vec<String> = names.iter().map(|name| folder(name)).collect();
    genres.sort();
    genres.dedup();
    let genre = |name: &str| genres.binary_search(&folder(name)).ok();
    let shown: Vec<MapTrack> = (names.iter())
        .map(|name| MapTrack {
            path: Path::new(name),
            title: "",
            artist: "",
            genre: genre(name),
            probability: None,
        })
        .collect();
    let map = Map {
        title: "Library",
        source: "Genres are the folders' names.",
        none: "no genre",
        genres: &genres,
        tracks: &shown,
        places: &places,
    };
    let html = map.html();
    println!("page: {:.1} MB", html.len() as f64 / 1e6);
    std::fs::write(out, html)?;
    Ok(())
}

/// As many tracks as wanted, made of the given ones.
fn grown(rows: &[f32], names: &[String], width: usize, tracks: usize) -> (Vec<f32>, Vec<String>) {
    let row = |track: usize| &rows[track * width..][..width];
    let nearest: Vec<Vec<usize>> = (0..names.len())
        .map(|track| ranked(rows, width, track)[..NEAR].to_vec())
        .collect();
    let mut stream = Stream::new(1, "library map", 0);
    let (mut grown, mut named) = (Vec::new(), Vec::new());
    for track in 0..tracks {
        let one = stream.below(names.len());
        let other = nearest[one][stream.below(NEAR)];
        let part = stream.unit() as f32;
        let mixed = row(one).iter().zip(row(other));
        grown.extend(
            mixed.map(|(a, b)| a + part * (b - a) + 0.25 * (b - a) * stream.normal() as f32),
        );
        let name = Path::new(&names[one]);
        named.push(
            name.with_file_name(format!("{track}.ogg"))
                .display()
                .to_string(),
        );
    }
    (grown, named)
}

/// All other tracks, nearest first.
fn ranked(rows: &[f32], width: usize, track: usize) -> Vec<usize> {
    let own = &rows[track * width..][..width];
    let distance = |row: &[f32]| -> f32 { own.iter().zip(row).map(|(a, b)| (a - b).powi(2)).sum() };
    let distances: Vec<f32> = rows.chunks_exact(width).map(distance).collect();
    let mut order: Vec<usize> = (0..distances.len())
        .filter(|&other| other != track)
        .collect();
    order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]).then(a.cmp(&b)));
    order
}

/// Shares of the nearest that are among the nearest 10 and 30 of the picture, and trustworthiness.
fn judged(rows: &[f32], width: usize, points: &[[f32; 2]]) -> [f64; 3] {
    let tracks = points.len();
    let flat: Vec<f32> = points.iter().flatten().copied().collect();
    let judged: Vec<usize> = (0..tracks).step_by(tracks.div_ceil(JUDGED)).collect();
    let mut sums = [0.0; 3];
    for &track in &judged {
        let (truth, shown) = (ranked(rows, width, track), ranked(&flat, 2, track));
        let mut rank = vec![0; tracks];
        for (at, &other) in truth.iter().enumerate() {
            rank[other] = at + 1;
        }
        let kept = |among: usize| {
            let kept = shown[..among].iter().filter(|&&other| rank[other] <= NEAR);
            kept.count() as f64 / NEAR as f64
        };
        let late = shown[..NEAR]
            .iter()
            .map(|&other| rank[other].saturating_sub(NEAR));
        sums[0] += kept(NEAR);
        sums[1] += kept(30);
        sums[2] += late.sum::<usize>() as f64;
    }
    let [ten, thirty, late] = sums.map(|sum| sum / judged.len() as f64);
    let (n, k) = (tracks as f64, NEAR as f64);
    [
        ten,
        thirty,
        1.0 - 2.0 * late / (k * (2.0 * n - 3.0 * k - 1.0)),
    ]
}

fn most_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most = status.lines().find(|line| line.starts_with("VmHWM"));
    most.map_or_else(String::new, |line| {
        line.split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    })
}
