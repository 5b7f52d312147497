//! The library's own genres.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::common::{Common, conclude, failed_json, one_line, print, print_json, usage};
use crate::cli::genre::{Answered, Taught, taught};
use crate::cli::library::Store;
use crate::cli::table::{Align, Table, percent};
use crate::genres::GenreAnswer;
use crate::library::genres_of;
use crate::mel::EngineChoice;

/// Genres shown of each file; JSON has all.
const SHOWN: usize = 5;

/// What is asked.
pub(super) struct Asked<'a> {
    pub files: &'a [PathBuf],
    /// Every file of the library instead.
    pub all: bool,
    pub csv: bool,
    pub engine: EngineChoice,
    pub strict: bool,
    pub store: &'a Store,
}

pub(super) fn run(asked: &Asked, common: &Common) -> anyhow::Result<ExitCode> {
    if asked.csv && common.json {
        usage("choose one of --csv and --json");
    }
    let mut taught = taught(asked.store, asked.engine, common)?;
    let mut failed = Vec::new();
    let answers = match asked.all {
        true => taught.of_library(common)?,
        false => {
            let (files, engine) = (asked.files, asked.engine);
            let answers = taught.of_files(files, engine, asked.strict, &mut failed, common)?;
            note_examples(&taught, &answers, common);
            answers
        }
    };
    let Taught {
        library,
        known,
        genres,
        ..
    } = &taught;
    if common.json {
        let file = |answered: &Answered| {
            let mut file = serde_json::to_value(&answered.answer)?;
            file["path"] = answered.path.display().to_string().into();
            Ok(file)
        };
        let files = answers
            .iter()
            .map(file)
            .collect::<serde_json::Result<Vec<_>>>()?;
        let names: Vec<&str> = genres
            .genres()
            .iter()
            .map(|genre| genre.name.as_str())
            .collect();
        print_json(&serde_json::json!({
            "library": library.path().display().to_string(),
            "network": known.name,
            "genres": names,
            "adapted": genres.is_adapted(),
            "files": files,
            "failed": failed_json(&failed),
        }))?;
    } else if asked.csv {
        print(&rows(&answers)?)?;
    } else {
        for Answered { path, answer, .. } in &answers {
            print(&words(path, answer))?;
        }
    }
    Ok(conclude(
        &failed,
        answers.len() + failed.len(),
        asked.strict,
    ))
}

/// Says which files are examples themselves.
fn note_examples(taught: &Taught, answers: &[Answered], common: &Common) {
    for Answered { path, hash, .. } in answers {
        let among = genres_of(&taught.genres, hash);
        if !among.is_empty() {
            common.note(&one_line(&format!(
                "{} is itself an example of {}: its answer says little",
                path.display(),
                among.join(", ")
            )));
        }
    }
}

fn words(path: &Path, answer: &GenreAnswer) -> String {
    let mut text = format!("{}\n", one_line(&path.display().to_string()));
    if answer.unknown {
        let _ = writeln!(
            text,
            "  unknown: the nearest genre is {:.2} times as far as is near enough",
            answer.novelty
        );
    }
    let mut table = Table::new([("", Align::Left); 3]);
    for r in answer.ranked.iter().take(SHOWN) {
        table.row([
            format!("  {}", r.genre),
            format!("{:>5} %", percent(r.probability)),
            format!("distance {:.3}", r.distance),
        ]);
    }
    text.push_str(&table.text());
    if answer.ranked.len() > SHOWN {
        let _ = writeln!(text, "  and {} more", answer.ranked.len() - SHOWN);
    }
    for parent in answer.parents.iter().take(SHOWN) {
        let _ = writeln!(
            text,
            "    all of {}: {} %",
            parent.genre,
            percent(parent.probability)
        );
    }
    for near in &answer.nearest {
        let _ = writeln!(
            text,
            "    like {} ({}), distance {:.3}",
            one_line(&near.path.display().to_string()),
            near.genre,
            near.distance
        );
    }
    if let Some(decided) = answer.decided {
        let _ = writeln!(
            text,
            "    most like it from {} to {}",
            clock(decided.start_s),
            clock(decided.end_s)
        );
    }
    text
}

/// Minutes and seconds.
fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0).round();
    format!("{:.0}:{:02.0}", (whole / 60.0).floor(), whole % 60.0)
}

/// A row for each file.
fn rows(answers: &[Answered]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "path",
        "genre",
        "probability",
        "distance",
        "unknown",
        "novelty",
        "like",
        "from_s",
        "to_s",
    ])?;
    for Answered { path, answer, .. } in answers {
        let first = &answer.ranked[0];
        let nearest = answer.nearest.first();
        let decided = |of: fn(&crate::genres::Decided) -> f64| {
            let seconds = answer.decided.as_ref().map(of);
            seconds.map_or_else(String::new, |s| format!("{s:.2}"))
        };
        writer.write_record([
            path.display().to_string(),
            first.genre.clone(),
            format!("{:.4}", first.probability),
            format!("{:.4}", first.distance),
            answer.unknown.to_string(),
            format!("{:.4}", answer.novelty),
            nearest.map_or_else(String::new, |near| near.path.display().to_string()),
            decided(|d| d.start_s),
            decided(|d| d.end_s),
        ])?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
