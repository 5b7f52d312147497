//! Where a parameter tensor lies.

use super::layers::Parameter;

/// Where a parameter tensor lies in the flat parameter vector.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub parameter: Parameter,
    pub first: usize,
}

impl Placed {
    /// Its part of a flat parameter vector.
    pub(super) fn of<'a, T>(&self, flat: &'a [T]) -> &'a [T] {
        &flat[self.first..][..self.parameter.device_len()]
    }

    pub(super) fn of_mut<'a>(&self, flat: &'a mut [f32]) -> &'a mut [f32] {
        &mut flat[self.first..][..self.parameter.device_len()]
    }
}
