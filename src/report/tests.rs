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
fn names_are_escaped_and_control_characters_replaced() {
    let svg = bars_svg(&[("<b>&\"'\u{0}\u{1b}[31m", 1.0)], Some("</svg><script>")).unwrap();
    let document = Document::parse(svg.as_str()).unwrap();
    assert!(
        !document
            .descendants()
            .any(|node| node.has_tag_name("b") || node.has_tag_name("script"))
    );
    let texts: Vec<&str> = document
        .descendants()
        .filter_map(|node| node.text())
        .collect();
    assert!(texts.contains(&"<b>&\"'\u{fffd}\u{fffd}[31m"), "{texts:?}");
}

#[test]
fn the_font_has_every_character_that_the_pictures_use_of_themselves() {
    for c in "0123456789 −–…+%φ→⁻⁰¹²³⁴⁵⁶⁷⁸⁹kABCXYZabcxyzäéñøß(){}[].,:;'\"&".chars()
    {
        assert_ne!(FONT.glyph_id(c).0, 0, "{c:?}");
    }
}

#[test]
fn a_text_is_shortened_to_fit_and_no_more() {
    assert_eq!(
        fit("bossa nova", 13.0, text_width("bossa nova", 13.0)),
        "bossa nova"
    );
    let short = fit("bossa nova", 13.0, 50.0);
    assert!(
        short.ends_with('…') && text_width(&short, 13.0) <= 50.0,
        "{short}"
    );
    assert!(short.starts_with("bos"), "{short}");
    assert_eq!(fit("bossa nova", 13.0, 0.0), "…");
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

fn mel<'a>(values: &'a [f32], rows: Rows<'a>) -> Spectrogram<'a> {
    Spectrogram {
        values,
        rows,
        hop_length: 512,
        sample_rate: 22050,
        title: None,
    }
}

/// The palette indices of a PNG, and its width and height.
fn pixels(png: &[u8]) -> (Vec<u8>, usize, usize) {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().unwrap();
    assert_eq!(reader.info().color_type, png::ColorType::Indexed);
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (pixels, info.width as usize, info.height as usize)
}

/// Where the values stand when there is no title.
const LEFT: usize = 128;
const TOP: usize = 28;
const RIGHT: usize = 1400 - 176;
/// From this index on the palette holds greys.
const GREYS: u8 = 192;

fn slaney(mel: f64) -> f64 {
    if mel < 15.0 {
        mel * 200.0 / 3.0
    } else {
        1000.0 * 6.4f64.powf((mel - 15.0) / 27.0)
    }
}

fn htk(mel: f64) -> f64 {
    700.0 * (10f64.powf(mel / 2595.0) - 1.0)
}

#[test]
fn the_tick_of_one_kilohertz_stands_at_the_band_of_one_kilohertz() {
    let slaney: Vec<f64> = (1..=64)
        .map(|i| slaney(f64::from(i) * 45.0 / 65.0))
        .collect();
    let htk: Vec<f64> = (1..=40)
        .map(|i| htk(f64::from(i) * 2840.0 / 41.0))
        .collect();
    for centres in [slaney, htk] {
        let distance = |band: &usize| ((centres[*band] - 1000.0).abs() * 1e6) as u64;
        let band = (0..centres.len()).min_by_key(distance).unwrap();
        let mut values = vec![-80.0; centres.len() * 30];
        values
            .iter_mut()
            .skip(band)
            .step_by(centres.len())
            .for_each(|value| *value = 0.0);
        let (pixels, width, height) =
            pixels(&spectrogram_png(&mel(&values, Rows::Bands(&centres, "dB"))).unwrap());
        let bright: Vec<usize> = (TOP..height)
            .filter(|y| pixels[y * width + LEFT + 300] == GREYS - 1)
            .collect();
        let (first, last) = (bright[0], *bright.last().unwrap());
        let ticks: Vec<usize> = (TOP..height - 92)
            .filter(|y| pixels[y * width + LEFT - 7] != 255)
            .collect();
        assert!(
            ticks.iter().any(|y| (first..=last).contains(y)),
            "{ticks:?} misses {first} to {last}"
        );
    }
}

#[test]
fn a_frame_without_numbers_becomes_a_gap_and_the_others_stay() {
    let mut values: Vec<f32> = (0..10 * 8).map(|i| (i / 8) as f32).collect();
    values[5 * 8..6 * 8].fill(f32::NAN);
    values[6 * 8] = f32::INFINITY;
    let centres: Vec<f64> = (1..=8).map(|i| f64::from(i) * 500.0).collect();
    let (pixels, width, _) =
        pixels(&spectrogram_png(&mel(&values, Rows::Bands(&centres, "dB"))).unwrap());
    let middle = |frame: usize| LEFT + (2 * frame + 1) * (RIGHT - LEFT) / 20;
    let column = |frame: usize| pixels[(TOP + 20) * width + middle(frame)];
    assert!(column(5) >= GREYS, "no gap");
    assert!(column(4) < GREYS && column(6) < GREYS, "more than the gap");
    assert!(
        column(0) < column(4) && column(4) < column(9),
        "out of order"
    );
    let lowest_row = (TOP + 8 * 68 - 10) * width;
    assert!(pixels[lowest_row + middle(6)] >= GREYS, "infinity is drawn");
}

#[test]
fn one_frame_without_numbers_does_not_blank_the_hundred_beside_it() {
    let mut values = vec![1.0; 100_000];
    values[50_000] = f32::NAN;
    values[0] = 0.0;
    let rows = Rows::Bands(&[1000.0], "dB");
    let (pixels, width, _) = pixels(&spectrogram_png(&mel(&values, rows)).unwrap());
    let row = (TOP + 20) * width;
    assert!(
        pixels[row + LEFT..row + RIGHT]
            .iter()
            .all(|pixel| *pixel < GREYS)
    );
}

#[test]
fn an_hour_is_averaged_over_time() {
    // The lower band goes from -80 to 0 dB at half time; the upper one alternates between the two.
    let frames = 155_000;
    let values: Vec<f32> = (0..frames)
        .flat_map(|i| {
            [
                if i < frames / 2 { -80.0 } else { 0.0 },
                if i % 2 == 0 { -80.0 } else { 0.0 },
            ]
        })
        .collect();
    let (pixels, width, height) =
        pixels(&spectrogram_png(&mel(&values, Rows::Bands(&[500.0, 1000.0], "dB"))).unwrap());
    let (upper, lower) = ((TOP + 10) * width, (height - 92 - 10) * width);
    for x in LEFT..RIGHT {
        let dark = x < LEFT + (RIGHT - LEFT) / 2;
        assert_eq!(
            pixels[lower + x],
            if dark { 0 } else { GREYS - 1 },
            "at {x}"
        );
        assert!(
            pixels[upper + x].abs_diff(95) <= 2,
            "{} at {x}",
            pixels[upper + x]
        );
    }
}

#[test]
fn frames_that_come_in_pieces_make_the_same_picture() {
    let centres = [100.0, 200.0, 400.0];
    for frames in [1, 7, 1096, 1500, 4000] {
        let values: Vec<f32> = (0..3 * frames).map(|i| (i as f32 * 0.37).sin()).collect();
        let rows = Rows::Bands(&centres, "dB");
        let spectrogram = mel(&values, rows);
        let whole = spectrogram_png(&spectrogram).unwrap();
        for piece in [1, 13, 1000] {
            let Spectrogram {
                hop_length,
                sample_rate,
                title,
                ..
            } = spectrogram;
            let mut canvas = SpectrogramCanvas::new(rows, frames, hop_length, sample_rate).unwrap();
            values
                .chunks(3 * piece)
                .for_each(|piece| canvas.push(piece));
            assert!(canvas.png(title).unwrap() == whole, "{frames} by {piece}");
        }
    }
}

#[test]
fn spectrograms_of_any_size_can_be_drawn() {
    let title = "日本 – a title that is too long by far; ".repeat(9);
    for frames in [1, 5, 431, 3000] {
        for bands in [1, 2, 40, 128, 541, 1024] {
            let centres: Vec<f64> = (0..bands).map(|i| 40.0 + 10.0 * i as f64).collect();
            let values: Vec<f32> = (0..frames * bands)
                .map(|i| (i % 97) as f32 - 80.0)
                .collect();
            for rows in [
                Rows::Bands(&centres, "dB"),
                Rows::Power(&centres),
                Rows::Coefficients(bands),
            ] {
                let spectrogram = Spectrogram {
                    title: Some(&title),
                    ..mel(&values, rows)
                };
                let (_, width, height) = pixels(&spectrogram_png(&spectrogram).unwrap());
                assert_eq!(width, 1400, "{frames} x {bands}");
                assert!((400..900).contains(&height), "{frames} x {bands}: {height}");
            }
        }
    }
}

#[test]
fn silence_is_dark_and_nothing_but_gaps_can_be_drawn() {
    let centres = [100.0, 200.0, 400.0];
    for (value, rows, expected) in [
        (-100.0, Rows::Bands(&centres, "dB"), 0..1),
        (0.0, Rows::Power(&centres), 0..1),
        (0.0, Rows::Coefficients(3), 90..100),
        (f32::NAN, Rows::Bands(&centres, "dB"), GREYS..255),
        (f32::NAN, Rows::Power(&centres), GREYS..255),
        (f32::NAN, Rows::Coefficients(3), GREYS..255),
    ] {
        // Of any length: means over time round.
        for frames in [20, 130, 5000] {
            let values = vec![value; 3 * frames];
            let (pixels, width, _) = pixels(&spectrogram_png(&mel(&values, rows)).unwrap());
            let row = (TOP + 20) * width;
            for pixel in &pixels[row + LEFT..row + RIGHT] {
                assert!(expected.contains(pixel), "{value} {rows:?}: {pixel}");
            }
        }
    }
    // The level of silence in coefficient 0 leaves rounding in the others.
    let frame: Vec<f32> = (0..20)
        .map(|k| {
            if k == 0 {
                -1131.0
            } else {
                1e-13 * (k as f32).sin()
            }
        })
        .collect();
    let values = frame.repeat(130);
    let (pixels, width, _) =
        pixels(&spectrogram_png(&mel(&values, Rows::Coefficients(20))).unwrap());
    let pixel = pixels[(TOP + 20) * width + LEFT + 20];
    assert!((90..100).contains(&pixel), "{pixel}");
}

#[test]
fn a_page_has_a_spectrogram_for_dark_mode_and_for_a_phone() {
    use base64::Engine;

    let values: Vec<f32> = (0..300).map(|v| v as f32).collect();
    let spectrogram = mel(&values, Rows::Bands(&[100.0, 200.0, 400.0], "dB"));
    let mut page = Page::new("", "");
    page.spectrogram(&spectrogram, "", "").unwrap();
    let html = page.html();
    let pictures: Vec<Vec<u8>> = html
        .split("data:image/png;base64,")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .map(|data| {
            base64::engine::general_purpose::STANDARD
                .decode(data)
                .unwrap()
        })
        .collect();
    // Phones first, each first in the dark; what no medium asks for last, as on paper.
    assert_eq!(html.matches("<source ").count(), 3);
    let [phone_dark, phone, dark, paper] = &pictures[..] else {
        panic!("{}", pictures.len());
    };
    assert_eq!(*paper, spectrogram_png(&spectrogram).unwrap());
    for (png, width, ground) in [
        (phone_dark, 720, [22, 25, 29]),
        (phone, 720, [255, 255, 255]),
        (dark, 1400, [22, 25, 29]),
        (paper, 1400, [255, 255, 255]),
    ] {
        let (pixels, found, _) = pixels(png);
        let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info();
        let palette = reader.unwrap().info().palette.clone().unwrap();
        let corner = &palette[3 * usize::from(pixels[0])..][..3];
        assert_eq!((found, corner), (width, &ground[..]));
    }
}

#[test]
fn spectrograms_that_make_no_sense_are_refused() {
    let centres = [100.0, 200.0];
    let bands = Rows::Bands(&centres, "dB");
    let refused = |spectrogram: Spectrogram| spectrogram_png(&spectrogram).unwrap_err();
    assert!(matches!(
        refused(mel(&[], bands)),
        ReportError::Nothing { .. }
    ));
    assert!(matches!(
        refused(mel(&[1.0], Rows::Coefficients(0))),
        ReportError::Nothing { .. }
    ));
    assert!(matches!(
        refused(mel(&[1.0; 5], bands)),
        ReportError::Shape {
            found: 1,
            expected: 2,
            ..
        }
    ));
    for centres in [[200.0, 100.0], [100.0, 100.0], [100.0, f64::NAN]] {
        let error = refused(mel(&[1.0; 4], Rows::Power(&centres)));
        assert!(matches!(error, ReportError::Invalid { .. }), "{error}");
    }
    let error = refused(Spectrogram {
        hop_length: 0,
        ..mel(&[1.0; 4], bands)
    });
    assert!(error.to_string().contains("hop length"), "{error}");
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

/// The `d` of the paths of one class and width.
fn paths(svg: &Svg, class: &str, width: &str) -> Vec<String> {
    let document = Document::parse(svg.as_str()).unwrap();
    let path = |node: &roxmltree::Node| {
        node.attribute("class") == Some(class) && node.attribute("stroke-width") == Some(width)
    };
    let d = |node: roxmltree::Node| node.attribute("d").unwrap_or_default().to_owned();
    document.descendants().filter(path).map(d).collect()
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
fn a_projection_finds_the_axes_of_largest_spread() {
    // Spread 3 along (3, 4, 0) / 5, 2 along (-4, 3, 0) / 5, 1 along z, around (10, 20, 30).
    let axes = [[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0f32]];
    let mut embeddings = Vec::new();
    let mut places = Vec::new();
    for (which, size) in [
        (0, 3.0),
        (0, -3.0),
        (1, 2.0),
        (1, -2.0),
        (2, 1.0),
        (2, -1.0f32),
    ] {
        let axis = axes[which];
        embeddings.extend([
            10.0 + size * axis[0],
            20.0 + size * axis[1],
            30.0 + size * axis[2],
        ]);
        // The largest entry of the second axis is negative, so it is turned round.
        places.push([
            if which == 0 { size } else { 0.0 },
            if which == 1 { -size } else { 0.0 },
        ]);
    }
    let projection = project(&embeddings, 3).unwrap();
    for (found, expected) in projection.points.iter().zip(&places) {
        for axis in 0..2 {
            assert!(
                (found[axis] - expected[axis]).abs() < 1e-5,
                "{projection:?}"
            );
        }
    }
    let [first, second] = projection.explained;
    assert!(
        (first - 18.0 / 28.0).abs() < 1e-6 && (second - 8.0 / 28.0).abs() < 1e-6,
        "{first} {second}"
    );
}

#[test]
fn a_projection_takes_what_is_missing_flat_or_single() {
    let missing = project(&[0.0, 0.0, 1.0, 0.0, f32::NAN, 0.0], 2).unwrap();
    assert!(missing.points[2].iter().all(|v| v.is_nan()));
    assert_eq!(missing.points[1], [0.5, 0.0]);
    assert_eq!(missing.explained, [1.0, 0.0]);
    for (embeddings, dim) in [(vec![7.0; 12], 4), (vec![7.0; 4], 4), (vec![1.0, 2.0], 1)] {
        let projection = project(&embeddings, dim).unwrap();
        assert_eq!(projection.points.len(), embeddings.len() / dim);
        assert!(
            projection.points.iter().flatten().all(|v| v.is_finite()),
            "{projection:?}"
        );
    }
    assert!(matches!(project(&[], 3), Err(ReportError::Nothing { .. })));
    assert!(matches!(
        project(&[f32::NAN], 1),
        Err(ReportError::Nothing { .. })
    ));
    assert!(matches!(
        project(&[1.0; 5], 3),
        Err(ReportError::Shape {
            found: 2,
            expected: 3,
            ..
        })
    ));
}

fn page() -> Page {
    let mut page = Page::new("A & B", "<lead>");
    page.section("<h2>")
        .paragraph("a < b & c\u{0}")
        .note("\"quoted\"")
        .code("x > y")
        .headlines(&[Headline {
            value: "<1 %",
            name: "&",
            note: "'",
        }])
        .table(
            &[Column::text("<name>"), Column::number("n")],
            &[vec!["a"], vec!["b", "1", "<more>"]],
            "<caption>",
        )
        .figure(&bars_svg(&[("jazz", 1.0)], None).unwrap(), "a figure")
        .spectrogram(
            &mel(&[1.0, 2.0], Rows::Bands(&[100.0], "dB")),
            "\"described\"",
            "",
        )
        .unwrap()
        .sound(&Sound::Embedded(b"ogg", "audio/ogg\""), "")
        .sound(&Sound::Linked("clips/50% of it: ü #1?.ogg"), "a clip");
    page
}

#[test]
fn a_page_is_well_formed_and_all_its_text_is_escaped() {
    let html = page().html();
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(&html, options).expect("the page is well-formed");
    let texts = |tag: &str| -> Vec<String> {
        let nodes = document
            .descendants()
            .filter(|node| node.tag_name().name() == tag);
        nodes
            .map(|node| node.text().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(texts("h1"), ["A & B"]);
    assert_eq!(texts("h2"), ["<h2>"]);
    assert_eq!(texts("p"), ["<lead>", "a < b & c\u{fffd}", "\"quoted\""]);
    assert_eq!(texts("th"), ["<name>", "n"]);
    assert_eq!(texts("td"), ["a", "", "b", "1", "<more>"]);
    assert_eq!(texts("figcaption"), ["<caption>", "a figure", "a clip"]);
    let numbers = document
        .descendants()
        .filter(|node| node.attribute("class") == Some("number"));
    assert_eq!(numbers.count(), 3);
}

#[test]
fn a_picture_that_stands_alone_carries_its_font() {
    let svg = bars_svg(&[("jazz", 1.0)], None).unwrap();
    let alone = svg.standalone();
    assert!(Document::parse(&alone).is_ok());
    assert_eq!(alone.matches("@font-face").count(), 2);
    // It is asked for its own letters alone, so that others are never drawn as its empty sign.
    assert_eq!(alone.matches("unicode-range:U+20-7E,").count(), 2);
    for range in alone.split("unicode-range:").skip(1) {
        let ranges = range.split(';').next().unwrap().split(',');
        let has = |c: char| {
            ranges.clone().any(|range| {
                let (from, to) = range[2..].split_once('-').unwrap();
                let [from, to] = [from, to].map(|end| u32::from_str_radix(end, 16).unwrap());
                (from..=to).contains(&u32::from(c))
            })
        };
        for c in (0..0x1_2000).filter_map(char::from_u32) {
            assert_eq!(has(c), FONT.glyph_id(c).0 != 0, "{c:?}");
        }
    }
    assert!(!svg.as_str().contains("@font-face"));
}

#[test]
fn a_page_needs_nothing_but_itself_and_the_sound_it_links() {
    let html = page().html();
    assert_eq!(
        html.matches("http").count(),
        html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count()
    );
    assert!(!html.contains("<script") && !html.contains("@import"));
    let sources: Vec<&str> = html
        .split("src=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(sources[0].starts_with("data:image/png;base64,iVBOR"));
    assert_eq!(
        sources[1..],
        [
            "data:audio/ogg&quot;;base64,b2dn",
            "./clips/50%25%20of%20it%3A%20%C3%BC%20%231%3F.ogg",
        ]
    );
}

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
fn names_of_sixty_letters_are_whole_in_every_picture() {
    for (name, svg) in pictures() {
        for drawing in [&svg.wide, &svg.narrow] {
            let (_, _, words) = words_of(&drawing.text);
            let cut: Vec<&str> = words
                .iter()
                .map(|word| word.text.as_str())
                .filter(|text| text.contains('…'))
                .collect();
            assert!(cut.is_empty(), "{name}: {cut:?}");
        }
    }
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

#[test]
fn a_page_suits_a_phone() {
    let svg = bars_svg(&[("folk", 1.0)], None).unwrap();
    let mut page = page();
    page.figure(&svg, "").table(
        &[Column::text("a"), Column::number("b")],
        &[vec!["1", "2"]],
        "",
    );
    let html = page.html();
    assert!(html.contains("<meta name=\"viewport\" content=\"width=device-width"));
    for layout in ["class=\"wide gk\"", "class=\"narrow gk\""] {
        assert!(html.contains(layout), "{layout}");
    }
    // Whatever is wider than the page is in a box that scrolls.
    assert_eq!(
        html.matches("<table>").count(),
        html.matches("<div class=\"table\"><table>").count()
    );
    assert_eq!(
        html.matches("class=\"wide gk\"").count(),
        html.matches("<div class=\"picture\"><svg").count()
    );
}

#[test]
fn a_text_is_parted_between_words_and_nothing_is_lost() {
    assert_eq!(wrap("one two", 12.0, 1000.0, 8), ["one two"]);
    let width = text_width("Rocksteady, Ska", 12.0);
    let parted = wrap("Rocksteady, Ska and Reggae", 12.0, width, 8);
    assert_eq!(parted, ["Rocksteady, Ska", "and Reggae"]);
    // At spaces, and with its quotes or brackets, however narrow.
    let quoted = "R&B <soul> \"x\"";
    let width = text_width("R&B <soul> \"", 12.0);
    assert_eq!(wrap(quoted, 12.0, width, 8), ["R&B <soul>", "\"x\""]);
    let width = text_width("Drum & bass a", 12.0);
    let parted = wrap("Drum & bass at night", 12.0, width, 8);
    assert_eq!(parted, ["Drum & bass", "at night"]);
    // No letter is left alone.
    let width = text_width("dixielan", 12.0);
    assert_eq!(wrap("dixieland", 12.0, width, 8), ["dixiela", "nd"]);
    for text in [
        "曲の種類・日本の民謡",
        "aaaaaaaaaaaaaaaaaaaaaaaaa",
        "e\u{301}e\u{301}e\u{301}",
        "",
        "🎷🎺",
    ] {
        for width in [0.0, 30.0, 40.0, 400.0] {
            let lines = wrap(text, 12.0, width, 100);
            assert_eq!(
                lines.concat().trim_end_matches('…'),
                text,
                "{width}: {lines:?}"
            );
            // No accent is parted from its letter.
            assert!(lines.iter().all(|line| !line.starts_with('\u{301}')));
        }
    }
    let lines = wrap(&"w".repeat(1000), 12.0, 50.0, 3);
    assert!(lines.len() == 3 && lines[2].ends_with('…'), "{lines:?}");
}

#[test]
fn signs_that_turn_words_about_never_reach_a_page() {
    let text = "a\u{202e}b\u{2066}c\u{9b}d\u{1b}e";
    assert_eq!(escape(text), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e");
    assert_eq!(escape("שלום سلام"), "שלום سلام");
}
