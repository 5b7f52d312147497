//! Words and names.

use super::*;

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
