//! What a training tells, in words and bars.

use std::collections::HashSet;

use bytesize::ByteSize;
use indicatif::ProgressBar;

use crate::cli::common::Common;
use crate::cli::tune;
use crate::data::Task;
use crate::train::{Event, LogRow, TrainSummary, Validation};
use crate::words::count;

/// Turns what a training tells into words and bars. Shared with the demo.
pub(crate) struct Display<'a> {
    common: &'a Common,
    /// The bar of what is going on.
    pub bar: ProgressBar,
    episodes: usize,
    /// What is validated on.
    pub validated_on: &'static str,
    /// With which settings it goes on where there is too little for those asked for. Told once it is sure: when the files
    /// have been read, still less may be left.
    pub fitted: Option<String>,
    /// Episodes that an earlier run did.
    pub resumed_at: usize,
    /// Notes told already. Files that are read again are not told of again.
    told: HashSet<String>,
}

impl<'a> Display<'a> {
    pub(crate) fn new(common: &'a Common, episodes: usize) -> Self {
        Self {
            common,
            bar: ProgressBar::hidden(),
            episodes,
            validated_on: "",
            fitted: None,
            resumed_at: 0,
            told: HashSet::new(),
        }
    }

    /// A bar for a fine-tuning, of which there may be many: each is described by its command.
    pub(crate) fn tuning(&mut self, summary: &TrainSummary) {
        self.bar.finish_and_clear();
        self.bar = self.common.bar(self.episodes, "tuning");
        self.bar.set_position(summary.resumed_at as u64);
        self.bar.reset_eta();
    }

    pub(crate) fn show(&mut self, event: &Event) {
        match event {
            Event::Reading { done, files } => {
                if *done == 0 {
                    self.bar = self.common.bar(*files, "reading");
                }
                self.bar.set_position(*done as u64);
                if done == files {
                    self.bar.finish_and_clear();
                }
            }
            Event::Note(text) => {
                if self.told.insert(text.clone()) {
                    self.bar.suspend(|| self.common.note(text));
                }
            }
            Event::Start(summary, gpu) => {
                if let Some(note) = self.fitted.take() {
                    self.common.note(&note);
                }
                self.common.note(&describe(summary));
                if tune::would_pay(gpu, &summary.kernels) {
                    self.common.note("kernels are cut as suits most GPUs: `gamaka tune` finds what is quickest on this one");
                }
                self.validated_on = summary.validated_on;
                self.resumed_at = summary.resumed_at;
                self.bar = self.common.bar(self.episodes, "training");
                self.bar.set_position(summary.resumed_at as u64);
                self.bar.reset_eta();
            }
            Event::Episodes(rows) => {
                let count = rows.len().max(1) as f32;
                let loss = rows.iter().map(|r| r.loss).sum::<f32>() / count;
                let mean = |figure: fn(&LogRow) -> Option<f32>| {
                    let figures: Option<f32> = rows.iter().map(figure).sum();
                    figures.map(|sum| sum / count)
                };
                let mut message = format!("loss {loss:.3}");
                if let Some(accuracy) = mean(|row| row.accuracy) {
                    message.push_str(&format!(", accuracy {:.0} %", accuracy * 100.0));
                }
                if let Some(cosine) = mean(|row| row.cosine) {
                    message.push_str(&format!(", cosine {cosine:.3}"));
                }
                if let Some(last) = rows.last() {
                    self.bar.set_position(last.episode as u64);
                    self.bar.set_message(message);
                }
            }
            Event::Validated(v) => {
                let text = format!(
                    "after {:>5} episodes: {}",
                    v.episode,
                    validated(v, self.validated_on)
                );
                self.bar.suspend(|| self.common.note(&text));
            }
        }
    }
}

/// A validation's accuracy with both its intervals.
pub(super) fn validated(v: &Validation, on: &str) -> String {
    let files = v.over_files.map_or(String::new(), |i| {
        format!("{:.0} to {:.0} over files, ", i.low * 100.0, i.high * 100.0)
    });
    let taught = v.teacher.map_or(String::new(), |found| {
        format!(
            "; the teacher's loss {:.3} and cosine {:.3} on {}",
            found.loss,
            found.cosine,
            count(found.rows, "row", "rows")
        )
    });
    format!(
        "{:.1} % on {on} ({files}± {:.1} over episodes){taught}",
        v.accuracy * 100.0,
        v.over_episodes.half_width() * 100.0
    )
}

fn describe(s: &TrainSummary) -> String {
    let of_size = |(classes, files): (usize, usize), parts: usize| match parts {
        1 => format!(
            "{}, {}",
            count(classes, "class", "classes"),
            count(files, "file", "files")
        ),
        _ => format!(
            "{} in {parts} parts each",
            count(classes, "track", "tracks")
        ),
    };
    let Task {
        way: task_way,
        shot: task_shot,
        query: task_query,
    } = s.validation_task;
    let mut mixed = s.mix.map_or(String::new(), |mix| {
        format!(" and {}", of_size(mix, s.parts[1]))
    });
    if s.altered > 0 {
        mixed.push_str(&format!(
            " with {}",
            count(s.altered, "altered copy", "altered copies")
        ));
    }
    let mut exercises = s.task.map_or(String::new(), |Task { way, shot, query }| {
        format!(
            "exercises of the training: {way}-way {shot}-shot with {} a class; ",
            count(query, "query", "queries")
        )
    });
    if let Some(teacher) = s.teacher {
        let of = |[files, rows]: [usize; 2]| {
            format!(
                "{} of {}",
                count(rows, "row", "rows"),
                count(files, "file", "files")
            )
        };
        exercises = format!(
            "a teacher of {} values: {} to train, {} a step; {} to validate\n{exercises}",
            teacher.width,
            of(teacher.train),
            teacher.batch,
            of(teacher.validation)
        );
    }
    let mut text = format!(
        "{} parameters on {}\n{}{mixed} to train; {} to validate\n{exercises}what is asked in the end: {task_way}-way {task_shot}-shot with {} a class (which of {task_way} classes is it, after {} of each)\n{} of device memory",
        s.parameters,
        s.adapter,
        of_size(s.train, s.parts[0]),
        of_size(s.validation, s.parts[2]),
        count(task_query, "query", "queries"),
        count(task_shot, "example", "examples"),
        ByteSize(s.memory)
    );
    if s.in_turns {
        text.push_str("; the clips do not fit at once and are streamed in turns");
    }
    if s.resumed_at > 0 {
        text.push_str(&format!("\ngoing on after episode {}", s.resumed_at));
    }
    text
}
