//! Which bytes of a file are asked for (RFC 9110, section 14).

use std::ops::Range;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// Everything.
    Whole,
    /// Some bytes.
    Part(Range<u64>),
    /// Bytes that are not there.
    Outside,
}

/// What the value of a `Range` header asks for, of so many bytes. Several ranges at once, other units and what cannot be
/// understood are as if they were not there.
pub(super) fn asked(header: Option<&str>, length: u64) -> Asked {
    let Some((first, last)) = header.and_then(bounds) else {
        return Asked::Whole;
    };
    let range = match (first, last) {
        (Some(first), last) => {
            first..last.map_or(length, |last| last.saturating_add(1).min(length))
        }
        (None, last) => length.saturating_sub(last.unwrap_or(0))..length,
    };
    match range.is_empty() {
        true => Asked::Outside,
        false => Asked::Part(range),
    }
}

/// The numbers of `bytes=first-last`, either of which may lack.
fn bounds(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = header.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    let whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !unit.trim().eq_ignore_ascii_case("bytes") || !whole(first) || !whole(last) {
        return None;
    }
    // Of more digits than a number has it is beyond any file.
    let number = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap_or(u64::MAX));
    match (number(first), number(last)) {
        (None, None) => None,
        (Some(first), Some(last)) if first > last => None,
        found => Some(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        let part = |header| asked(Some(header), 100);
        assert_eq!(asked(None, 100), Asked::Whole);
        for header in [
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=0-1,5-6",
            "lines=0-1",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes= 1 - 2",
            "",
        ] {
            assert_eq!(part(header), Asked::Whole, "{header}");
        }
        assert_eq!(part("bytes=0-0"), Asked::Part(0..1));
        assert_eq!(part("bytes=10-19"), Asked::Part(10..20));
        assert_eq!(part("Bytes=10-"), Asked::Part(10..100));
        assert_eq!(part("bytes=99-1000"), Asked::Part(99..100));
        assert_eq!(part("bytes=0-18446744073709551615"), Asked::Part(0..100));
        assert_eq!(part("bytes=-1"), Asked::Part(99..100));
        assert_eq!(part("bytes=-1000"), Asked::Part(0..100));
        for header in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=-0",
            "bytes=99999999999999999999999-",
        ] {
            assert_eq!(part(header), Asked::Outside, "{header}");
        }
        assert_eq!(asked(Some("bytes=0-"), 0), Asked::Outside);
        assert_eq!(asked(Some("bytes=-5"), 0), Asked::Outside);
    }
}
