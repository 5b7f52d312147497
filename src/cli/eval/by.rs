//! What `gamaka eval --by` prints.

use crate::cli::table::{Align, Table, measured, percent};
use crate::score::{Evaluation, ValueScore};

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
        let cells = value.systems.iter();
        let cells = cells.map(|s| measured(s.accuracy, s.over_queries, percent));
        table.row([named].into_iter().chain(counts).chain(cells));
    }
    format!(
        "\nqueries by {column}: accuracy in %, in brackets 95 % over other query files of the\nvalue, the supports as given\n{}",
        table.text()
    )
}
