//! What `gamaka eval -o` draws.

use gamaka::evaluate::Report;
use gamaka::fewshot::ValueScore;
use gamaka::report::{DotRow, ReportError, Svg, dots_svg};

/// All systems on all queries, and below on those of each value of `column`, the network's best first. `name` is what
/// the network is called.
pub fn picture(
    report: &Report,
    column: &str,
    values: &[ValueScore],
    name: &str,
) -> Result<Svg, ReportError> {
    let found = &report.evaluation;
    let mut sorted: Vec<&ValueScore> = values.iter().collect();
    sorted.sort_by(|a, b| {
        let of = |value: &ValueScore| value.systems[0].accuracy;
        of(b).total_cmp(&of(a))
    });
    let mut rows = vec![DotRow {
        name: "all",
        files: values.iter().map(|value| value.files).sum(),
        systems: found
            .systems
            .iter()
            .map(|s| {
                let files = s.accuracy.over_files;
                (s.accuracy.mean, files.map(|i| (i.low, i.high)))
            })
            .collect(),
        highlight: true,
    }];
    rows.extend(sorted.into_iter().map(|value| {
        DotRow {
            name: value.value.as_deref().unwrap_or("(none)"),
            files: value.files,
            systems: value
                .systems
                .iter()
                .map(|s| (s.accuracy, s.over_queries.map(|i| (i.low, i.high))))
                .collect(),
            highlight: false,
        }
    }));
    let floors = found.systems.iter().skip(1).map(|s| s.name.as_str());
    let systems: Vec<&str> = std::iter::once(name).chain(floors).collect();
    let title = format!(
        "{}-way {}-shot accuracy, all and by {column}",
        found.way, found.shot
    );
    let intervals = format!("over files, by {column} over its query files");
    let chance = 1.0 / found.way as f64;
    dots_svg(&rows, &systems, chance, &intervals, Some(&title))
}
