//! Reading a model file.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::DeflateDecoder;
use safetensors::tensor::Dtype;
use serde::Deserialize;

use super::model::{KEY, Model, ModelInfo, PACKED_FORMAT, SPLIT_FILES};
use super::stored::{self, FLOATS, Record};
use crate::model::{ModelError, Packing};
use crate::tensors::{TensorFile, TensorFileError};

/// Longest JSON of a split's files.
const LONGEST_SPLIT: u64 = 256 << 20;

impl Model {
    /// The bytes of the model that comes with gamaka.
    pub const INCLUDED: &[u8] = include_bytes!("../../assets/models/gamaka.safetensors");

    /// The model that comes with gamaka.
    ///
    /// # Errors
    /// [`ModelError::File`]: gamaka was built with a damaged one.
    pub fn included() -> Result<Self, ModelError> {
        let file = TensorFile::new(Self::INCLUDED, Self::INCLUDED.len() as u64, KEY);
        let read = file.map_err(|e| explain(&e)).and_then(read);
        read.map_err(|reason| ModelError::File {
            path: "the model that comes with gamaka".into(),
            reason,
        })
    }

    /// Reads a model file. What it says of itself is checked before room is made for its parameters; a checksum, which only
    /// older versions left out, tells whether a byte has changed.
    ///
    /// # Errors
    /// [`ModelError::File`]: not there, damaged, of another kind or of a newer format.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let file = TensorFile::open(path, KEY).map_err(|e| explain(&e));
        file.and_then(read).map_err(|reason| ModelError::File {
            path: path.to_path_buf(),
            reason,
        })
    }
}

const COPY_AGAIN: &str = "copy it again or train anew";

fn read(file: TensorFile<impl Read>) -> Result<Model, String> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    // Not flattened with the rest, whose numbers would be read by other rules then.
    #[derive(Deserialize)]
    struct Packed {
        #[serde(default)]
        packed: BTreeMap<String, Record>,
    }
    let damaged = |e: serde_json::Error| {
        format!(
            "has damaged metadata ({}): {COPY_AGAIN}",
            brief(&e.to_string())
        )
    };
    let Format { format } = serde_json::from_str(&file.text).map_err(damaged)?;
    if format > PACKED_FORMAT {
        return Err(format!(
            "has format {format}, and this gamaka reads up to {PACKED_FORMAT}: update gamaka"
        ));
    }
    let Packed { packed } = serde_json::from_str(&file.text).map_err(damaged)?;
    let mut info: ModelInfo = serde_json::from_str(&file.text).map_err(damaged)?;
    let network = info.network().map_err(|reason| {
        format!(
            "is not possible as a model ({}): {COPY_AGAIN}",
            brief(&reason)
        )
    })?;
    let shapes = network.parameter_shapes();
    if let Some(name) = packed
        .keys()
        .find(|name| shapes.iter().all(|(known, _)| known != *name))
    {
        return Err(format!(
            "packs a parameter `{}` that its network does not have: {COPY_AGAIN}",
            brief(name)
        ));
    }
    // For each tensor of the file the parameter that it belongs to, and its place among those of that one.
    let mut places = vec![None; file.tensors.len()];
    let mut packings: Vec<Vec<(Dtype, Vec<u8>)>> = vec![Vec::new(); shapes.len()];
    for (place, (name, dims)) in shapes.iter().enumerate() {
        let expected = match packed.get(name) {
            None => vec![("", FLOATS, dims.to_vec())],
            Some(record) => record
                .expected(dims)
                .map_err(|reason| impossible(name, &reason))?,
        };
        for (part, (suffix, dtypes, dims)) in expected.into_iter().enumerate() {
            let name = format!("{name}{suffix}");
            let found = file.tensors.iter().position(|found| found.name == name);
            match found.map(|at| (at, &file.tensors[at])) {
                Some((_, found)) if !dtypes.contains(&found.dtype) => {
                    let known = dtypes.iter().map(|dtype| format!("{dtype:?}"));
                    return Err(format!(
                        "holds the parameter `{name}` as {:?}, and this gamaka reads {} only: {COPY_AGAIN}",
                        found.dtype,
                        Vec::from_iter(known).join(" and ")
                    ));
                }
                Some((at, found)) if found.dims == dims => {
                    places[at] = Some((place, part));
                    packings[place].push((found.dtype, Vec::new()));
                }
                _ => {
                    return Err(format!(
                        "has no parameter `{name}` of shape {dims:?}, which its network has: {COPY_AGAIN}"
                    ));
                }
            }
        }
    }
    for (place, found) in places.iter().zip(&file.tensors) {
        let of_split = found.name == SPLIT_FILES && found.dtype == Dtype::U8;
        if place.is_none() && !of_split {
            return Err(format!(
                "holds a tensor that its network does not have: {COPY_AGAIN}"
            ));
        }
    }
    let mut parameters = vec![0.0; network.flat_len()];
    let mut finite = true;
    let mut set = |place: usize, values: &[f32]| {
        finite &= values.iter().all(|value| value.is_finite());
        network.set_parameter(&mut parameters, place, values);
    };
    let mut split = None;
    let read = file.read(|tensor, bytes| match places[tensor] {
        None => split = Some(bytes.to_vec()),
        Some((place, part)) if packed.contains_key(&shapes[place].0) => {
            packings[place][part].1 = bytes.to_vec();
        }
        Some((place, part)) => {
            let (dtype, _) = packings[place][part];
            set(place, &stored::of_floats(dtype, bytes));
        }
    });
    read.map_err(|e| explain(&e))?;
    let mut tensors = vec![None; shapes.len()];
    for (place, (name, dims)) in shapes.iter().enumerate() {
        if let Some(record) = packed.get(name) {
            let decoded = record.decode(dims, &packings[place]);
            let (values, packed) = decoded.map_err(|reason| impossible(name, &reason))?;
            set(place, &values);
            tensors[place] = packed;
        }
    }
    if let Some(deflated) = split {
        let inflated = DeflateDecoder::new(&deflated[..]).take(LONGEST_SPLIT);
        let files = serde_json::from_reader(BufReader::new(inflated));
        info.split.files = files.map_err(damaged)?;
        let checked = info.split.check();
        checked.map_err(|reason| {
            format!(
                "is not possible as a model ({}): {COPY_AGAIN}",
                brief(&reason)
            )
        })?;
    }
    if !finite {
        return Err(format!(
            "holds parameters that are not finite: {COPY_AGAIN}"
        ));
    }
    Ok(Model {
        network,
        parameters,
        packing: Packing::new(tensors),
        info,
    })
}

fn impossible(name: &str, reason: &str) -> String {
    format!("packs its parameter `{name}` in a way that is not possible ({reason}): {COPY_AGAIN}")
}

/// A reason that may quote the file, fit to stand in a line.
fn brief(reason: &str) -> String {
    const LONGEST: usize = 400;
    let words: Vec<&str> = reason.split_whitespace().take(LONGEST).collect();
    let mut line = words.join(" ").replace(char::is_control, "\u{fffd}");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push_str(" ...");
    }
    line
}

fn explain(error: &TensorFileError) -> String {
    match error {
        TensorFileError::Missing => {
            "there is no such model file; train one with `gamaka train`".into()
        }
        TensorFileError::Foreign => {
            "is a safetensors file, but no gamaka model; train one with `gamaka train`".into()
        }
        TensorFileError::NotAFile | TensorFileError::NotSafetensors => {
            format!("is no model file ({error}): give a file that `gamaka train` wrote")
        }
        TensorFileError::Unreadable(_) => error.to_string(),
        TensorFileError::CutShort | TensorFileError::TooLong(_) | TensorFileError::Damaged => {
            format!("{error}: {COPY_AGAIN}")
        }
    }
}
