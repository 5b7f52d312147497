//! The WGSL kernels, embedded in the binary.

use std::sync::OnceLock;

use super::facts::Facts;

/// One compute kernel: a file under `shaders/` with an entry point `main`.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// File stem; also the label of its pipelines.
    pub name: &'static str,
    source: &'static str,
    shared: &'static [&'static str],
    facts: &'static OnceLock<Facts>,
}

impl Kernel {
    /// The whole WGSL text: the functions it takes from `shaders/shared/`, then the file itself.
    pub fn wgsl(&self) -> String {
        let mut text = String::new();
        for shared in self.shared {
            text.push_str(shared);
            text.push('\n');
        }
        text.push_str(self.source);
        text
    }

    /// The same for a GPU's plan: arrays of registers exactly as long as the step's tiles. A loop over `MAX_X` elements, of
    /// which `TILE_X` are used, is unrolled by some compilers and not by others, and arrays whose indices are not known
    /// then lie in memory (docs/decisions.md). A `TILE_X` is within `MAX_X`, as [`super::Plan::validate`] has checked.
    pub fn wgsl_with_exact_tiles(&self, overrides: &[(String, f64)]) -> String {
        let exact = |line: &str| {
            let (tile, _) = line.strip_prefix("const MAX_")?.split_once(" = ")?;
            let (_, size) = overrides
                .iter()
                .find(|(name, _)| name.strip_prefix("TILE_") == Some(tile))?;
            Some(format!("const MAX_{tile} = {size}u;"))
        };
        let text = self.wgsl();
        let lines = text
            .lines()
            .map(|line| exact(line).unwrap_or_else(|| line.to_string()));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What a step must give it; read from its WGSL once.
    pub(super) fn facts(&self) -> &'static Facts {
        self.facts.get_or_init(|| Facts::read(&self.wgsl()))
    }
}

const CONV_SHAPE: &str = include_str!("../../shaders/shared/conv_shape.wgsl");
const SPLINE: &str = include_str!("../../shaders/shared/spline.wgsl");
const RANDOM: &str = include_str!("../../shaders/shared/random.wgsl");
const COMPLEX: &str = include_str!("../../shaders/shared/complex.wgsl");
const LOCAL_SPLINE: &str = include_str!("../../shaders/shared/local_spline.wgsl");
const FEW: &str = include_str!("../../shaders/shared/few.wgsl");
const SPLIT: &str = include_str!("../../shaders/shared/split.wgsl");
const LANE_SUM: &str = include_str!("../../shaders/shared/lane_sum.wgsl");
const STEP: &str = include_str!("../../shaders/shared/step.wgsl");
const ROW_SUM: &str = include_str!("../../shaders/shared/row_sum.wgsl");
const METRIC: &str = include_str!("../../shaders/shared/metric.wgsl");
const OPTIMIZER: &str = include_str!("../../shaders/shared/optimizer_state.wgsl");

macro_rules! kernel {
    ($folder:literal, $name:literal $(, $shared:ident)*) => {{
        static FACTS: OnceLock<Facts> = OnceLock::new();
        Kernel {
            name: $name,
            source: include_str!(concat!("../../shaders/", $folder, "/", $name, ".wgsl")),
            shared: &[$($shared),*],
            facts: &FACTS,
        }
    }};
}

/// Every kernel there is.
pub static KERNELS: &[Kernel] = &[
    kernel!("mel", "window_fft_power", COMPLEX),
    kernel!("mel", "mel_project"),
    kernel!("mel", "log_compress"),
    kernel!("layers", "kan_conv_forward", CONV_SHAPE, SPLIT, SPLINE),
    kernel!(
        "layers",
        "kan_conv_forward_local",
        CONV_SHAPE,
        SPLIT,
        LOCAL_SPLINE
    ),
    kernel!("layers", "kan_conv_grad_weight", CONV_SHAPE, SPLINE),
    kernel!("layers", "conv_forward", CONV_SHAPE, SPLIT),
    kernel!("layers", "conv_grad_input", CONV_SHAPE, SPLIT, SPLINE),
    kernel!("layers", "conv_grad_weight", CONV_SHAPE),
    kernel!("layers", "channels_last"),
    kernel!("layers", "change_basis"),
    kernel!("layers", "channel_sum", FEW, LANE_SUM),
    kernel!("layers", "reduce_partials", LANE_SUM),
    kernel!("layers", "group_norm_forward", FEW, ROW_SUM),
    kernel!("layers", "group_norm_grad_input", FEW, ROW_SUM),
    kernel!("layers", "group_norm_grad_weight", FEW, LANE_SUM),
    kernel!("layers", "band_affine"),
    kernel!("layers", "activation_forward"),
    kernel!("layers", "activation_grad_input"),
    kernel!("layers", "pool_forward"),
    kernel!("layers", "pool_grad_input"),
    kernel!("layers", "statistics_pool_forward"),
    kernel!("layers", "statistics_pool_grad_input"),
    kernel!("layers", "squared_error"),
    kernel!("layers", "noise_forward", STEP, RANDOM),
    kernel!("layers", "dropout_forward", STEP, RANDOM),
    kernel!("episode", "clip_gather", STEP, RANDOM),
    kernel!("episode", "copy_rows"),
    kernel!("episode", "row_statistics"),
    kernel!("episode", "standardise_rows"),
    kernel!("episode", "prototype_forward"),
    kernel!("episode", "distance_forward", METRIC),
    kernel!("episode", "episode_loss"),
    kernel!("episode", "distance_grad_query", METRIC),
    kernel!("episode", "distance_grad_support", METRIC),
    kernel!("episode", "target_gather"),
    kernel!("episode", "prediction_loss", ROW_SUM),
    kernel!("episode", "record_step", STEP, OPTIMIZER),
    kernel!("optimizer", "grad_norm", OPTIMIZER),
    kernel!("optimizer", "step_guard", OPTIMIZER),
    kernel!("optimizer", "adamw_step", STEP, OPTIMIZER),
    kernel!("optimizer", "curvature_penalty"),
    kernel!("optimizer", "weighted_sum"),
    kernel!("bench", "fma_ceiling"),
    kernel!("bench", "copy_ceiling"),
];

/// The kernel of this name, if there is one.
pub fn kernel(name: &str) -> Option<&'static Kernel> {
    KERNELS.iter().find(|k| k.name == name)
}
