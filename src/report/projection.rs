//! Principal components, to look at embeddings.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use super::ReportError;

const PICTURE: &str = "projection";
/// Rows that are multiplied at a time.
const BLOCK: usize = 1024;

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
    let mut mean = DVector::<f64>::zeros(dim);
    for row in &whole {
        mean.iter_mut()
            .zip(*row)
            .for_each(|(m, v)| *m += f64::from(*v) / whole.len() as f64);
    }
    let centred = |row: &[f32]| DVector::from_fn(dim, |at, _| f64::from(row[at]) - mean[at]);
    let mut scatter = DMatrix::<f64>::zeros(dim, dim);
    for rows in whole.chunks(BLOCK) {
        let columns: Vec<DVector<f64>> = rows.iter().map(|row| centred(row)).collect();
        let block = DMatrix::from_columns(&columns);
        scatter.gemm(1.0, &block, &block.transpose(), 1.0);
    }

    let total = scatter.trace();
    let eigen = SymmetricEigen::new(scatter);
    let mut order: Vec<usize> = (0..dim).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let axis = |which: usize| match order.get(which) {
        Some(&column) if eigen.eigenvalues[column] > 0.0 => {
            let axis = eigen.eigenvectors.column(column).into_owned();
            let largest = axis[axis.icamax()];
            axis * largest.signum()
        }
        // One that nothing spreads along.
        _ => DVector::zeros(dim),
    };
    let axes = [axis(0), axis(1)];
    let share = |which: usize| match order.get(which) {
        Some(&column) if total > 0.0 => eigen.eigenvalues[column].max(0.0) / total,
        _ => 0.0,
    };
    let points = rows()
        .map(|row| {
            let row = centred(row);
            axes.each_ref().map(|axis| row.dot(axis) as f32)
        })
        .collect();
    Ok(Projection {
        points,
        explained: [share(0), share(1)],
    })
}
