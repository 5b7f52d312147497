//! `gamaka export`: a model as a folder for whatever speaks WebGPU.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use crate::bundle::{Bundle, Options, TrainingOptions};

use super::common::{Common, INCLUDED, is_included, load_model, model_hash, print, print_json};
use super::inspect::{LICENCES, size};
use crate::words::count;

#[derive(clap::Args)]
pub(super) struct Args {
    /// A file that gamaka wrote, or `included` for the model that comes with gamaka
    #[arg(default_value = INCLUDED)]
    model: PathBuf,
    /// A folder that is not there or is empty
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Add a small network that is trained where the bundle runs, on the files that it is given
    #[arg(long)]
    learn: bool,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let model = load_model(&args.model, common)?;
    let options = Options {
        training: args.learn.then(TrainingOptions::default),
        licence: is_included(&args.model).then(|| LICENCES.to_string()),
    };
    let bundle = Bundle::of(&model, &model_hash(&args.model)?, &options)?;
    bundle.write(&args.output)?;
    // As whoever runs it will.
    Bundle::read(&args.output)?;
    let manifest = bundle.manifest();
    let bytes: u64 = manifest.files.values().map(|file| file.bytes).sum();
    if common.json {
        print_json(&json!({"output": args.output, "bytes": bytes, "bundle": manifest}))?;
    } else {
        print(&format!(
            "{}: {}, {}\n",
            args.output.display(),
            count(manifest.files.len() + 1, "file", "files"),
            size(bytes)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
