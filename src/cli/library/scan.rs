//! `gamaka library scan`: what is new or changed is heard.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::ear::Ear;
use crate::library::{KnownModel, Library, LibraryError, Scan, ScanEvent, Scanned};
use crate::mel::EngineChoice;
use crate::model_file::Model;
use crate::words::count;
use anyhow::bail;

use super::store::{Store, chosen};
use crate::cli::common::{Common, engine, failed_json, one_line, print, print_json, say, sentence};
use crate::cli::interrupt::{INTERRUPTED, Stopping};

/// Failed files that are told at once.
const TOLD: usize = 10;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Folders of music; without any, those that were scanned before
    folders: Vec<PathBuf>,
    #[command(flatten)]
    pub hearing: HearingArgs,
    /// Count a damaged file as failed, instead of using what can be decoded; fail if any file does
    #[arg(long)]
    strict: bool,
}

/// How a scan hears.
#[derive(clap::Args)]
pub(super) struct HearingArgs {
    #[command(flatten)]
    pub store: Store,
    /// The model: a file that `gamaka train` wrote, or `included` for the one that comes with gamaka [default: the library's]
    #[arg(short, long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Try the files again that failed before, also if they have not changed
    #[arg(long)]
    retry: bool,
    /// Which engine computes mel frames: auto, gpu or cpu
    #[arg(long, default_value = "auto", value_parser = engine)]
    engine: EngineChoice,
}

/// A library that is ready to scan.
pub(super) struct Scanner<'a> {
    args: &'a HearingArgs,
    common: &'a Common,
    strict: bool,
    pub library: Library,
    known: KnownModel,
    model: Model,
}

impl<'a> Scanner<'a> {
    /// Opens or makes the library, and settles what hears it.
    pub(super) fn new(
        args: &'a HearingArgs,
        strict: bool,
        common: &'a Common,
    ) -> anyhow::Result<Self> {
        let mut library = Library::open_or_make(&args.store.path()?)?;
        let before = library.model()?;
        let (known, model) = chosen(&library, args.model.as_deref())?;
        let changed = before.is_some_and(|before| before.hash != known.hash);
        let tracks = library.status()?.tracks;
        let known = library.set_model(&known)?;
        if changed && tracks > 0 {
            common.note(&format!(
                "the model has changed since the last scan, and what two models hear cannot be compared: {} heard anew",
                count(tracks, "file is", "files are")
            ));
        }
        Ok(Self {
            args,
            common,
            strict,
            library,
            known,
            model,
        })
    }

    /// Scans folders, with a progress bar.
    pub(super) fn scan(
        &mut self,
        folders: &[PathBuf],
        stop: &AtomicBool,
    ) -> anyhow::Result<Scanned> {
        let _writing = self.library.claim()?;
        let common = self.common;
        let spinner = common.spinner("looking for music");
        let bar = RefCell::new(None);
        let ear = |files: usize| -> Result<Ear, LibraryError> {
            let gpu = common.gpu()?;
            Ok(Ear::on(
                &gpu,
                self.model.clone(),
                self.args.engine,
                self.strict,
                files,
            )?)
        };
        let scan = Scan {
            ear: &ear,
            model: &self.known,
            retry: self.args.retry,
            stop,
        };
        let scanned = self.library.scan(&scan, folders, &mut |event| match event {
            ScanEvent::Begins(to_hear) => {
                spinner.finish_and_clear();
                if to_hear > 0 {
                    bar.replace(Some(common.bar(to_hear, "listening")));
                }
            }
            ScanEvent::Done => {
                if let Some(bar) = bar.borrow().as_ref() {
                    bar.inc(1);
                }
            }
            ScanEvent::Note(text) => spinner.suspend(|| common.note(&one_line(&text))),
        });
        spinner.finish_and_clear();
        if let Some(bar) = bar.take() {
            bar.finish_and_clear();
        }
        Ok(scanned?)
    }

    /// What the scan did, in words.
    pub(super) fn tell(&self, scanned: &Scanned, seconds: f64) -> anyhow::Result<()> {
        if self.common.json {
            let mut document = serde_json::to_value(scanned)?;
            document["failed"] = failed_json(&scanned.failed).into();
            document["seconds"] = seconds.into();
            document["library"] = self.library.path().display().to_string().into();
            return print_json(&document);
        }
        for (path, reason) in scanned.failed.iter().take(TOLD) {
            say(&format!("  {}", one_line(&sentence(path, reason))));
        }
        if scanned.failed.len() > TOLD {
            say(&format!("  and {} more", scanned.failed.len() - TOLD));
        }
        if !self.common.quiet {
            print(&words(scanned, seconds))?;
        }
        if let Some(note) = self.model.hearing(self.strict).cut_note(scanned.cut) {
            self.common.note(&note);
        }
        if scanned.failed.len() + scanned.failed_before > 0 {
            self.common
                .note("`gamaka library errors` lists the files that cannot be heard");
        }
        Ok(())
    }
}

fn words(scanned: &Scanned, seconds: f64) -> String {
    let mut parts = vec![format!("{} heard in {seconds:.1} s", scanned.heard)];
    let mut add = |n: usize, words: &str| {
        if n > 0 {
            parts.push(format!("{n} {words}"));
        }
    };
    add(scanned.known_content, "of these known by content");
    add(scanned.unchanged, "unchanged");
    add(scanned.moved, "moved");
    add(scanned.missing, "gone");
    add(scanned.failed.len(), "failed");
    add(scanned.failed_before, "failed before");
    format!(
        "{}: {}\n",
        count(scanned.found, "file", "files"),
        parts.join(", ")
    )
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let mut scanner = Scanner::new(&args.hearing, args.strict, common)?;
    let folders = match args.folders.is_empty() {
        true => scanner.library.folders()?,
        false => args.folders.clone(),
    };
    if folders.is_empty() {
        bail!("no folder was scanned before: name one, as in `gamaka library scan MUSIC`");
    }
    if let Some(wrong) = args.folders.iter().find(|folder| !folder.is_dir()) {
        match wrong.exists() {
            true => bail!(
                "{}: is no folder; name the folder that it lies in",
                wrong.display()
            ),
            false => bail!("{}: no such folder; check the spelling", wrong.display()),
        }
    }
    let stopping = Stopping::new(
        "stopping after the files at hand; what was heard is kept, also if you press it again"
            .into(),
    );
    let start = Instant::now();
    let scanned = scanner.scan(&folders, stopping.flag())?;
    drop(stopping);
    scanner.tell(&scanned, start.elapsed().as_secs_f64())?;
    let nothing = scanned.heard + scanned.unchanged == 0;
    Ok(match scanned {
        Scanned { stopped: true, .. } => {
            common.note("stopped; the same command goes on from there");
            ExitCode::from(INTERRUPTED)
        }
        Scanned { ref failed, .. } if !failed.is_empty() && (args.strict || nothing) => {
            ExitCode::FAILURE
        }
        Scanned { found: 0, .. } => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}
