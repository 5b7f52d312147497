//! Lines and points stand where they belong.

use super::*;

/// Panics if a mark leaves the picture.
fn assert_inside(svg: &Svg) {
    let document = Document::parse(svg.as_str()).unwrap();
    let root = document.root_element();
    let (width, height) = (attribute(&root, "width"), attribute(&root, "height"));
    let inside = |x: f64, y: f64| {
        assert!(
            (0.0..=width).contains(&x) && (0.0..=height).contains(&y),
            "{x} {y} is outside {width} x {height}"
        );
    };
    for node in root.descendants() {
        let numbers = |name: &str| -> Vec<f64> {
            // A dot ends in a line of no length.
            let text = node.attribute(name).unwrap_or_default().replace("h0", "");
            text.split(['M', 'L', ' ', ','])
                .filter(|part| !part.is_empty())
                .map(|part| part.parse().unwrap())
                .collect()
        };
        for pair in [numbers("d"), numbers("points")].concat().chunks(2) {
            inside(pair[0], pair[1]);
        }
        if node.has_tag_name("circle") {
            let [x, y, r] = ["cx", "cy", "r"].map(|name| attribute(&node, name));
            inside(x - r, y - r);
            inside(x + r, y + r);
        }
    }
}

#[test]
fn measurements_of_any_number_size_and_equality_stay_inside_and_keep_their_names() {
    let names: Vec<String> = (0..12).map(|i| format!("net <{i}> & co")).collect();
    let plain = |x: f64, y: f64| LinePoint {
        x,
        y,
        interval: None,
    };
    let with = |x: f64, y: f64, low: f64, high: f64| LinePoint {
        x,
        y,
        interval: Some((low, high)),
    };
    let gap = f64::NAN;
    let cases: Vec<Vec<LinePoint>> = vec![
        vec![plain(5.0, 0.5)],
        vec![plain(5.0, 0.5); 3],
        vec![with(1.0, 0.5, 0.5, 0.5), with(20.0, 0.5, 0.5, 0.5)],
        vec![
            plain(1.0, 0.2),
            plain(2.0, gap),
            plain(gap, 0.3),
            plain(9.0, 0.9),
        ],
        vec![
            with(1.0, 0.9, gap, 0.99),
            with(3.0, 0.1, 0.0, 0.3),
            with(4.0, gap, 0.1, 0.2),
        ],
        vec![plain(1e-9, 0.0), plain(1.0, 0.5), plain(1e14, 1.0)],
        (1..=1000)
            .map(|i| plain(f64::from(i), 0.5 + 0.5 * f64::from(i).sin()))
            .collect(),
    ];
    for (case, points) in cases.iter().enumerate() {
        for (log_x, chance) in [(true, None), (false, Some(0.2))] {
            let axes = axes(log_x, chance);
            let lines: Vec<Line> = names
                .iter()
                .map(|name| Line {
                    name,
                    points,
                    highlight: false,
                })
                .collect();
            let systems: Vec<TradePoint> = names
                .iter()
                .zip(points.iter().cycle())
                .map(|(name, point)| TradePoint {
                    name,
                    x: point.x,
                    y: point.y,
                    interval: point.interval,
                    highlight: false,
                })
                .collect();
            let lines = lines_svg(&lines, &axes, None).unwrap();
            println!("case {case}, logarithmic {log_x}");
            assert_legible(&lines);
            assert_inside(&lines);
            let trade = trade_svg(&systems, &axes, None).unwrap();
            assert_legible(&trade);
            assert_inside(&trade);
            let texts = |svg: &Svg| -> Vec<String> {
                words(svg).2.into_iter().map(|word| word.text).collect()
            };
            let (lines, trade) = (texts(&lines), texts(&trade));
            for (name, system) in names.iter().zip(&systems) {
                assert!(lines.contains(name), "{name}");
                let drawn = system.x.is_finite() && system.y.is_finite();
                assert_eq!(trade.contains(name), drawn, "{name}");
            }
        }
    }
}

#[test]
fn a_line_without_points_keeps_its_name() {
    let points = [LinePoint {
        x: 1.0,
        y: 0.5,
        interval: None,
    }];
    let line = |name, points| Line {
        name,
        points,
        highlight: false,
    };
    let svg = lines_svg(
        &[line("a", &points), line("not run", &[])],
        &axes(true, None),
        None,
    );
    let svg = svg.unwrap();
    assert_legible(&svg);
    assert!(svg.as_str().contains(">not run<"));
}

#[test]
fn a_logarithmic_axis_refuses_what_is_not_above_zero() {
    for x in [0.0, -2.5] {
        let points = [LinePoint {
            x,
            y: 0.5,
            interval: None,
        }];
        let line = Line {
            name: "a",
            points: &points,
            highlight: false,
        };
        let system = TradePoint {
            name: "a",
            x,
            y: 0.5,
            interval: None,
            highlight: false,
        };
        for result in [
            lines_svg(&[line], &axes(true, None), None),
            trade_svg(&[system], &axes(true, None), None),
        ] {
            let message = result.unwrap_err().to_string();
            let expected =
                format!("a logarithmic axis holds only values above zero, and {x} is among them");
            assert!(message.ends_with(&expected), "{message}");
        }
        assert!(lines_svg(&[line], &axes(false, None), None).is_ok());
    }
}

#[test]
fn lines_have_ticks_where_they_were_measured() {
    let labels = |xs: &[f64], log_x: bool| -> Vec<String> {
        let points: Vec<LinePoint> = xs
            .iter()
            .map(|x| LinePoint {
                x: *x,
                y: 0.5,
                interval: None,
            })
            .collect();
        let line = Line {
            name: "a",
            points: &points,
            highlight: false,
        };
        let svg = lines_svg(&[line], &axes(log_x, None), None).unwrap();
        let (_, height, words) = words(&svg);
        let ticks = words.into_iter().filter(|word| {
            (height - 60.0..height - 34.0).contains(&word.at[1]) && word.at[0] > 40.0
        });
        ticks.map(|word| word.text).collect()
    };
    assert_eq!(
        labels(&[1.0, 5.0, 10.0, 20.0], false),
        ["1", "5", "10", "20"]
    );
    assert_eq!(labels(&[1.0, 3.0, 7.0, 20.0], true), ["1", "3", "7", "20"]);
    assert_eq!(
        labels(&[50.0, 12345.0, 3e6], true),
        ["100", "1k", "10k", "100k", "1M"]
    );
    let many: Vec<f64> = (0..50).map(f64::from).collect();
    assert_eq!(labels(&many, false), ["0", "10", "20", "30", "40", "50"]);
}

#[test]
fn a_line_is_broken_where_a_number_is_missing() {
    let z = [-1.0, 0.0, 1.0, 2.0, 3.0];
    let svg = splines_svg(
        &[edge("a", &z, &[1.0, f32::NAN, 1.0, 2.0, f32::INFINITY])],
        None,
    )
    .unwrap();
    let total = paths(&svg, "s-accent", "2.4").pop().unwrap();
    assert_eq!(total.matches('M').count(), 2, "{total}");
    assert_eq!(total.matches('L').count(), 1, "{total}");
    assert_eq!(total.matches("h0").count(), 1, "{total}");
    assert_legible(&svg);

    let training = [(1.0, 0.5), (2.0, f64::NAN), (3.0, 0.6), (4.0, 0.7)];
    let curve = Curve {
        name: "a",
        percent: false,
        training: &training,
        validation: &[],
        chance: None,
    };
    let svg = curve_svg(&[curve], None).unwrap();
    let mean = paths(&svg, "s-accent", "2.2").pop().unwrap();
    assert_eq!(mean.matches('M').count(), 2, "{mean}");
}

#[test]
fn the_running_mean_of_a_straight_line_is_that_line_and_outliers_do_not_flatten_it() {
    let mut training: Vec<(f64, f64)> = (0..1000).map(|i| (f64::from(i), f64::from(i))).collect();
    let height = |training: &[(f64, f64)]| {
        let curve = Curve {
            name: "a",
            percent: false,
            training,
            validation: &[],
            chance: None,
        };
        let d = paths(&curve_svg(&[curve], None).unwrap(), "s-accent", "2.2")
            .pop()
            .unwrap();
        let y = |point: &str| {
            point
                .split(' ')
                .nth(1)
                .and_then(|y| y.parse::<f64>().ok())
                .unwrap()
        };
        let ys: Vec<f64> = d.trim_start_matches('M').split('L').map(y).collect();
        let middle = (ys[ys.len() / 4] + ys[3 * ys.len() / 4]) / 2.0;
        assert!((ys[ys.len() / 2] - middle).abs() < 1.5, "{d}");
        ys[0] - ys[ys.len() - 1]
    };
    let plain = height(&training);
    training[700].1 = 1e4;
    assert!(
        height(&training) > 0.8 * plain,
        "an outlier flattens the curve"
    );
}

#[test]
fn a_long_training_does_not_make_a_large_picture() {
    let training: Vec<(f64, f64)> = (0..200_000)
        .map(|i| (f64::from(i), f64::from(i % 7)))
        .collect();
    let curve = Curve {
        name: "Loss",
        percent: false,
        training: &training,
        validation: &[],
        chance: None,
    };
    let svg = curve_svg(&[curve], None).unwrap();
    assert!(svg.as_str().len() < 50_000, "{} bytes", svg.as_str().len());
}

#[test]
fn a_value_stands_at_its_tick() {
    let circles = |svg: &Svg, class: &str| -> Vec<[f64; 2]> {
        let document = Document::parse(svg.as_str()).unwrap();
        let circles = document
            .descendants()
            .filter(|node| node.has_tag_name("circle"));
        let coloured = circles.filter(|node| node.attribute("class") == Some(class));
        coloured
            .map(|node| [attribute(&node, "cx"), attribute(&node, "cy")])
            .collect()
    };
    let middle = |svg: &Svg, text: &str, axis: usize| {
        let word = words(svg)
            .2
            .into_iter()
            .find(|word| word.text == text)
            .unwrap();
        (word.at[axis] + word.at[axis + 2]) / 2.0
    };
    let row = |name, value| IntervalRow {
        name,
        value,
        over_files: None,
        over_episodes: None,
        highlight: false,
    };
    let svg = intervals_svg(&[row("a", 0.5), row("b", 0.31), row("c", 0.77)], None, None).unwrap();
    let points = circles(&svg, "f-soft");
    assert!(
        (points[0][0] - middle(&svg, "50", 0)).abs() < 0.5,
        "{points:?}"
    );

    let validation =
        [(100.0, 0.4), (200.0, 0.1), (300.0, 0.9)].map(|(episode, value)| Validation {
            episode,
            value,
            interval: None,
        });
    let curve = Curve {
        name: "a",
        percent: true,
        training: &[],
        validation: &validation,
        chance: None,
    };
    let svg = curve_svg(&[curve], None).unwrap();
    // The first circle is the legend's.
    let points = circles(&svg, "f-warm");
    assert!(
        (points[1][0] - middle(&svg, "100", 0)).abs() < 0.5,
        "{points:?}"
    );
    assert!(
        (points[1][1] - middle(&svg, "40", 1)).abs() < 1.5,
        "{points:?}"
    );
    assert!(
        (points[2][0] - middle(&svg, "200", 0)).abs() < 0.5,
        "{points:?}"
    );
}
