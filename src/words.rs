//! Words for people.

/// A number with its noun: `1 query`, `2 queries`.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
