//! Lists of tracks: a path from one track to another through a library, and the m3u file of a list.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use rayon::prelude::*;

use crate::fewshot::Metric;
use crate::gpu::{Gpu, GpuError};
use crate::library::{Embeddings, Track};
use crate::ops::Distance;
use crate::similar::{Search, nearest};

/// Most tracks that a path chooses from: more only take longer, for each is near to the way already.
const MOST_CANDIDATES: usize = 2000;

/// Places on the way around which they are looked for.
const PLACES: usize = 40;

/// The tracks that a path from embedding `a` to embedding `b` may choose from, by index: all but those that are `left_out`, or of
/// many those that are nearest to the straight way, as many around each part of it.
///
/// # Errors
/// [`GpuError`]: the embeddings do not fit the device, or it failed.
pub fn candidates(
    gpu: &Gpu,
    metric: Metric,
    [a, b]: [&[f32]; 2],
    heard: &Embeddings,
    left_out: &(dyn Fn(&Track) -> bool + Sync),
) -> Result<Vec<usize>, GpuError> {
    let all = 0..heard.tracks.len();
    let free: Vec<bool> = heard.tracks.iter().map(|track| !left_out(track)).collect();
    if heard.tracks.len() <= MOST_CANDIDATES {
        return Ok(all.filter(|&k| free[k]).collect());
    }
    let width = heard.width;
    let search = Search::new(gpu, metric.distance, width, &heard.values, PLACES)?;
    let rows = search.distances(&places(metric.distance, [a, b]))?;
    let near = rows.into_par_iter().flat_map_iter(|row| {
        let found = row.into_iter().enumerate().filter(|(k, _)| free[*k]);
        nearest(found, MOST_CANDIDATES / PLACES)
    });
    let near: BTreeSet<usize> = near.map(|found| found.index).collect();
    Ok(near.into_iter().collect())
}

/// Places on the straight way between two embeddings, evenly spread, each in the middle of its part: [places, width].
fn places(distance: Distance, ends: [&[f32]; 2]) -> Vec<f32> {
    let [a, b] = ends.map(|end| {
        // A cosine sees directions only: the way between them is that between points of the unit sphere.
        let norm = match distance {
            Distance::Euclidean => 1.0,
            Distance::Cosine => end.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6),
        };
        end.iter().map(|v| v / norm).collect::<Vec<f32>>()
    });
    let place = |k: usize| {
        let share = (k as f32 + 0.5) / PLACES as f32;
        let between = a.iter().zip(&b).map(move |(a, b)| a + (b - a) * share);
        between.collect::<Vec<f32>>()
    };
    (0..PLACES).flat_map(place).collect()
}

/// The way from embedding `a` to embedding `b` over `between` of the candidates, as indices in order.
///
/// Of all ways on which each track is farther along than the one before (it has a greater difference of its distances to `a`
/// and to `b`) it is one whose distances from track to track have the least sum of squares, so that no step is large that need
/// not be. No candidate is on it twice; if there are not as many
/// as wanted, all are. Exact, by dynamic programming, and the same every time.
pub fn path_between(
    metric: Metric,
    [a, b]: [&[f32]; 2],
    candidates: &[&[f32]],
    between: usize,
) -> Vec<usize> {
    let between = between.min(candidates.len());
    let from_a: Vec<f32> = candidates.iter().map(|c| metric.distance(a, c)).collect();
    let to_b: Vec<f32> = candidates.iter().map(|c| metric.distance(c, b)).collect();
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    // What has come equally far: the nearer to both the earlier.
    let along = |k: usize| (from_a[k] - to_b[k], from_a[k] + to_b[k]);
    let by_progress = |x: &usize, y: &usize| {
        let (x, y) = (along(*x), along(*y));
        x.0.total_cmp(&y.0).then(x.1.total_cmp(&y.1))
    };
    order.sort_by(by_progress);
    let steps = |k: usize| -> Vec<f64> {
        let before = order[..k].iter();
        before
            .map(|&j| step(metric.distance(candidates[j], candidates[order[k]])))
            .collect()
    };
    let steps: Vec<Vec<f64>> = (0..order.len()).into_par_iter().map(steps).collect();
    // cost[k]: of the best way over as many tracks as rounds, the last of them order[k].
    let mut cost: Vec<f64> = order.iter().map(|&k| step(from_a[k])).collect();
    let mut before: Vec<Vec<usize>> = Vec::new();
    for round in 1..between {
        let best = |k: usize| {
            let ways = (round - 1..k).map(|j| (cost[j] + steps[k][j], j));
            ways.min_by(|x, y| x.0.total_cmp(&y.0))
                .unwrap_or((f64::INFINITY, 0))
        };
        let found: Vec<(f64, usize)> = (0..order.len()).into_par_iter().map(best).collect();
        let (costs, places) = found.into_iter().unzip();
        cost = costs;
        before.push(places);
    }
    let total = |k: usize| cost[k] + step(to_b[order[k]]);
    let last = (between.max(1) - 1..order.len()).min_by(|&x, &y| total(x).total_cmp(&total(y)));
    let Some(mut place) = last.filter(|_| between > 0) else {
        return Vec::new();
    };
    let mut way = vec![order[place]];
    for places in before.iter().rev() {
        place = places[place];
        way.push(order[place]);
    }
    way.reverse();
    way
}

/// What a step of this distance costs.
fn step(distance: f32) -> f64 {
    f64::from(distance).powi(2)
}

/// A list as the text of an m3u file that is to lie in `folder`, in UTF-8: tracks below it by their way from there, so that the
/// folder may move, others by their whole paths. A path that holds a line end cannot be in it and is left out; gives the number
/// of these.
pub fn m3u(tracks: &[&Track], folder: &Path) -> (String, usize) {
    let mut text = String::from("#EXTM3U\n");
    let mut left_out = 0;
    for track in tracks {
        let path = track.path.strip_prefix(folder).unwrap_or(&track.path);
        let path = path.to_string_lossy();
        if path.contains(['\n', '\r']) {
            left_out += 1;
            continue;
        }
        // What begins so is a comment.
        let here = if path.starts_with('#') { "./" } else { "" };
        let name = track.name().replace(['\n', '\r'], " ");
        let _ = writeln!(text, "#EXTINF:{:.0},{name}\n{here}{path}", track.seconds);
    }
    (text, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn rows(values: &[f32], width: usize) -> Vec<&[f32]> {
        values.chunks(width).collect()
    }

    fn random(rows: usize, width: usize, seed: u64) -> Vec<f32> {
        let mut stream = Stream::new(seed, "test", 0);
        (0..rows * width).map(|_| stream.normal() as f32).collect()
    }

    /// What a way's steps cost.
    fn sum(metric: Metric, [a, b]: [&[f32]; 2], all: &[&[f32]], way: &[usize]) -> f64 {
        let mut places = vec![a];
        places.extend(way.iter().map(|&k| all[k]));
        places.push(b);
        let steps = places.windows(2);
        steps.map(|s| step(metric.distance(s[0], s[1]))).sum()
    }

    #[test]
    fn points_on_a_line_are_passed_in_equal_steps() {
        // Of 0.5, 1, ..., 9.5 between 0 and 10: four between them are at 2, 4, 6, 8.
        let values: Vec<f32> = (1..20).rev().map(|k| k as f32 / 2.0).collect();
        let all = rows(&values, 1);
        let way = path_between(Metric::EUCLIDEAN, [&[0.0], &[10.0]], &all, 4);
        let found: Vec<f32> = way.iter().map(|&k| all[k][0]).collect();
        assert_eq!(found, [2.0, 4.0, 6.0, 8.0]);
    }

    #[test]
    fn the_way_is_the_best_of_all_that_go_forward() {
        for seed in 0..20 {
            let (metric, values) = (Metric::COSINE, random(9, 3, seed));
            let all = rows(&values[2 * 3..], 3);
            let ends = [&values[..3], &values[3..6]];
            let way = path_between(metric, ends, &all, 3);
            let along =
                |k: usize| metric.distance(ends[0], all[k]) - metric.distance(all[k], ends[1]);
            let mut best = f64::INFINITY;
            for x in 0..7 {
                for y in 0..7 {
                    for z in 0..7 {
                        if along(x) < along(y) && along(y) < along(z) {
                            best = best.min(sum(metric, ends, &all, &[x, y, z]));
                        }
                    }
                }
            }
            assert!(
                (sum(metric, ends, &all, &way) - best).abs() < 1e-6,
                "{seed}"
            );
            assert!(along(way[0]) < along(way[1]) && along(way[1]) < along(way[2]));
        }
    }

    #[test]
    fn no_candidate_is_used_twice_and_all_are_if_they_are_few() {
        let values = random(30, 4, 7);
        let all = rows(&values, 4);
        for between in [0, 1, 2, 29, 30, 31, 1000] {
            let way = path_between(Metric::COSINE, [all[3], all[8]], &all, between);
            let once: BTreeSet<usize> = way.iter().copied().collect();
            assert_eq!((way.len(), once.len()), (between.min(30), between.min(30)));
        }
        assert!(path_between(Metric::COSINE, [all[3], all[8]], &[], 5).is_empty());
        // Equal embeddings are as good as each other, and stay apart.
        let same = vec![&[1.0f32, 0.0][..]; 6];
        let way = path_between(Metric::COSINE, [&[1.0, 0.0], &[1.0, 0.0]], &same, 4);
        assert_eq!(way.into_iter().collect::<BTreeSet<_>>().len(), 4);
    }

    #[test]
    fn places_lie_evenly_between_directions() {
        let found = places(Distance::Cosine, [&[2.0, 0.0], &[0.0, 0.5]]);
        assert_eq!(found.len(), 2 * PLACES);
        let sum_is_one = |place: &[f32]| (place[0] + place[1] - 1.0).abs() < 1e-6;
        assert!(found.chunks(2).all(sum_is_one));
        assert!((found[0] - (1.0 - 0.5 / PLACES as f32)).abs() < 1e-6);
    }

    fn track(path: &str, artist: Option<&str>, title: Option<&str>) -> Track {
        Track {
            id: 1,
            path: path.into(),
            hash: String::new(),
            size: 1,
            modified_ns: 0,
            seconds: 61.7,
            title: title.map(str::to_string),
            artist: artist.map(str::to_string),
            album: None,
            genre: None,
        }
    }

    #[test]
    fn a_list_names_tracks_so_that_players_find_them() {
        let tracks = [
            track("/music/lists/a/Ö.mp3", Some("Sängerin"), Some("Ein\nLied")),
            track("/music/b.ogg", None, None),
            track("/music/lists/#1.flac", None, Some("#1")),
            track("/music/lists/two\nlines.mp3", None, None),
        ];
        let tracks: Vec<&Track> = tracks.iter().collect();
        let (text, left_out) = m3u(&tracks, Path::new("/music/lists"));
        let wanted = "#EXTM3U\n#EXTINF:62,Sängerin - Ein Lied\na/Ö.mp3\n#EXTINF:62,b.ogg\n/music/b.ogg\n\
            #EXTINF:62,#1\n./#1.flac\n";
        assert_eq!((text.as_str(), left_out), (wanted, 1));
    }
}
