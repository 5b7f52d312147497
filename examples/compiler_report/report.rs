//! Kernels compiled for cards that are not there, and what is wrong with the code.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use gamaka::gpu::{AdapterClass, Step, Tuning};
use gamaka::internals::bench::{reference_networks, reference_step};
use gamaka::internals::train::TrainingPlan;
use gamaka::ops::{candidates, parse_operation};
use serde::Serialize;

use super::driver::Compiler;
use super::text::{self, Compiled};

/// What tells a process of this program that it is to compile: a driver says what it does on the standard error alone.
pub(crate) const CHILD: &str = "--compile";

/// Before a kernel's text; its number and a line break follow.
const BEGIN: &str = "\n@@ kernel ";
/// Before the driver's name.
const ADAPTER: &str = "\n@@ adapter ";

/// A kind of card, and what RADV calls one of it: since Mesa 23, and before.
type Kind = (&'static str, &'static [&'static str]);

/// The cards that kernels are compiled for.
pub(crate) const CARDS: [Kind; 2] = [("RDNA2", &["navi21"]), ("RDNA3", &["navi31", "gfx1100"])];

/// The most of a hot loop's vector arithmetic that may be moves of spilled scalars. RADV 22.3 and 25.0 spill some in loops
/// that fill the scalar registers with weights, which costs as much as it counts.
const MOST_LANE_MOVES: f64 = 0.05;

/// What a card's compiler made of all kernels.
#[derive(Debug, Serialize)]
pub(crate) struct Card {
    kind: &'static str,
    /// The adapter's name, and its driver's version.
    driver: String,
    /// How many kernels are those of the training steps; what follows are variants of the menu.
    of_steps: usize,
    kernels: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    operation: String,
    tile: String,
    /// Multiply-adds that one turn of its loop has, where its tile tells.
    tile_fma: Option<usize>,
    /// Of all vector arithmetic of the hot loop.
    fma_share: Option<f64>,
    #[serde(flatten)]
    compiled: Compiled,
}

/// The kernels of the reference training steps as a GPU's plans have them, each once; behind them, if asked for, those of all
/// variants of the menu at their convolutions. And how many of them are no variants.
pub(crate) fn kernels(menu: bool) -> (Vec<Step>, usize) {
    let networks = reference_networks(1);
    let plan = |network, choices| {
        let tuning = Tuning::new(AdapterClass::Hardware, choices);
        TrainingPlan::new(tuning, &reference_step(network)).plan
    };
    let usual = networks
        .each_ref()
        .map(|network| plan(network, BTreeMap::new()));
    let mut known = Vec::new();
    add_new(&mut known, usual.iter().flat_map(|plan| &plan.steps));
    let of_steps = known.len();
    for (network, usual) in networks.iter().zip(usual).filter(|_| menu) {
        let operations = usual.choices.keys().filter_map(|operation| {
            let (pass, shape) = parse_operation(operation)?;
            let all = candidates(pass, &shape, AdapterClass::Hardware);
            Some((operation.clone(), all))
        });
        let operations: Vec<_> = operations.collect();
        let most = operations.iter().map(|(_, all)| all.len()).max();
        for k in 1..most.unwrap_or(0) {
            let choices = operations
                .iter()
                .filter_map(|(operation, all)| Some((operation.clone(), all.get(k)?.to_string())));
            add_new(&mut known, &plan(network, choices.collect()).steps);
        }
    }
    (known, of_steps)
}

fn add_new<'a>(known: &mut Vec<Step>, steps: impl IntoIterator<Item = &'a Step>) {
    for step in steps {
        let same = |other: &Step| {
            (&other.kernel, &other.arrays, &other.overrides)
                == (&step.kernel, &step.arrays, &step.overrides)
        };
        if !known.iter().any(same) {
            known.push(step.clone());
        }
    }
}

/// The child's part: compiles, and says on the standard error which kernel what follows is of.
pub(crate) fn compile(steps: &[Step]) -> Result<(), String> {
    let compiler = Compiler::open()?;
    // Not by `eprint`, which a test's harness keeps for itself.
    let say = |words: String| {
        let written = std::io::stderr().write_all(words.as_bytes());
        written.map_err(|e| e.to_string())
    };
    say(format!("{ADAPTER}{}\n", compiler.name))?;
    for (number, step) in steps.iter().enumerate() {
        say(format!("{BEGIN}{number}\n"))?;
        compiler.compile(step)?;
    }
    Ok(())
}

/// The loader's file of this system's RADV.
pub(crate) fn radv() -> Option<String> {
    let folders = ["/usr/share", "/usr/local/share", "/etc"];
    let names = ["radeon_icd.x86_64.json", "radeon_icd.json"];
    folders
        .iter()
        .flat_map(|folder| names.map(|name| format!("{folder}/vulkan/icd.d/{name}")))
        .find(|path| Path::new(path).exists())
}

/// Lets a child compile the same `steps` as it for a kind of card, by the RADV that this file of the loader's names; those behind
/// the first `of_steps` are variants.
pub(crate) fn ask(
    (kind, names): Kind,
    radv: &str,
    child: impl Fn() -> Command,
    steps: &[Step],
    of_steps: usize,
) -> Result<Card, String> {
    let mut last = String::new();
    for name in names {
        let output = child()
            .env("RADV_FORCE_FAMILY", name)
            .env("RADV_DEBUG", "shaders,shaderstats,nocache")
            .env("VK_DRIVER_FILES", radv)
            .env("VK_ICD_FILENAMES", radv)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| e.to_string())?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return card(kind, &said, steps, of_steps);
        }
        last = said.lines().last().unwrap_or("nothing").to_string();
    }
    Err(format!(
        "{kind}: {radv} compiled nothing, and said last: {last}"
    ))
}

fn card(kind: &'static str, said: &str, steps: &[Step], of_steps: usize) -> Result<Card, String> {
    let (_, adapter) = said.split_once(ADAPTER).ok_or("the driver did not open")?;
    let driver = adapter.lines().next().unwrap_or_default().to_string();
    if !driver.contains("RADV") {
        return Err(format!("{driver} is not RADV"));
    }
    let texts: Vec<&str> = adapter.split(BEGIN).skip(1).collect();
    if texts.len() != steps.len() {
        return Err(format!(
            "{} of {} kernels were compiled",
            texts.len(),
            steps.len()
        ));
    }
    let rows = steps.iter().zip(texts).map(|(step, text)| {
        let compiled = text::read(text).map_err(|e| format!("{}: {e}", step.operation))?;
        Ok(Row {
            operation: step.operation.clone(),
            tile: tile(step),
            tile_fma: tile_fma(step),
            fma_share: compiled.hot.fma_share(),
            compiled,
        })
    });
    Ok(Card {
        kind,
        driver,
        of_steps,
        kernels: rows.collect::<Result<_, String>>()?,
    })
}

fn overrides(step: &Step) -> impl Iterator<Item = (&str, usize)> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes of tiles are small whole numbers"
    )]
    step.overrides
        .iter()
        .map(|(name, value)| (name.as_str(), *value as usize))
}

/// How a kernel is cut, in words.
fn tile(step: &Step) -> String {
    let sizes = overrides(step).filter_map(|(name, size)| {
        let name = match name {
            "WORKGROUP" => "w",
            "SPLITS" if size > 1 => "s",
            name => name.strip_prefix("TILE_")?,
        };
        Some(format!("{name}{size}"))
    });
    sizes.collect::<Vec<_>>().join(" ")
}

/// Multiply-adds of a turn of a convolution's loop: the sizes of its tile, of which one is in fours of outputs. A slot of an input's
/// gradient whose slope is 0 has none.
fn tile_fma(step: &Step) -> Option<usize> {
    let of = |wanted: &str| {
        overrides(step)
            .find(|(name, _)| *name == wanted)
            .map(|(_, size)| size)
    };
    let product = |names: &[&str]| names.iter().map(|name| of(name)).product::<Option<usize>>();
    let count = match step.kernel.as_str() {
        "conv_forward" => product(&["TILE_P", "TILE_O", "TILE_C"]),
        "kan_conv_forward"
        | "kan_conv_forward_sparse"
        | "kan_conv_forward_tiled"
        | "conv_forward_tiled" => product(&["TILE_P", "TILE_O", "TILE_S"]),
        "conv_grad_weight" => product(&["TILE_T", "TILE_O", "TILE_C"]),
        "kan_conv_grad_weight" => product(&["TILE_T", "TILE_O", "TILE_S"]),
        "kan_conv_grad_weight_tiled" | "conv_grad_weight_tiled" => {
            product(&["TILE_I", "TILE_O", "TILE_S"])
        }
        "conv_grad_input" | "conv_grad_input_tiled" => {
            let [positions, rows, slots] = ["TILE_P", "TILE_R", "TILE_S"].map(of);
            let sloped = if slots? > 1 { slots? - 1 } else { 1 };
            Some(positions? * (rows? / slots?) * sloped)
        }
        _ => None,
    };
    Some(count? * 4)
}

impl Card {
    /// What is wrong with the kernels of training steps, a line each.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.wrong(&self.kernels[..self.of_steps])
    }

    /// What is wrong with variants: `gamaka tune` finds that they are slow where they are, and takes others.
    pub(crate) fn remarks(&self) -> Vec<String> {
        self.wrong(&self.kernels[self.of_steps..])
    }

    fn wrong(&self, rows: &[Row]) -> Vec<String> {
        let of = |row: &Row| {
            let compiled = &row.compiled;
            let moves = compiled.hot.lane_moves as f64;
            let vector = (compiled.hot.fma + compiled.hot.valu) as f64;
            let expected = row.tile_fma.unwrap_or(0);
            let found = [
                (
                    compiled.spilled_vgprs > 0,
                    format!("{} vector registers were spilled", compiled.spilled_vgprs),
                ),
                (
                    compiled.scratch > 0,
                    format!("{} bytes a lane lie in memory", compiled.scratch),
                ),
                (
                    moves > MOST_LANE_MOVES * vector,
                    format!("{moves} moves of spilled scalars in the hot loop"),
                ),
                (
                    compiled.whole.indexed > 0,
                    "registers are indexed by what is not known".to_string(),
                ),
                (
                    compiled.hot.fma < expected,
                    format!(
                        "{} multiply-adds in the hot loop, where the tile has {expected}: a loop over it was not unrolled",
                        compiled.hot.fma
                    ),
                ),
            ];
            let found = found.into_iter().filter(|(wrong, _)| *wrong);
            let line =
                |(_, what)| format!("{}: {} ({}): {what}", self.kind, row.operation, row.tile);
            found.map(line).collect::<Vec<_>>()
        };
        rows.iter().flat_map(of).collect()
    }
}

/// Convolutions as tables.
pub(crate) fn table(cards: &[Card]) -> String {
    let mut text = String::new();
    for card in cards {
        let _ = writeln!(text, "{}: {}\n", card.kind, card.driver);
        text += "| kernel | tile | VGPRs | SGPRs | spilled | waves | FMA | VALU | SALU | SMEM | LDS | VMEM | FMA of VALU |\n";
        text += "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
        for row in card.kernels.iter().filter(|row| row.tile_fma.is_some()) {
            let (all, hot) = (&row.compiled, &row.compiled.hot);
            let share = row
                .fma_share
                .map_or("-".to_string(), |share| format!("{:.0} %", 100.0 * share));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {share} |",
                row.operation,
                row.tile,
                all.vgprs,
                all.sgprs,
                all.spilled_vgprs + all.spilled_sgprs,
                all.waves,
                hot.fma,
                hot.valu,
                hot.salu,
                hot.smem,
                hot.lds,
                hot.vmem,
            );
        }
        let others = card.kernels.iter().filter(|row| row.tile_fma.is_none());
        let _ = writeln!(
            text,
            "\nand {} kernels that are no convolutions\n",
            others.count()
        );
    }
    text
}
