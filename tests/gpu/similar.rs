//! The nearest of many embeddings beside the CPU twin's.

use gamaka::internals::random::Stream;
use gamaka::internals::reference;
use gamaka::internals::similar::Search;
use gamaka::ops::Distance;

use crate::gpu;

fn embeddings(rows: usize, width: usize) -> Vec<f32> {
    let mut stream = Stream::new(7, "similar", 0);
    (0..rows * width).map(|_| stream.normal() as f32).collect()
}

/// The nearest by the twin: distance and place, all of them, nearest first.
fn sorted(distance: Distance, query: &[f32], all: &[f32]) -> Vec<(f64, usize)> {
    let exact = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let query = exact(query);
    let of = |(k, row): (usize, &[f32])| (reference::distance(distance, &query, &exact(row)), k);
    let mut found: Vec<_> = all
        .chunks(query.len())
        .enumerate()
        .map(|(k, row)| of((k, row)))
        .collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found
}

/// Asks for the nearest to some rows themselves, and holds them against the twin's.
fn agrees(distance: Distance, [rows, width, at_once]: [usize; 3]) {
    let all = embeddings(rows, width);
    let search = Search::new(gpu(), distance, width, &all, at_once).unwrap();
    assert_eq!(search.rows(), rows);
    for row in [0, rows / 2, rows - 1] {
        let query = &all[row * width..][..width];
        let found = search.nearest(query, 20).unwrap();
        let wanted = sorted(distance, query, &all);
        assert_eq!(found.len(), rows.min(20));
        assert_eq!(found[0].index, row);
        for (rank, found) in found.iter().enumerate() {
            // Places may differ only where distances are equal but for rounding.
            let close = |d: f64| (f64::from(found.distance) - d).abs() < 1e-5 * (1.0 + d);
            assert!(
                close(wanted[rank].0),
                "{rank}: {found:?}, {:?}",
                wanted[rank]
            );
            let own = wanted.iter().find(|(_, k)| *k == found.index).unwrap();
            assert!(close(own.0), "{rank}: {found:?}, {own:?}");
        }
    }
}

#[test]
fn the_nearest_are_those_of_the_twin() {
    for distance in [Distance::Euclidean, Distance::Cosine] {
        agrees(distance, [1, 5, 1]);
        agrees(distance, [5001, 64, 1]);
        agrees(distance, [301, 63, 7]);
    }
}

#[test]
fn embeddings_in_several_buffers_keep_their_places() {
    // So many queries at once that a binding holds the inner products of 37,282 rows.
    agrees(Distance::Cosine, [80_000, 4, 300]);
}

#[test]
fn queries_of_any_number_each_have_a_row() {
    let (rows, width) = (50, 8);
    let all = embeddings(rows, width);
    let search = Search::new(gpu(), Distance::Euclidean, width, &all, 4).unwrap();
    let found = search.distances(&all[..11 * width]).unwrap();
    assert_eq!(found.len(), 11);
    for (query, row) in found.iter().enumerate() {
        assert_eq!(row.len(), rows);
        assert!(
            row[query].abs() < 1e-6 && row[query + 1] > 1e-3,
            "{query}: {row:?}"
        );
    }
    assert!(search.distances(&[]).unwrap().is_empty());
}

#[test]
fn no_embeddings_have_no_nearest() {
    let search = Search::new(gpu(), Distance::Cosine, 3, &[], 1).unwrap();
    assert!(search.nearest(&[1.0, 2.0, 3.0], 5).unwrap().is_empty());
}
