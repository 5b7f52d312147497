//! The taps that are left of layers of which most edges are removed.

use std::collections::BTreeMap;

/// The taps by which each four neighbouring outputs of a layer hear anything, for layers with splines of which most edges are
/// removed: their kernels then walk these alone. None for all other layers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TapLists(pub(super) BTreeMap<usize, Vec<Vec<u32>>>);

impl TapLists {
    /// The largest share of the taps, over all fours of outputs, at which walking lists is quicker than walking everything.
    /// Lavapipe takes as long where they are about 0.9.
    pub(super) const MOST: f64 = 0.7;

    /// Those of a layer.
    pub(super) fn of(&self, layer: usize) -> Option<&[Vec<u32>]> {
        self.0.get(&layer).map(Vec::as_slice)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
