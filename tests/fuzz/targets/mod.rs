//! What reads input from outside, as functions of bytes: for `make fuzz`, `cargo test` and libFuzzer alike.
//!
//! Each does with the bytes what a command does with a file of them. It must return: no panic, no hang, and no
//! more memory than the bytes deserve. Errors are what most bytes deserve.

mod seeds;

use std::io::{Cursor, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use gamaka::audio;
use gamaka::gpu::{AdapterClass, Gpu, Plan, Program};
use gamaka::internals::bundle::{Bundle, MANIFEST};
use gamaka::internals::columns;
use gamaka::internals::data::{Dataset, Labels, Layout, Protocol, Split, Task, listed, read_tags};
use gamaka::internals::embed;
use gamaka::internals::features::{KEPT_KEY, KeptFeatures};
use gamaka::internals::files;
use gamaka::internals::model_file::Model;
use gamaka::internals::settings::TrainConfig;
use gamaka::internals::tagging::{self, Copy};
use gamaka::internals::tensors;
use gamaka::internals::train::checkpoint;
use gamaka::internals::vectors::Vectors;
use gamaka::model::{Network, Spec};
use serde::de::IgnoredAny;
use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use seeds::{
    ARRAYS, BUNDLED, audio_seeds, bundle_files, bundle_seeds, checkpoint_seeds, features_seeds,
    identity, layout_seeds, manifest_seeds, model_seeds, plan_seeds, small, spec_seeds,
    table_seeds, tag_seeds, tagging_seeds, vector_seeds,
};

/// One kind of input.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its name.
    pub name: &'static str,
    /// Good inputs to start from, given the root of a checkout.
    pub seeds: fn(&Path) -> Vec<Vec<u8>>,
    /// Whether the bytes are text to their reader, so that changed numbers and words get further than changed bits.
    pub text: bool,
    /// Reads the bytes, with a folder of its own for files, and tells whether they were taken for good.
    pub read: fn(&Path, &[u8]) -> bool,
}

/// All kinds of input.
pub(crate) const TARGETS: [Target; 13] = [
    Target {
        name: "audio",
        seeds: audio_seeds,
        text: false,
        read: audio,
    },
    Target {
        name: "tags",
        seeds: tag_seeds,
        text: false,
        read: tags,
    },
    Target {
        name: "tagging",
        seeds: tagging_seeds,
        text: false,
        read: tagging,
    },
    Target {
        name: "manifest",
        seeds: manifest_seeds,
        text: true,
        read: manifest,
    },
    Target {
        name: "layouts",
        seeds: layout_seeds,
        text: true,
        read: layouts,
    },
    Target {
        name: "spec",
        seeds: spec_seeds,
        text: true,
        read: spec,
    },
    Target {
        name: "model",
        seeds: model_seeds,
        text: true,
        read: model,
    },
    Target {
        name: "checkpoint",
        seeds: checkpoint_seeds,
        text: true,
        read: checkpoint,
    },
    Target {
        name: "features",
        seeds: features_seeds,
        text: true,
        read: features,
    },
    Target {
        name: "vectors",
        seeds: vector_seeds,
        text: false,
        read: vectors,
    },
    Target {
        name: "table",
        seeds: table_seeds,
        text: false,
        read: table,
    },
    Target {
        name: "plan",
        seeds: plan_seeds,
        text: true,
        read: plan,
    },
    Target {
        name: "bundle",
        seeds: bundle_seeds,
        text: true,
        read: bundle,
    },
];

/// Seconds of a file that are decoded, as in a training: a few bytes of FLAC can stand for hours of silence.
const MOST_SECONDS: u64 = 600;

const RATE: u32 = 22_050;

/// Writes the bytes to a file of the scratch folder.
fn file(scratch: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = scratch.join(name);
    // A full disk is not what is looked for, and what is read then is still input.
    let _ = std::fs::write(&path, bytes);
    path
}

/// Decodes an audio file.
fn audio(scratch: &Path, bytes: &[u8]) -> bool {
    let path = file(scratch, "input.audio", bytes);
    let mut samples = 0;
    let decoded = audio::stream(&path, RATE, &mut |piece| {
        samples += piece.len() as u64;
        if samples < MOST_SECONDS * u64::from(RATE) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    decoded.is_ok()
}

/// Makes a copy of an audio file with a genre in its tags, proved but for its audio.
fn tagging(scratch: &Path, bytes: &[u8]) -> bool {
    let file = file(scratch, "input.audio", bytes);
    let planned = tagging::plan(&file, &[("ska".into(), 0.9)], true);
    planned.and_then(|planned| Copy::of(&planned)).is_ok()
}

/// Reads an audio file's tags.
fn tags(scratch: &Path, bytes: &[u8]) -> bool {
    !read_tags(&file(scratch, "input.audio", bytes)).is_empty()
}

/// Opens a data set by its manifest, and splits it in each way; lists its files, and those of a plain list.
fn manifest(scratch: &Path, bytes: &[u8]) -> bool {
    for name in ["a.wav", "b.wav", "c.wav", "d.wav"] {
        let path = scratch.join(name);
        if !path.exists() {
            file(scratch, name, name.as_bytes());
        }
    }
    let path = file(scratch, "input.csv", bytes);
    let mut taken = listed(&path, |row| row % 2 == 0).is_ok();
    let _ = listed(&file(scratch, "input.txt", bytes), |_| true);
    for labels in [
        Labels::Folder,
        Labels::Column("artist".into()),
        Labels::Track,
    ] {
        if let Ok(dataset) = Dataset::open_with(&path, &labels) {
            taken = true;
            for protocol in [Protocol::NovelClasses, Protocol::SeenClasses] {
                let _ = Split::create(&dataset, protocol, Task::new(2, 1, 1), 1);
            }
        }
    }
    taken
}

/// What a table says of itself.
fn table(scratch: &Path, bytes: &[u8]) -> bool {
    columns::known(&file(scratch, "input.parquet", bytes)).is_ok()
}

/// Lists published data sets whose metadata the bytes are.
fn layouts(scratch: &Path, bytes: &[u8]) -> bool {
    let mut taken = false;
    for (layout, metadata, audio) in [
        (Layout::Fma, "fma_metadata/tracks.csv", "000/000002.mp3"),
        (Layout::Jamendo, "autotagging.tsv", "14/214.mp3"),
        (
            Layout::Nsynth,
            "nsynth-train/examples.json",
            "nsynth-train/audio/a.wav",
        ),
        (Layout::Esc50, "meta/esc50.csv", "audio/a.wav"),
        (
            Layout::Saraga,
            "concert/song/song.json",
            "concert/song/song.mp3",
        ),
    ] {
        let root = scratch.join(layout.name());
        for name in [metadata, audio] {
            if let Some(folder) = root.join(name).parent() {
                let _ = files::make_folder(folder);
            }
        }
        file(&root, audio, b"x");
        file(&root, metadata, bytes);
        taken |= layout.count(&root).is_ok();
    }
    taken
}

/// Builds a network of a spec or a configuration, and the plan of its inference.
fn spec(_: &Path, bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    if let Ok(spec) = Spec::from_toml(text) {
        return Network::new(spec, [64, 128]).is_ok_and(|network| plannable(&network));
    }
    match TrainConfig::from_toml(text) {
        Ok(config) if config.validate().is_ok() => {
            let input = [config.preset.n_mels, config.segment().frames()];
            Network::new(config.network, input).is_ok_and(|network| plannable(&network))
        }
        _ => false,
    }
}

fn plannable(network: &Network) -> bool {
    AdapterClass::ALL
        .into_iter()
        .all(|class| embed::inference(class, network, 16).0.validate().is_ok())
}

/// Loads a model file.
fn model(scratch: &Path, bytes: &[u8]) -> bool {
    let path = file(scratch, "input.safetensors", &with_length(bytes));
    Model::load(&path).is_ok_and(|model| plannable(&model.network))
}

/// Loads a checkpoint whose checksum fits, and as it is.
fn checkpoint(scratch: &Path, bytes: &[u8]) -> bool {
    let Some((network, config)) = small() else {
        return false;
    };
    let bytes = with_length(bytes);
    let load = |bytes: &[u8]| {
        let path = file(scratch, "input.checkpoint", bytes);
        checkpoint::load(&path, &identity(&config), network.flat_len()).is_ok()
    };
    let fits = tensors::summed(checkpoint::KEY, &bytes).is_some_and(|bytes| load(&bytes));
    load(&bytes) || fits
}

/// Opens a file of features whose checksum fits, and as it is.
fn features(scratch: &Path, bytes: &[u8]) -> bool {
    let bytes = with_length(bytes);
    let open = |bytes: &[u8]| {
        let path = file(scratch, "input.features", bytes);
        KeptFeatures::open(&path).is_ok_and(|kept| !kept.known().is_empty())
    };
    let fits = tensors::summed(KEPT_KEY, &bytes).is_some_and(|bytes| open(&bytes));
    open(&bytes) || fits
}

/// What an array of a file of vectors begins with, and their names in the order of the seeds.
const ARRAY: &[u8] = b"\x93NUMPY";
/// Reads a file of vectors, as it is, and as arrays one after the other whose checksums fit.
fn vectors(scratch: &Path, bytes: &[u8]) -> bool {
    let read = |bytes: &[u8]| Vectors::read(&file(scratch, "input.npz", bytes)).is_ok();
    let begins = |at: &usize| bytes[*at..].starts_with(ARRAY);
    let mut begin: Vec<usize> = (0..bytes.len()).filter(begins).collect();
    begin.push(bytes.len());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (ends, name) in begin.windows(2).zip(ARRAYS) {
        let array = &bytes[ends[0]..ends[1]];
        let begun = zip.start_file(format!("{name}.npy"), stored);
        if begun.is_err() || zip.write_all(array).is_err() {
            return false;
        }
    }
    let fits = zip.finish().is_ok_and(|zip| read(zip.get_ref()));
    read(bytes) || fits
}

/// Reads a plan and compiles it for a device that only checks.
fn plan(_: &Path, bytes: &[u8]) -> bool {
    serde_json::from_slice::<Plan>(bytes).is_ok_and(|plan| Program::new(&Gpu::noop(), plan).is_ok())
}

/// Reads a bundle whose list and two plans the bytes are, as they are, and with the hashes that fit them.
fn bundle(_: &Path, bytes: &[u8]) -> bool {
    let mut files = bundle_files().clone();
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    let mut begin = 0;
    for name in BUNDLED {
        let Some(Ok(_)) = values.next() else {
            break;
        };
        let end = values.byte_offset();
        files.insert(name.to_string(), bytes[begin..end].to_vec());
        begin = end;
    }
    if Bundle::from_files(files.clone()).is_ok() {
        return true;
    }
    let fitted = || {
        let mut list: Value = serde_json::from_slice(&files[MANIFEST]).ok()?;
        for name in BUNDLED.into_iter().skip(1) {
            let hash = blake3::hash(&files[name]).to_hex();
            let entry = list.get_mut("files")?.get_mut(name)?.as_object_mut()?;
            entry.insert("bytes".into(), files[name].len().into());
            entry.insert("hash".into(), hash.as_str().into());
        }
        serde_json::to_vec(&list).ok()
    };
    let fitted = fitted();
    fitted.is_some_and(|list| {
        files.insert(MANIFEST.into(), list);
        Bundle::from_files(files).is_ok()
    })
}

/// A safetensors file of its header and data, without the length that comes first: changed headers would all
/// have the wrong one, and nothing behind it would ever be tried.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    let length = match values.next() {
        Some(Ok(_)) => {
            let end = values.byte_offset();
            // Padding belongs to the header.
            end + bytes[end..]
                .iter()
                .take_while(|&&byte| byte == b' ')
                .count()
        }
        _ => bytes.len() / 2,
    };
    let mut file = (length as u64).to_le_bytes().to_vec();
    file.extend_from_slice(bytes);
    file
}
