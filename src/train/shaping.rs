//! What happens to the weights in a training step beside the optimiser's own: edges that stay removed, edges that are drawn to
//! zero, and weights that are seen otherwise than they are kept.

use std::fmt::Debug;

use crate::gpu::{Plan, Tensor};
use crate::model::Network;
use crate::ops;

/// What a network computes with in place of the parameters that are trained, such as the nearest that few bits can hold. The
/// gradient by what is seen is taken for that by the parameters.
pub trait Seen: Debug + Sync {
    /// Appends what makes it of the parameters, in the network's flat layout, and returns it, in the same layout. What it does not
    /// change it must copy.
    fn append(&self, plan: &mut Plan, network: &Network, parameters: Tensor) -> Tensor;

    /// The same on the host, in place: for what is embedded between steps.
    fn apply(&self, network: &Network, parameters: &mut [f32]);
}

/// What happens to the weights in a training step beside the optimiser's own; by default nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shaping<'a> {
    /// A bit for each of the flat parameters, as of [`Network::kept_bits`]: those of 0 get no gradient. Parameters that are zero
    /// then stay so.
    pub kept: Option<&'a [u32]>,
    /// What the network computes with.
    pub seen: Option<&'a dyn Seen>,
    /// Whether a group lasso draws edges to zero, by the threshold that comes with each step; of plain weights too if the value
    /// is true.
    pub lasso: Option<bool>,
}

impl Shaping<'_> {
    /// What the network computes with.
    pub(super) fn seen(&self, plan: &mut Plan, network: &Network, parameters: Tensor) -> Tensor {
        let seen = |seen: &dyn Seen| seen.append(plan, network, parameters);
        self.seen.map_or(parameters, seen)
    }

    /// The same on the host.
    pub(super) fn seen_by_host(&self, network: &Network, parameters: &mut [f32]) {
        if let Some(seen) = self.seen {
            seen.apply(network, parameters);
        }
    }

    /// Appends what takes the gradients of removed weights away.
    pub(super) fn mask(&self, plan: &mut Plan, grad: Tensor) {
        let Some(kept) = self.kept else {
            return;
        };
        let mut words = kept.to_vec();
        words.resize(grad.len().div_ceil(32), u32::MAX);
        let shape = [1, 1, 1, words.len()];
        let kept = plan.constant_words("kept weights", shape, words);
        ops::mask_gradients(plan, kept, grad);
    }

    /// Appends the proximal step of the lasso.
    pub(super) fn shrink(
        &self,
        plan: &mut Plan,
        network: &Network,
        parameters: Tensor,
        step: Tensor,
    ) {
        let Some(plain) = self.lasso else {
            return;
        };
        let tensors = network.edge_tensors().into_iter();
        for tensor in tensors.filter(|tensor| plain || tensor.has_splines()) {
            let shape = [1, 1, 1, tensor.len()];
            let weight = plan.view("edges", parameters, tensor.first, shape);
            let sizes = [tensor.taps(), tensor.slots, tensor.padded];
            ops::shrink_edges(plan, sizes, weight, step);
        }
    }
}
