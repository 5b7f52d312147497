//! The training step as a plan: gather, forward, episode loss, backward, optimiser.

use super::adaptation::{InnerLoop, Scored};
use super::{Learner, Method};
use crate::gpu::{AdapterClass, BufferRole, Plan, Tensor};
use crate::model::Network;
use crate::ops::{self, AdamW, Augment, EpisodeShape, OptimizerTensors};

/// Rows of the loss history that a plan keeps on the device. The host must read it at least as often.
pub const HISTORY: usize = 16;

/// What a training step is made for.
#[derive(Debug, Clone, Copy)]
pub struct StepShape<'a> {
    /// The network.
    pub network: &'a Network,
    /// Classes, supports and queries of an episode.
    pub way: usize,
    /// Supports a class.
    pub shot: usize,
    /// Queries a class.
    pub query: usize,
    /// How clips are varied.
    pub augment: Augment,
    /// The optimiser's constants.
    pub optimizer: AdamW,
    /// How the network learns from the episode.
    pub learner: Learner,
    /// Lengths in elements of the clip bank's buffers.
    pub banks: &'a [usize],
}

/// A training step and the tensors that the host touches.
#[derive(Debug, Clone)]
pub struct TrainingPlan {
    /// The steps.
    pub plan: Plan,
    /// The clip bank's buffers.
    pub banks: Vec<Tensor>,
    /// One [`ops::Slot`] a clip: class by class all supports, then class by class all queries.
    pub slots: Tensor,
    /// One [`ops::StepInfo`].
    pub step: Tensor,
    /// Parameters, gradients, moments, decay, state.
    pub optimizer: OptimizerTensors,
    /// [`HISTORY`] rows of (loss, accuracy, gradient norm, skipped steps). Loss and accuracy are those of
    /// the queries; for Reptile those of all clips before the last inner step.
    pub history: Tensor,
    /// The clips of the last step, [clips, 1, bands, frames].
    pub clips: Tensor,
}

impl TrainingPlan {
    /// Builds the plan of one training step.
    pub fn new(class: AdapterClass, shape: &StepShape) -> Self {
        let StepShape {
            network,
            way,
            shot,
            query,
            augment,
            ..
        } = *shape;
        let [bands, frames] = network.input;
        let episode = EpisodeShape {
            way,
            shot,
            query,
            width: network.width(),
            distance: network.spec.distance,
            scale: network.spec.scale,
        };
        let mut plan = Plan::new(class);
        let banks: Vec<_> = shape
            .banks
            .iter()
            .enumerate()
            .map(|(k, &len)| {
                plan.tensor(format!("clip bank {k}"), [1, 1, 1, len], BufferRole::Input)
            })
            .collect();
        let slots = plan.tensor("slots", [1, 1, episode.clips(), 4], BufferRole::Input);
        let step = plan.tensor("step", [1, 1, 1, 4], BufferRole::Input);
        let optimizer = OptimizerTensors::new(&mut plan, network.flat_len());
        let history = plan.tensor("history", [1, 1, HISTORY, 4], BufferRole::State);

        let clips = plan.tensor(
            "clips",
            [episode.clips(), 1, bands, frames],
            BufferRole::Output,
        );
        for (index, &bank) in banks.iter().enumerate() {
            ops::clip_gather(&mut plan, &augment, index, bank, slots, step, clips);
        }
        let inner = InnerLoop {
            network,
            learner: shape.learner,
            way,
            grad: optimizer.grad,
            step: Some(step),
        };
        let parameters = optimizer.parameter;
        let Scored { episode, score } = match shape.learner.method {
            Method::Prototype => prototype(&mut plan, network, &optimizer, episode, clips, step),
            Method::Maml => inner.maml(&mut plan, parameters, clips, shot),
            Method::Anil => inner.anil(&mut plan, parameters, clips, shot),
            Method::Reptile => inner.reptile(&mut plan, parameters, clips, shot),
        };
        ops::adamw_step(&mut plan, &shape.optimizer, &optimizer, step);
        ops::record_step(&mut plan, &episode, score, optimizer.state, step, history);
        plan.share_scratch();
        Self {
            plan,
            banks,
            slots,
            step,
            optimizer,
            history,
            clips,
        }
    }
}

/// Appends an episode of prototypes: the gradient of the queries' loss by all clips.
fn prototype(
    plan: &mut Plan,
    network: &Network,
    optimizer: &OptimizerTensors,
    episode: EpisodeShape,
    clips: Tensor,
    step: Tensor,
) -> Scored {
    let forward = network.forward(plan, optimizer.parameter, clips, Some(step));
    let embedding = forward.embedding;
    let mut scratch = |label: &str, shape| plan.tensor(label, shape, BufferRole::Scratch);
    let prototype = scratch("prototypes", [episode.way, episode.width, 1, 1]);
    let distance = scratch("distances", [1, 1, episode.queries(), episode.way]);
    let products = scratch("inner products", [1, episode.queries(), episode.way, 3]);
    let score = scratch("scores", [1, 1, episode.queries(), 2]);
    let grad_distance = scratch("distance gradients", distance.shape);
    let grad_embedding = scratch("embedding gradients", embedding.shape);
    ops::prototype_forward(plan, &episode, embedding, prototype);
    ops::distance_forward(plan, &episode, embedding, prototype, distance, products);
    ops::episode_loss(plan, &episode, distance, score, grad_distance);
    ops::distance_grad(
        plan,
        &episode,
        embedding,
        prototype,
        products,
        grad_distance,
        grad_embedding,
    );
    network.backward(
        plan,
        &forward,
        optimizer.parameter,
        optimizer.grad,
        grad_embedding,
    );
    Scored { episode, score }
}
