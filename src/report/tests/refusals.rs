//! What cannot be drawn is refused.

use super::*;

#[test]
fn panels_with_gaps_are_drawn_and_those_that_do_not_fit_are_refused() {
    let systems = ["network", "floor"];
    let mut gaps = panel("gaps");
    gaps.lines[0][2] = (f64::NAN, None);
    let svg = panels_svg(&[panel("a"), gaps.clone()], &systems, "accuracy", 0.2, None).unwrap();
    // The broken line has two runs, the others one.
    let lines = paths(&svg, "s-c0", "2");
    assert!(
        lines.iter().any(|d| d.matches('M').count() == 2),
        "{lines:?}"
    );
    gaps.lines[0].pop();
    for (panels, systems) in [
        (vec![gaps], &systems[..]),
        (vec![panel("a")], &systems[..1]),
    ] {
        let error = panels_svg(&panels, systems, "accuracy", 0.2, None).unwrap_err();
        assert!(matches!(error, ReportError::Shape { .. }), "{error}");
    }
    let error = panels_svg(&[], &systems, "accuracy", 0.2, None).unwrap_err();
    assert!(matches!(error, ReportError::Nothing { .. }), "{error}");
}

#[test]
fn pictures_without_data_are_refused() {
    let nan = IntervalRow {
        name: "a",
        value: f64::NAN,
        over_files: None,
        over_episodes: None,
        highlight: false,
    };
    let gap = Curve {
        name: "a",
        percent: true,
        training: &[(1.0, f64::NAN)],
        validation: &[],
        chance: Some(0.2),
    };
    let point = ScatterPoint {
        at: [f32::NAN, 1.0],
        class: 0,
        role: Role::Query,
    };
    let line = Line {
        name: "a",
        points: &[LinePoint {
            x: f64::NAN,
            y: 0.5,
            interval: Some((0.4, 0.6)),
        }],
        highlight: false,
    };
    let system = TradePoint {
        name: "a",
        x: 1.0,
        y: f64::INFINITY,
        interval: None,
        highlight: false,
    };
    for (name, result) in [
        ("confusion", confusion_svg(&[], &[], None)),
        ("scatter", scatter_svg(&[], &["a"], None, None)),
        ("scatter of NaN", scatter_svg(&[point], &["a"], None, None)),
        ("bars", bars_svg(&[], None)),
        ("bars of NaN", bars_svg(&[("a", f64::NAN)], None)),
        ("curves", curve_svg(&[], None)),
        ("curves of NaN", curve_svg(&[gap], None)),
        ("intervals", intervals_svg(&[], Some(0.2), None)),
        ("intervals of NaN", intervals_svg(&[nan], Some(0.2), None)),
        ("differences", differences_svg(&[], 0.95, None)),
        ("lines", lines_svg(&[], &axes(true, Some(0.2)), None)),
        ("lines of NaN", lines_svg(&[line], &axes(true, None), None)),
        ("trade", trade_svg(&[], &axes(false, Some(0.2)), None)),
        (
            "trade of NaN",
            trade_svg(&[system], &axes(true, None), None),
        ),
        ("splines", splines_svg(&[], None)),
        (
            "splines of NaN",
            splines_svg(&[edge("a", &[f32::NAN], &[1.0])], None),
        ),
    ] {
        assert!(
            matches!(result, Err(ReportError::Nothing { .. })),
            "{name}: {result:?}"
        );
    }
}

#[test]
fn data_of_unequal_size_are_refused() {
    let short = confusion_svg(&["a", "b"], &[vec![1, 2], vec![3]], None).unwrap_err();
    assert!(
        matches!(
            short,
            ReportError::Shape {
                found: 1,
                expected: 2,
                ..
            }
        ),
        "{short}"
    );
    let short = splines_svg(&[edge("a", &[0.0, 1.0], &[1.0])], None).unwrap_err();
    assert!(
        matches!(
            short,
            ReportError::Shape {
                found: 1,
                expected: 2,
                ..
            }
        ),
        "{short}"
    );
    let point = ScatterPoint {
        at: [0.0, 0.0],
        class: 1,
        role: Role::Query,
    };
    let foreign = scatter_svg(&[point], &["a"], None, None).unwrap_err();
    assert!(matches!(foreign, ReportError::Invalid { .. }), "{foreign}");
}
