//! `gamaka genre list` and `gamaka genre show`.

use std::process::ExitCode;

use crate::cli::common::{Common, one_line, print, print_json};
use crate::cli::library::Store;
use crate::genres::{checked_name, parents};
use crate::library::{ExampleState, KnownExample, LibraryError};
use crate::words::count;

#[derive(clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    store: Store,
}

#[derive(clap::Args)]
pub(super) struct ShowArgs {
    /// The genre's name
    name: String,
    #[command(flatten)]
    store: Store,
}

pub(super) fn list(args: &ListArgs, common: &Common) -> anyhow::Result<ExitCode> {
    let library = args.store.open()?;
    let genres = library.known_genres()?;
    if common.json {
        let genres = genres
            .iter()
            .map(|genre| serde_json::json!({"name": genre.name, "examples": genre.examples.len()}));
        print_json(&serde_json::json!({
            "adapt": library.adapts()?,
            "genres": genres.collect::<Vec<_>>(),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if genres.is_empty() {
        common.note("no genres yet: `gamaka genre add NAME FILE...` teaches one");
    }
    let mut lines: Vec<(String, Option<usize>)> = Vec::new();
    for genre in &genres {
        for parent in parents(&genre.name) {
            if !lines.iter().any(|(name, _)| name == parent) {
                lines.push((parent.to_owned(), None));
            }
        }
        lines.push((genre.name.clone(), Some(genre.examples.len())));
    }
    // By parts, so that `a/b` stands below `a` and before `a b`.
    lines.sort_by(|a, b| a.0.split('/').cmp(b.0.split('/')));
    let text = lines.iter().map(|(name, examples)| {
        let indent = "  ".repeat(name.matches('/').count());
        let last = name.rsplit('/').next().unwrap_or(name);
        match examples {
            Some(examples) => format!(
                "{indent}{last}: {}\n",
                count(*examples, "example", "examples")
            ),
            None => format!("{indent}{last}\n"),
        }
    });
    print(&text.collect::<String>())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn show(args: &ShowArgs, common: &Common) -> anyhow::Result<ExitCode> {
    let library = args.store.open()?;
    let name = checked_name(&args.name)?;
    let genres = library.known_genres()?.into_iter();
    let genre = genres.into_iter().find(|genre| genre.name == name);
    let genre = genre.ok_or(LibraryError::NoGenre(name))?;
    if common.json {
        let examples = genre.examples.iter().map(|example| {
            serde_json::json!({
                "path": example.path.display().to_string(),
                "hash": example.hash,
                "state": state(example.state),
                "heard": example.heard,
            })
        });
        print_json(&serde_json::json!({
            "genre": genre.name,
            "examples": examples.collect::<Vec<_>>(),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let lines = genre.examples.iter().map(|example| {
        let path = one_line(&example.path.display().to_string());
        format!("{path}{}\n", remark(example))
    });
    print(&lines.collect::<String>())?;
    Ok(ExitCode::SUCCESS)
}

fn state(state: ExampleState) -> &'static str {
    match state {
        ExampleState::Same => "same",
        ExampleState::Changed => "changed",
        ExampleState::Gone => "gone",
        ExampleState::Shared => "shared",
    }
}

fn remark(example: &KnownExample) -> String {
    let mut remarks = Vec::new();
    match example.state {
        ExampleState::Same => {}
        ExampleState::Changed => {
            remarks.push("has changed, and is heard again when it is next needed")
        }
        ExampleState::Gone => remarks.push("is not there; what was heard of it stays"),
        ExampleState::Shared => remarks.push("came in a file of genres"),
    }
    if !example.heard {
        remarks.push("not heard by the library's model");
    }
    match remarks.is_empty() {
        true => String::new(),
        false => format!(": {}", remarks.join("; ")),
    }
}
