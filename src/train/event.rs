//! What a training tells while it runs.

use std::collections::BTreeMap;

use super::record::{LogRow, Validation};
use crate::data::Task;
use crate::gpu::Gpu;

/// What a training tells while it runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// Files read so far.
    Reading {
        /// Files done.
        done: usize,
        /// Files in all.
        files: usize,
    },
    /// A sentence for people: a damaged file, a lost device.
    Note(String),
    /// About to start, on a device.
    Start(
        &'a TrainSummary,
        #[cfg_attr(
            not(feature = "internals"),
            allow(dead_code, reason = "a test loses it")
        )]
        &'a Gpu,
    ),
    /// Episodes done, with the figures of the last ones.
    Episodes(&'a [LogRow]),
    /// A validation.
    Validated(Validation),
}

/// What a training is about to do.
#[derive(Debug, Clone)]
pub struct TrainSummary {
    /// The adapter.
    pub adapter: String,
    /// How its kernels are cut: a variant's id for each operation of a step.
    pub kernels: BTreeMap<String, String>,
    /// Trained values.
    pub parameters: usize,
    /// Training classes and files, or parts of tracks.
    pub train: (usize, usize),
    /// The same of the collection mixed in.
    pub mix: Option<(usize, usize)>,
    /// Altered copies of these files, or of the parts of tracks.
    pub altered: usize,
    /// The same of what is validated on.
    pub validation: (usize, usize),
    /// Into how many parts the files of these three are cut: 1, or more if they are tracks.
    pub parts: [usize; 3],
    /// What is validated on, for people.
    pub validated_on: &'static str,
    /// What a training episode asks, if there are episodes.
    pub task: Option<Task>,
    /// The teacher, if there is one.
    pub teacher: Option<TeacherSummary>,
    /// What a validation's episode asks.
    pub validation_task: Task,
    /// Device memory in bytes.
    pub memory: u64,
    /// Whether the clips do not fit at once and are streamed in turns.
    pub in_turns: bool,
    /// Episodes already done.
    pub resumed_at: usize,
}

/// What a teacher is about to teach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TeacherSummary {
    /// Rows of a step.
    pub batch: usize,
    /// Length of its vectors.
    pub width: usize,
    /// Training files and their rows.
    pub train: [usize; 2],
    /// Validation files and their rows.
    pub validation: [usize; 2],
}
