//! An edge of a network, as a picture of it.

use crate::model::LearnedEdge;
use crate::ops::Basis;
use crate::report::Edge;

/// An edge's function, sampled for a picture.
pub(super) struct Drawn {
    caption: String,
    z: Vec<f32>,
    total: Vec<f32>,
    base: Vec<f32>,
    spline: Vec<f32>,
    grid: (f32, f32),
}

impl Drawn {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a picture needs no more than f32"
    )]
    pub(super) fn new(edge: &LearnedEdge, samples: usize) -> Self {
        let Basis { range, centre, .. } = edge.basis;
        let reach = 1.3 * range;
        let z: Vec<f32> = (0..samples)
            .map(|k| centre + reach * (2.0 * k as f32 / (samples - 1) as f32 - 1.0))
            .collect();
        let of = |f: &dyn Fn(f64) -> f64| z.iter().map(|&z| f(f64::from(z)) as f32).collect();
        Self {
            caption: format!(
                "{}: {} to {} @ {},{}",
                edge.layer, edge.input, edge.output, edge.tap[0], edge.tap[1]
            ),
            total: of(&|z| edge.spline(z) + edge.base(z)),
            base: of(&|z| edge.base(z)),
            spline: of(&|z| edge.spline(z)),
            grid: (centre - range, centre + range),
            z,
        }
    }

    pub(super) fn edge(&self) -> Edge<'_> {
        Edge {
            caption: &self.caption,
            note: "",
            z: &self.z,
            total: &self.total,
            base: &self.base,
            spline: &self.spline,
            grid: self.grid,
            inputs: &[],
        }
    }
}
