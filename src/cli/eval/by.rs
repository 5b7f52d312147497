//! What `gamaka eval --by` prints.

use crate::score::{Evaluation, ValueAccuracy, ValueScore};

use super::percent;
use crate::cli::table::{Align, Table};

fn cell(found: &ValueAccuracy) -> String {
    let accuracy = percent(found.accuracy);
    match &found.over_queries {
        Some(i) => format!("{accuracy:>5} ({} to {})", percent(i.low), percent(i.high)),
        None => format!("{accuracy:>5}"),
    }
}

/// The table. `name` is what the network is called.
pub(super) fn words(
    column: &str,
    values: &[ValueScore],
    evaluation: &Evaluation,
    name: &str,
) -> String {
    let systems = evaluation.systems.iter().enumerate();
    let systems = systems.map(|(k, system)| if k == 0 { name } else { &system.name });
    let headings = [column, "files", "queries"].into_iter().chain(systems);
    let aligned = headings.enumerate().map(|(k, heading)| match k {
        0 => (heading, Align::Left),
        _ => (heading, Align::Right),
    });
    let mut table = Table::new(aligned);
    for value in values {
        let named = value.value.clone().unwrap_or_else(|| "(none)".into());
        let counts = [value.files.to_string(), value.queries.to_string()];
        let cells = value.systems.iter().map(cell);
        table.row([named].into_iter().chain(counts).chain(cells));
    }
    format!(
        "\nqueries by {column}: accuracy in %, in brackets 95 % over other query files of the\nvalue, the supports as given\n{}",
        table.text()
    )
}
