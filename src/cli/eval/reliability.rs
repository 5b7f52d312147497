//! How far the probabilities of an evaluation can be relied on, in words and as a picture.

use crate::report::{Line, LineAxes, LinePoint, ReportError, Svg, lines_svg};
use crate::score::Reliability;

use crate::cli::table::percent;

/// One sentence, or a few.
pub(super) fn words(found: &Reliability) -> String {
    let told = match found.calibrated {
        true => "calibrated on validation files",
        false => "not calibrated: `gamaka calibrate` does that",
    };
    format!(
        "\nprobabilities: expected calibration error {} %, log loss {:.3} ({told})\n",
        percent(found.calibration_error),
        found.log_loss
    )
}

/// Told and true shares of right answers, beside the line on which they are the same.
pub(super) fn picture(found: &Reliability, name: &str) -> Result<Svg, ReportError> {
    let point = |told: f64, right: f64| LinePoint {
        x: 100.0 * told,
        y: right,
        interval: None,
    };
    let bins = found.bins.iter().map(|bin| point(bin.told, bin.right));
    let bins: Vec<LinePoint> = bins.collect();
    let lowest = found.bins.first().map_or(0.0, |bin| bin.told);
    let equal = [point(lowest, lowest), point(1.0, 1.0)];
    let lines = [
        Line {
            name,
            points: &bins,
            highlight: true,
        },
        Line {
            name: "as told",
            points: &equal,
            highlight: false,
        },
    ];
    let axes = LineAxes {
        x: "probability told of the nearest class (%)",
        y: "queries that were of it",
        percent: true,
        log_x: false,
        chance: None,
    };
    let error = percent(found.calibration_error);
    let title = format!("Probabilities told and true, expected calibration error {error} %");
    lines_svg(&lines, &axes, Some(&title))
}
