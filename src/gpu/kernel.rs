//! The WGSL kernels, embedded in the binary.

use std::sync::OnceLock;

use super::facts::{Constant, Facts};

/// One compute kernel: WGSL files, joined in their order, with an entry point `main`. Its name is that of no file, so that
/// one file may serve several kernels.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// What plans call it; also the label of its pipelines.
    pub name: &'static str,
    /// Its files below `shaders/`, and their texts.
    files: &'static [(&'static str, &'static str)],
    facts: &'static OnceLock<Facts>,
}

impl Kernel {
    /// Its files below `shaders/`, in the order in which they are joined, a line break between them.
    pub fn files(&self) -> Vec<&'static str> {
        self.files.iter().map(|(path, _)| *path).collect()
    }

    /// Its files below `shaders/` with their texts.
    pub(crate) fn texts(&self) -> &'static [(&'static str, &'static str)] {
        self.files
    }

    /// The whole WGSL text.
    pub fn wgsl(&self) -> String {
        let texts: Vec<&str> = self.files.iter().map(|(_, text)| *text).collect();
        texts.join("\n")
    }

    /// The same with other lengths of its register arrays: each takes the place of the number in the line
    /// `const NAME = 16u;`.
    pub fn wgsl_with(&self, arrays: &[(String, u32)]) -> String {
        let mut text = self.wgsl();
        for (name, length) in arrays {
            let constant = format!("\nconst {name} = ");
            let Some(at) = text.find(&constant) else {
                continue;
            };
            let number = at + constant.len();
            let end = text[number..].find(';').map_or(text.len(), |k| number + k);
            text.replace_range(number..end, &format!("{length}u"));
        }
        text
    }

    /// The lengths of its register arrays for tiles that are known: exactly as long as these. A loop over `MAX_X` elements, of
    /// which `TILE_X` are used, is unrolled by some compilers and not by others, and arrays whose indices are not known
    /// then lie in memory (docs/decisions.md).
    pub(crate) fn exact_arrays(&self, overrides: &[(String, f64)]) -> Vec<(String, u32)> {
        let facts = self.facts();
        let exact = |(name, value): &(String, f64)| {
            let array = format!("MAX_{}", name.strip_prefix("TILE_")?);
            facts.arrays.iter().find(|(known, _)| *known == array)?;
            let most = facts.most(name)?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a tile is a small whole number; of another no plan validates"
            )]
            Some((array, value.clamp(1.0, most as f64) as u32))
        };
        overrides.iter().filter_map(exact).collect()
    }

    /// Whether its loops over register tiles can run past their length (`shaders/shared/idle_turn.wgsl`).
    pub(super) fn has_idle_turns(&self) -> bool {
        let mut constants = self.facts().all_constants();
        constants.any(|constant| constant.name == "IDLE_TURN")
    }

    /// The value of an override constant, one of these or one that follows from them.
    pub(crate) fn constant<'a>(
        &'a self,
        overrides: impl IntoIterator<Item = (&'a str, f64)>,
        name: &str,
    ) -> Option<f64> {
        let values = self.facts().values(overrides)?;
        values.get(name).copied()
    }

    /// Bytes of its workgroup memory with these override constants; none where one of them, or one that follows from them,
    /// is not in its range.
    pub(crate) fn workgroup_bytes(&self, overrides: &[(&'static str, f64)]) -> Option<u64> {
        let facts = self.facts();
        let values = facts.values(overrides.iter().copied())?;
        let allowed = |constant: &Constant| {
            let value = values.get(constant.name.as_str());
            value.is_some_and(|value| constant.allows(*value, &values))
        };
        let all = facts.all_constants().all(allowed);
        facts.workgroup_bytes(&values).filter(|_| all)
    }

    /// What a step must give it; read from its WGSL once.
    pub(super) fn facts(&self) -> &'static Facts {
        self.facts.get_or_init(|| Facts::read(&self.wgsl()))
    }
}

macro_rules! kernel {
    ($name:literal, $($file:literal),+) => {{
        static FACTS: OnceLock<Facts> = OnceLock::new();
        Kernel {
            name: $name,
            files: &[$(($file, include_str!(concat!("../../shaders/", $file)))),+],
            facts: &FACTS,
        }
    }};
}

/// Every kernel there is.
pub static KERNELS: &[Kernel] = &[
    kernel!(
        "window_fft_power",
        "shared/complex.wgsl",
        "mel/window_fft_power.wgsl"
    ),
    kernel!("mel_project", "mel/mel_project.wgsl"),
    kernel!("log_compress", "mel/log_compress.wgsl"),
    kernel!("silence_absent", "mel/silence_absent.wgsl"),
    kernel!(
        "kan_conv_forward",
        "shared/idle_turn.wgsl",
        "shared/conv_shape.wgsl",
        "shared/split.wgsl",
        "shared/spline.wgsl",
        "layers/kan_conv_forward.wgsl"
    ),
    kernel!(
        "kan_conv_forward_local",
        "shared/idle_turn.wgsl",
        "shared/conv_shape.wgsl",
        "shared/split.wgsl",
        "shared/local_spline.wgsl",
        "layers/kan_conv_forward_local.wgsl"
    ),
    kernel!(
        "kan_conv_forward_sparse",
        "shared/idle_turn.wgsl",
        "shared/conv_shape.wgsl",
        "shared/spline.wgsl",
        "layers/kan_conv_forward_sparse.wgsl"
    ),
    kernel!(
        "kan_conv_grad_weight",
        "shared/idle_turn.wgsl",
        "shared/conv_shape.wgsl",
        "shared/spline.wgsl",
        "layers/kan_conv_grad_weight.wgsl"
    ),
    kernel!(
        "conv_forward",
        "shared/idle_turn.wgsl",
        "shared/conv_shape.wgsl",
        "shared/split.wgsl",
        "layers/conv_forward.wgsl"
    ),
    kernel!(
        "conv_grad_input",
        "shared/idle_turn.wgsl",
        "shared/conv_shape.wgsl",
        "shared/split.wgsl",
        "shared/spline.wgsl",
        "layers/conv_grad_input.wgsl"
    ),
    kernel!(
        "conv_grad_weight",
        "shared/idle_turn.wgsl",
        "shared/conv_shape.wgsl",
        "layers/conv_grad_weight.wgsl"
    ),
    kernel!(
        "kan_conv_forward_tiled",
        "shared/conv_shape.wgsl",
        "shared/split.wgsl",
        "shared/spline.wgsl",
        "shared/spline_slots.wgsl",
        "shared/input_tile.wgsl",
        "layers/conv_forward_tiled.wgsl"
    ),
    kernel!(
        "kan_conv_grad_weight_tiled",
        "shared/conv_shape.wgsl",
        "shared/spline.wgsl",
        "shared/spline_slots.wgsl",
        "shared/input_tile.wgsl",
        "layers/conv_grad_weight_tiled.wgsl"
    ),
    kernel!(
        "conv_forward_tiled",
        "shared/conv_shape.wgsl",
        "shared/split.wgsl",
        "shared/channel_slots.wgsl",
        "shared/input_tile.wgsl",
        "layers/conv_forward_tiled.wgsl"
    ),
    kernel!(
        "conv_grad_input_tiled",
        "shared/conv_shape.wgsl",
        "shared/split.wgsl",
        "shared/spline.wgsl",
        "layers/conv_grad_input_tiled.wgsl"
    ),
    kernel!(
        "conv_grad_weight_tiled",
        "shared/conv_shape.wgsl",
        "shared/channel_slots.wgsl",
        "shared/input_tile.wgsl",
        "layers/conv_grad_weight_tiled.wgsl"
    ),
    kernel!(
        "unpack_halves",
        "shared/packed.wgsl",
        "layers/unpack_halves.wgsl"
    ),
    kernel!(
        "unpack_integers",
        "shared/packed.wgsl",
        "layers/unpack_integers.wgsl"
    ),
    kernel!(
        "unpack_codebook",
        "shared/packed.wgsl",
        "layers/unpack_codebook.wgsl"
    ),
    kernel!("round_weights", "optimizer/round_weights.wgsl"),
    kernel!("channels_last", "layers/channels_last.wgsl"),
    kernel!(
        "channels_last_sum",
        "shared/row_sum.wgsl",
        "shared/gradient_given.wgsl",
        "layers/channels_last_sum.wgsl"
    ),
    kernel!("change_basis", "layers/change_basis.wgsl"),
    kernel!("sum_gradients", "layers/sum_gradients.wgsl"),
    kernel!(
        "channel_sum",
        "shared/few.wgsl",
        "shared/lane_sum.wgsl",
        "layers/channel_sum.wgsl"
    ),
    kernel!(
        "reduce_partials",
        "shared/lane_sum.wgsl",
        "layers/reduce_partials.wgsl"
    ),
    kernel!(
        "group_norm_forward",
        "shared/few.wgsl",
        "shared/row_sum.wgsl",
        "shared/norm_x.wgsl",
        "layers/group_norm_forward.wgsl"
    ),
    kernel!(
        "group_norm_forward_splits",
        "shared/few.wgsl",
        "shared/row_sum.wgsl",
        "shared/norm_x_splits.wgsl",
        "layers/group_norm_forward.wgsl"
    ),
    kernel!(
        "group_norm_grad_input",
        "shared/few.wgsl",
        "shared/row_sum.wgsl",
        "layers/group_norm_grad_input.wgsl"
    ),
    kernel!(
        "group_norm_grad_weight",
        "shared/few.wgsl",
        "shared/lane_sum.wgsl",
        "layers/group_norm_grad_weight.wgsl"
    ),
    kernel!(
        "group_norm_grad",
        "shared/few.wgsl",
        "shared/row_sum.wgsl",
        "shared/lane_sum.wgsl",
        "layers/group_norm_grad.wgsl"
    ),
    kernel!("band_affine", "layers/band_affine.wgsl"),
    kernel!("activation_forward", "layers/activation_forward.wgsl"),
    kernel!(
        "activation_grad_input",
        "shared/activation_slope.wgsl",
        "layers/activation_grad_input.wgsl"
    ),
    kernel!(
        "activation_grad_last",
        "shared/row_sum.wgsl",
        "shared/activation_slope.wgsl",
        "shared/gradient_of_activation.wgsl",
        "layers/channels_last_sum.wgsl"
    ),
    kernel!("pool_forward", "layers/pool_forward.wgsl"),
    kernel!("pool_grad_input", "layers/pool_grad_input.wgsl"),
    kernel!(
        "statistics_pool_forward",
        "shared/rows_x.wgsl",
        "shared/lane_sum.wgsl",
        "layers/statistics_pool_forward.wgsl"
    ),
    kernel!(
        "statistics_pool_forward_splits",
        "shared/rows_x_splits.wgsl",
        "shared/lane_sum.wgsl",
        "layers/statistics_pool_forward.wgsl"
    ),
    kernel!(
        "statistics_pool_grad_last",
        "shared/row_sum.wgsl",
        "shared/gradient_of_statistics.wgsl",
        "layers/channels_last_sum.wgsl"
    ),
    kernel!(
        "statistics_pool_grad_input",
        "layers/statistics_pool_grad_input.wgsl"
    ),
    kernel!("squared_error", "layers/squared_error.wgsl"),
    kernel!(
        "noise_forward",
        "shared/step.wgsl",
        "shared/random.wgsl",
        "layers/noise_forward.wgsl"
    ),
    kernel!(
        "dropout_forward",
        "shared/step.wgsl",
        "shared/random.wgsl",
        "layers/dropout_forward.wgsl"
    ),
    kernel!(
        "clip_gather",
        "shared/step.wgsl",
        "shared/random.wgsl",
        "episode/clip_gather.wgsl"
    ),
    kernel!("copy_rows", "episode/copy_rows.wgsl"),
    kernel!(
        "row_statistics",
        "shared/row_sum.wgsl",
        "episode/row_statistics.wgsl"
    ),
    kernel!("standardise_rows", "episode/standardise_rows.wgsl"),
    kernel!("prototype_forward", "episode/prototype_forward.wgsl"),
    kernel!(
        "distance_forward",
        "shared/idle_turn.wgsl",
        "shared/few.wgsl",
        "shared/metric.wgsl",
        "episode/distance_forward.wgsl"
    ),
    kernel!("episode_loss", "episode/episode_loss.wgsl"),
    kernel!(
        "distance_grad",
        "shared/metric.wgsl",
        "episode/distance_grad.wgsl"
    ),
    kernel!("target_gather", "episode/target_gather.wgsl"),
    kernel!(
        "prediction_loss",
        "shared/row_sum.wgsl",
        "episode/prediction_loss.wgsl"
    ),
    kernel!(
        "record_step",
        "shared/row_sum.wgsl",
        "shared/step.wgsl",
        "shared/optimizer_state.wgsl",
        "shared/mean_score.wgsl",
        "episode/record_step.wgsl"
    ),
    kernel!(
        "grad_norm",
        "shared/lane_sum.wgsl",
        "shared/optimizer_state.wgsl",
        "optimizer/grad_norm.wgsl"
    ),
    kernel!(
        "step_guard",
        "shared/row_sum.wgsl",
        "shared/optimizer_state.wgsl",
        "shared/guard.wgsl",
        "optimizer/step_guard.wgsl"
    ),
    kernel!(
        "guard_and_record",
        "shared/row_sum.wgsl",
        "shared/step.wgsl",
        "shared/optimizer_state.wgsl",
        "shared/guard.wgsl",
        "shared/mean_score.wgsl",
        "optimizer/guard_and_record.wgsl"
    ),
    kernel!(
        "adamw_step",
        "shared/step.wgsl",
        "shared/optimizer_state.wgsl",
        "optimizer/adamw_step.wgsl"
    ),
    kernel!("curvature_penalty", "optimizer/curvature_penalty.wgsl"),
    kernel!("mask_gradients", "optimizer/mask_gradients.wgsl"),
    kernel!(
        "shrink_edges",
        "shared/step.wgsl",
        "optimizer/shrink_edges.wgsl"
    ),
    kernel!("weighted_sum", "optimizer/weighted_sum.wgsl"),
    kernel!("fma_ceiling", "bench/fma_ceiling.wgsl"),
    kernel!("copy_ceiling", "bench/copy_ceiling.wgsl"),
];

/// The kernel of this name, if there is one.
pub fn kernel(name: &str) -> Option<&'static Kernel> {
    KERNELS.iter().find(|k| k.name == name)
}
