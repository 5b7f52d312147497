//! The inner loop of MAML, ANIL and Reptile as steps of a plan: a task's own head, and gradient descent.
//!
//! Every inner step makes new tensors of parameters instead of changing the old ones. The first step so
//! reads the real parameters, which stay as they are, and [`Plan::share_scratch`] lets the others take turns
//! in two buffers. Padding stays zero, since it is zero in the parameters and in the gradients.

use crate::gpu::{BufferRole, Plan, Shape, Tensor};
use crate::model::{Network, NetworkForward};
use crate::ops::{self, Basis, ConvKept, ConvShape, Distance, EpisodeShape, NormShape, RowsAt};
use crate::settings::Learner;

/// A task's linear head on embeddings h: "distances" z V + b, which are minus the logits of a softmax, so
/// that the loss of prototypes is the loss of heads. z are the embeddings centred and scaled by those that the
/// first inner step learned from; these statistics count as constants. Without them what all embeddings have
/// in common, which is most of them in an untrained network, would swamp the gradients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// Mean and one over the deviation of the embeddings that it learns from, [1, 1, 1, width + 1].
    statistics: Tensor,
    /// V as convolutions store it, [1, 1, width, way rounded up to a multiple of 4].
    weight: Tensor,
    /// b, [1, 1, 1, way].
    bias: Tensor,
}

impl Head {
    /// A head of zeros for these supports' embeddings, [supports, width, 1, 1].
    fn zero(plan: &mut Plan, supports: Tensor, way: usize) -> Self {
        let width = supports.shape[1];
        let statistics = [1, 1, 1, width + 1];
        let statistics = plan.tensor("support statistics", statistics, BufferRole::Scratch);
        ops::row_statistics(plan, true, supports, statistics);
        let mut zeros = |label: &str, shape: Shape| {
            plan.constant(label, shape, vec![0.0; shape.iter().product()])
        };
        Self {
            statistics,
            weight: zeros("head", [1, 1, width, way.next_multiple_of(4)]),
            bias: zeros("head bias", [1, 1, 1, way]),
        }
    }

    /// Appends the head's answer to embeddings, [clips, width, 1, 1].
    fn answer(&self, plan: &mut Plan, embedding: Tensor) -> Answer {
        let shape = ConvShape {
            n: embedding.shape[0],
            ci: embedding.shape[1],
            input: [1, 1],
            co: self.bias.len(),
            kernel: [1, 1],
            stride: [1, 1],
            padding: [0, 0],
            basis: Basis::IDENTITY,
        };
        let distance = plan.tensor("head distances", shape.output_shape(), BufferRole::Scratch);
        let seen = plan.tensor("standardised", embedding.shape, BufferRole::Scratch);
        let Self {
            statistics,
            weight,
            bias,
        } = *self;
        ops::standardise_rows(plan, true, embedding, statistics, seen);
        Answer {
            kept: ops::conv_forward(plan, &shape, seen, weight, bias, distance),
            shape,
            distance,
            statistics,
        }
    }

    /// The head after a step of gradient descent.
    fn descend(&self, plan: &mut Plan, rate: f32, grad: &HeadGradient) -> Self {
        Self {
            statistics: self.statistics,
            weight: descend(plan, rate, self.weight, grad.weight),
            bias: descend(plan, rate, self.bias, grad.bias),
        }
    }
}

/// The gradient by a head's weights, stored as they are.
#[derive(Debug, Clone, Copy)]
struct HeadGradient {
    weight: Tensor,
    bias: Tensor,
}

/// A head's answer to a batch.
#[derive(Debug, Clone, Copy)]
struct Answer {
    statistics: Tensor,
    shape: ConvShape,
    kept: ConvKept,
    /// [clips, way, 1, 1].
    distance: Tensor,
}

impl Answer {
    /// Score [clips, 2] and gradient by distance of the mean cross-entropy, for clips that come class by
    /// class, as many of each.
    fn loss(&self, plan: &mut Plan) -> (Tensor, Tensor) {
        let episode = labelled(self.shape.co, self.shape.n);
        let score = [1, 1, self.shape.n, 2];
        let score = plan.tensor("head scores", score, BufferRole::Scratch);
        let grad = plan.tensor(
            "head distance gradients",
            self.distance.shape,
            BufferRole::Scratch,
        );
        ops::episode_loss(plan, &episode, self.distance, score, grad);
        (score, grad)
    }

    /// The gradient by the head, and by the embeddings where it is wanted.
    fn backward(
        &self,
        plan: &mut Plan,
        grad_distance: Tensor,
        by_input: Option<Tensor>,
    ) -> HeadGradient {
        let HeadGradient { weight, bias } = HeadGradient {
            weight: plan.tensor(
                "head gradients",
                [1, 1, self.shape.ci, self.shape.co_pad()],
                BufferRole::Scratch,
            ),
            bias: plan.tensor(
                "head bias gradients",
                [1, 1, 1, self.shape.co],
                BufferRole::Scratch,
            ),
        };
        let by_head = [weight, bias];
        let by_seen =
            by_input.map(|to| plan.tensor("standardised gradients", to.shape, BufferRole::Scratch));
        ops::conv_backward(
            plan,
            &self.shape,
            &self.kept,
            grad_distance,
            Some(by_head),
            by_seen,
        );
        if let (Some(by_seen), Some(by_input)) = (by_seen, by_input) {
            ops::standardise_rows(plan, false, by_seen, self.statistics, by_input);
        }
        HeadGradient { weight, bias }
    }
}

/// parameter - rate * grad, in a new tensor.
fn descend(plan: &mut Plan, rate: f32, parameter: Tensor, grad: Tensor) -> Tensor {
    let adapted = plan.tensor("adapted", parameter.shape, BufferRole::Scratch);
    ops::weighted_sum(plan, [1.0, -rate], [parameter, grad], adapted);
    adapted
}

/// The shape that loss and history take for `clips` clips, class by class, whose head's distances are
/// minus logits. It has no supports and no embeddings.
fn labelled(way: usize, clips: usize) -> EpisodeShape {
    EpisodeShape {
        way,
        shot: 0,
        query: clips / way,
        width: 0,
        distance: Distance::Euclidean,
        scale: 1.0,
    }
}

/// Body and head at a point of the inner loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Adapted {
    /// The network's parameters, flat.
    parameters: Tensor,
    /// None before the first inner step, whose embeddings it is made for.
    head: Option<Head>,
}

/// Embeddings as heads get them: each brought to mean 0 and deviation 1 over its values (layer normalisation).
/// Without it the gradients would mostly ask for longer embeddings, which the supports' statistics take back.
struct Embedded {
    forward: NetworkForward,
    shape: NormShape,
    affine: Tensor,
    moments: Tensor,
    /// [clips, width, 1, 1].
    normal: Tensor,
}

/// What the inner loops of a plan have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InnerLoop<'a> {
    pub network: &'a Network,
    pub learner: Learner,
    /// Classes.
    pub way: usize,
    /// Takes every gradient by the network's parameters, one after the other. It is state, since nothing
    /// writes its padding, which must be zero.
    pub grad: Tensor,
    /// The step uniform while training; all inner steps have the same noise and dropout.
    pub step: Option<Tensor>,
}

impl InnerLoop<'_> {
    /// Before the first inner step.
    pub(crate) fn start(parameters: Tensor) -> Adapted {
        Adapted {
            parameters,
            head: None,
        }
    }

    /// The head at a point, made for these embeddings if there is none yet.
    fn head(&self, plan: &mut Plan, at: &Adapted, embedding: Tensor) -> Head {
        at.head
            .unwrap_or_else(|| Head::zero(plan, embedding, self.way))
    }

    /// Embeddings of clips [n, 1, bands, frames].
    fn embed(&self, plan: &mut Plan, parameters: Tensor, clips: Tensor) -> Embedded {
        let forward = self.network.forward(plan, parameters, clips, self.step);
        let [n, width, ..] = forward.embedding.shape;
        let shape = NormShape {
            n,
            c: width,
            groups: 1,
            positions: 1,
        };
        let ones_and_zeros = (0..2 * width).map(|k| if k < width { 1.0 } else { 0.0 });
        let affine = plan.constant("unit affine", [1, 1, 2, width], ones_and_zeros.collect());
        let moments = plan.tensor("embedding moments", [n, 1, 1, 2], BufferRole::Scratch);
        let normal = plan.tensor("normal embeddings", [n, width, 1, 1], BufferRole::Scratch);
        ops::group_norm_forward(plan, &shape, forward.embedding, affine, normal, moments);
        Embedded {
            forward,
            shape,
            affine,
            moments,
            normal,
        }
    }

    /// Leaves the gradient by the body in `grad`, with curvature penalties where layers have them. The supports' mean
    /// counts as moving with the batch, so that the gradient adds up to zero over the clips: else it would ask for a
    /// shift of all embeddings, which the mean takes back, until nothing else is left of them.
    fn backward(&self, plan: &mut Plan, of: &Embedded, parameters: Tensor, by_normal: Tensor) {
        let embedding = of.forward.embedding;
        let mut scratch =
            |label: &str, shape: Shape| plan.tensor(label, shape, BufferRole::Scratch);
        let mean = scratch("mean gradient", [1, 1, 1, of.shape.c + 1]);
        let centred = scratch("centred gradients", by_normal.shape);
        let by_embedding = scratch("embedding gradients", embedding.shape);
        ops::row_statistics(plan, false, by_normal, mean);
        ops::standardise_rows(plan, true, by_normal, mean, centred);
        ops::group_norm_grad_input(
            plan,
            &of.shape,
            embedding,
            of.affine,
            of.moments,
            centred,
            by_embedding,
        );
        self.network
            .backward(plan, &of.forward, parameters, self.grad, by_embedding);
    }

    /// Distances of clips [n, 1, bands, frames] from the classes, [n, way, 1, 1].
    pub(crate) fn distances(&self, plan: &mut Plan, at: &Adapted, clips: Tensor) -> Tensor {
        let embedded = self.embed(plan, at.parameters, clips);
        let head = self.head(plan, at, embedded.normal);
        head.answer(plan, embedded.normal).distance
    }

    /// Score of clips that come class by class, as many of each, and the gradient of their mean loss by the
    /// head; that by the body goes to `grad`.
    fn gradient(
        &self,
        plan: &mut Plan,
        at: &Adapted,
        clips: Tensor,
    ) -> (Tensor, Head, HeadGradient) {
        let parameters = at.parameters;
        let embedded = self.embed(plan, parameters, clips);
        let normal = embedded.normal;
        let head = self.head(plan, at, normal);
        let answer = head.answer(plan, normal);
        let (score, grad_distance) = answer.loss(plan);
        let by_normal = plan.tensor("normal gradients", normal.shape, BufferRole::Scratch);
        let by_head = answer.backward(plan, grad_distance, Some(by_normal));
        self.backward(plan, &embedded, parameters, by_normal);
        (score, head, by_head)
    }

    /// One inner step of body and head on clips that come class by class, as many of each; also their score
    /// before it.
    pub(crate) fn adapt(&self, plan: &mut Plan, at: &Adapted, clips: Tensor) -> (Adapted, Tensor) {
        let (score, head, by_head) = self.gradient(plan, at, clips);
        let Learner {
            body_rate,
            head_rate,
            ..
        } = self.learner;
        let adapted = Adapted {
            parameters: descend(plan, body_rate, at.parameters, self.grad),
            head: Some(head.descend(plan, head_rate, &by_head)),
        };
        (adapted, score)
    }

    /// An episode of first-order MAML. `clips` are class by class all supports, then class by class all
    /// queries; the gradient of the queries' loss by the adapted body is left in `grad`.
    pub(crate) fn maml(
        &self,
        plan: &mut Plan,
        parameters: Tensor,
        clips: Tensor,
        shot: usize,
    ) -> Tensor {
        let (support, query) = parts(plan, clips, self.way * shot);
        let mut adapted = Self::start(parameters);
        for _ in 0..self.learner.steps {
            (adapted, _) = self.adapt(plan, &adapted, support);
        }
        let (score, ..) = self.gradient(plan, &adapted, query);
        score
    }

    /// An episode of ANIL on clips as [`Self::maml`] takes them; the gradient of the queries' loss by the
    /// body is left in `grad`.
    ///
    /// A head that starts at zero is made of the supports' standardised embeddings H: after gradients g of the
    /// distances it is V = H' A with A = -rate (g_1 + g_2 + ...), [supports, way]. The loss's gradient by V
    /// thus gives that by H, A (dL/dV)', which takes A as constant.
    pub(crate) fn anil(
        &self,
        plan: &mut Plan,
        parameters: Tensor,
        clips: Tensor,
        shot: usize,
    ) -> Tensor {
        let embedded = self.embed(plan, parameters, clips);
        let normal = embedded.normal;
        let supports = self.way * shot;
        let (support, query) = parts(plan, normal, supports);
        let mut head = Head::zero(plan, support, self.way);
        let weights = [supports, self.way, 1, 1];
        let none = vec![0.0; supports * self.way];
        let mut weights = plan.constant("no support weights", weights, none);
        for _ in 0..self.learner.steps {
            let answer = head.answer(plan, support);
            let (_, grad_distance) = answer.loss(plan);
            weights = descend(plan, self.learner.head_rate, weights, grad_distance);
            let HeadGradient { weight, bias } = answer.backward(plan, weights, None);
            head = Head {
                weight,
                bias,
                ..head
            };
        }
        let asked = head.answer(plan, query);
        let (score, grad_distance) = asked.loss(plan);
        let mut scratch =
            |label: &str, shape: Shape| plan.tensor(label, shape, BufferRole::Scratch);
        let by_query = scratch("query gradients", query.shape);
        let by_normal = scratch("normal gradients", normal.shape);
        let by_head = asked.backward(plan, grad_distance, Some(by_query));
        let by_seen = plan.tensor("standardised gradients", support.shape, BufferRole::Scratch);
        let by_support = plan.view("support gradients", by_normal, 0, support.shape);
        let made_of = ConvShape {
            n: supports,
            ..asked.shape
        };
        let by_made = ConvKept {
            x: support,
            kernel_x: support,
            kernel_weight: by_head.weight,
        };
        let weights_last = ops::channels_last(plan, weights);
        ops::conv_grad_input(plan, &made_of, &by_made, weights_last, by_seen);
        ops::standardise_rows(plan, false, by_seen, head.statistics, by_support);
        let whole = |first| RowsAt { first, stride: 0 };
        ops::copy_rows(
            plan,
            [1, query.len()],
            (by_query, whole(0)),
            (by_normal, whole(support.len())),
        );
        self.backward(plan, &embedded, parameters, by_normal);
        score
    }

    /// An episode of Reptile on clips as [`Self::maml`] takes them, all of which are learned from;
    /// parameters less adapted parameters are left in `grad`. The score is that of the last inner step,
    /// before it.
    pub(crate) fn reptile(
        &self,
        plan: &mut Plan,
        parameters: Tensor,
        clips: Tensor,
        shot: usize,
    ) -> Tensor {
        let clips = by_class(plan, clips, self.way, shot);
        let start = Self::start(parameters);
        let (mut adapted, mut score) = self.adapt(plan, &start, clips);
        for _ in 1..self.learner.steps {
            (adapted, score) = self.adapt(plan, &adapted, clips);
        }
        let change = [parameters, adapted.parameters];
        ops::weighted_sum(plan, [1.0, -1.0], change, self.grad);
        score
    }
}

/// The first `count` rows of a tensor, and a copy of the others: a view could not begin just anywhere.
fn parts(plan: &mut Plan, of: Tensor, count: usize) -> (Tensor, Tensor) {
    let [rows, c, h, w] = of.shape;
    let first = plan.view("supports", of, 0, [count, c, h, w]);
    let rest = plan.tensor("queries", [rows - count, c, h, w], BufferRole::Scratch);
    let whole = |first| RowsAt { first, stride: 0 };
    ops::copy_rows(
        plan,
        [1, rest.len()],
        (of, whole(first.len())),
        (rest, whole(0)),
    );
    (first, rest)
}

/// Clips class by class, supports and queries together, from class by class all supports and then class by
/// class all queries.
fn by_class(plan: &mut Plan, clips: Tensor, way: usize, shot: usize) -> Tensor {
    let class = clips.len() / way;
    let support = class / (clips.shape[0] / way) * shot;
    let sorted = plan.tensor("clips by class", clips.shape, BufferRole::Scratch);
    for (size, from, to) in [(support, 0, 0), (class - support, way * support, support)] {
        let from = RowsAt {
            first: from,
            stride: size,
        };
        let to = RowsAt {
            first: to,
            stride: class,
        };
        ops::copy_rows(plan, [way, size], (clips, from), (sorted, to));
    }
    sorted
}
