//! The flags of `gamaka embed`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cli::common::{INCLUDED, engine};
use crate::cli::numbers::seconds;
use crate::mel::EngineChoice;

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Audio files, and folders to look for audio files in
    #[arg(required_unless_present = "manifest")]
    pub(super) paths: Vec<PathBuf>,
    /// A list of files instead, each to have a row in the output, with an error where it has no embedding: a CSV file with a
    /// column `path`, or a path in each line. The output is a .parquet; a run that was stopped goes on by itself
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "errors"])]
    pub(super) manifest: Option<PathBuf>,
    /// Of the manifest's rows, every Nth from row I on, counted from 0: 0/4 to 3/4 are all
    #[arg(long, value_name = "I/N", requires = "manifest", conflicts_with = "paths", value_parser = shard)]
    pub(super) shard: Option<Shard>,
    /// The model: a file that `gamaka train` wrote, or `included` for the one that comes with gamaka
    #[arg(short, long, default_value = INCLUDED, value_name = "MODEL")]
    pub(super) model: PathBuf,
    /// Where the rows go
    #[arg(short, long, value_name = "OUT.jsonl|OUT.csv|OUT.npz|OUT.parquet")]
    pub(super) output: PathBuf,
    /// A row for each segment, or the mean of a file's segments [default: segment; with --manifest file]
    #[arg(long, value_name = "segment|file", value_parser = per)]
    pub(super) per: Option<Per>,
    /// Seconds from one segment of a file to the next [default: the model's]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = seconds)]
    pub(super) hop: Option<f64>,
    /// Write a line for each file that failed: its path, a tab, the reason
    #[arg(long, value_name = "FILE")]
    pub(super) errors: Option<PathBuf>,
    /// Go on where an earlier run with the same output stopped
    #[arg(long)]
    pub(super) resume: bool,
    /// Which engine computes mel frames: auto, gpu or cpu
    #[arg(long, default_value = "auto", value_parser = engine)]
    pub(super) engine: EngineChoice,
    /// Count a damaged file as failed, instead of using what can be decoded
    #[arg(long)]
    pub(super) strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Per {
    Segment,
    File,
}

fn per(text: &str) -> Result<Per, String> {
    match text {
        "segment" => Ok(Per::Segment),
        "file" => Ok(Per::File),
        _ => Err("choose segment or file".into()),
    }
}

/// A part of a manifest's rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shard {
    pub(super) index: u64,
    pub(super) of: u64,
}

fn shard(text: &str) -> Result<Shard, String> {
    let numbers = text.split_once('/');
    let numbers = numbers.and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match numbers {
        Some((index, of)) if index < of => Ok(Shard { index, of }),
        _ => {
            Err("write I/N, I from 0 to N - 1: 0/4, 1/4, 2/4 and 3/4 are the shards of four".into())
        }
    }
}
