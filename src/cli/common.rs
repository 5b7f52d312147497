//! What the subcommands share: global flags, progress bars, all text for the terminal, lists of failed files.

use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::data::hash_file;
use crate::features::FrontEnd;
use crate::files::hash_bytes;
use crate::gpu::{DeviceChoice, Gpu, GpuError};
use crate::mel::EngineChoice;
use crate::model::Spec;
use crate::model_file::Model;
use crate::tuning;
use crate::words::count;
use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::hints;

/// A usage error, told as clap tells its own.
pub(super) fn usage(text: &str) -> ! {
    clap::Error::raw(
        clap::error::ErrorKind::ValueValidation,
        format!("{}\n", plain(text)),
    )
    .exit()
}

/// Flags of every subcommand.
#[derive(clap::Args)]
pub(super) struct Common {
    /// Which adapter to use: auto, software (runs on the CPU), an index or a part of a name (see `gamaka doctor`)
    #[arg(
        long,
        global = true,
        env = "GAMAKA_DEVICE",
        default_value = "auto",
        value_name = "auto|software|INDEX|NAME"
    )]
    pub device: DeviceChoice,
    /// Print results only: no progress, no notes
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Print one JSON document on stdout, and nothing else there
    #[arg(long, global = true)]
    pub json: bool,
}

impl Common {
    /// Opens the chosen adapter, its kernels cut by what was measured on it.
    pub(super) fn gpu(&self) -> Result<Gpu, GpuError> {
        tuning::open(&self.device, &mut |note| self.note(&note))
    }

    /// A progress bar on stderr, hidden under --quiet and where stderr is no terminal.
    pub(super) fn bar(&self, length: usize, what: &'static str) -> ProgressBar {
        let target = if self.quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let style = ProgressStyle::with_template(
            "{prefix:>10} {bar:32} {human_pos}/{human_len} {msg} {eta}",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::with_draw_target(Some(length as u64), target)
            .with_style(style)
            .with_prefix(what)
    }

    /// A sign of life for work of unknown length; count with `set_position`.
    pub(super) fn spinner(&self, what: &'static str) -> ProgressBar {
        let style = ProgressStyle::with_template("{spinner} {prefix} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let spinner = self.bar(0, what).with_style(style);
        spinner.enable_steady_tick(Duration::from_millis(120));
        spinner
    }

    /// Shows a spinner while something runs.
    pub(super) fn while_waiting<T>(&self, what: &'static str, run: impl FnOnce() -> T) -> T {
        let spinner = self.spinner(what);
        let result = run();
        spinner.finish_and_clear();
        result
    }

    /// Shows a bar while something runs that tells the files done and the files in all.
    pub(super) fn counted<T>(
        &self,
        what: &'static str,
        run: impl FnOnce(&mut dyn FnMut(usize, usize)) -> T,
    ) -> T {
        let bar = self.bar(0, what);
        let result = run(&mut |done, files| {
            bar.set_length(files as u64);
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        result
    }

    /// Says something on stderr, unless --quiet.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            say(text);
        }
    }
}

/// What stands for the model that comes with gamaka where a file's name is asked for.
pub(super) const INCLUDED: &str = "included";

/// Whether a name stands for the model that comes with gamaka.
pub(super) fn is_included(path: &Path) -> bool {
    path == Path::new(INCLUDED)
}

/// Reads a model file, or the model that comes with gamaka, and says that it is the latter.
pub(super) fn load_model(path: &Path, common: &Common) -> anyhow::Result<Model> {
    if !is_included(path) {
        return Ok(Model::load(path)?);
    }
    let model = Model::included()?;
    common.note(&format!(
        "with the model that comes with gamaka: {}, {} parameters",
        model.network.spec.name,
        model.network.parameter_count()
    ));
    Ok(model)
}

/// The hash of a model file, or of the model that comes with gamaka.
pub(super) fn model_hash(path: &Path) -> anyhow::Result<String> {
    match is_included(path) {
        true => Ok(hash_bytes(Model::INCLUDED)),
        false => Ok(hash_file(path)?),
    }
}

/// What a model hears files with: as much of each as it was trained on.
pub(super) fn front_end(
    engine: EngineChoice,
    gpu: &Gpu,
    model: &Model,
    strict: bool,
) -> anyhow::Result<FrontEnd> {
    Ok(FrontEnd::new(engine, Some(gpu), model.hearing(strict))?)
}

/// The text of a TOML file.
pub(super) fn read_toml(path: &Path) -> anyhow::Result<String> {
    const MOST: u64 = 1 << 20;
    let mut text = String::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(MOST + 1).read_to_string(&mut text));
    read.with_context(|| format!("{}: cannot be read", path.display()))?;
    if text.len() as u64 > MOST {
        anyhow::bail!(
            "{}: is larger than 1 MiB, which no network or configuration is",
            path.display()
        );
    }
    Ok(text)
}

/// The spec of a name that comes with gamaka, for clips of `input` = [bands, frames], or of a TOML file.
pub(super) fn network_spec(name: &str, input: [usize; 2]) -> anyhow::Result<Spec> {
    if name.ends_with(".toml") {
        let text = read_toml(Path::new(name))?;
        return Spec::from_toml(&text).with_context(|| name.to_string());
    }
    Ok(Spec::named(name, input)?)
}

/// Parses an engine for clap.
pub(super) fn engine(text: &str) -> Result<EngineChoice, String> {
    text.parse()
}

/// Prints an error and its causes as one sentence on stderr.
pub(super) fn print_error(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Transparent errors repeat their source.
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    if let Some(hint) = error.chain().find_map(hints::hint) {
        text = format!("{text} ({hint})");
    }
    // The library's errors are single lines; what has more is laid out here.
    if error.downcast_ref::<String>().is_none() {
        text = one_line(&text);
    }
    say(&format!("gamaka: {text}"));
}

/// Text with names in it that stays on its line: a name may hold line ends, to look like words of gamaka's.
pub(super) fn one_line(text: &str) -> String {
    text.replace('\r', "\\r").replace('\n', "\\n")
}

/// Text as a terminal may show it: of control characters only line ends and tabs are left, and nothing turns the direction of
/// writing. Names, tags and labels may hold anything.
pub(super) fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            char::REPLACEMENT_CHARACTER
        }
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(shown).collect()
}

/// Says something on stderr. A closed stderr is no reason to fail.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{}", plain(text));
}

/// Says something on stderr while a progress bar may stand on its line.
pub(super) fn say_over_bar(text: &str) {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    say(text);
}

/// Prints to stdout; a closed pipe (`| head`) ends the program quietly.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    print_raw(&plain(text))
}

/// Prints one JSON document to stdout.
pub(super) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    print_raw(&format!("{}\n", escaped(&text)))
}

/// JSON whose strings hold no control characters that a terminal obeys: JSON itself escapes only those below a space.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text
}

fn print_raw(text: &str) -> anyhow::Result<()> {
    match io::stdout()
        .write_all(text.as_bytes())
        .and_then(|()| io::stdout().flush())
    {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.context("standard output cannot be written"),
    }
}

/// Failed files for a JSON document.
pub(super) fn failed_json(failed: &[(PathBuf, String)]) -> Vec<serde_json::Value> {
    let entry = |(path, reason): &(PathBuf, String)| serde_json::json!({"path": path.display().to_string(), "reason": reason});
    failed.iter().map(entry).collect()
}

/// Tells of failed files on stderr, and gives the exit code: 1 if all failed, or any under `strict`.
pub(super) fn conclude(failed: &[(PathBuf, String)], files: usize, strict: bool) -> ExitCode {
    if !failed.is_empty() {
        let lines = failed
            .iter()
            .map(|(path, reason)| format!("\n  {}", one_line(&sentence(path, reason))));
        say(&format!(
            "{} of {} failed:{}",
            failed.len(),
            count(files, "file", "files"),
            lines.collect::<String>()
        ));
    }
    if failed.len() == files || (strict && !failed.is_empty()) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// A reason that names its file: most already do.
pub(super) fn sentence(path: &Path, reason: &str) -> String {
    let name = path.display().to_string();
    if reason.contains(&name) {
        reason.to_string()
    } else {
        format!("{name}: {reason}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_meaning_without_control_characters() {
        let name = "a\u{9b}31m\u{7f}\u{85}b\u{e9}\n\u{1b}";
        let json = escaped(&serde_json::to_string(name).unwrap());
        assert!(!json.chars().any(char::is_control), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), name);
    }

    #[test]
    fn a_line_end_in_a_name_begins_no_line() {
        assert_eq!(
            one_line("a\ngamaka: all is well\r"),
            "a\\ngamaka: all is well\\r"
        );
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_left_in_a_text() {
        let shown = plain("a\x1b[31mb\x07\u{9b}2J\r\x7f\u{202e}\u{2066}c\td\n\u{e9}");
        assert_eq!(
            shown,
            "a\u{fffd}[31mb\u{fffd}\u{fffd}2J\u{fffd}\u{fffd}\u{fffd}\u{fffd}c\td\n\u{e9}"
        );
    }
}
