//! The list of items in an MP4 file.

use std::borrow::Cow;

use lofty::id3::v1::GENRES;
use lofty::mp4::{Atom, AtomData, AtomIdent, Ilst};

use super::fields::{self, Fields, OWN_MP4};

const GENRE: AtomIdent<'static> = AtomIdent::Fourcc(*b"\xa9gen");
/// One more than the number that ID3v1 has for the genre; older programs write it.
const NUMBER: AtomIdent<'static> = AtomIdent::Fourcc(*b"gnre");
const OWN: AtomIdent<'static> = AtomIdent::Freeform {
    mean: Cow::Borrowed(OWN_MP4),
    name: Cow::Borrowed(fields::OWN),
};

pub(super) fn read(list: &Ilst) -> Fields {
    let mut genre = texts(list, &GENRE);
    if genre.is_empty() {
        let numbers = list.get(&NUMBER).into_iter().flat_map(Atom::data);
        genre.extend(numbers.filter_map(|data| match data {
            AtomData::Unknown { data: bytes, .. } => {
                let number = bytes.last().and_then(|&number| number.checked_sub(1))?;
                GENRES.get(usize::from(number)).map(|&name| name.to_owned())
            }
            _ => None,
        }));
    }
    Fields {
        genre,
        own: texts(list, &OWN).into_iter().next(),
        tag: true,
    }
}

fn texts(list: &Ilst, name: &AtomIdent<'_>) -> Vec<String> {
    let data = list.get(name).into_iter().flat_map(Atom::data);
    let text = |data: &AtomData| match data {
        AtomData::UTF8(text) | AtomData::UTF16(text) => Some(text.clone()),
        _ => None,
    };
    data.filter_map(text).collect()
}

/// Changes what differs. What is new comes last.
pub(super) fn change(list: &mut Ilst, new: &Fields) {
    let old = read(list);
    if old.genre != new.genre {
        list.retain(|atom| *atom.ident() != NUMBER);
        replace(list, GENRE, &new.genre);
    }
    if old.own != new.own {
        replace(list, OWN, new.own.as_slice());
    }
}

fn replace(list: &mut Ilst, name: AtomIdent<'static>, texts: &[String]) {
    list.retain(|atom| *atom.ident() != name);
    let texts = texts.iter().cloned().map(AtomData::UTF8).collect();
    if let Some(atom) = Atom::from_collection(name, texts) {
        list.insert(atom);
    }
}
