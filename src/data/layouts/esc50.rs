//! ESC-50 (Piczak 2015): 50 classes of 40 environmental sounds of 5 s; `meta/esc50.csv` and `audio/`.

use super::listing::{Listing, first_existing};
use super::table::Table;
use crate::data::{error::DataError, row::Row};
use std::path::Path;

const TABLES: [&str; 2] = ["meta/esc50.csv", "esc50.csv"];

pub(super) fn fits(path: &Path) -> bool {
    first_existing(path, &TABLES).is_some()
}

pub(super) fn list(path: &Path) -> Result<Listing, DataError> {
    let Some(meta) = first_existing(path, &TABLES) else {
        return Err(DataError::NoMetadata {
            layout: "ESC-50",
            path: path.into(),
            missing: "meta/esc50.csv beside audio/",
        });
    };
    let table = Table::read(&meta, b',')?;
    let [file, fold, category, esc10, source] =
        ["filename", "fold", "category", "esc10", "src_file"].map(|name| table.column(name));
    let (file, fold, category, esc10, source) = (file?, fold?, category?, esc10?, source?);
    let row = |record: &csv::StringRecord| {
        let text = |column: usize| record.get(column).unwrap_or_default().trim();
        let mut row = Row {
            path: Path::new("audio").join(text(file)),
            label: text(category).into(),
            group: Some(text(source).into()),
            seconds: Some(5.0),
            ..Row::default()
        };
        row.set("fold", text(fold));
        row.set("esc10", text(esc10));
        row
    };
    Ok(Listing {
        root: path.into(),
        rows: table.rows.iter().map(row).collect(),
        notes: vec![
            "ESC-50 has five folds (column `fold`) and no split of its own: commands split it by seed".into(),
        ],
        groups: Some("source recording"),
        source: meta.display().to_string(),
        ..Listing::default()
    })
}
