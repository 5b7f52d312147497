//! A comparison's tables, for the terminal, for documents and for the page.

use std::fmt::Write;

use crate::ablate::{Curve, DifferenceRow, Findings, NetworkRow, Summary};
use crate::cli::table::{self, Align, ends, percent, signed};
use crate::score::Interval;
use indicatif::HumanCount;

/// Heading of the column of verdicts.
const VERDICT: &str = "verdict";

/// A table. What matters most stands next to the names, for a phone shows the first columns alone.
pub(super) struct Table {
    pub heading: &'static str,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// How to read it.
    pub caption: String,
}

impl Table {
    fn new(
        heading: &'static str,
        columns: &[&str],
        rows: Vec<Vec<String>>,
        caption: String,
    ) -> Self {
        let columns = columns.iter().map(|c| c.to_string()).collect();
        Self {
            heading,
            columns,
            rows,
            caption,
        }
    }

    /// Whether a column holds words; all others are figures.
    pub(super) fn is_words(&self, column: usize) -> bool {
        // Of two columns the second is words too.
        column == 0 || self.columns.len() == 2 || self.columns[column] == VERDICT
    }

    /// The table for a terminal.
    pub(super) fn words(&self) -> String {
        let align = |k: usize| match self.is_words(k) {
            true => Align::Left,
            false => Align::Right,
        };
        let columns = self.columns.iter().enumerate();
        let mut table = table::Table::new(columns.map(|(k, name)| (name.clone(), align(k))));
        self.rows.iter().for_each(|row| table.row(row.clone()));
        let caption = table::fold(&self.caption, table::TERMINAL).join("\n");
        format!("{}\n\n{caption}\n\n{}\n", self.heading, table.text())
    }

    /// The table as aligned Markdown.
    pub(super) fn markdown(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let all = cells.chain(self.columns.get(column));
            all.map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
                .max(3)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |cells: &[String]| {
            let mut text = String::from("|");
            for (k, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
                let _ = match self.is_words(k) {
                    true => write!(text, " {cell:width$} |"),
                    false => write!(text, " {cell:>width$} |"),
                };
            }
            text.push('\n');
            text
        };
        let mut text = format!("## {}\n\n{}\n\n", self.heading, self.caption);
        text.push_str(&line(&self.columns));
        text.push('|');
        for (k, width) in widths.iter().enumerate() {
            let dashes = "-".repeat(width - 1);
            text.push_str(&if self.is_words(k) {
                format!(" {dashes}- |")
            } else {
                format!(" {dashes}: |")
            });
        }
        text.push('\n');
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        text.push('\n');
        text
    }
}

fn range(interval: Option<Interval>, number: fn(f64) -> String) -> String {
    ends(interval, number).unwrap_or("-".into())
}

fn or_dash<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or("-".into(), text)
}

/// What a difference says: it takes both intervals to claim more than these trainings.
pub(super) fn verdict(difference: &Summary) -> &'static str {
    let Some(files) = difference.over_files else {
        return "no interval";
    };
    let seeds = difference.over_seeds;
    if files.low > 0.0 {
        match seeds {
            Some(seeds) if seeds.low > 0.0 => "better",
            _ => "better in these trainings",
        }
    } else if files.high < 0.0 {
        match seeds {
            Some(seeds) if seeds.high < 0.0 => "worse",
            _ => "worse in these trainings",
        }
    } else {
        "not told apart"
    }
}

/// All tables of a comparison that have rows.
pub(super) fn tables(findings: &Findings) -> Vec<Table> {
    let mut tables = vec![networks(findings), differences(findings)];
    tables.extend([
        learners(findings),
        heads(findings),
        curves("Shots", "shots", &findings.shots, "Accuracy in percent over the supports a class, two queries a class."),
        curves(
            "Training classes",
            "classes",
            &findings.sizes,
            "Accuracy in percent over the number of training classes; as many training episodes throughout, with as many ways as the classes allow and the learning rate found for all classes.",
        ),
        reach(findings),
        near(findings),
        confused(findings),
    ]);
    tables.retain(|table| !table.rows.is_empty());
    tables
}

fn networks(findings: &Findings) -> Table {
    let row = |r: &NetworkRow| {
        vec![
            r.name.clone(),
            percent(r.accuracy.mean),
            range(r.accuracy.over_files, percent),
            or_dash(r.less_untrained.as_ref(), |d| signed(d.mean)),
            range(r.accuracy.over_seeds, percent),
            or_dash(r.validation, percent),
            or_dash(r.step_ms, |ms| format!("{ms:.1}")),
            or_dash(r.rate, |rate| format!("{rate:e}")),
            or_dash(r.parameters, |p| HumanCount(p as u64).to_string()),
            or_dash(r.flops, |f| format!("{:.2}", f as f64 / 1e6)),
        ]
    };
    let tested = match findings.seen_classes {
        true => "other files of the classes that were trained on",
        false => "classes that trained no network",
    };
    Table::new(
        "Networks",
        &[
            "network",
            "accuracy",
            "95 % over files",
            "less untrained",
            "95 % over seeds",
            "validation",
            "step ms",
            "rate",
            "parameters",
            "MFLOP a clip",
        ],
        findings.networks.iter().map(row).collect(),
        format!(
            "Accuracy in percent on {tested}, mean over the seeds. Over files: how far other files of these classes would move it; over seeds: how far other class splits and initial parameters would. The step is that of the fastest seed; validation is the best accuracy on the validation classes."
        ),
    )
}

fn difference(d: &DifferenceRow) -> Vec<String> {
    let name = format!("{} less {}", d.of, d.against);
    vec![name, signed(d.difference.mean)]
}

fn differences(findings: &Findings) -> Table {
    let row = |d: &DifferenceRow| {
        let mut cells = difference(d);
        cells.extend([
            verdict(&d.difference).into(),
            range(d.difference.over_files, signed),
            range(d.difference.over_seeds, signed),
        ]);
        cells
    };
    Table::new(
        "Differences",
        &[
            "points",
            "mean",
            VERDICT,
            "over files, corrected",
            "95 % over seeds",
        ],
        findings.differences.iter().map(row).collect(),
        format!(
            "Paired by files and episodes. The intervals over files are to hold together with 95 % confidence, nominally: each has {:.2} %, for {} comparisons (Bonferroni). Those over seeds have 95 %, not corrected. A verdict takes both.",
            100.0 * findings.level,
            findings.comparisons
        ),
    )
}

fn learners(findings: &Findings) -> Table {
    let row = |r: &NetworkRow| {
        vec![
            r.name.clone(),
            percent(r.accuracy.mean),
            range(r.accuracy.over_files, percent),
            or_dash(r.less_untrained.as_ref(), |d| signed(d.mean)),
            or_dash(r.less_untrained.as_ref(), |d| range(d.over_files, signed)),
            or_dash(r.adapted, percent),
            or_dash(r.learner, |l| l.to_string()),
            r.accuracy.seeds.len().to_string(),
            or_dash(r.step_ms, |ms| format!("{ms:.1}")),
            or_dash(r.rate, |rate| format!("{rate:e}")),
        ]
    };
    let rows = match findings
        .learners
        .iter()
        .any(|r| r.learner != findings.learners[0].learner)
    {
        true => findings.learners.iter().map(row).collect(),
        false => Vec::new(),
    };
    Table::new(
        "Learners",
        &[
            "network",
            "accuracy",
            "95 % over files",
            "less untrained",
            "95 % over files of it",
            "body adapted too",
            "learner",
            "seeds",
            "step ms",
            "rate",
        ],
        rows,
        "Each learner's network classifies by the head that it was trained for: prototypes, or the inner steps of a linear head that starts at zero (the body stays as it is). The untrained network has the same head. All rows have the same seeds. Body adapted too: the accuracy on 50 test episodes a seed when the inner steps change the body as well; it looks at as many segments of a file as there are inner steps.".into(),
    )
}

fn heads(findings: &Findings) -> Table {
    let own = |name: &str| {
        let row = findings.networks.iter().find(|r| r.name == name);
        or_dash(row, |r| percent(r.accuracy.mean))
    };
    let by = |heads: &[(String, Summary)], head: &str| {
        or_dash(heads.iter().find(|(name, _)| name == head), |(_, s)| {
            percent(s.mean)
        })
    };
    let rows = findings.heads.iter().map(|(name, heads)| {
        vec![
            name.clone(),
            own(name),
            by(heads, "simpleshot"),
            by(heads, "linear-probe"),
        ]
    });
    Table::new(
        "Heads",
        &["network", "as trained", "SimpleShot", "linear probe"],
        rows.collect(),
        "Accuracy in percent of the same embeddings with other heads on the same episodes.".into(),
    )
}

fn curves(heading: &'static str, x: &str, curves: &[Curve], caption: &str) -> Table {
    let longest = curves.iter().max_by_key(|curve| curve.points.len());
    let xs: Vec<f64> = longest.map_or(Vec::new(), |c| c.points.iter().map(|p| p.x).collect());
    let mut columns = vec!["network".to_string()];
    columns.extend(xs.iter().map(|value| {
        let x = if *value == 1.0 {
            x.trim_end_matches('s')
        } else {
            x
        };
        format!("{value} {x}")
    }));
    let row = |curve: &Curve| {
        let at = |&x: &f64| {
            or_dash(curve.points.iter().find(|p| p.x == x), |p| {
                percent(p.accuracy.mean)
            })
        };
        let mut cells = vec![curve.name.clone()];
        cells.extend(xs.iter().map(at));
        cells
    };
    Table {
        heading,
        columns,
        rows: curves.iter().map(row).collect(),
        caption: caption.into(),
    }
}

fn reach(findings: &Findings) -> Table {
    let rows = findings.reach.iter().map(|r| {
        vec![
            r.name.clone(),
            format!("{} of {}", r.reached, r.of),
            or_dash(r.seconds, |s| format!("{s:.1}")),
            or_dash(r.gflop, |g| format!("{g:.1}")),
        ]
    });
    Table::new(
        "What an accuracy costs",
        &["network", "seeds that got there", "seconds", "GFLOP"],
        rows.collect(),
        format!(
            "Training until a validation first shows {} % or more on the validation classes: seconds (validations left out) and floating-point operations of the median episodes of the seeds that got there.",
            percent(findings.reach_level)
        ),
    )
}

fn near(findings: &Findings) -> Table {
    let pairs = &findings.near.pairs;
    let names: Vec<String> = {
        let mut names: Vec<String> = pairs
            .iter()
            .map(|p| format!("{}/{}", p.classes[0], p.classes[1]))
            .collect();
        names.sort();
        names.dedup();
        names
    };
    Table::new(
        "Near neighbours",
        &["points", "mean", "over files, corrected"],
        findings
            .near
            .differences
            .iter()
            .map(|d| {
                let mut cells = difference(d);
                cells.push(range(d.difference.over_files, signed));
                cells
            })
            .collect(),
        format!(
            "Two-way accuracy on pairs of test classes that are near each other, each pair by itself on the test files of a seed, mean over {} such pairs: {}.",
            pairs.len(),
            names.join(", ")
        ),
    )
}

fn confused(findings: &Findings) -> Table {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for pair in &findings.confused {
        let text = format!(
            "{}/{} {}",
            pair.classes[0],
            pair.classes[1],
            percent(pair.share)
        );
        match rows.iter_mut().find(|row| row[0] == pair.network) {
            Some(row) => row[1] = format!("{}, {text}", row[1]),
            None => rows.push(vec![pair.network.clone(), text]),
        }
    }
    Table::new(
        "What each network mixes up",
        &["network", "pairs of classes, and the share of their queries in percent that went to the other"],
        rows,
        "The five pairs that each network takes for each other most, over the seeds that tested both.".into(),
    )
}
