//! Vorbis comments, in FLAC and Ogg.

use lofty::ogg::tag::VorbisComments;

use super::fields::{Fields, OWN};

const GENRE: &str = "GENRE";

pub(super) fn read(comments: &VorbisComments) -> Fields {
    let own = comments.get_all(OWN).next();
    Fields {
        genre: comments.get_all(GENRE).map(str::to_owned).collect(),
        own: own.map(str::to_owned),
        tag: true,
    }
}

/// Changes what differs, in the place where it stands.
pub(super) fn change(comments: &mut VorbisComments, fields: &Fields) {
    let old = read(comments);
    if old.genre != fields.genre {
        replace(comments, GENRE, &fields.genre);
    }
    if old.own != fields.own {
        replace(comments, OWN, fields.own.as_slice());
    }
}

fn replace(comments: &mut VorbisComments, key: &str, values: &[String]) {
    let mut new = Some(values);
    let old = Vec::from_iter(comments.take_items());
    for (name, value) in old {
        if !name.eq_ignore_ascii_case(key) {
            comments.push(name, value);
            continue;
        }
        for value in new.take().unwrap_or_default() {
            comments.push(name.clone(), value.clone());
        }
    }
    for value in new.unwrap_or_default() {
        comments.push(key.to_owned(), value.clone());
    }
}
