//! A model with its parameters in fewer bits.

use super::calibration::{Calibration, block_rows};
use super::choice::{Choice, Form, QuantizeError, Scales};
use super::{codebook, integers};
use crate::model::{EdgeTensor, Integers, Packed, Packing, is_half};
use crate::model_file::Model;

/// Weights that a layer must have to be worth it: smaller ones stay halves.
pub(super) const FEWEST: usize = 512;

/// Rows of a column's edges whose gains share a scale, about.
const GAINS: usize = 64;

/// Rows of a column that share a scale.
pub(super) fn scale_rows(tensor: &EdgeTensor, scales: Scales) -> usize {
    match scales {
        Scales::Channel => tensor.taps() * tensor.slots,
        Scales::Edge if tensor.has_splines() => tensor.slots,
        Scales::Group | Scales::Edge => block_rows(tensor),
    }
}

/// The same of gains.
fn gain_rows(tensor: &EdgeTensor, scales: Scales) -> usize {
    match scales {
        Scales::Channel => tensor.taps(),
        Scales::Group | Scales::Edge => GAINS.min(tensor.taps()),
    }
}

/// A model in whole numbers or with curves that edges share; what is small stays in halves. What the errors of a layer's weights
/// add to its outputs on average is taken off their biases.
///
/// # Errors
/// [`QuantizeError`].
pub fn quantise(
    model: &Model,
    choice: &Choice,
    calibration: &Calibration,
) -> Result<Model, QuantizeError> {
    check(model, choice)?;
    let network = &model.network;
    let mut quantised = model.clone();
    let named = network.named_parameters(&model.parameters);
    let mut edges = network.edge_tensors().into_iter().zip(&calibration.tensors);
    let mut packing = vec![None; named.len()];
    let (mut table, mut whole) = (0, 0);
    for (place, parameter) in named.iter().enumerate() {
        if parameter.dims.len() != 5 {
            continue;
        }
        let Some((tensor, rows)) = edges.next() else {
            continue;
        };
        if tensor.edges() * tensor.slots < FEWEST {
            continue;
        }
        let values = &parameter.values;
        let [slots, columns] = [tensor.slots, tensor.outputs];
        let numbers = || {
            let sizes = [choice.bits, scale_rows(&tensor, choice.scales)];
            Packed::Integers(integers::rounded(values, columns, sizes, rows))
        };
        let packed = match choice.form {
            Form::Codebook if tensor.has_splines() => {
                let block = gain_rows(&tensor, choice.scales);
                let book = codebook::shared(values, [slots, columns], choice.curves, block, rows);
                let book = Packed::Codebook(book);
                table += bytes(&book);
                whole += bytes(&numbers());
                book
            }
            _ => numbers(),
        };
        let floats = packed.floats();
        let network = &network;
        network.set_parameter(&mut quantised.parameters, place, &floats);
        // The bias stands behind the weights.
        let mut bias = named[place + 1].values.clone();
        let means = rows.iter().flat_map(|rows| &rows.mean);
        let pairs = values.chunks(columns).zip(floats.chunks(columns));
        for (mean, (was, is)) in means.zip(pairs) {
            for ((bias, was), is) in bias.iter_mut().zip(was).zip(is) {
                #[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
                let missing = (mean * f64::from(was - is)) as f32;
                *bias += missing;
            }
        }
        network.set_parameter(&mut quantised.parameters, place + 1, &bias);
        packing[place] = Some(packed);
    }
    if table > 0 && table >= whole {
        return Err(QuantizeError::NotSmaller {
            curves: choice.curves,
            table,
            integers: whole,
            bits: choice.bits,
        });
    }
    quantised.packing = Packing::new(packing);
    if quantised.packing.is_empty() {
        return Err(QuantizeError::TooSmall(FEWEST));
    }
    quantised.in_half_precision().map_err(QuantizeError::Half)
}

/// Whether a model can be quantised so, before anything is heard.
///
/// # Errors
/// [`QuantizeError`].
pub fn check(model: &Model, choice: &Choice) -> Result<(), QuantizeError> {
    choice.check()?;
    if !model.packing.is_empty() {
        return Err(QuantizeError::Quantised);
    }
    let splines =
        |tensor: &EdgeTensor| tensor.has_splines() && tensor.edges() * tensor.slots >= FEWEST;
    let tensors = model.network.edge_tensors();
    if choice.form == Form::Codebook && !tensors.iter().any(splines) {
        return Err(QuantizeError::NoSplines);
    }
    Ok(())
}

/// Bytes of a packed tensor.
fn bytes(packed: &Packed) -> usize {
    let numbers = |n: &Integers| (n.values.len() * n.bits).div_ceil(8) + 2 * n.scales.len();
    match packed {
        Packed::Integers(integers) => numbers(integers),
        Packed::Codebook(book) => {
            book.indices.len() * book.index_bits() / 8
                + numbers(&book.gains)
                + 2 * book.curves.len()
        }
    }
}

/// Bytes that a model's parameters take as they are packed; what is not is in halves, or in floats where some are no halves.
pub fn parameter_bytes(model: &Model) -> usize {
    let named = model.network.named_parameters(&model.parameters);
    let each = named.iter().enumerate().map(|(place, parameter)| {
        let halves = parameter.values.iter().all(|value| is_half(*value));
        let width = if halves { 2 } else { 4 };
        let packed = model.packing.get(place);
        packed.map_or(width * parameter.values.len(), bytes)
    });
    each.sum()
}
