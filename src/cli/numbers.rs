//! Numbers that a user gives: each has a range, and a message that tells it.

use std::ops::RangeInclusive;

use crate::settings::TrainConfig;
use bytesize::ByteSize;

/// A whole number from a range.
pub(super) fn whole(
    range: RangeInclusive<usize>,
) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.trim().parse().ok();
        number.filter(|n| range.contains(n)).ok_or_else(|| {
            format!(
                "give a whole number from {} to {}",
                range.start(),
                range.end()
            )
        })
    }
}

/// A number from a range.
pub(super) fn number(
    range: RangeInclusive<f64>,
) -> impl Fn(&str) -> Result<f64, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.trim().parse().ok();
        number
            .filter(|n| range.contains(n))
            .ok_or_else(|| format!("give a number from {} to {}", range.start(), range.end()))
    }
}

/// A length of time in seconds: a frame or so at least.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    number(0.001..=TrainConfig::MOST_SECONDS)(text)
}

/// A learning rate.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    number(0.0..=1e30)(text).map_err(|_| "give a number from 0 to 1e30".into())
}

/// A seed. Configurations are TOML, whose whole numbers end there.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    let number = text.trim().parse().ok();
    number
        .filter(|n| *n <= TrainConfig::LARGEST_SEED)
        .ok_or_else(|| {
            format!(
                "give a whole number from 0 to {}",
                TrainConfig::LARGEST_SEED
            )
        })
}

/// A limit of device memory.
pub(super) fn memory(text: &str) -> Result<ByteSize, String> {
    let size = text.trim().parse().ok();
    size.filter(|size: &ByteSize| size.as_u64() > 0)
        .ok_or_else(|| "give a size above 0, for example 512MiB or 4GiB".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_or_no_number_is_told_the_range() {
        let ways = whole(2..=10_000);
        assert_eq!((ways("2"), ways(" 10000 ")), (Ok(2), Ok(10_000)));
        for text in [
            "1",
            "10001",
            "-1",
            "",
            "five",
            "2.0",
            "99999999999999999999",
        ] {
            let said = ways(text).unwrap_err();
            assert_eq!(said, "give a whole number from 2 to 10000");
        }
        assert_eq!(number(0.0..=1.0)("0.25"), Ok(0.25));
        for text in ["nan", "inf", "-0.1", "1.1", "1e400", ""] {
            let said = number(0.0..=1.0)(text).unwrap_err();
            assert_eq!(said, "give a number from 0 to 1");
        }
        assert_eq!(seed("9223372036854775807"), Ok(u64::MAX / 2));
        assert!(seed("9223372036854775808").is_err());
        assert_eq!(memory("2GiB").map(|m| m.as_u64()), Ok(2 << 30));
        for text in ["0", "-1", "much", "10 parsecs"] {
            assert!(memory(text).unwrap_err().contains("512MiB"), "{text}");
        }
    }
}
