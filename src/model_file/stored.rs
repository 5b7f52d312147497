//! How a parameter tensor lies in a file: as floats, as whole numbers with scales, as edges that share curves; and of each only the
//! edges that are not zero, where that is smaller.
//!
//! An edge is one input and tap of one output: a column's coefficients of its functions, or a single weight. Which edges are kept
//! is a bit each, the first in the lowest bit of a byte, in the order [inputs and taps, outputs].

use half::f16;
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};

use crate::model::{Codebook, Integers, NamedParameter, Packed};

/// What the header of a file tells of a tensor that lies there as more than plain floats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    form: Form,
    /// Edges that are there, if not all of them are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Form {
    Floats,
    /// Whole numbers of so many bits, with a scale for so many rows of a column.
    Integers {
        bits: usize,
        block: usize,
    },
    /// The number of a curve and a gain in 8 bits for each edge, with a scale for so many rows of a column's edges.
    Codebook {
        curves: usize,
        block: usize,
    },
}

/// A tensor of a file.
pub(super) struct Part {
    /// What stands behind the parameter's name.
    pub suffix: &'static str,
    pub dtype: Dtype,
    pub dims: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// A tensor that a file must have: what stands behind the parameter's name, types that it may have, and its dimensions.
pub(super) type Expected = (&'static str, &'static [Dtype], Vec<usize>);

const KEPT: &str = ".kept";
const SCALES: &str = ".scales";
const GAINS: &str = ".gains";
const CURVES: &str = ".curves";

/// Most curves of a table: their numbers have 16 bits.
const MOST_CURVES: usize = 1 << 16;

/// Bytes of a header that a tensor more takes, about.
const ENTRY: usize = 150;

/// Whether these are the dimensions of weights of edges. The others are small.
fn of_edges(dims: &[usize]) -> bool {
    dims.len() == 5
}

/// How the values of a tensor belong to edges.
struct Edges {
    rows: usize,
    slots: usize,
    columns: usize,
}

impl Edges {
    fn of(dims: &[usize]) -> Self {
        let columns = dims.last().copied().unwrap_or(1);
        let slots = match dims {
            [_, _, _, slots, _] => *slots,
            _ => 1,
        };
        let rows = dims.iter().product::<usize>() / columns / slots;
        Self {
            rows,
            slots,
            columns,
        }
    }

    fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// The edge of value `k` of [inputs and taps, slots, outputs].
    fn of_value(&self, k: usize) -> usize {
        k / self.columns / self.slots * self.columns + k % self.columns
    }
}

/// Which edges are kept, if it is worth it: `bits` are those of an edge.
fn worth_keeping(kept: Vec<bool>, bits: usize) -> Option<Vec<bool>> {
    let count = kept.iter().filter(|kept| **kept).count();
    let sparse = (count * bits).div_ceil(8) + kept.len().div_ceil(8) + ENTRY;
    (sparse < (kept.len() * bits).div_ceil(8)).then_some(kept)
}

/// The tensors of a file for a parameter, and what its header tells of them; `dtype` is that of floats.
pub(super) fn encode(
    parameter: &NamedParameter,
    packed: Option<&Packed>,
    dtype: Dtype,
) -> (Option<Record>, Vec<Part>) {
    let dims = &parameter.dims;
    let edges = Edges::of(dims);
    let by_slots = |zero: &dyn Fn(usize) -> bool| {
        let mut kept = vec![false; edges.len()];
        for k in 0..edges.len() * edges.slots {
            kept[edges.of_value(k)] |= !zero(k);
        }
        kept
    };
    let mut parts = Vec::new();
    let mut add = |suffix, dtype, dims: Vec<usize>, bytes: Vec<u8>| {
        parts.push(Part {
            suffix,
            dtype,
            dims,
            bytes,
        });
    };
    let scales = |numbers: &Integers| {
        let blocks = numbers.scales.len() / numbers.columns;
        (vec![blocks, numbers.columns], halves(&numbers.scales))
    };
    let (form, kept) = match packed {
        None => {
            let values = &parameter.values;
            let kept = by_slots(&|k| values[k].to_bits() == 0);
            let kept =
                worth_keeping(kept, edges.slots * dtype.bitsize()).filter(|_| of_edges(dims));
            let values = chosen(values, kept.as_deref(), |k| edges.of_value(k));
            let bytes = match dtype {
                Dtype::F16 => {
                    let rounded = values.iter().map(|value| f16::from_f32(*value));
                    halves(&Vec::from_iter(rounded))
                }
                _ => bytemuck::cast_slice(&values).to_vec(),
            };
            let dims = dims_of(dims.clone(), kept.as_deref(), values.len());
            add("", dtype, dims, bytes);
            (Form::Floats, kept)
        }
        Some(Packed::Integers(numbers)) => {
            let (bits, block) = (numbers.bits, numbers.block);
            let kept = by_slots(&|k| numbers.values[k] == 0);
            let kept = worth_keeping(kept, edges.slots * bits);
            let values = chosen(&numbers.values, kept.as_deref(), |k| edges.of_value(k));
            if bits == 8 {
                let dims = dims_of(dims.clone(), kept.as_deref(), values.len());
                add("", Dtype::I8, dims, bytemuck::cast_slice(&values).to_vec());
            } else {
                let bytes = nibbles(&values);
                add("", Dtype::U8, vec![bytes.len()], bytes);
            }
            let (dims, bytes) = scales(numbers);
            add(SCALES, Dtype::F16, dims, bytes);
            (Form::Integers { bits, block }, kept)
        }
        Some(Packed::Codebook(book)) => {
            let gains = &book.gains;
            let kept = gains.values.iter().map(|gain| *gain != 0).collect();
            let kept = worth_keeping(kept, book.index_bits() + 8);
            let indices = chosen(&book.indices, kept.as_deref(), |k| k);
            let values = chosen(&gains.values, kept.as_deref(), |k| k);
            let whole = vec![edges.rows, edges.columns];
            let dims = dims_of(whole, kept.as_deref(), values.len());
            let index = indices.iter().map(|index| index.to_le_bytes());
            let (dtype, bytes) = match book.index_bits() {
                8 => (Dtype::U8, index.map(|[low, _]| low).collect()),
                _ => (Dtype::U16, index.flatten().collect()),
            };
            add("", dtype, dims.clone(), bytes);
            let bytes = bytemuck::cast_slice(&values).to_vec();
            add(GAINS, Dtype::I8, dims, bytes);
            let (dims, bytes) = scales(gains);
            add(SCALES, Dtype::F16, dims, bytes);
            let dims = vec![book.len(), book.slots];
            add(CURVES, Dtype::F16, dims, halves(&book.curves));
            let (curves, block) = (book.len(), gains.block);
            (Form::Codebook { curves, block }, kept)
        }
    };
    let record = Record {
        form,
        kept: count(kept.as_deref()),
    };
    let plain = record.form == Form::Floats && record.kept.is_none();
    if let Some(kept) = kept {
        let byte = |bits: &[bool]| {
            let placed = bits.iter().enumerate();
            placed.fold(0, |byte, (k, bit)| byte | u8::from(*bit) << k)
        };
        let bytes = Vec::from_iter(kept.chunks(8).map(byte));
        add(KEPT, Dtype::U8, vec![bytes.len()], bytes);
    }
    ((!plain).then_some(record), parts)
}

/// The values whose edges are kept.
fn chosen<T: Copy>(values: &[T], kept: Option<&[bool]>, edge: impl Fn(usize) -> usize) -> Vec<T> {
    let values = values.iter().enumerate();
    values
        .filter(|(k, _)| kept.is_none_or(|kept| kept[edge(*k)]))
        .map(|(_, value)| *value)
        .collect()
}

/// Dimensions of the whole, or of what is kept.
fn dims_of(whole: Vec<usize>, kept: Option<&[bool]>, values: usize) -> Vec<usize> {
    match kept {
        None => whole,
        Some(_) => vec![values],
    }
}

fn count(kept: Option<&[bool]>) -> Option<usize> {
    kept.map(|kept| kept.iter().filter(|kept| **kept).count())
}

fn halves(values: &[f16]) -> Vec<u8> {
    values.iter().flat_map(|half| half.to_le_bytes()).collect()
}

/// Two numbers of 4 bits in a byte, the first in its low bits.
fn nibbles(values: &[i8]) -> Vec<u8> {
    let nibble = |value: Option<&i8>| value.map_or(0, |value| value.cast_unsigned() & 15);
    let byte = |pair: &[i8]| nibble(pair.first()) | nibble(pair.get(1)) << 4;
    values.chunks(2).map(byte).collect()
}

/// The first `count` numbers of 4 bits in bytes, in two's complement.
fn of_nibbles(bytes: &[u8], count: usize) -> Vec<i8> {
    let pair = |byte: &u8| [byte << 4, byte & 0xf0].map(|high| high.cast_signed() >> 4);
    bytes.iter().flat_map(pair).take(count).collect()
}

fn of_halves(bytes: &[u8]) -> Vec<f16> {
    let pairs = bytes.chunks_exact(2);
    pairs.map(|b| f16::from_le_bytes([b[0], b[1]])).collect()
}

/// Floats of a tensor of a file, of this type.
pub(super) fn of_floats(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
    match dtype {
        Dtype::F16 => of_halves(bytes).into_iter().map(f16::to_f32).collect(),
        _ => bytemuck::pod_collect_to_vec(bytes),
    }
}

/// The whole out of the values whose edges are kept; zero elsewhere.
fn spread<T: Copy + Default>(
    values: Vec<T>,
    kept: Option<&[bool]>,
    whole: usize,
    edge: impl Fn(usize) -> usize,
) -> Vec<T> {
    let Some(kept) = kept else {
        return values;
    };
    let mut values = values.into_iter();
    let mut value = |k| match kept[edge(k)] {
        true => values.next().unwrap_or_default(),
        false => T::default(),
    };
    (0..whole).map(&mut value).collect()
}

/// Types of plain floats.
pub(super) const FLOATS: &[Dtype] = &[Dtype::F32, Dtype::F16];

impl Record {
    /// The tensors of a parameter of these dimensions.
    ///
    /// # Errors
    /// What is not possible, in words.
    pub(super) fn expected(&self, dims: &[usize]) -> Result<Vec<Expected>, String> {
        let edges = Edges::of(dims);
        let kept = self.kept.unwrap_or(edges.len());
        if kept > edges.len() {
            return Err(format!("{kept} of its {} edges are kept", edges.len()));
        }
        if !of_edges(dims) {
            return Err("only weights of edges are packed".into());
        }
        let blocks = |block: usize, rows: usize| match block {
            0 => Err("a scale is for no row".to_string()),
            _ => Ok(vec![rows.div_ceil(block), edges.columns]),
        };
        let whole = |whole: &[usize], values: usize| match self.kept {
            None => whole.to_vec(),
            Some(_) => vec![values],
        };
        let values = kept * edges.slots;
        let mut expected: Vec<Expected> = match self.form {
            Form::Floats => vec![("", FLOATS, whole(dims, values))],
            Form::Integers { bits, block } => {
                let numbers: Expected = match bits {
                    4 => ("", &[Dtype::U8], vec![values.div_ceil(2)]),
                    8 => ("", &[Dtype::I8], whole(dims, values)),
                    _ => return Err(format!("numbers of {bits} bits, where 4 and 8 are known")),
                };
                let scales = blocks(block, edges.rows * edges.slots)?;
                vec![numbers, (SCALES, &[Dtype::F16], scales)]
            }
            Form::Codebook { curves, block } => {
                let index: &[Dtype] = match curves {
                    1..=256 => &[Dtype::U8],
                    257..=MOST_CURVES => &[Dtype::U16],
                    _ => {
                        return Err(format!(
                            "{curves} curves, where 1 to {MOST_CURVES} are known"
                        ));
                    }
                };
                let whole = whole(&[edges.rows, edges.columns], kept);
                vec![
                    ("", index, whole.clone()),
                    (GAINS, &[Dtype::I8], whole),
                    (SCALES, &[Dtype::F16], blocks(block, edges.rows)?),
                    (CURVES, &[Dtype::F16], vec![curves, edges.slots]),
                ]
            }
        };
        if self.kept.is_some() {
            expected.push((KEPT, &[Dtype::U8], vec![edges.len().div_ceil(8)]));
        }
        Ok(expected)
    }

    /// The values of a parameter of these dimensions, and how they are packed, out of the types and bytes of the tensors that
    /// [`Self::expected`] gave, in that order.
    ///
    /// # Errors
    /// What is not possible, in words.
    pub(super) fn decode(
        &self,
        dims: &[usize],
        parts: &[(Dtype, Vec<u8>)],
    ) -> Result<(Vec<f32>, Option<Packed>), String> {
        let edges = Edges::of(dims);
        let mask = parts.last().filter(|_| self.kept.is_some());
        let bits = mask.map(|(_, bytes)| {
            let bits = |byte: &u8| [0, 1, 2, 3, 4, 5, 6, 7].map(|k| *byte >> k & 1 == 1);
            Vec::from_iter(bytes.iter().flat_map(bits))
        });
        // Those that fill the last byte are none.
        if count(bits.as_deref()) != self.kept {
            return Err("it keeps other edges than it says".into());
        }
        let kept = bits.as_deref();
        let values = edges.len() * edges.slots;
        let by_value = |k: usize| edges.of_value(k);
        let numbers = |bits, block, values, scales: usize| Integers {
            bits,
            columns: edges.columns,
            block,
            values,
            scales: of_halves(&parts[scales].1),
        };
        let packed = match self.form {
            Form::Floats => {
                let floats = of_floats(parts[0].0, &parts[0].1);
                return Ok((spread(floats, kept, values, by_value), None));
            }
            Form::Integers { bits, block } => {
                let bytes = &parts[0].1;
                let of_edges = self.kept.unwrap_or(edges.len()) * edges.slots;
                let numbered = match bits {
                    4 => of_nibbles(bytes, of_edges),
                    _ => bytemuck::pod_collect_to_vec(bytes),
                };
                let numbered = spread(numbered, kept, values, by_value);
                Packed::Integers(numbers(bits, block, numbered, 1))
            }
            Form::Codebook { curves, block } => {
                let (dtype, bytes) = &parts[0];
                let indices: Vec<u16> = match dtype {
                    Dtype::U8 => bytes.iter().map(|&index| index.into()).collect(),
                    _ => {
                        let pairs = bytes.chunks_exact(2);
                        pairs.map(|b| u16::from_le_bytes([b[0], b[1]])).collect()
                    }
                };
                if indices.iter().any(|index| usize::from(*index) >= curves) {
                    return Err("an edge has a curve that is not in its table".into());
                }
                let gains = bytemuck::pod_collect_to_vec(&parts[1].1);
                let gains = spread(gains, kept, edges.len(), |k| k);
                Packed::Codebook(Codebook {
                    slots: edges.slots,
                    curves: of_halves(&parts[3].1),
                    indices: spread(indices, kept, edges.len(), |k| k),
                    gains: numbers(8, block, gains, 2),
                })
            }
        };
        Ok((packed.floats(), Some(packed)))
    }
}
