//! What happens to files, in words and as JSON.

use std::path::{Path, PathBuf};

use crate::tagging::{OWN, Plan};
use crate::words::count;

use super::intent::{File, Intent};
use crate::cli::common::{Common, failed_json, one_line, print, print_json};

/// `write`: whether it is done, and not only shown.
pub(super) fn tell(
    write: bool,
    files: &[File],
    failed: &[(PathBuf, String)],
    run: Option<i64>,
    common: &Common,
) -> anyhow::Result<()> {
    if common.json {
        let document = serde_json::json!({
            "run": run,
            "written": write,
            "files": files.iter().map(json).collect::<Vec<_>>(),
            "failed": failed_json(failed),
        });
        return print_json(&document);
    }
    let mut text = String::new();
    let (mut changes, mut keeping, mut silent) = (0, 0, 0);
    for file in files {
        match &file.intent {
            Intent::Plan(plan) if plan.changes() && (file.written || !write) => {
                changes += 1;
                keeping += usize::from(plan.kept);
                text += &named(&file.path, &difference(plan, &file.ranked));
            }
            Intent::Plan(plan) if plan.kept => {
                keeping += 1;
                text += &named(&file.path, &genre(plan, &file.ranked));
            }
            Intent::Plan(_) => silent += 1,
            Intent::Unknown => text += &named(&file.path, "unknown: none of the genres is near"),
            Intent::Unsure => {
                let first = first(&file.ranked);
                text += &named(&file.path, &format!("not likely enough: {first}"));
            }
        }
    }
    if !common.quiet {
        let all = count(files.len(), "file", "files");
        text += &match (run, write) {
            (Some(run), _) => format!("{changes} of {all} written: run {run}\n"),
            (None, true) => format!("0 of {all} written\n"),
            (None, false) => format!("{changes} of {all} to change; nothing is written\n"),
        };
    }
    print(&text)?;
    if silent > 0 {
        common.note(&format!(
            "{} already",
            count(silent, "file says so", "files say so")
        ));
    }
    if keeping > 0 {
        let keep = count(keeping, "file keeps its genre", "files keep their genre");
        common.note(&format!("{keep}; --overwrite replaces it"));
    }
    match run {
        Some(run) => common.note(&format!("`gamaka tag --undo {run}` takes it back")),
        None if changes > 0 => common.note("--write writes it"),
        None => {}
    }
    Ok(())
}

pub(super) fn named(path: &Path, text: &str) -> String {
    let path = one_line(&path.display().to_string());
    format!("{path}\n  {text}\n")
}

/// Genres by name, or a dash.
pub(super) fn names(genres: &[String]) -> String {
    match genres {
        [] => "-".into(),
        _ => one_line(&genres.join(", ")),
    }
}

fn first(ranked: &[(String, f64)]) -> String {
    let first = ranked
        .first()
        .map(|(name, p)| format!("{} {p:.2}", one_line(name)));
    first.unwrap_or_default()
}

/// What happens to the genre.
fn genre(plan: &Plan, ranked: &[(String, f64)]) -> String {
    let (before, after) = (names(&plan.genres), names(&plan.after.names()));
    match plan.kept {
        true => format!("genre: {before} stays (answer: {})", first(ranked)),
        false if plan.before.genre == plan.after.genre => format!("genre: {before} stays"),
        false => format!("genre: {before} -> {after}"),
    }
}

fn difference(plan: &Plan, ranked: &[(String, f64)]) -> String {
    let own = |own: &Option<String>| own.as_deref().map_or("-".into(), one_line);
    let (before, after) = (own(&plan.before.own), own(&plan.after.own));
    format!("{}\n  {OWN}: {before} -> {after}", genre(plan, ranked))
}

fn json(file: &File) -> serde_json::Value {
    let answer = |(genre, probability): &(String, f64)| serde_json::json!({"genre": genre, "probability": probability});
    let mut json = serde_json::json!({
        "path": file.path.display().to_string(),
        "answer": file.ranked.iter().map(answer).collect::<Vec<_>>(),
        "unknown": matches!(file.intent, Intent::Unknown),
        "written": file.written,
    });
    if let Intent::Plan(plan) = &file.intent {
        json["genre"] = plan.genres.clone().into();
        json["kept"] = plan.kept.into();
        json["changes"] = plan.changes().into();
        json["before"] = serde_json::json!(plan.before);
        json["after"] = serde_json::json!(plan.after);
    }
    json
}
