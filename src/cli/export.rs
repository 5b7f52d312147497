//! `gamaka export`: a model as a folder for whatever speaks WebGPU.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use crate::bundle::{Bundle, Options, TrainingOptions};
use crate::site::Site;

use super::common::{
    Common, INCLUDED, is_included, load_model, model_hash, network_spec, print, print_json,
};
use super::inspect::{LICENCES, size};
use crate::words::count;

/// The network that a page trains unless another is asked for.
pub(super) const SMALL: &str = "small-ickan";

#[derive(clap::Args)]
pub(super) struct Args {
    /// A file that gamaka wrote, or `included` for the model that comes with gamaka
    #[arg(default_value = INCLUDED)]
    model: PathBuf,
    /// A folder that is not there or is empty
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Add a small network that is trained where the bundle runs, on the files that it is given: its own, or one of
    /// `gamaka train --network`, by name or TOML file
    #[arg(long, value_name = "NETWORK", num_args = 0..=1, require_equals = true, default_missing_value = SMALL)]
    learn: Option<String>,
    /// Write a whole web site instead: the page, with the bundle (and what --learn adds) that it computes with
    #[arg(long)]
    page: bool,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let bundle = bundle(
        &args.model,
        args.learn.as_deref().or(args.page.then_some(SMALL)),
        common,
    )?;
    let manifest = bundle.manifest();
    let (count_of_files, bytes) = if args.page {
        let site = Site::new(bundle.files()?);
        site.write(&args.output)?;
        let files = site.files().values();
        let bytes = files.map(|file| file.bytes.len() as u64).sum();
        (site.files().len(), bytes)
    } else {
        bundle.write(&args.output)?;
        // As whoever runs it will.
        Bundle::read(&args.output)?;
        let bytes = manifest.files.values().map(|file| file.bytes).sum();
        (manifest.files.len() + 1, bytes)
    };
    if common.json {
        print_json(
            &json!({"output": args.output.display().to_string(), "bytes": bytes, "bundle": manifest}),
        )?;
    } else {
        print(&format!(
            "{}: {}, {}\n",
            args.output.display(),
            count(count_of_files, "file", "files"),
            size(bytes)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The bundle of a model; with `learn`, the name or file of a network, what it takes to train that beside it.
pub(super) fn bundle(model: &Path, learn: Option<&str>, common: &Common) -> anyhow::Result<Bundle> {
    let loaded = load_model(model, common)?;
    let training = match learn {
        None => None,
        Some(SMALL) => Some(TrainingOptions::default()),
        Some(name) => Some(TrainingOptions {
            spec: network_spec(name, loaded.network.input)?,
            ..TrainingOptions::default()
        }),
    };
    let options = Options {
        training,
        licence: is_included(model).then(|| LICENCES.to_string()),
    };
    Ok(Bundle::of(&loaded, &model_hash(model)?, &options)?)
}
