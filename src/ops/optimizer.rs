//! The optimiser.

use super::append::{alone, each, each_sum, limit_turns};
use super::sizes::product;
use crate::gpu::{BufferRole, Plan, Tensor};

/// AdamW's constants.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamW {
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Largest gradient norm; longer gradients are scaled down to it.
    pub clip: f32,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip: 1.0,
        }
    }
}

/// What the optimiser keeps; `OptimizerState` in `shaders/shared/optimizer_state.wgsl`.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    bytemuck::Pod,
    bytemuck::Zeroable,
    serde::Serialize,
    serde::Deserialize,
)]
#[repr(C)]
pub struct OptimizerState {
    /// beta1 to the number of applied steps.
    pub beta1_power: f32,
    /// beta2 to the number of applied steps.
    pub beta2_power: f32,
    /// Steps applied.
    pub applied: u32,
    /// Steps skipped because a gradient was not finite.
    pub skipped: u32,
    /// What the last step's gradients were multiplied by.
    pub scale: f32,
    /// Norm of the last step's gradients before clipping.
    pub norm: f32,
    /// 1 if the last step was skipped.
    pub skip: u32,
    /// Keeps the size at 32 bytes.
    pub unused: u32,
}

impl OptimizerState {
    /// The state before the first step.
    pub const START: Self = Self {
        beta1_power: 1.0,
        beta2_power: 1.0,
        applied: 0,
        skipped: 0,
        scale: 0.0,
        norm: 0.0,
        skip: 0,
        unused: 0,
    };
}

/// The tensors of an optimiser. All but `decay` and `state` have as many elements.
#[derive(Debug, Clone, Copy)]
pub struct OptimizerTensors {
    /// The parameters.
    pub parameter: Tensor,
    /// Their gradients.
    pub grad: Tensor,
    /// First moments.
    pub first: Tensor,
    /// Second moments.
    pub second: Tensor,
    /// Weight decay, one value for every 64 parameters.
    pub decay: Tensor,
    /// An [`OptimizerState`].
    pub state: Tensor,
}

impl OptimizerTensors {
    /// Adds the tensors for `len` values, a multiple of 64, to a plan. All are state, because the padding
    /// between the tensors of a network must stay zero.
    pub fn new(plan: &mut Plan, len: usize) -> Self {
        let mut state = |label: &str, len| plan.tensor(label, [1, 1, 1, len], BufferRole::State);
        Self {
            parameter: state("parameters", len),
            grad: state("gradients", len),
            first: state("first moments", len),
            second: state("second moments", len),
            decay: state("weight decay", len / 64),
            state: plan.words("optimiser state", [1, 1, 1, 8], BufferRole::State),
        }
    }
}

/// What a step is noted by: scores, and the rows that [`record_step`](super::record_step) writes.
#[derive(Debug, Clone, Copy)]
pub struct Note {
    /// Two figures a row.
    pub score: Tensor,
    /// [rows, 4].
    pub history: Tensor,
}

/// One AdamW step with gradient clipping; a gradient that is not finite skips it.
pub fn adamw_step(plan: &mut Plan, constants: &AdamW, tensors: &OptimizerTensors, step: Tensor) {
    adamw_step_noted(plan, constants, tensors, step, None);
}

/// The same, and a note of it.
pub fn adamw_step_noted(
    plan: &mut Plan,
    constants: &AdamW,
    tensors: &OptimizerTensors,
    step: Tensor,
    note: Option<Note>,
) {
    let OptimizerTensors {
        parameter,
        grad,
        first,
        second,
        decay,
        state,
    } = *tensors;
    let size = parameter.len();
    let partials = size.div_ceil(64).min(1024);
    let partial = plan.tensor("norm partials", [1, 1, partials, 2], BufferRole::Scratch);
    each_sum(
        plan,
        "grad_norm",
        &[("SIZE", size as f64), ("PARTIALS", partials as f64)],
        &[grad, partial],
        partials,
        size.div_ceil(partials.max(1)),
    );
    let mut overrides = vec![
        ("PARTIALS", partials as f64),
        ("CLIP", f64::from(constants.clip)),
        ("BETA1", f64::from(constants.beta1)),
        ("BETA2", f64::from(constants.beta2)),
    ];
    match note {
        None => alone(plan, "step_guard", &overrides, &[partial, state], partials),
        Some(Note { score, history }) => {
            overrides.extend(note_overrides(score, history));
            let turns = partials.saturating_add(score.len() / 2);
            let bindings = [partial, state, score, step, history];
            alone(plan, "guard_and_record", &overrides, &bindings, turns);
        }
    }
    let overrides = [
        ("SIZE", size as f64),
        ("BETA1", f64::from(constants.beta1)),
        ("BETA2", f64::from(constants.beta2)),
        ("EPSILON", f64::from(constants.epsilon)),
    ];
    each(
        plan,
        "adamw_step",
        &overrides,
        &[parameter, grad, first, second, decay, state, step],
        size,
    );
}

/// The override constants of what writes a note.
pub(super) fn note_overrides(score: Tensor, history: Tensor) -> [(&'static str, f64); 2] {
    [
        ("SCORES", (score.len() / 2) as f64),
        ("ROWS", (history.len() / 4) as f64),
    ]
}

/// Sets the gradients to zero whose bit in `kept` is 0: a bit for each, the lowest of a word first. `grad` has a multiple of 32
/// elements.
pub fn mask_gradients(plan: &mut Plan, kept: Tensor, grad: Tensor) {
    let size = grad.len();
    let overrides = [("SIZE", size as f64)];
    each(plan, "mask_gradients", &overrides, &[kept, grad], size);
}

/// The proximal step of a group lasso on edges: shortens the weights of each edge, [taps, slots, co_pad], by the step's threshold
/// times the root of the slots, down to zero. To be appended after [`adamw_step`].
pub fn shrink_edges(
    plan: &mut Plan,
    [taps, slots, co_pad]: [usize; 3],
    weight: Tensor,
    step: Tensor,
) {
    limit_turns(plan, "shrink_edges", slots.saturating_mul(2));
    let overrides = [
        ("TAPS", taps as f64),
        ("SLOTS", slots as f64),
        ("CO_PAD", co_pad as f64),
        ("WEIGHT", (slots as f64).sqrt()),
    ];
    let count = product(&[taps, co_pad / 4]);
    let bindings = [weight, step];
    each(plan, "shrink_edges", &overrides, &bindings, count);
}

/// y = alpha a + beta b, all of one length. y must be another tensor than a and b.
pub fn weighted_sum(plan: &mut Plan, [alpha, beta]: [f32; 2], [a, b]: [Tensor; 2], y: Tensor) {
    let overrides = [
        ("SIZE", y.len() as f64),
        ("ALPHA", f64::from(alpha)),
        ("BETA", f64::from(beta)),
    ];
    each(plan, "weighted_sum", &overrides, &[a, b, y], y.len());
}
