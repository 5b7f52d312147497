//! The training step as a plan: gather, forward, episode loss, backward, optimiser.

use super::shaping::Shaping;
use crate::adapt::inner_loop::InnerLoop;
use crate::data::Task;
use crate::gpu::{BufferRole, Plan, Tensor, Tuning};
use crate::model::Network;
use crate::ops::{self, AdamW, Augment, EpisodeShape, Note, OptimizerTensors, RowsAt, Slot};
use crate::settings::{Learner, Method};

/// Rows of the loss history that a plan keeps on the device. The host must read it at least as often.
pub const HISTORY: usize = 16;

/// What a training step is made for.
#[derive(Debug, Clone, Copy)]
pub struct StepShape<'a> {
    /// The network.
    pub network: &'a Network,
    /// What an episode asks.
    pub task: Task,
    /// How clips are varied.
    pub augment: Augment,
    /// The optimiser's constants.
    pub optimizer: AdamW,
    /// How the network learns from the episode.
    pub learner: Learner,
    /// Lengths in elements of the clip bank's buffers.
    pub banks: &'a [usize],
    /// A teacher beside the episodes, or instead of them.
    pub teacher: Option<TeacherShape<'a>>,
    /// What happens to the weights besides.
    pub shaping: Shaping<'a>,
}

/// What a teacher adds to a training step.
#[derive(Debug, Clone, Copy)]
pub struct TeacherShape<'a> {
    /// The network with the read-out behind it, which predicts the targets.
    pub whole: &'a Network,
    /// Rows of a step.
    pub batch: usize,
    /// What the teacher's gradient is multiplied by.
    pub weight: f32,
    /// What the episode's gradient is multiplied by; with 0 there is no episode.
    pub episode_weight: f32,
    /// Weight of the cosine within the teacher's loss.
    pub cosine: f32,
    /// Rows of the buffers of targets.
    pub targets: &'a [usize],
}

/// The tensors of a teacher that the host touches.
#[derive(Debug, Clone)]
pub struct TeacherTensors {
    /// The buffers of targets, [1, 1, rows, width] each.
    pub targets: Vec<Tensor>,
    /// One [`ops::Place`] a row.
    pub places: Tensor,
    /// [`HISTORY`] rows of (loss, cosine, gradient norm, skipped steps); loss and cosine are means over the rows.
    pub history: Tensor,
}

/// A training step and the tensors that the host touches.
#[derive(Debug, Clone)]
pub struct TrainingPlan {
    /// The steps.
    pub plan: Plan,
    /// The clip bank's buffers.
    pub banks: Vec<Tensor>,
    /// One [`ops::Slot`] a clip: class by class all supports, then class by class all queries, then a teacher's rows.
    pub slots: Tensor,
    /// One [`ops::StepInfo`].
    pub step: Tensor,
    /// Parameters, gradients, moments, decay, state.
    pub optimizer: OptimizerTensors,
    /// [`HISTORY`] rows of (loss, accuracy, gradient norm, skipped steps). Loss and accuracy are those of
    /// the queries; for Reptile those of all clips before the last inner step. None without episodes.
    pub history: Option<Tensor>,
    /// What a teacher adds.
    pub teacher: Option<TeacherTensors>,
    /// The clips of the last step, [clips, 1, bands, frames].
    pub clips: Tensor,
}

impl TrainingPlan {
    /// Builds the plan of one training step.
    pub fn new(tuning: impl Into<Tuning>, shape: &StepShape) -> Self {
        let StepShape {
            network,
            task,
            augment,
            teacher,
            ..
        } = *shape;
        let [bands, frames] = network.input;
        let Task { way, shot, query } = task;
        let episode = EpisodeShape {
            way,
            shot,
            query,
            width: network.width(),
            distance: network.spec.distance,
            scale: network.spec.scale,
        };
        let mut plan = Plan::new(tuning);
        let banks: Vec<_> = shape
            .banks
            .iter()
            .enumerate()
            .map(|(k, &len)| {
                plan.tensor(format!("clip bank {k}"), [1, 1, 1, len], BufferRole::Input)
            })
            .collect();
        let episodes = teacher.is_none_or(|teacher| teacher.episode_weight > 0.0);
        let of_episode = if episodes { episode.clips() } else { 0 };
        let count = of_episode + teacher.map_or(0, |teacher| teacher.batch);
        let slots = plan.words("slots", [1, 1, count, Slot::WORDS], BufferRole::Input);
        let step = plan.words("step", [1, 1, 1, 4], BufferRole::Input);
        let trained = teacher.map_or(network, |teacher| teacher.whole);
        let optimizer = OptimizerTensors::new(&mut plan, trained.flat_len());

        let clips = plan.tensor("clips", [count, 1, bands, frames], BufferRole::Output);
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
        let parameters = shape.shaping.seen(&mut plan, trained, optimizer.parameter);
        let mut tensors = None;
        let score = match (&teacher, shape.learner.method) {
            (Some(teacher), _) => {
                let taught = Taught {
                    body: network,
                    teacher: *teacher,
                    parameters,
                    gradients: optimizer.grad,
                    clips,
                    step,
                };
                let (found, score) = taught.append(&mut plan, episodes.then_some(episode));
                tensors = Some(found);
                score
            }
            (None, Method::Prototype) => {
                let forward = network.forward(&mut plan, parameters, clips, Some(step));
                let embedding = forward.embedding;
                let (score, grad) = prototype(&mut plan, &episode, embedding, 1.0);
                network.backward(&mut plan, &forward, parameters, optimizer.grad, grad);
                Some(score)
            }
            (None, Method::Maml) => Some(inner.maml(&mut plan, parameters, clips, shot)),
            (None, Method::Anil) => Some(inner.anil(&mut plan, parameters, clips, shot)),
            (None, Method::Reptile) => Some(inner.reptile(&mut plan, parameters, clips, shot)),
        };
        shape.shaping.mask(&mut plan, optimizer.grad);
        let mut note = |label: &str, score| {
            let history = plan.tensor(label, [1, 1, HISTORY, 4], BufferRole::State);
            Note { score, history }
        };
        let episodes = score.map(|score| note("history", score));
        let lessons = tensors.map(|(targets, places, score)| {
            let note = note("history of the teacher", score);
            (targets, places, note)
        });
        // With the optimiser goes one note, which is most often all.
        let mut notes = episodes
            .into_iter()
            .chain(lessons.as_ref().map(|(.., note)| *note));
        let first = notes.next();
        ops::adamw_step_noted(&mut plan, &shape.optimizer, &optimizer, step, first);
        for Note { score, history } in notes {
            ops::record_step(&mut plan, score, optimizer.state, step, history);
        }
        let parameters = optimizer.parameter;
        shape.shaping.shrink(&mut plan, trained, parameters, step);
        let history = episodes.map(|note| note.history);
        let teacher = lessons.map(|(targets, places, note)| TeacherTensors {
            targets,
            places,
            history: note.history,
        });
        plan.share_scratch();
        Self {
            plan,
            banks,
            slots,
            step,
            optimizer,
            history,
            teacher,
            clips,
        }
    }
}

/// Appends the loss of an episode of prototypes: its scores, and `weight` times its gradient by the embeddings, of which the
/// episode's are the first.
fn prototype(
    plan: &mut Plan,
    episode: &EpisodeShape,
    embedding: Tensor,
    weight: f32,
) -> (Tensor, Tensor) {
    let mut scratch = |label: &str, shape| plan.tensor(label, shape, BufferRole::Scratch);
    let prototype = scratch("prototypes", [episode.way, episode.width, 1, 1]);
    let distance = scratch("distances", [1, 1, episode.queries(), episode.way]);
    let products = scratch("inner products", [1, episode.queries(), episode.way, 3]);
    let score = scratch("scores", [1, 1, episode.queries(), 2]);
    let mut grad_distance = scratch("distance gradients", distance.shape);
    let grad_embedding = scratch("embedding gradients", embedding.shape);
    ops::prototype_forward(plan, episode, embedding, prototype);
    ops::distance_forward(
        plan,
        episode.distance,
        episode.supports(),
        [embedding, prototype],
        distance,
        products,
    );
    ops::episode_loss(plan, episode, distance, score, grad_distance);
    if weight != 1.0 {
        let weighted = plan.tensor("weighted gradients", distance.shape, BufferRole::Scratch);
        let both = [grad_distance; 2];
        ops::weighted_sum(plan, [weight, 0.0], both, weighted);
        grad_distance = weighted;
    }
    ops::distance_grad(
        plan,
        episode,
        embedding,
        prototype,
        products,
        grad_distance,
        grad_embedding,
    );
    (score, grad_embedding)
}

/// A step with a teacher: one forward pass of all clips through the body; the teacher's go on through the read-out.
struct Taught<'a> {
    body: &'a Network,
    teacher: TeacherShape<'a>,
    parameters: Tensor,
    gradients: Tensor,
    clips: Tensor,
    step: Tensor,
}

impl Taught<'_> {
    /// Appends everything from the clips to the gradients. Returns the targets' buffers, the places and the scores of the
    /// teacher's rows, and the scores of the episode if there is one.
    fn append(
        &self,
        plan: &mut Plan,
        episode: Option<EpisodeShape>,
    ) -> ((Vec<Tensor>, Tensor, Tensor), Option<Tensor>) {
        let TeacherShape {
            whole,
            batch,
            weight,
            episode_weight,
            cosine,
            targets,
        } = self.teacher;
        let (parameters, gradients) = (self.parameters, self.gradients);
        let width = whole.width();
        let targets: Vec<Tensor> = targets
            .iter()
            .enumerate()
            .map(|(k, &rows)| {
                plan.tensor(
                    format!("targets {k}"),
                    [1, 1, rows, width],
                    BufferRole::Input,
                )
            })
            .collect();
        let places = plan.words("places of targets", [1, 1, batch, 2], BufferRole::Input);
        let target = plan.tensor(
            "targets of a step",
            [batch, width, 1, 1],
            BufferRole::Scratch,
        );
        for (index, &bank) in targets.iter().enumerate() {
            ops::target_gather(plan, index, bank, places, target);
        }

        let body = self.body.spec.layers.len();
        let (clips, step) = (self.clips, Some(self.step));
        let forward = whole.forward_layers(plan, parameters, clips, step, 0..body);
        let embedding = forward.embedding;
        let scored =
            episode.map(|shape| (shape, prototype(plan, &shape, embedding, episode_weight)));
        // The teacher's rows, behind those of the episode.
        let sizes = [batch, self.body.width()];
        let stride = self.body.width();
        let behind = RowsAt {
            first: scored.map_or(0, |(shape, _)| shape.clips() * stride),
            stride,
        };
        let alone = RowsAt { first: 0, stride };
        let taught = match scored {
            None => embedding,
            Some(_) => {
                let shape = [batch, stride, 1, 1];
                let rows = plan.tensor("taught embeddings", shape, BufferRole::Scratch);
                ops::copy_rows(plan, sizes, (embedding, behind), (rows, alone));
                rows
            }
        };
        let layers = body..whole.spec.layers.len();
        let read_out = (!layers.is_empty())
            .then(|| whole.forward_layers(plan, parameters, taught, step, layers));
        let prediction = read_out.as_ref().map_or(taught, |read| read.embedding);
        let score = plan.tensor("teacher scores", [1, 1, batch, 2], BufferRole::Scratch);
        let grad = plan.tensor(
            "prediction gradients",
            prediction.shape,
            BufferRole::Scratch,
        );
        let pair = [prediction, target];
        ops::prediction_loss(plan, [cosine, weight], pair, score, grad);
        let of_taught = match &read_out {
            Some(read_out) => whole
                .backward(plan, read_out, parameters, gradients, grad)
                .unwrap_or_else(|| unreachable!("the network before the read-out learns")),
            None => grad,
        };
        let grad = match scored {
            None => of_taught,
            Some((_, (_, grad))) => {
                ops::copy_rows(plan, sizes, (of_taught, alone), (grad, behind));
                grad
            }
        };
        whole.backward(plan, &forward, parameters, gradients, grad);
        (
            (targets, places, score),
            scored.map(|(_, (score, _))| score),
        )
    }
}
