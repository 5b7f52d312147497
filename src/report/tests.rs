mod charts;
mod maps;
mod pages;
mod projections;
mod refusals;
mod spectrograms;
mod texts;

use roxmltree::{Document, ParsingOptions};

use super::style::{FONT, class_style, escape, fit, text_width, wrap};
use super::*;
use ab_glyph::Font;

/// Where a word of a picture stands: left, top, right, bottom.
struct Word {
    text: String,
    at: [f64; 4],
}

fn attribute(node: &roxmltree::Node, name: &str) -> f64 {
    node.attribute(name)
        .and_then(|value| value.parse().ok())
        .unwrap_or(f64::NAN)
}

/// Parses a picture and gives its size and the places of all its words.
fn words(svg: &Svg) -> (f64, f64, Vec<Word>) {
    words_of(svg.as_str())
}

fn words_of(drawing: &str) -> (f64, f64, Vec<Word>) {
    let document = Document::parse(drawing).expect("the picture is well-formed");
    let root = document.root_element();
    let words = root
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .map(|node| {
            let text = node.text().unwrap_or_default().to_owned();
            let (x, y, size) = (
                attribute(&node, "x"),
                attribute(&node, "y"),
                attribute(&node, "font-size"),
            );
            let width = text_width(&text, size);
            let left = match node.attribute("text-anchor") {
                Some("middle") => -width / 2.0,
                Some("end") => -width,
                _ => 0.0,
            };
            let (above, below) = (0.73 * size, 0.2 * size);
            let at = match node.attribute("transform") {
                Some(_) => [x - above, y - left - width, x + below, y - left],
                None => [x + left, y - above, x + left + width, y + below],
            };
            Word { text, at }
        });
    (
        attribute(&root, "width"),
        attribute(&root, "height"),
        words.collect(),
    )
}

/// Panics if in one of the layouts a word is cut off or runs into another.
fn assert_legible(svg: &Svg) {
    for drawing in [&svg.wide, &svg.narrow] {
        assert_drawing_legible(&drawing.text);
    }
}

fn assert_drawing_legible(drawing: &str) {
    let (width, height, words) = words_of(drawing);
    for (i, word) in words.iter().enumerate() {
        let [left, top, right, bottom] = word.at;
        let inside = left >= 0.0 && top >= 0.0 && right <= width && bottom <= height;
        assert!(
            inside,
            "{:?} at {:?} leaves {width} x {height}",
            word.text, word.at
        );
        for other in &words[..i] {
            let apart = other.at[0] >= right
                || other.at[2] <= left
                || other.at[1] >= bottom
                || other.at[3] <= top;
            assert!(
                apart,
                "{:?} {:?} covers {:?} {:?}",
                word.text, word.at, other.text, other.at
            );
        }
    }
    assert!(
        !drawing.contains("NaN") && !drawing.contains("inf"),
        "a number is missing"
    );
}

fn long_names(n: usize) -> Vec<String> {
    (0..n)
        .map(|i| format!("Klezmer & <polka> no. {i} with a name that goes on and on"))
        .collect()
}

fn edge<'a>(caption: &'a str, z: &'a [f32], values: &'a [f32]) -> Edge<'a> {
    Edge {
        caption,
        note: "",
        z,
        total: values,
        base: values,
        spline: values,
        grid: (-2.5, 2.5),
        inputs: &[],
    }
}

/// A line chart and a trade-off of the names, on linear and on logarithmic axes.
fn measurements(names: &[&str], title: Option<&str>) -> Vec<(String, Svg)> {
    let value = |i: usize, x: f64| 0.3 + 0.01 * (7 * i % 11) as f64 + 0.1 * x.ln();
    let point = |i: usize, x: f64| LinePoint {
        x,
        y: value(i, x),
        interval: Some((value(i, x) - 0.03, value(i, x) + 0.04)),
    };
    let points: Vec<[LinePoint; 5]> = (0..names.len())
        .map(|i| [1.0, 2.0, 5.0, 10.0, 20.0].map(|x| point(i, x)))
        .collect();
    let lines: Vec<Line> = names
        .iter()
        .zip(&points)
        .enumerate()
        .map(|(i, (name, points))| Line {
            name,
            points,
            highlight: i == 1,
        })
        .collect();
    let systems: Vec<TradePoint> = names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let LinePoint { x, y, interval } = point(i, 1e5 * (1 + 3 * i % 7) as f64);
            TradePoint {
                name,
                x,
                y,
                interval,
                highlight: i == 1,
            }
        })
        .collect();
    let mut pictures = Vec::new();
    for (log_x, chance) in [(true, Some(0.2)), (false, None)] {
        let axes = axes(log_x, chance);
        let n = names.len();
        pictures.push((
            format!("lines {n} {log_x}"),
            lines_svg(&lines, &axes, title).unwrap(),
        ));
        pictures.push((
            format!("trade {n} {log_x}"),
            trade_svg(&systems, &axes, title).unwrap(),
        ));
    }
    pictures
}

fn axes(log_x: bool, chance: Option<f64>) -> LineAxes<'static> {
    LineAxes {
        x: "cost <&>",
        y: "accuracy",
        percent: true,
        log_x,
        chance,
    }
}

fn panel(title: &str) -> Panel {
    let line = |value: f64| vec![(value, Some((value - 0.1, value + 0.1))); 5];
    Panel {
        title: title.into(),
        axis: "upper edge <&> (Hz)".into(),
        ticks: ["clean", "8000", "6000", "-4.5", "3400"]
            .map(String::from)
            .into(),
        lines: vec![line(0.6), line(0.4)],
        unchanged: 0,
    }
}

fn dot_row<'a>(name: &'a str, systems: &[&str]) -> DotRow<'a> {
    DotRow {
        name,
        files: 12_345,
        systems: (0..systems.len())
            .map(|k| (0.3 + 0.1 * k as f64, (k < 3).then_some((0.2, 0.7))))
            .collect(),
        highlight: name.contains("0"),
    }
}

#[test]
fn a_dot_plot_tells_the_first_system_in_figures_and_files_where_there_is_no_interval() {
    let systems = ["network", "floor"];
    let mut rows = vec![dot_row("all", &systems), dot_row("java", &systems)];
    rows[1].systems = vec![(0.612, None), (f64::NAN, None)];
    let svg = dots_svg(&rows, &systems, 0.2, "over files", None).unwrap();
    let texts: Vec<String> = words(&svg).2.into_iter().map(|word| word.text).collect();
    for text in [
        "all",
        "java",
        "floor",
        "chance 20 %",
        "30.0 %",
        "20.0 to 70.0",
        "61.2 %",
        "12345 files",
        "accuracy (%); lines: 95 % over files",
    ] {
        assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
    }
    assert!(svg.as_str().contains("<title>floor, all: 40.0 %</title>"));
    // Both rows and the legend have the network's sign; the floor has none where nothing was measured.
    assert_eq!(svg.as_str().matches("class=\"f-c0\"").count(), 3);
    assert_eq!(svg.as_str().matches("class=\"f-c1\"").count(), 2);

    rows[1].systems.pop();
    let error = dots_svg(&rows, &systems, 0.2, "over files", None).unwrap_err();
    assert!(matches!(error, ReportError::Shape { .. }), "{error}");
    let error = dots_svg(&[], &systems, 0.2, "over files", None).unwrap_err();
    assert!(matches!(error, ReportError::Nothing { .. }), "{error}");
}

fn mel<'a>(values: &'a [f32], rows: Rows<'a>) -> Spectrogram<'a> {
    Spectrogram {
        values,
        rows,
        hop_length: 512,
        sample_rate: 22050,
        title: None,
    }
}

/// The `d` of the paths of one class and width.
fn paths(svg: &Svg, class: &str, width: &str) -> Vec<String> {
    let document = Document::parse(svg.as_str()).unwrap();
    let path = |node: &roxmltree::Node| {
        node.attribute("class") == Some(class) && node.attribute("stroke-width") == Some(width)
    };
    let d = |node: roxmltree::Node| node.attribute("d").unwrap_or_default().to_owned();
    document.descendants().filter(path).map(d).collect()
}

/// Every kind of picture, at ordinary and at extreme sizes.
fn pictures() -> Vec<(String, Svg)> {
    let mut pictures = Vec::new();
    for n in [1, 2, 5, 24] {
        let long = long_names(n);
        let short: Vec<String> = (0..n).map(|i| format!("g{i}")).collect();
        for names in [&long, &short] {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let title = Some(names[0]);
            let counts: Vec<Vec<u64>> = (0..n)
                .map(|i| {
                    (0..n)
                        .map(|j| if i == j { 9999 } else { (i * j) as u64 })
                        .collect()
                })
                .collect();
            pictures.push((
                format!("confusion {n}"),
                confusion_svg(&names, &counts, title).unwrap(),
            ));

            let points: Vec<ScatterPoint> = (0..3 * n)
                .map(|i| ScatterPoint {
                    at: [(i * i) as f32, (7 * i % 5) as f32],
                    class: i % n,
                    role: if i < n { Role::Support } else { Role::Query },
                })
                .collect();
            let scatter = scatter_svg(&points, &names, Some([0.5, 0.25]), title).unwrap();
            pictures.push((format!("scatter {n}"), scatter));

            let ranked: Vec<(&str, f64)> =
                names.iter().map(|name| (*name, 1.0 / n as f64)).collect();
            pictures.push((format!("bars {n}"), bars_svg(&ranked, title).unwrap()));

            let rows: Vec<IntervalRow> = names
                .iter()
                .enumerate()
                .map(|(i, name)| {
                    let value = 0.2 + 0.03 * i as f64;
                    IntervalRow {
                        name,
                        value,
                        over_files: Some((value - 0.3, value + 0.3)),
                        over_episodes: (i % 2 == 0).then_some((value - 0.01, value + 0.01)),
                        highlight: i == 0,
                    }
                })
                .collect();
            pictures.push((
                format!("intervals {n}"),
                intervals_svg(&rows, Some(1.0 / 3.0), title).unwrap(),
            ));
            pictures.push((
                format!("differences {n}"),
                differences_svg(&rows, 0.95, title).unwrap(),
            ));

            let systems = &names[..n.min(5)];
            for chance in [0.0, 0.2, 1.0] {
                let rows: Vec<DotRow> = names.iter().map(|name| dot_row(name, systems)).collect();
                let svg = dots_svg(&rows, systems, chance, "over <files>", title).unwrap();
                pictures.push((format!("dots {n} {chance}"), svg));
            }

            pictures.extend(measurements(&names, title));

            let z: Vec<f32> = (0..50).map(|i| i as f32 / 10.0 - 2.5).collect();
            let values: Vec<f32> = z.iter().map(|z| z * z * 100.0).collect();
            let edges: Vec<Edge> = names.iter().map(|name| edge(name, &z, &values)).collect();
            pictures.push((format!("splines {n}"), splines_svg(&edges, title).unwrap()));
        }
    }
    for n in [1, 2, 3, 10] {
        let long = long_names(n);
        let panels: Vec<Panel> = long.iter().map(|name| panel(name)).collect();
        let systems = [long[0].as_str(), "MFCC, nearest centroid"];
        let svg = panels_svg(&panels, &systems, "accuracy", 0.2, Some(systems[0]));
        pictures.push((format!("panels {n}"), svg.unwrap()));
    }
    for n in [1, 2, 50, 20_000] {
        let training: Vec<(f64, f64)> = (1..=n)
            .map(|i| (f64::from(i), 0.5 + 0.3 * f64::from(i).sin()))
            .collect();
        let validation = [Validation {
            episode: 1.0,
            value: 0.4,
            interval: Some((0.3, 0.5)),
        }];
        let curve = |name, percent| Curve {
            name,
            percent,
            training: &training,
            validation: &validation,
            chance: Some(0.2),
        };
        let curves = [curve("Loss", false), curve("Accuracy", true)];
        pictures.push((
            format!("curves {n}"),
            curve_svg(&curves, Some("Training")).unwrap(),
        ));
    }
    pictures
}

#[test]
fn no_word_of_any_picture_is_cut_off_or_runs_into_another() {
    for (name, svg) in pictures() {
        println!("{name}");
        assert_legible(&svg);
    }
}

#[test]
fn the_same_data_give_the_same_bytes() {
    for ((name, first), (_, second)) in pictures().into_iter().zip(pictures()) {
        assert!(first == second, "{name}");
    }
    let values = vec![0.5; 200];
    let spectrogram = || spectrogram_png(&mel(&values, Rows::Coefficients(20))).unwrap();
    assert_eq!(spectrogram(), spectrogram());
}

#[test]
fn forty_classes_look_different_and_neighbours_differ_in_both_colour_and_shape() {
    let styles: Vec<_> = (0..40).map(class_style).collect();
    for (i, a) in styles.iter().enumerate() {
        assert!(!styles[..i].contains(a), "class {i}");
        if let Some(next) = styles.get(i + 1) {
            assert!(a.0 != next.0 && a.1 != next.1, "class {i}");
        }
    }
}

#[test]
fn ticks_are_round_few_and_inside() {
    let cases = [
        (0.0, 1.0),
        (-3.0, 4.2),
        (0.0, 1e-7),
        (-1e9, 1e9),
        (99.99, 100.01),
        (5.0, 5.0),
        (0.0, 3600.0),
    ];
    for (low, high) in cases {
        let axis = axis::Axis::new((low, high), 0.0, 100.0);
        let ticks = axis.ticks(7);
        assert!((2..=8).contains(&ticks.len()), "{low} to {high}: {ticks:?}");
        for pair in ticks.windows(2) {
            assert!(
                pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1,
                "{low} to {high}: {ticks:?}"
            );
        }
        for (value, _) in &ticks {
            assert!(
                (-0.1..=100.1).contains(&axis.at(*value)),
                "{low} to {high}: {ticks:?}"
            );
        }
    }
}

#[test]
fn a_confusion_matrix_shows_each_row_in_percent() {
    let counts = [vec![3, 1, 0], vec![0, 0, 0], vec![1, 0, 999]];
    let svg = confusion_svg(&["a", "b", "c"], &counts, None).unwrap();
    let (_, _, words) = words(&svg);
    let cells: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let expected = [
        "a", "75", "25", "b", "–", "–", "–", "c", "<1", "100", "a", "b", "c",
    ];
    assert_eq!(cells[..expected.len()], expected);
    assert!(
        svg.as_str()
            .contains("<title>a taken for b: 1 of 4</title>")
    );
}

#[test]
fn a_difference_has_colour_only_where_its_interval_over_files_leaves_out_zero() {
    let colours = |over_files| {
        let row = IntervalRow {
            name: "a",
            value: 0.0,
            over_files,
            over_episodes: Some((-0.01, 0.01)),
            highlight: true,
        };
        let svg = differences_svg(&[row], 0.95, None).unwrap();
        (
            svg.as_str().contains("class=\"f-accent\""),
            svg.as_str().contains("class=\"f-warm\""),
        )
    };
    assert_eq!(colours(Some((0.01, 0.05))), (true, false));
    assert_eq!(colours(Some((-0.05, -0.01))), (false, true));
    assert_eq!(colours(Some((-0.05, 0.01))), (false, false));
    assert_eq!(colours(Some((0.0, 0.05))), (false, false));
    assert_eq!(colours(None), (false, false));
}

#[test]
fn a_system_that_was_not_measured_keeps_its_row() {
    let row = |name, value| IntervalRow {
        name,
        value,
        over_files: None,
        over_episodes: None,
        highlight: false,
    };
    let svg = intervals_svg(&[row("a", 0.5), row("b", f64::NAN)], None, None).unwrap();
    assert_legible(&svg);
    let texts: Vec<String> = words(&svg).2.into_iter().map(|word| word.text).collect();
    assert!(
        texts.contains(&"50.0 %".to_owned()) && texts.contains(&"not measured".to_owned()),
        "{texts:?}"
    );
}

#[test]
fn a_phone_gets_a_layout_of_its_width_with_words_that_can_be_read() {
    for (name, svg) in pictures() {
        // A matrix of many classes scrolls.
        if !name.starts_with("confusion") {
            assert_eq!(svg.narrow.width, 360, "{name}");
        }
        let document = Document::parse(&svg.narrow.text).unwrap();
        let sizes = document
            .descendants()
            .filter(|node| node.has_tag_name("text"));
        let smallest = sizes.map(|node| attribute(&node, "font-size"));
        assert!(smallest.fold(f64::INFINITY, f64::min) >= 10.5, "{name}");
    }
}
