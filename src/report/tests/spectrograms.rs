//! Spectrograms.

use super::*;

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
