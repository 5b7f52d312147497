//! Projections.

use super::*;

#[test]
fn a_projection_finds_the_axes_of_largest_spread() {
    // Spread 3 along (3, 4, 0) / 5, 2 along (-4, 3, 0) / 5, 1 along z, around (10, 20, 30).
    let axes = [[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0f32]];
    let mut embeddings = Vec::new();
    let mut places = Vec::new();
    for (which, size) in [
        (0, 3.0),
        (0, -3.0),
        (1, 2.0),
        (1, -2.0),
        (2, 1.0),
        (2, -1.0f32),
    ] {
        let axis = axes[which];
        embeddings.extend([
            10.0 + size * axis[0],
            20.0 + size * axis[1],
            30.0 + size * axis[2],
        ]);
        // The largest entry of the second axis is negative, so it is turned round.
        places.push([
            if which == 0 { size } else { 0.0 },
            if which == 1 { -size } else { 0.0 },
        ]);
    }
    let projection = project(&embeddings, 3).unwrap();
    for (found, expected) in projection.points.iter().zip(&places) {
        for axis in 0..2 {
            assert!(
                (found[axis] - expected[axis]).abs() < 1e-5,
                "{projection:?}"
            );
        }
    }
    let [first, second] = projection.explained;
    assert!(
        (first - 18.0 / 28.0).abs() < 1e-6 && (second - 8.0 / 28.0).abs() < 1e-6,
        "{first} {second}"
    );
}

#[test]
fn a_projection_takes_what_is_missing_flat_or_single() {
    let missing = project(&[0.0, 0.0, 1.0, 0.0, f32::NAN, 0.0], 2).unwrap();
    assert!(missing.points[2].iter().all(|v| v.is_nan()));
    assert_eq!(missing.points[1], [0.5, 0.0]);
    assert_eq!(missing.explained, [1.0, 0.0]);
    for (embeddings, dim) in [(vec![7.0; 12], 4), (vec![7.0; 4], 4), (vec![1.0, 2.0], 1)] {
        let projection = project(&embeddings, dim).unwrap();
        assert_eq!(projection.points.len(), embeddings.len() / dim);
        assert!(
            projection.points.iter().flatten().all(|v| v.is_finite()),
            "{projection:?}"
        );
    }
    assert!(matches!(project(&[], 3), Err(ReportError::Nothing { .. })));
    assert!(matches!(
        project(&[f32::NAN], 1),
        Err(ReportError::Nothing { .. })
    ));
    assert!(matches!(
        project(&[1.0; 5], 3),
        Err(ReportError::Shape {
            found: 2,
            expected: 3,
            ..
        })
    ));
}
