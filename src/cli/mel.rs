//! `gamaka mel`: a mel-spectrogram as an array or a picture.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::audio::{self, AudioInfo};
use crate::features::{FeatureStore, StoreError};
use crate::files::{self, Outputs};
use crate::gpu::{DeviceChoice, Gpu};
use crate::mel::{
    AMIN, BLOCK_FRAMES, Engine, EngineChoice, Framer, GpuEngine, Preset, TOP_DB, decibels, mfcc,
    transpose,
};
use crate::report::{Rows, SpectrogramCanvas, has_letters};
use anyhow::{anyhow, bail};

use super::common::{Common, engine, print, print_json};
use super::numbers::{number, whole};

#[derive(clap::Args)]
pub(super) struct Args {
    /// An audio file
    audio: PathBuf,
    /// Where it goes: .npy for a float32 array (n_mels, frames), .png for a picture
    #[arg(short, long, value_name = "OUT.npy|OUT.png")]
    output: PathBuf,
    /// Whose defaults to follow
    #[arg(long, default_value = "librosa", value_name = "librosa|torchaudio|gamaka", value_parser = preset)]
    preset: Preset,
    #[command(flatten)]
    kind: Kind,
    /// Number of coefficients for --mfcc
    #[arg(long, default_value_t = 20, allow_negative_numbers = true, value_parser = whole(1..=Preset::MAX_N_MELS))]
    n_mfcc: usize,
    /// What 0 dB means, as power
    #[arg(long = "ref", default_value_t = 1.0, allow_negative_numbers = true, value_parser = reference, value_name = "POWER")]
    reference: f32,
    /// Range in dB kept below the loudest value; `none` keeps all
    #[arg(long, default_value_t = TopDb(Some(TOP_DB)), allow_negative_numbers = true, value_name = "DB|none")]
    top_db: TopDb,
    /// Which engine computes: auto, gpu or cpu
    #[arg(long, default_value = "auto", value_parser = engine)]
    engine: EngineChoice,
    /// Refuse a file that is damaged, instead of using what can be decoded
    #[arg(long)]
    strict: bool,
}

#[derive(clap::Args)]
#[group(multiple = false)]
struct Kind {
    /// Decibels (the default)
    #[arg(long)]
    db: bool,
    /// Power
    #[arg(long)]
    power: bool,
    /// Mel-frequency cepstral coefficients
    #[arg(long)]
    mfcc: bool,
}

impl Kind {
    fn name(&self) -> &'static str {
        if self.mfcc {
            "MFCC"
        } else if self.power {
            "power"
        } else {
            "dB"
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct TopDb(Option<f32>);

impl std::str::FromStr for TopDb {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        match text.parse() {
            Ok(db) if db >= 0.0 => Ok(Self(Some(db))),
            _ => Err("give a number of dB, 0 or more, or none".into()),
        }
    }
}

impl std::fmt::Display for TopDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => f.write_str("none"),
            Some(db) => db.fmt(f),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is one of f32")]
fn reference(text: &str) -> Result<f32, String> {
    Ok(number(1e-30..=1e30)(text)? as f32)
}

fn preset(name: &str) -> Result<Preset, String> {
    Preset::named(name).map_err(|e| e.to_string())
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let extension = args
        .output
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_lowercase();
    if !["npy", "png"].contains(&extension.as_str()) {
        bail!(
            "{}: the name must end in .npy (an array) or .png (a picture)",
            args.output.display()
        );
    }
    let mut outputs = Outputs::default();
    outputs.add(&args.output)?;
    outputs.spare([&args.audio])?;
    let mut preset = args.preset.clone();
    preset.n_mfcc = args.n_mfcc;
    preset.validate()?;
    let engine = open_engine(args.engine, &preset, common)?;
    let (clip, info) = listen(&engine, args, common)?;
    let info = if args.strict {
        info.strict(&args.audio)?
    } else {
        info
    };
    info.warnings
        .iter()
        .for_each(|w| common.note(&format!("{}: {w}", args.audio.display())));
    let clip = match args.kind.mfcc {
        true => clip.mfcc(preset.n_mfcc)?,
        false => clip,
    };
    match extension.as_str() {
        "npy" => files::write_with(&args.output, |file| clip.write_npy(file))?,
        _ => {
            let title = args.audio.file_name().unwrap_or_default().to_string_lossy();
            if !has_letters(&title) {
                common.note(&format!(
                    "no font here has all letters of {title}: the picture has no title"
                ));
            }
            files::write(&args.output, &picture(args, &preset, &clip, &title)?)?;
        }
    }
    let (rows, frames) = (clip.rows, clip.frames);
    if common.json {
        print_json(&serde_json::json!({
            "output": args.output.display().to_string(),
            "shape": [rows, frames],
            "unit": args.kind.name(),
            "duration_s": info.duration_s,
            "warnings": info.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "preset": preset,
            "engine": engine.name(),
        }))?;
    } else if !common.quiet {
        print(&format!(
            "{}: {rows} x {frames} {} of {:.2} s, preset {}, {} engine\n",
            args.output.display(),
            args.kind.name(),
            info.duration_s,
            preset.name,
            engine.name()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A device is opened only if the engine may need it; without one `auto` computes on the CPU.
fn open_engine(choice: EngineChoice, preset: &Preset, common: &Common) -> anyhow::Result<Engine> {
    let gpu = match choice {
        EngineChoice::Cpu => None,
        EngineChoice::Gpu => Some(common.gpu()?),
        // A machine without an adapter computes on the CPU; an adapter that was asked for must exist.
        EngineChoice::Auto if GpuEngine::supports(preset) => match Gpu::open(&common.device) {
            Err(_) if common.device == DeviceChoice::Auto => None,
            other => Some(other?),
        },
        EngineChoice::Auto => None,
    };
    Ok(Engine::new(choice, gpu.as_ref(), preset)?)
}

/// Frames of a file of any length, kept in a temporary file.
struct Clip {
    /// Blocks of frames, in order.
    blocks: FeatureStore,
    /// Values of a frame.
    rows: usize,
    frames: usize,
    /// Smaller values count as this: what it is, only the end of the file tells.
    floor: f32,
}

impl Clip {
    fn new(rows: usize) -> Result<Self, StoreError> {
        Ok(Self {
            blocks: FeatureStore::new(0, rows)?,
            rows,
            frames: 0,
            floor: f32::NEG_INFINITY,
        })
    }

    /// Takes more frames, row by row.
    fn push(&mut self, frames: &[f32]) -> Result<(), StoreError> {
        self.frames += frames.len() / self.rows;
        self.blocks.push(frames)
    }

    /// All frames, in blocks of rows.
    fn pieces(&self) -> impl Iterator<Item = Result<Vec<f32>, StoreError>> {
        (0..self.blocks.len()).map(|block| Ok(self.raised(self.blocks.get(block)?)))
    }

    fn raised(&self, mut values: Vec<f32>) -> Vec<f32> {
        let low = values.iter_mut().filter(|value| **value < self.floor);
        low.for_each(|value| *value = self.floor);
        values
    }

    /// The cepstral coefficients of frames in dB.
    fn mfcc(&self, n_mfcc: usize) -> Result<Self, StoreError> {
        let mut clip = Self::new(n_mfcc)?;
        for piece in self.pieces() {
            clip.push(&mfcc(&piece?, self.rows, n_mfcc))?;
        }
        Ok(clip)
    }

    /// Writes an array (rows, frames).
    fn write_npy(&self, file: &mut dyn Write) -> io::Result<()> {
        let mut file = BufWriter::new(file);
        file.write_all(&npy_header(self.rows, self.frames))?;
        for row in 0..self.rows {
            for block in 0..self.blocks.len() {
                let values = self.blocks.band(block, row).map_err(io::Error::other)?;
                let bytes: Vec<u8> = self
                    .raised(values)
                    .into_iter()
                    .flat_map(f32::to_le_bytes)
                    .collect();
                file.write_all(&bytes)?;
            }
        }
        file.flush()
    }
}

/// What stands before the values of a float32 array in NumPy's format, whose data starts at a multiple of 64 bytes.
#[expect(
    clippy::cast_possible_truncation,
    reason = "two numbers and their names are far shorter than 65,535"
)]
fn npy_header(rows: usize, frames: usize) -> Vec<u8> {
    let entries =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {frames})}}");
    let before = b"\x93NUMPY\x01\0";
    let length = (before.len() + 2 + entries.len() + 1).next_multiple_of(64) - before.len() - 2;
    let mut header = before.to_vec();
    header.extend((length as u16).to_le_bytes());
    header.extend(format!("{entries:<width$}\n", width = length - 1).bytes());
    header
}

/// Frames of a file, power or dB, decoded piece by piece.
fn listen(engine: &Engine, args: &Args, common: &Common) -> anyhow::Result<(Clip, AudioInfo)> {
    let preset = engine.preset();
    let bar = common.spinner("mel frames");
    let mut framer = Framer::new(preset, BLOCK_FRAMES)?;
    let mut clip = Clip::new(preset.n_mels)?;
    let mut loudest = f32::NEG_INFINITY;
    let mut take = |block: &[f32]| -> anyhow::Result<usize> {
        let mut frames = engine.compute(block)?;
        if !args.kind.power {
            frames = decibels(&frames, args.reference, AMIN, None);
            loudest = frames.iter().fold(loudest, |most, &db| most.max(db));
        }
        clip.push(&frames)?;
        Ok(clip.frames)
    };
    let mut failed = None;
    let info = audio::stream(&args.audio, preset.sample_rate, &mut |samples| {
        for block in framer.push(samples) {
            match take(&block) {
                Ok(frames) => bar.set_position(frames as u64),
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let rest = framer
        .finish()
        .map_err(|e| anyhow!("{}: {e}", args.audio.display()))?;
    for block in rest {
        take(&block)?;
    }
    if let (Some(top_db), false) = (args.top_db.0, args.kind.power) {
        clip.floor = loudest - top_db;
    }
    bar.finish_and_clear();
    Ok((clip, info))
}

fn picture(args: &Args, preset: &Preset, clip: &Clip, title: &str) -> anyhow::Result<Vec<u8>> {
    let centres = preset.band_centres();
    let rows = if args.kind.mfcc {
        Rows::Coefficients(preset.n_mfcc)
    } else if args.kind.power {
        Rows::Power(&centres)
    } else {
        Rows::Bands(&centres, "dB")
    };
    let mut canvas =
        SpectrogramCanvas::new(rows, clip.frames, preset.hop_length, preset.sample_rate)?;
    for piece in clip.pieces() {
        let piece = piece?;
        canvas.push(&transpose(&piece, piece.len() / clip.rows));
    }
    Ok(canvas.png(Some(title))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use ndarray_npy::WriteNpyExt;

    #[test]
    fn an_array_is_written_as_others_write_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.npy");
        for (rows, frames) in [(1, 1), (3, 7), (20, 1000), (64, 99_999), (2, 1_000_000)] {
            let mut clip = Clip::new(rows).unwrap();
            let values: Vec<f32> = (0..rows * frames).map(|i| (i as f32).sin()).collect();
            // Frames that come one after another, in blocks of rows.
            values
                .chunks(rows * 511)
                .for_each(|piece| clip.push(&transpose(piece, rows)).unwrap());
            clip.floor = -0.5;
            clip.write_npy(&mut std::fs::File::create(&path).unwrap())
                .unwrap();
            let raised = values.iter().map(|v| v.max(-0.5)).collect();
            let array = Array2::from_shape_vec((frames, rows), raised).unwrap();
            let mut want = Vec::new();
            let transposed = array.t().as_standard_layout().into_owned();
            transposed.write_npy(&mut want).unwrap();
            assert!(std::fs::read(&path).unwrap() == want, "{rows} x {frames}");
        }
    }
}
