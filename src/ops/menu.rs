//! The menu of convolutions: the ways to cut each pass at each shape, and which of them a plan takes.

use std::fmt;

use super::basis::Basis;
use super::conv_shape::ConvShape;
use super::reduce::wanted_splits;
use super::sizes::{product, quotient};
use super::tiled::{Tile, forward_tiles, grad_input_tiles, grad_weight_tiles};
use super::tiles::{SLOTS, SPLINE_SUMS, Tiles, cut, output_tile, position_tile, row, tiles};
use crate::gpu::{AdapterClass, GpuError, Plan};

/// For tiles of which the largest is taken only where its loop need not be split.
const NEVER: usize = usize::MAX;

/// A direction of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// Outputs from inputs.
    Forward,
    /// The gradient of the inputs from that of the outputs.
    GradInput,
    /// The gradient of the weights from that of the outputs.
    GradWeight,
}

/// Every pass, and its name.
const PASSES: [(Pass, &str); 3] = [
    (Pass::Forward, "forward"),
    (Pass::GradInput, "input gradient"),
    (Pass::GradWeight, "weight gradient"),
];

/// One way to run a pass. Written as text it is the id that plans, checkpoints and the cache of `gamaka tune` keep; the same
/// id at the same shape is the same sums in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Every invocation keeps a tile of sums in registers and reads inputs and weights where they lie.
    Registers {
        /// Forward: positions and vec4 of outputs. Gradient of inputs: positions and slots of input channels. Gradient of
        /// weights: taps (plain: of a tile of channels) and vec4 of outputs.
        tile: [usize; 2],
        /// Invocations a workgroup.
        workgroup: usize,
        /// Parts that every sum is cut into, added by a step of its own.
        splits: usize,
    },
    /// A forward that loads, for each position, the weights of those splines alone that are not zero there.
    Local {
        /// Positions and vec4 of outputs.
        tile: [usize; 2],
        /// Invocations a workgroup.
        workgroup: usize,
        /// Parts that every sum is cut into, added by a step of its own.
        splits: usize,
    },
    /// A workgroup keeps tiles of inputs, weights or gradients in its memory.
    Tiled(Tile),
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registers {
                tile: [a, b],
                workgroup,
                splits,
            } => write!(f, "registers {a}x{b} w{workgroup} s{splits}"),
            Self::Local {
                tile: [a, b],
                workgroup,
                splits,
            } => write!(f, "local {a}x{b} w{workgroup} s{splits}"),
            Self::Tiled(tile) => tile.fmt(f),
        }
    }
}

/// An operation in words: the pass and all of the shape that its speed depends on. Choices are kept by it.
pub fn operation(pass: Pass, shape: &ConvShape) -> String {
    let name = PASSES.iter().find(|(known, _)| *known == pass);
    let kind = name.map_or("", |(_, name)| name);
    let ConvShape {
        n,
        ci,
        co,
        input: [height, width],
        kernel: [kh, kw],
        stride: [sh, sw],
        padding: [ph, pw],
        basis,
    } = shape;
    let edges = match basis.order {
        0 => "plain".to_string(),
        order => format!("spline {order}/{}", basis.grid),
    };
    format!(
        "{kind}, {edges}, {ci}->{co} @ {height}x{width}, {kh}x{kw} stride {sh}x{sw} padding {ph}x{pw}, batch {n}"
    )
}

/// The pass and the shape of an operation in words; of splines with a grid as most have it.
pub fn parse_operation(text: &str) -> Option<(Pass, ConvShape)> {
    let pair = |text: &str, between: &str| {
        let (a, b) = text.split_once(between)?;
        Some([a.parse().ok()?, b.parse().ok()?])
    };
    let fields: Vec<&str> = text.split(", ").collect();
    let [kind, edges, layer, window, batch] = fields.as_slice() else {
        return None;
    };
    let pass = PASSES.into_iter().find(|(_, name)| name == kind)?.0;
    let basis = match edges.strip_prefix("spline ") {
        None => Basis::IDENTITY,
        Some(spline) => {
            let [order, grid] = pair(spline, "/")?;
            Basis {
                order,
                grid,
                range: 2.5,
                centre: 0.0,
            }
        }
    };
    let (channels, input) = layer.split_once(" @ ")?;
    let [ci, co] = pair(channels, "->")?;
    let (kernel, rest) = window.split_once(" stride ")?;
    let (stride, padding) = rest.split_once(" padding ")?;
    let shape = ConvShape {
        n: batch.strip_prefix("batch ")?.parse().ok()?,
        ci,
        co,
        input: pair(input, "x")?,
        kernel: pair(kernel, "x")?,
        stride: pair(stride, "x")?,
        padding: pair(padding, "x")?,
        basis,
    };
    (operation(pass, &shape) == text).then_some((pass, shape))
}

/// All ways to run a pass at a shape on a class of adapter, the first of them what suits the class. Each is within WebGPU's
/// default limits wherever the first is.
pub fn candidates(pass: Pass, shape: &ConvShape, class: AdapterClass) -> Vec<Variant> {
    let usual = row(class, false);
    let mut all = vec![class_default(usual, pass, shape)];
    let mut others = vec![register_default(usual, pass, shape)];
    others.extend(registers(class, pass, shape));
    // Both read the same weights where the kernels' basis is that of the parameters.
    if pass == Pass::Forward && shape.basis.order > 0 && !shape.basis.has_powers() {
        let sizes = [[4, 2], [4, 1], [2, 2], [1, 2]];
        others.extend(sizes.map(|size| local(usual, shape, &[size])));
    }
    if usual.workgroup_memory {
        others.extend(tiled(pass, shape).into_iter().map(Variant::Tiled));
    }
    for variant in others {
        if !all.contains(&variant) {
            all.push(variant);
        }
    }
    all
}

/// The variant of this id, of whatever class.
pub fn variant(pass: Pass, shape: &ConvShape, id: &str) -> Option<Variant> {
    let classes = AdapterClass::ALL.into_iter();
    let mut all = classes.flat_map(|class| candidates(pass, shape, class));
    all.find(|variant| variant.to_string() == id)
}

/// What a plan takes for a pass: its tuning's choice, or what suits its class. The plan keeps its id.
pub(super) fn pick(plan: &mut Plan, pass: Pass, shape: &ConvShape) -> Variant {
    let operation = operation(pass, shape);
    let usual = class_default(tiles(plan), pass, shape);
    // A plan that is to compile quickly has no use for what runs quickly.
    let choice = match plan.quick {
        true => None,
        false => plan.tuning.choices().get(&operation).cloned(),
    };
    let variant = match choice {
        None => usual,
        Some(id) => variant(pass, shape, &id).unwrap_or_else(|| {
            plan.refuse(GpuError::UnknownVariant {
                operation: operation.clone(),
                id,
            });
            usual
        }),
    };
    plan.choices.insert(operation, variant.to_string());
    variant
}

/// What suits a class: tiles in workgroup memory where one rule won at every shape that was timed on an H200
/// (docs/performance.md), else registers.
fn class_default(tiles: &Tiles, pass: Pass, shape: &ConvShape) -> Variant {
    const LEAST_PLAIN_GRADIENT: u64 = 300_000_000;
    const LEAST_INVOCATIONS: usize = 16_384;
    let plain = shape.basis.order == 0;
    // Neither linear layers nor fewer invocations were timed.
    let wins = shape.kernel != [1, 1]
        && match pass {
            Pass::Forward => plain && shape.ci > 1,
            Pass::GradInput => shape.ci > 1 && (!plain || shape.flops() >= LEAST_PLAIN_GRADIENT),
            Pass::GradWeight => !plain,
        };
    let tile = match tiles.workgroup_memory && wins {
        true => tiled(pass, shape).first().copied(),
        false => None,
    };
    let tile = tile.filter(|tile| tile.invocations(shape) >= LEAST_INVOCATIONS);
    tile.map_or_else(|| register_default(tiles, pass, shape), Variant::Tiled)
}

/// Tiles in workgroup memory for a pass, that of the class's rule first.
fn tiled(pass: Pass, shape: &ConvShape) -> Vec<Tile> {
    match pass {
        Pass::Forward => forward_tiles(shape),
        Pass::GradInput => grad_input_tiles(shape),
        Pass::GradWeight => grad_weight_tiles(shape),
    }
}

/// The register tile that suits a class.
fn register_default(tiles: &Tiles, pass: Pass, shape: &ConvShape) -> Variant {
    let plain = shape.basis.order == 0;
    let workgroup = tiles.conv_workgroup;
    let (tile, splits) = match pass {
        Pass::Forward => {
            if shape.basis.is_local() {
                return local(tiles, shape, tiles.kan_conv_forward_local);
            }
            let sizes = match plain {
                true => (tiles.conv_forward, NEVER),
                false => (tiles.kan_conv_forward, tiles.fill_kan_conv_forward),
            };
            forward_tile(tiles, shape, sizes, dense_turns(shape))
        }
        Pass::GradInput => {
            let sizes = match plain {
                true => tiles.conv_grad_input,
                false => tiles.kan_conv_grad_input,
            };
            grad_input_tile(tiles, shape, sizes)
        }
        Pass::GradWeight => {
            let most = match plain {
                true => tiles.conv_grad_weight,
                false => tiles.kan_conv_grad_weight,
            };
            grad_weight_tile(tiles, shape, most)
        }
    };
    Variant::Registers {
        tile,
        workgroup,
        splits,
    }
}

/// The forward by local support.
fn local(tiles: &Tiles, shape: &ConvShape, sizes: &[[usize; 2]]) -> Variant {
    let (tile, splits) = forward_tile(tiles, shape, (sizes, NEVER), shape.taps());
    Variant::Local {
        tile,
        workgroup: tiles.conv_workgroup,
        splits,
    }
}

/// Turns of the loop of a forward in registers.
pub(super) fn forward_turns(shape: &ConvShape, variant: Variant) -> usize {
    match variant {
        Variant::Local { .. } => shape.taps(),
        Variant::Registers { .. } | Variant::Tiled(_) => dense_turns(shape),
    }
}

/// The same by all functions of an edge.
fn dense_turns(shape: &ConvShape) -> usize {
    let (_, slot_tiles) = shape.basis.slot_tile();
    match shape.basis.order {
        0 => shape.tiled_taps(),
        _ => product(&[shape.taps(), slot_tiles]),
    }
}

/// Positions and vec4 of outputs of a forward, and splits of its loop; `sizes` are its tiles, and from how many invocations on
/// the largest is taken though its loop is split.
pub(super) fn forward_tile(
    tiles: &Tiles,
    shape: &ConvShape,
    (sizes, split_from): (&[[usize; 2]], usize),
    turns: usize,
) -> ([usize; 2], usize) {
    // For every tile of outputs a plain one shares the loads of four channels.
    let overhead = if shape.basis.order == 0 { 2 } else { 1 };
    let [out_h, out_w] = shape.output();
    let positions = product(&[shape.n, out_h, out_w]);
    let invocations = |[most_positions, most_outputs]: [usize; 2]| {
        let (_, groups) = position_tile(tiles, positions, most_positions);
        let (_, output_tiles) = output_tile(shape.co_pad(), most_outputs, overhead);
        product(&[tiles.conv_workgroup, groups, output_tiles])
    };
    let ([most_positions, most_outputs], splits) =
        cut(tiles, sizes, split_from, turns, invocations);
    let (positions, _) = position_tile(tiles, positions, most_positions);
    let (outputs, _) = output_tile(shape.co_pad(), most_outputs, overhead);
    ([positions, outputs], splits)
}

fn grad_input_tile(tiles: &Tiles, shape: &ConvShape, sizes: &[[usize; 2]]) -> ([usize; 2], usize) {
    let positions = shape.phase_positions();
    let (slots, _) = shape.basis.slot_tile();
    let phases = product(&shape.stride);
    // A row is a slot of a channel.
    let channel_tiles = |most_rows: usize| {
        let channels = quotient(most_rows, slots).max(1);
        shape.ci.div_ceil(channels).max(1)
    };
    let invocations = |[most_positions, most_rows]: [usize; 2]| {
        let (_, groups) = position_tile(tiles, positions, most_positions);
        product(&[
            tiles.conv_workgroup,
            groups,
            phases,
            channel_tiles(most_rows),
        ])
    };
    let turns = shape.grad_input_turns();
    let ([most_positions, most_rows], splits) = cut(tiles, sizes, tiles.fill, turns, invocations);
    let (positions, _) = position_tile(tiles, positions, most_positions);
    let rows = product(&[shape.ci.div_ceil(channel_tiles(most_rows)), slots]);
    ([positions, rows], splits)
}

/// Rows of the gradient of weights that its tile is made of: taps, plain ones of a tile of channels.
pub(super) fn grad_weight_rows(shape: &ConvShape) -> usize {
    match shape.basis.order {
        0 => shape.tiled_taps(),
        _ => shape.taps(),
    }
}

fn grad_weight_tile(tiles: &Tiles, shape: &ConvShape, most: [usize; 2]) -> ([usize; 2], usize) {
    let plain = shape.basis.order == 0;
    let [mut most_rows, most_outputs] = most;
    if !plain {
        let (slots, _) = shape.basis.slot_tile();
        most_rows = quotient(SPLINE_SUMS, slots).clamp(1, most_rows);
    }
    let rows = grad_weight_rows(shape);
    let tile = most_rows.min(rows).max(1);
    let overhead = if plain { 4 } else { 1 };
    let (outputs, output_tiles) = output_tile(shape.co_pad(), most_outputs, overhead);
    let places = product(&[rows.div_ceil(tile), output_tiles]);
    let [out_h, out_w] = shape.output();
    let image_rows = product(&[shape.n, out_h]);
    // Enough invocations to fill the adapter, by splitting the positions; one loops over those of its split.
    let turns = quotient(tiles.most_turns, out_w).max(1);
    let weights = shape.weight_len();
    let splits = wanted_splits(tiles.fill_grad_weight, places, image_rows, weights)
        .max(image_rows.div_ceil(turns));
    ([tile, outputs], splits)
}

/// Register tiles that were the best at some shape: on a class's row each of them, where the adapter is filled by half as
/// many invocations, as many, and twice as many.
fn registers(class: AdapterClass, pass: Pass, shape: &ConvShape) -> Vec<Variant> {
    let plain = shape.basis.order == 0;
    let usual = row(class, false);
    let (slots, _) = shape.basis.slot_tile();
    let sizes: Vec<[usize; 2]> = match (pass, plain, class.is_software()) {
        (Pass::Forward, true, false) => {
            vec![
                [4, 2],
                [2, 2],
                [4, 4],
                [2, 4],
                [1, 4],
                [8, 2],
                [4, 1],
                [1, 2],
            ]
        }
        (Pass::Forward, true, true) => vec![[16, 4], [16, 2], [8, 4], [8, 2]],
        (Pass::Forward, false, false) => {
            vec![[4, 3], [4, 2], [2, 3], [2, 2], [1, 3], [1, 2], [4, 1]]
        }
        (Pass::Forward, false, true) => {
            vec![[16, 2], [16, 3], [8, 3], [8, 2], [16, 1]]
        }
        (Pass::GradInput, true, false) => {
            vec![[4, 8], [2, 8], [4, 4], [2, 4], [1, 8], [8, 4], [2, 16]]
        }
        (Pass::GradInput, true, true) => vec![[16, 16], [16, 8], [8, 16]],
        (Pass::GradInput, false, false) => {
            let channels = [[4, 2], [4, 1], [2, 2], [2, 1], [1, 2], [1, 1]];
            channels
                .map(|[p, c]| [p, product(&[c, slots]).min(SLOTS)])
                .to_vec()
        }
        (Pass::GradInput, false, true) => vec![[16, 16], [8, 16], [16, 8]],
        // No lane of a GPU has registers for 192 sums and what they are made of.
        (Pass::GradWeight, true, false) => {
            vec![[2, 2], [2, 4], [4, 2], [1, 2], [1, 4]]
        }
        (Pass::GradWeight, false, false) => {
            vec![[1, 2], [1, 4], [2, 2], [1, 1]]
        }
        (Pass::GradWeight, true, true) => {
            vec![[2, 2], [4, 4], [2, 4], [4, 2], [1, 2], [1, 4]]
        }
        (Pass::GradWeight, false, true) => {
            vec![[1, 2], [1, 4], [2, 2], [3, 2], [1, 1], [3, 4]]
        }
    };
    let mut all = Vec::new();
    for fill in [usual.fill, usual.fill / 2, product(&[usual.fill, 2])] {
        let grad = match class.is_software() {
            false => fill,
            true => usual.fill_grad_weight,
        };
        for &size in &sizes {
            let one = [size];
            let tiles = Tiles {
                fill: fill.max(1),
                fill_grad_weight: grad,
                ..*usual
            };
            let (tile, splits) = match pass {
                Pass::Forward => forward_tile(&tiles, shape, (&one, NEVER), dense_turns(shape)),
                Pass::GradInput => grad_input_tile(&tiles, shape, &one),
                Pass::GradWeight => grad_weight_tile(&tiles, shape, size),
            };
            all.push(Variant::Registers {
                tile,
                workgroup: tiles.conv_workgroup,
                splits,
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Basis;

    #[test]
    fn operations_and_variants_are_found_by_their_words_and_nothing_else_is() {
        let basis = Basis {
            order: 3,
            grid: 4,
            range: 2.5,
            centre: 0.0,
        };
        for basis in [basis, Basis { grid: 20, ..basis }, Basis::IDENTITY] {
            let shape = ConvShape {
                n: 50,
                ci: 12,
                input: [32, 64],
                co: 24,
                kernel: [3; 2],
                stride: [2; 2],
                padding: [1; 2],
                basis,
            };
            for (pass, _) in PASSES {
                let text = operation(pass, &shape);
                assert_eq!(parse_operation(&text), Some((pass, shape)), "{text}");
                assert_eq!(parse_operation(&format!("{text} ")), None);
                for class in AdapterClass::ALL {
                    let all = candidates(pass, &shape, class);
                    assert!(all.len() > 1);
                    for one in all {
                        assert_eq!(variant(pass, &shape, &one.to_string()), Some(one));
                    }
                }
                for id in ["", "registers", "registers 4x3", "registers 5x7 w64 s1"] {
                    assert_eq!(variant(pass, &shape, id), None, "{id}");
                }
            }
        }
    }
}
