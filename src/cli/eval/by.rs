//! What `gamaka eval --by` prints.

use std::fmt::Write;

use gamaka::fewshot::{Evaluation, ValueAccuracy, ValueScore};

use super::percent;

fn cell(found: &ValueAccuracy) -> String {
    let accuracy = percent(found.accuracy);
    match &found.over_queries {
        Some(i) => format!("{accuracy:>5} ({} to {})", percent(i.low), percent(i.high)),
        None => format!("{accuracy:>5}"),
    }
}

/// The table. `name` is what the network is called.
pub fn words(column: &str, values: &[ValueScore], evaluation: &Evaluation, name: &str) -> String {
    let named = |value: &ValueScore| value.value.clone().unwrap_or_else(|| "(none)".into());
    let names = values.iter().map(|value| named(value).chars().count());
    let width = names.max().unwrap_or(0).max(column.chars().count());
    let mut text = format!(
        "\nqueries by {column}: accuracy in %, in brackets 95 % over other query files of the value, the supports as given\n\
         {column:width$} files queries"
    );
    for (k, system) in evaluation.systems.iter().enumerate() {
        let system = if k == 0 { name } else { &system.name };
        let _ = write!(text, "   {system:22}");
    }
    for value in values {
        let (files, queries) = (value.files, value.queries);
        let _ = write!(text, "\n{:width$} {files:>5} {queries:>7}", named(value));
        for system in &value.systems {
            let _ = write!(text, "   {:22}", cell(system));
        }
    }
    text.push('\n');
    text
}
