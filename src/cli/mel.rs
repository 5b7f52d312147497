//! `gamaka mel`: a mel-spectrogram as an array or a picture.

use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use gamaka::audio::{self, AudioInfo};
use gamaka::gpu::{DeviceChoice, Gpu};
use gamaka::mel::{
    AMIN, BLOCK_FRAMES, Engine, EngineChoice, Framer, GpuEngine, Preset, TOP_DB, decibels, mfcc,
    transpose,
};
use gamaka::report::{Rows, Spectrogram, spectrogram_png};
use ndarray::Array2;
use ndarray_npy::WriteNpyExt;

use super::common::{Common, engine, print, print_json};
use super::numbers::{number, whole};

#[derive(clap::Args)]
pub struct Args {
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
    #[arg(long, default_value_t = TopDb(Some(TOP_DB)), value_name = "DB|none")]
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

fn reference(text: &str) -> Result<f32, String> {
    Ok(number(1e-30..=1e30)(text)? as f32)
}

fn preset(name: &str) -> Result<Preset, String> {
    Preset::named(name).map_err(|e| e.to_string())
}

pub fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
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
    let mut preset = args.preset.clone();
    preset.n_mfcc = args.n_mfcc;
    preset.validate()?;
    let engine = open_engine(args.engine, &preset, common)?;
    let (power, info) = spectrogram(&engine, &args.audio, common)?;
    let info = if args.strict {
        info.strict(&args.audio)?
    } else {
        info
    };
    info.warnings
        .iter()
        .for_each(|w| common.note(&format!("{}: {w}", args.audio.display())));
    let db = || decibels(&power, args.reference, AMIN, args.top_db.0);
    let (values, rows) = if args.kind.mfcc {
        (mfcc(&db(), preset.n_mels, preset.n_mfcc), preset.n_mfcc)
    } else if args.kind.power {
        (power, preset.n_mels)
    } else {
        (db(), preset.n_mels)
    };
    let frames = values.len() / rows;
    let bytes = match extension.as_str() {
        "npy" => npy(&values, rows)?,
        _ => picture(args, &preset, &values)?,
    };
    gamaka::files::write(&args.output, &bytes)?;
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

/// Power frames of a file, decoded piece by piece.
fn spectrogram(
    engine: &Engine,
    path: &Path,
    common: &Common,
) -> anyhow::Result<(Vec<f32>, AudioInfo)> {
    let preset = engine.preset();
    let bar = common.spinner("mel frames");
    let mut framer = Framer::new(preset, BLOCK_FRAMES)?;
    let mut power = Vec::new();
    let mut failed = None;
    let info = audio::stream(path, preset.sample_rate, &mut |samples| {
        for block in framer.push(samples) {
            match engine.compute(&block) {
                Ok(frames) => power.extend(frames),
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
        }
        bar.set_position((power.len() / preset.n_mels) as u64);
        ControlFlow::Continue(())
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    let rest = framer
        .finish()
        .map_err(|e| anyhow!("{}: {e}", path.display()))?;
    for block in rest {
        power.extend(engine.compute(&block)?);
    }
    bar.finish_and_clear();
    Ok((power, info))
}

fn npy(values: &[f32], rows: usize) -> anyhow::Result<Vec<u8>> {
    let array = Array2::from_shape_vec((rows, values.len() / rows), transpose(values, rows))?;
    let mut bytes = Cursor::new(Vec::new());
    array.write_npy(&mut bytes)?;
    Ok(bytes.into_inner())
}

fn picture(args: &Args, preset: &Preset, values: &[f32]) -> anyhow::Result<Vec<u8>> {
    let centres = preset.band_centres();
    let rows = if args.kind.mfcc {
        Rows::Coefficients(preset.n_mfcc)
    } else if args.kind.power {
        Rows::Power(&centres)
    } else {
        Rows::Bands(&centres, "dB")
    };
    let title = args
        .audio
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    Ok(spectrogram_png(&Spectrogram {
        values,
        rows,
        hop_length: preset.hop_length,
        sample_rate: preset.sample_rate,
        title: title.as_deref(),
    })?)
}
