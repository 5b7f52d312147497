//! Principal components, to look at embeddings.

use super::ReportError;

const PICTURE: &str = "projection";
/// Power iterations for one component at most. Where two directions spread almost alike it may stop between them, which
/// shows the data as well as either.
const ITERATIONS: usize = 1000;

/// Points in the plane of largest spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// One for each embedding; NaN for one with values that are not finite.
    pub points: Vec<[f32; 2]>,
    /// The shares of the whole variance that the two axes show, from 0 to 1.
    pub explained: [f64; 2],
}

/// Projects embeddings (`[count][dim]`, row-major) onto their first two principal components. The sign of a component
/// is such that its largest entry is positive, so the same data give the same picture.
///
/// # Errors
/// [`ReportError::Nothing`] where no embedding is finite, [`ReportError::Shape`] where the last one is cut short.
pub fn project(embeddings: &[f32], dim: usize) -> Result<Projection, ReportError> {
    if embeddings.is_empty() || dim == 0 {
        return Err(ReportError::Nothing {
            picture: PICTURE,
            what: "there are no embeddings",
        });
    }
    if !embeddings.len().is_multiple_of(dim) {
        return Err(ReportError::Shape {
            picture: PICTURE,
            what: "the last embedding".to_owned(),
            found: embeddings.len() % dim,
            expected: dim,
        });
    }
    let rows = || embeddings.chunks_exact(dim);
    let whole: Vec<&[f32]> = rows()
        .filter(|row| row.iter().all(|v| v.is_finite()))
        .collect();
    if whole.is_empty() {
        return Err(ReportError::Nothing {
            picture: PICTURE,
            what: "no embedding is finite",
        });
    }
    let mut mean = vec![0.0; dim];
    for row in &whole {
        mean.iter_mut()
            .zip(*row)
            .for_each(|(m, v)| *m += f64::from(*v) / whole.len() as f64);
    }
    let centred = |row: &[f32]| -> Vec<f64> {
        row.iter()
            .zip(&mean)
            .map(|(v, m)| f64::from(*v) - m)
            .collect()
    };
    let centred_rows: Vec<Vec<f64>> = whole.iter().map(|row| centred(row)).collect();
    let total: f64 = centred_rows.iter().map(|row| dot(row, row)).sum();

    let first = component(&centred_rows, None);
    let second = component(&centred_rows, Some(&first));
    let share = |axis: &[f64]| {
        let along: f64 = centred_rows.iter().map(|row| dot(row, axis).powi(2)).sum();
        if total > 0.0 { along / total } else { 0.0 }
    };
    let points = rows()
        .map(|row| {
            let row = centred(row);
            [dot(&row, &first) as f32, dot(&row, &second) as f32]
        })
        .collect();
    Ok(Projection {
        points,
        explained: [share(&first), share(&second)],
    })
}

/// The unit vector along which the rows spread most, at a right angle to `other`; zero where they do not spread.
fn component(rows: &[Vec<f64>], other: Option<&[f64]>) -> Vec<f64> {
    let reject = |v: &mut Vec<f64>| {
        if let Some(other) = other {
            let along = dot(v, other);
            v.iter_mut().zip(other).for_each(|(v, o)| *v -= along * o);
        }
    };
    // The farthest row is surely not at a right angle to the spread.
    let mut axis = vec![0.0; rows.first().map_or(0, Vec::len)];
    let mut farthest = 0.0;
    for row in rows {
        let mut row = row.clone();
        reject(&mut row);
        if dot(&row, &row) > farthest {
            farthest = dot(&row, &row);
            axis = row;
        }
    }
    if normalise(&mut axis) == 0.0 {
        return axis;
    }
    for _ in 0..ITERATIONS {
        let mut next = vec![0.0; axis.len()];
        for row in rows {
            let along = dot(row, &axis);
            next.iter_mut().zip(row).for_each(|(n, v)| *n += along * v);
        }
        reject(&mut next);
        if normalise(&mut next) == 0.0 {
            break;
        }
        let moved = 1.0 - dot(&next, &axis).abs();
        axis = next;
        if moved < 1e-14 {
            break;
        }
    }
    let largest = axis
        .iter()
        .copied()
        .fold(0.0, |l: f64, v| if v.abs() > l.abs() { v } else { l });
    axis.iter_mut().for_each(|v| *v *= largest.signum());
    axis
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Scales to length 1 and gives the former length; what has (almost) none becomes zero.
fn normalise(v: &mut [f64]) -> f64 {
    let length = dot(v, v).sqrt();
    let scale = if length > 1e-150 { 1.0 / length } else { 0.0 };
    v.iter_mut().for_each(|v| *v *= scale);
    if scale == 0.0 { 0.0 } else { length }
}
