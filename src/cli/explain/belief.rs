//! Whether explanations may be believed, on the files of a data set.

use std::path::PathBuf;

use crate::cli::common::{Common, front_end, load_model};
use crate::cli::hints;
use crate::cli::numbers::seed;
use crate::cli::settings::{Keeping, files_of};
use crate::cli::table::{Align, Table, percent};
use crate::data::{Dataset, Labels};
use crate::evaluate::{EvaluatePart, choose};
use crate::explain::{Asked, Base, Belief, OrderCourse, believe};
use crate::features::KeptFeatures;
use crate::files::Outputs;
use crate::gpu::Gpu;
use crate::mel::EngineChoice;
use crate::model_file::Model;
use crate::report::{Column, Line, LineAxes, LinePoint, Page, decimal, lines_svg};
use crate::score::{Interval, OverFiles};

#[derive(clap::Args)]
pub(super) struct Believe {
    /// Ask whether explanations may be believed, on the files of a data set (a folder with one folder for each class, or a
    /// manifest) that the model never saw: what happens as what matters is taken away, whether other models agree, and what
    /// is left without splines
    #[arg(long, value_name = "DATA")]
    believe: Option<PathBuf>,
    /// Other models, such as those of other seeds, whose attributions are compared; may be given several times
    #[arg(long, value_name = "MODEL", requires = "believe")]
    against: Vec<PathBuf>,
    /// How many files are explained for it, drawn at random; all are classified
    #[arg(long, value_name = "N", default_value_t = 40, requires = "believe", value_parser = clap::value_parser!(u16).range(2..))]
    files: u16,
    /// Seed of what is drawn
    #[arg(long, default_value_t = 1, requires = "believe", allow_negative_numbers = true, value_parser = seed)]
    seed: u64,
    #[command(flatten)]
    keeping: Keeping,
}

impl Believe {
    /// Claims what it writes, and keeps what it reads from being written over.
    pub(super) fn claim(&self, outputs: &mut Outputs) -> anyhow::Result<()> {
        let features = self.keeping.features.iter();
        features
            .map(PathBuf::as_path)
            .try_for_each(|path| outputs.add_model(path))?;
        Ok(outputs.spare(self.believe.iter().chain(&self.against))?)
    }

    /// Asks, if it is to be asked; files that cannot be heard go to `failed`.
    pub(super) fn ask(
        &self,
        model: &Model,
        gpu: &Gpu,
        (choice, strict): (EngineChoice, bool),
        outputs: &mut Outputs,
        failed: &mut Vec<(PathBuf, String)>,
        common: &Common,
    ) -> anyhow::Result<Option<Belief>> {
        let Some(data) = &self.believe else {
            return Ok(None);
        };
        let kept = self.keeping.open(common)?;
        let known = kept.as_deref().map(KeptFeatures::known);
        let dataset = common.while_waiting("looking through the files", || {
            Dataset::open_known(data, &Labels::Folder, &known.unwrap_or_default())
        })?;
        dataset.warnings.iter().for_each(|w| common.note(w));
        outputs.spare(files_of(&dataset))?;
        let part = EvaluatePart::Unseen.of(&dataset, model);
        let (files, notes) = choose(&dataset, model, part)?;
        notes.iter().for_each(|note| common.note(note));
        let others = self
            .against
            .iter()
            .map(|path| Ok((path.display().to_string(), load_model(path, common)?)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let front_end = front_end(choice, gpu, model, strict)?.keeping(kept);
        let asked = Asked {
            model,
            others: &others,
            dataset: &dataset,
            files: &files,
            explained: self.files.into(),
            seed: self.seed,
        };
        let belief = common.counted("asking", |on| believe(gpu, &front_end, &asked, on))?;
        if let Some(note) = front_end.save_kept()? {
            common.note(&note);
        }
        let told = belief.failed.iter();
        failed.extend(told.map(|(path, error)| (path.clone(), hints::told(error))));
        Ok(Some(belief))
    }
}

fn with_interval(figure: &OverFiles, digits: fn(f64) -> String) -> String {
    match figure.interval {
        Some(Interval { low, high }) => {
            format!(
                "{} ({} to {})",
                digits(figure.mean),
                digits(low),
                digits(high)
            )
        }
        None => digits(figure.mean),
    }
}

fn two(value: f64) -> String {
    decimal(value, 2)
}

fn base_name(base: Base) -> &'static str {
    match base {
        Base::Learned => "silu as learned",
        Base::Fitted => "silu fitted to the curve",
    }
}

/// Tables of a belief: a heading, the columns, and rows.
type Told = (&'static str, Vec<&'static str>, Vec<Vec<String>>);

fn tables(belief: &Belief) -> Vec<Told> {
    let more = |figure: &Option<OverFiles>| {
        let text = figure.as_ref().map(|figure| with_interval(figure, two));
        text.unwrap_or_default()
    };
    let courses = belief.courses.iter().map(|course| {
        vec![
            course.name.to_string(),
            with_interval(&course.deletion_area, two),
            more(&course.deletion_more),
            with_interval(&course.insertion_area, two),
            more(&course.insertion_less),
        ]
    });
    let agreement = belief.agreement.iter().map(|with| {
        vec![
            with.name.clone(),
            with_interval(&with.correlation, two),
            with.same
                .as_ref()
                .map_or(String::new(), |same| with_interval(same, percent)),
        ]
    });
    let without = belief.without_splines.iter().map(|without| {
        vec![
            base_name(without.base).to_string(),
            with_interval(&without.accuracy, percent),
            with_interval(&without.less, percent),
            with_interval(&without.same, percent),
        ]
    });
    let mut told = vec![
        (
            "Taking away and putting back",
            vec!["order", "deletion", "more", "insertion", "less"],
            courses.collect(),
        ),
        (
            "Agreement",
            vec!["attributions of", "rank correlation", "same answer, %"],
            agreement.collect(),
        ),
    ];
    if !belief.without_splines.is_empty() {
        told.push((
            "Without splines",
            vec![
                "in their place",
                "accuracy, %",
                "less than whole, points",
                "same answer, %",
            ],
            without.collect(),
        ));
    }
    told
}

/// What a belief says, in words for a terminal.
pub(super) fn words(belief: &Belief) -> String {
    let mut text = format!("{}\n", lead(belief));
    for (heading, columns, rows) in tables(belief) {
        let aligned = columns.iter().enumerate().map(|(k, column)| {
            let align = if k == 0 { Align::Left } else { Align::Right };
            (*column, align)
        });
        let mut table = Table::new(aligned);
        for row in rows {
            table.row(row);
        }
        text.push_str(&format!("{heading}\n{}", table.text()));
    }
    text
}

fn lead(belief: &Belief) -> String {
    let explained = belief.courses.first().map_or(0, |c| c.deletion_area.files);
    format!(
        "{} files of {} classes, each by prototypes of all others but its group's: {} % right. {} of them were explained; of no decision more than {} % is missing in the parts.",
        belief.accuracy.files,
        belief.classes.len(),
        with_interval(&belief.accuracy, percent),
        explained,
        decimal(100.0 * belief.most_missing, 2),
    )
}

/// Adds the section of a belief to a page.
pub(super) fn add_to(belief: &Belief, page: &mut Page) -> anyhow::Result<()> {
    page.section("Whether to believe it");
    page.paragraph(&lead(belief));
    let [bands, frames] = belief.cell;
    let told = tables(belief);
    for (kind, caption) in [
        (
            "deletion",
            "How likely the winner is, of the two classes of the decision, as cells become silent: the sooner it falls, the better the order knew what mattered.",
        ),
        (
            "insertion",
            "The same as cells are put into silence: the sooner it rises, the better.",
        ),
    ] {
        let points: Vec<Vec<LinePoint>> = belief
            .courses
            .iter()
            .map(|course| points(belief, course, kind == "deletion"))
            .collect();
        let lines: Vec<Line> = belief
            .courses
            .iter()
            .zip(&points)
            .map(|(course, points)| Line {
                name: course.name,
                points,
                highlight: course.name == "attribution",
            })
            .collect();
        let axes = LineAxes {
            x: match kind {
                "deletion" => "share of the file that is gone (%)",
                _ => "share of the file that is there (%)",
            },
            y: "probability of the winner",
            percent: true,
            log_x: false,
            chance: None,
        };
        page.figure(&lines_svg(&lines, &axes, None)?, caption);
    }
    page.paragraph(&format!(
        "A cell is {bands} mel bands by {frames} frames. Random orders are the least that an attribution must beat; the loudest cells first is what a map of nothing but loudness would say. Intervals are those over new files, groups undivided."
    ));
    let captions = [
        "Areas under both courses, and how much more of the one and less of the other each order has than the attribution, on the same files.",
        "Attributions of the same decisions by other networks: Spearman's correlation of the cells. An untrained network must not agree, or the maps say nothing of what was learned; how loud a cell is tells how much of a map that alone explains.",
        "What stands in for the curve on every edge. The learned silu alone is what was left beside the spline; the fitted one is the nearest to the whole curve, for the inputs that really reach it.",
    ];
    for ((heading, columns, rows), caption) in told.iter().zip(captions) {
        let columns: Vec<Column> = columns
            .iter()
            .enumerate()
            .map(|(k, column)| match k {
                0 => Column::text(column),
                _ => Column::number(column),
            })
            .collect();
        page.table(&columns, rows, &format!("{heading}. {caption}"));
    }
    Ok(())
}

fn points(belief: &Belief, course: &OrderCourse, deletion: bool) -> Vec<LinePoint> {
    let values = match deletion {
        true => &course.deletion,
        false => &course.insertion,
    };
    let point = |(share, value): (&f64, &OverFiles)| LinePoint {
        x: 100.0 * share,
        y: value.mean,
        interval: value
            .interval
            .map(|Interval { low, high }| (low.max(0.0), high.min(1.0))),
    };
    belief.shares.iter().zip(values).map(point).collect()
}
