//! APE tags.

use lofty::ape::{ApeItem, ApeTag};
use lofty::tag::ItemValue;

use super::error::{TagErrorKind as Kind, tags};
use super::fields::{Fields, OWN};

const GENRE: &str = "Genre";

pub(super) fn read(tag: &ApeTag) -> Fields {
    Fields {
        genre: texts(tag, GENRE),
        own: texts(tag, OWN).into_iter().next(),
        tag: true,
    }
}

fn texts(tag: &ApeTag, key: &str) -> Vec<String> {
    let texts = tag.get(key).and_then(ApeItem::text_values);
    texts.into_iter().flatten().map(str::to_owned).collect()
}

/// Changes what differs. What is new comes last.
pub(super) fn change(tag: &mut ApeTag, fields: &Fields) -> Result<(), Kind> {
    let old = read(tag);
    if old.genre != fields.genre {
        replace(tag, GENRE, &fields.genre)?;
    }
    if old.own != fields.own {
        replace(tag, OWN, fields.own.as_slice())?;
    }
    Ok(())
}

fn replace(tag: &mut ApeTag, key: &str, values: &[String]) -> Result<(), Kind> {
    tag.remove(key);
    if !values.is_empty() {
        let value = ItemValue::Text(values.join("\0"));
        tag.insert(ApeItem::new(key.to_owned(), value).map_err(tags)?);
    }
    Ok(())
}
