//! Pages.

use super::*;

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
fn signs_that_turn_words_about_never_reach_a_page() {
    let text = "a\u{202e}b\u{2066}c\u{9b}d\u{1b}e";
    assert_eq!(escape(text), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e");
    assert_eq!(escape("שלום سلام"), "שלום سلام");
}
