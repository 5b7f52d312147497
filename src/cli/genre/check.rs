//! `gamaka genre check`: what leave-one-out says of the genres.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use super::learned::{Taught, taught};
use crate::cli::common::{Common, one_line, print, print_json};
use crate::cli::library::Store;
use crate::cli::table::{Align, Table, percent};
use crate::genres::{Check, Rejection};
use crate::library::{ExampleState, KnownExample};
use crate::mel::EngineChoice;
use crate::words::count;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let Taught {
        library, genres, ..
    } = taught(&args.store, EngineChoice::Auto, common)?;
    let check = common.while_waiting("leaving out each example", || genres.check());
    let known = library.known_genres()?;
    let examples = || known.iter().flat_map(|genre| &genre.examples);
    let gone: Vec<&KnownExample> = examples()
        .filter(|e| e.state == ExampleState::Gone)
        .collect();
    let adapts = library.adapts()?;
    if common.json {
        let mut document = serde_json::to_value(&check)?;
        document["adapt"] = adapts.into();
        document["adapted"] = genres.is_adapted().into();
        let gone = gone.iter().map(|e| e.path.display().to_string());
        document["gone"] = gone.collect::<Vec<_>>().into();
        print_json(&document)?;
    } else {
        print(&words(&check, adapts, &gone))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn words(check: &Check, adapts: bool, gone: &[&KnownExample]) -> String {
    let shown = |path: &Path| one_line(&path.display().to_string());
    let mut text = match check.left_out {
        0 => "no genre has two examples, so that none can be left out: add more\n".to_owned(),
        left_out => format!(
            "{} of {} nearest to their own genre when left out\n",
            check.right,
            count(left_out, "example is", "examples are")
        ),
    };
    match (adapts, check.right_adapted) {
        (true, Some(right)) => {
            let _ = writeln!(
                text,
                "a linear probe ranks the genres: it gets {right} right"
            );
        }
        (true, None) => text.push_str(
            "a linear probe gets no more right: the nearest prototype ranks the genres\n",
        ),
        (false, _) => {}
    }
    if !check.confused.is_empty() {
        text.push_str("\ntaken for another genre when left out\n");
        let mut table = Table::new([("", Align::Left), ("", Align::Left), ("", Align::Left)]);
        for c in &check.confused {
            let of = format!("{} of {}", c.count, c.of);
            table.row([format!("  {}", c.genre), c.taken_for.clone(), of]);
        }
        text.push_str(&table.text());
    }
    section(
        &mut text,
        "look misplaced, being at least twice as likely of another genre",
        check.misplaced.iter().map(|m| {
            format!(
                "{} ({}, distance {:.3}): {}, distance {:.3}",
                shown(&m.path),
                m.genre,
                m.distance,
                m.nearer_to,
                m.nearer_distance
            )
        }),
    );
    section(
        &mut text,
        "examples of several genres",
        check.shared.iter().map(|s| {
            let genres: Vec<&str> = s.genres.iter().map(|(genre, _)| genre.as_str()).collect();
            format!("{}: {}", shown(&s.genres[0].1), genres.join(", "))
        }),
    );
    section(
        &mut text,
        "hardly told apart",
        check.alike.iter().map(|[a, b]| format!("{a} and {b}")),
    );
    section(
        &mut text,
        "with one example, which says little: add more",
        check.alone.iter().cloned(),
    );
    section(
        &mut text,
        "with two prototypes, for their examples disagree",
        check.disagreeing.iter().map(|d| {
            let sizes: Vec<String> = d
                .groups
                .iter()
                .map(|group| group.len().to_string())
                .collect();
            format!("{}: {} examples", d.genre, sizes.join(" and "))
        }),
    );
    section(
        &mut text,
        "files that are not there; what was heard of them stays",
        gone.iter().map(|e| shown(&e.path)),
    );
    match &check.rejection {
        Some(rejection) => text.push_str(&of_rejection(rejection)),
        None => text.push_str(
            "\nhow well `unknown` is told cannot be said: that takes three genres, one of them with two examples\n",
        ),
    }
    text
}

fn section(text: &mut String, heading: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        let _ = writeln!(text, "\n{heading}");
        lines.for_each(|line| {
            let _ = writeln!(text, "  {}", one_line(&line));
        });
    }
}

fn of_rejection(rejection: &Rejection) -> String {
    format!(
        "\nunknown, with each genre left out in turn: area under the ROC curve {:.3} (0.5 is guessing);\n\
         {} % of examples would be unknown to their own genre, {} % of those of a genre left out would not\n",
        rejection.area,
        percent(rejection.known_rejected),
        percent(rejection.unknown_accepted)
    )
}
