//! The steps that a network appends to a plan: its forward and its backward.

use std::ops::Range;

use super::Network;
use super::layers::{Build, Forward, Gradients, Layer};
use super::network::Stage;
use super::tap_lists::TapLists;
use super::weights::Weights;
use crate::gpu::{Plan, Tensor};
use crate::ops::{self, ConvShape, Gradient, PendingSums, Wanted, product};

/// A network's forward within a plan.
#[derive(Debug, Clone)]
pub struct NetworkForward {
    /// The embeddings, [n, width, 1, 1]; of some of the layers, what the last of them makes.
    pub embedding: Tensor,
    /// The first of the layers, by its place in the network.
    first: usize,
    layers: Vec<Forward>,
    step: Option<Tensor>,
}

impl Network {
    /// Appends the forward pass of clips `x`, [n, 1, bands, frames]. `step` is the step uniform of a
    /// training plan; without it noise and dropout do nothing.
    pub fn forward<'a>(
        &self,
        plan: &mut Plan,
        parameters: impl Into<Weights<'a>>,
        x: Tensor,
        step: Option<Tensor>,
    ) -> NetworkForward {
        self.forward_layers(plan, parameters, x, step, 0..self.stages.len())
    }

    /// [`Self::forward`] for inference, with parameters that `taps` were made of.
    pub fn forward_by_taps<'a>(
        &self,
        plan: &mut Plan,
        parameters: impl Into<Weights<'a>>,
        x: Tensor,
        taps: &TapLists,
    ) -> NetworkForward {
        self.forward_range(plan, parameters.into(), x, None, 0..self.stages.len(), taps)
    }

    /// [`Self::forward`] of some of the layers, at least one; `x` is the input of the first of them.
    pub(crate) fn forward_layers<'a>(
        &self,
        plan: &mut Plan,
        parameters: impl Into<Weights<'a>>,
        x: Tensor,
        step: Option<Tensor>,
        range: Range<usize>,
    ) -> NetworkForward {
        self.forward_range(
            plan,
            parameters.into(),
            x,
            step,
            range,
            &TapLists::default(),
        )
    }

    fn forward_range(
        &self,
        plan: &mut Plan,
        parameters: Weights,
        x: Tensor,
        step: Option<Tensor>,
        range: Range<usize>,
        taps: &TapLists,
    ) -> NetworkForward {
        let n = x.shape[0];
        let [_, c, h, w] = self.stages[range.start].input;
        let mut output = x.reshaped([n, c, h, w]);
        let placed: Vec<_> = self.layers().skip(range.start).take(range.len()).collect();
        let mut powers = weights_of_powers(plan, parameters, &placed, taps).into_iter();
        let mut layers = Vec::new();
        for (index, layer, stage) in placed {
            let views = parameters.views(plan, &stage.parameters);
            let forward = layer.forward(
                &mut Build {
                    plan,
                    step,
                    layer: index,
                    powers: powers.next().flatten(),
                    taps: taps.of(index as usize),
                },
                output,
                &views,
            );
            output = forward.output;
            layers.push(forward);
        }
        let width = product(&output.shape[1..]);
        NetworkForward {
            embedding: output.reshaped([n, width, 1, 1]),
            first: range.start,
            layers,
            step,
        }
    }

    /// What reached the layer at this place of the network, which is one of those that a forward pass went through.
    pub(crate) fn input_of(&self, forward: &NetworkForward, layer: usize) -> Tensor {
        let [_, c, h, w] = self.stages[layer].input;
        let input = forward.layers[layer.saturating_sub(forward.first)].input;
        input.reshaped([forward.embedding.shape[0], c, h, w])
    }

    /// Appends the backward pass of the layers that a forward pass went through: from the gradient of what they made to that of
    /// the flat parameters. Returns the gradient of their input, if a layer before them learns.
    pub fn backward(
        &self,
        plan: &mut Plan,
        forward: &NetworkForward,
        parameters: Tensor,
        gradients: Tensor,
        grad_embedding: Tensor,
    ) -> Option<Tensor> {
        // Below the first layer that learns nobody wants a gradient.
        let learns = |s: &Stage| s.parameters.iter().any(|p| p.parameter.trained);
        let learning = self.stages.iter().position(learns).unwrap_or(0);
        let wanted = |index| index > learning;
        self.back(
            plan,
            forward,
            parameters,
            Some(gradients),
            grad_embedding,
            wanted,
        )
    }

    /// Appends the backward pass to the input alone: from the gradient of what a forward pass made to that of what it was
    /// given, [n, 1, bands, frames] for all layers. Parameters get none.
    pub fn input_gradient(
        &self,
        plan: &mut Plan,
        forward: &NetworkForward,
        parameters: Tensor,
        grad_embedding: Tensor,
    ) -> Tensor {
        match self.back(plan, forward, parameters, None, grad_embedding, |_| true) {
            Some(grad) => grad,
            None => unreachable!("every layer gives the gradient of its input where it is wanted"),
        }
    }

    /// Goes back through the layers, as far as `wanted` wants the gradient of a layer's input.
    fn back(
        &self,
        plan: &mut Plan,
        forward: &NetworkForward,
        parameters: Tensor,
        gradients: Option<Tensor>,
        grad_embedding: Tensor,
        wanted: impl Fn(usize) -> bool,
    ) -> Option<Tensor> {
        let last = forward.layers.last().map_or(grad_embedding, |f| f.output);
        let mut grad = Gradient::Plain(grad_embedding.reshaped(last.shape));
        let layers = self.layers().skip(forward.first);
        let layers: Vec<_> = layers.zip(&forward.layers).collect();
        let mut views = |flat: Tensor| -> Vec<Vec<Tensor>> {
            let of = |((_, _, stage), _): &((u32, &dyn Layer, &Stage), &Forward)| {
                Weights::Floats(flat).views(plan, &stage.parameters)
            };
            layers.iter().map(of).collect()
        };
        let parameters = views(parameters);
        let gradients = gradients.map(views);
        let joined = PendingSums::joined(plan);
        let mut sums = PendingSums::default();
        let mut input = None;
        for (place, ((index, layer, _), kept)) in layers.iter().enumerate().rev() {
            let below = place.checked_sub(1);
            let wanted = match (wanted(*index as usize), &gradients, below) {
                (false, ..) => Wanted::Nothing,
                (true, Some(gradients), Some(below)) if joined => {
                    let ((_, layer, _), _) = &layers[below];
                    let bias = layer.bias(&gradients[below]);
                    bias.map_or(Wanted::Plain, Wanted::ChannelsLast)
                }
                (true, ..) => Wanted::Plain,
            };
            let mut build = Build {
                plan,
                step: forward.step,
                layer: *index,
                powers: None,
                taps: None,
            };
            let of_parameters = gradients.as_ref().map(|gradients| Gradients {
                of: &gradients[place],
                sums: &mut sums,
            });
            let grad_y = match grad {
                Gradient::Plain(grad) => Gradient::Plain(grad.reshaped(kept.output.shape)),
                last => last,
            };
            let parameters = &parameters[place];
            let grad_x =
                layer.backward(&mut build, kept, parameters, of_parameters, grad_y, wanted);
            input = match (grad_x, wanted) {
                (None, _) | (_, Wanted::Nothing) => None,
                (Some(Gradient::Plain(grad_x)), _) => {
                    Some(Gradient::Plain(grad_x.reshaped(kept.input.shape)))
                }
                (last, _) => last,
            };
            match input {
                None => break,
                Some(grad_x) => grad = grad_x,
            }
        }
        sums.add_up(plan);
        for (place, ((_, layer, _), kept)) in layers.iter().enumerate().rev() {
            if let Some(gradients) = &gradients {
                let input = kept.input.shape;
                layer.penalise(plan, input, &parameters[place], &gradients[place]);
            }
        }
        input.map(Gradient::plain)
    }
}

/// Of each layer the weights as its kernels take them, where it has them in another basis: of all at once, but of what is unpacked
/// for each layer by itself or goes by lists of taps.
fn weights_of_powers(
    plan: &mut Plan,
    parameters: Weights,
    layers: &[(u32, &dyn Layer, &Stage)],
    taps: &TapLists,
) -> Vec<Option<Tensor>> {
    let Weights::Floats(flat) = parameters else {
        return Vec::new();
    };
    let splines: Vec<Option<(ConvShape, usize)>> = layers
        .iter()
        .map(|(index, layer, stage)| {
            let dense = taps.of(*index as usize).is_none();
            let shape = layer.splines(stage.input).filter(|_| dense)?;
            Some((shape, stage.parameters.first()?.first))
        })
        .collect();
    let wanted: Vec<_> = splines.iter().flatten().copied().collect();
    let mut made = ops::weights_of_powers(plan, &wanted, flat).into_iter();
    let powers = splines.iter().map(|shape| shape.and_then(|_| made.next()));
    powers.collect()
}
