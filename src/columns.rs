//! Tables of named columns, written row group by row group as `.parquet`, `.csv` or `.jsonl`: what other programs read.
//!
//! | value | `.parquet` | `.csv` | `.jsonl` |
//! | --- | --- | --- | --- |
//! | text | string | as it is | string |
//! | integer | 64 bits | digits | number |
//! | float | 64 bits | the fewest digits that give the same float | number, or null if it is not finite |
//! | truth | boolean | `true` or `false` | true or false |
//! | vector | list of 32-bit floats | a column for each value: of `embedding` `e0`, `e1`, ... | array |
//! | nothing | null | empty | null |
//!
//! Every value may be missing. Memory does not grow with the rows.

mod lines;
mod packed;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub use packed::{Known, KnownError, known};
pub use table::{ENDINGS, Format, Table, write};
pub use value::{Column, Kind, Value};
