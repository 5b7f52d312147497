//! The interface to the library: what the page asks, in JSON.

use std::sync::Arc;

use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json as object};

use super::error::ShelfError;
use super::guard::API;
use super::reply::{Content, Refusal, Reply, Source, json, not_allowed};
use super::shelf::{Shelf, View};
use crate::library::LibraryError;
use crate::site::kind_of;

/// Tracks of a list that are told at a time, at most.
const MOST: usize = 500;

/// Similar tracks that are told.
const SIMILAR: usize = 10;

impl From<ShelfError> for Refusal {
    fn from(error: ShelfError) -> Self {
        let status = match &error {
            ShelfError::NoTrack => StatusCode::NOT_FOUND,
            ShelfError::NothingDone
            | ShelfError::NotLast
            | ShelfError::Busy
            | ShelfError::OtherModel
            | ShelfError::Gone => StatusCode::CONFLICT,
            ShelfError::Unseen(_) => StatusCode::INTERNAL_SERVER_ERROR,
            ShelfError::Library(error) => match error {
                LibraryError::FileGone(_) => StatusCode::GONE,
                LibraryError::FileChanged(_)
                | LibraryError::ChangedSince(_)
                | LibraryError::ReadOnly(_)
                | LibraryError::Write(_) => StatusCode::CONFLICT,
                LibraryError::Genres(_) => StatusCode::BAD_REQUEST,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
        };
        Self::new(status, error.to_string())
    }
}

/// What a correction asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    track: i64,
    /// The content that the track is thought to be.
    hash: Option<String>,
    /// None for no genre.
    genre: Option<String>,
}

/// Which correction is to be taken back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Back {
    number: u64,
}

/// Answers a request for something of the library; `body` is what a POST sends.
pub(super) fn answer(
    shelf: Option<&Arc<Shelf>>,
    head: &Parts,
    body: &[u8],
) -> Result<Reply, Refusal> {
    let path = head.uri.path().strip_prefix(API).unwrap_or_default();
    let shelf = shelf.ok_or_else(|| Refusal::not_found("no library is served here"))?;
    let words: Vec<&str> = path.split('/').collect();
    let reads = head.method == Method::GET || head.method == Method::HEAD;
    let changes = head.method == Method::POST;
    let ok = |value: Value| Ok(json(StatusCode::OK, &value));
    match words[..] {
        ["library"] if reads => ok(library(shelf)?),
        ["tracks"] if reads => {
            let view = shelf.view()?;
            ok(tracks(&view, head.uri.query().unwrap_or_default())?)
        }
        ["tracks", id] if reads => ok(track(shelf, number(id)?)?),
        ["tracks", id, "audio"] if reads => audio(shelf, number(id)?, head),
        ["correct"] if changes => {
            let Asked { track, hash, genre } = sent(body)?;
            let changes = shelf.correct(track, hash.as_deref(), genre.as_deref())?;
            ok(object!({"changes": changes, "undo": shelf.last()}))
        }
        ["undo"] if changes => {
            let Back { number } = sent(body)?;
            let changes = shelf.take_back(number)?;
            ok(object!({"changes": changes, "undo": shelf.last()}))
        }
        ["library" | "tracks"] | ["tracks", _] | ["tracks", _, "audio"] => {
            Ok(not_allowed("GET, HEAD"))
        }
        ["correct" | "undo"] => Ok(not_allowed("POST")),
        _ => Err(Refusal::not_found("there is nothing of that name")),
    }
}

fn sent<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::bad(format!("what was sent cannot be understood ({error})")))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, Refusal> {
    text.parse()
        .map_err(|_| Refusal::bad(format!("`{text}` is no number that was expected here")))
}

/// What the library holds.
fn library(shelf: &Shelf) -> Result<Value, Refusal> {
    let view = shelf.view()?;
    let all = &view.tracks.heard.tracks;
    let mut counts = vec![0_usize; view.names().count()];
    let (mut unknown, mut examples) = (0, 0);
    for place in 0..all.len() {
        let under = view.shown_under(place);
        under.iter().for_each(|&genre| counts[genre] += 1);
        unknown += usize::from(under.is_empty());
        examples += usize::from(!view.examples(place).is_empty());
    }
    let genres = view.genres.iter().flat_map(|genres| genres.genres());
    let genres = genres.zip(&counts).map(|(genre, tracks)| {
        object!({"name": genre.name, "examples": genre.examples.len(), "tracks": tracks})
    });
    Ok(object!({
        "kind": "gamaka library",
        "path": shelf.path(),
        "model": shelf.model(),
        "tracks": all.len(),
        "seconds": all.iter().map(|track| track.seconds).sum::<f64>(),
        "genres": genres.collect::<Vec<_>>(),
        "unknown": unknown,
        "examples": examples,
        "adapted": view.genres.as_ref().is_some_and(|genres| genres.is_adapted()),
        "undo": shelf.last(),
    }))
}

/// Which tracks a list is to have.
#[derive(Default)]
struct Wanted {
    id: Option<i64>,
    genre: Option<String>,
    unknown: bool,
    examples: bool,
    text: String,
    by_doubt: bool,
    from: usize,
    count: usize,
}

impl Wanted {
    fn of(query: &str) -> Result<Self, Refusal> {
        let mut wanted = Self {
            count: 100,
            ..Self::default()
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "id" => wanted.id = Some(number(&value)?),
                "genre" => wanted.genre = Some(value.into_owned()),
                "unknown" => wanted.unknown = true,
                "examples" => wanted.examples = true,
                "text" => wanted.text = value.into_owned(),
                "order" if value == "path" => wanted.by_doubt = false,
                "order" if value == "doubt" => wanted.by_doubt = true,
                "from" => wanted.from = number(&value)?,
                "count" => wanted.count = number::<usize>(&value)?.min(MOST),
                _ => {
                    let text = format!(
                        "`{name}={value}` is nothing that a list of tracks can be asked for"
                    );
                    return Err(Refusal::bad(text));
                }
            }
        }
        Ok(wanted)
    }
}

/// A list of tracks, a piece of it.
fn tracks(view: &View, query: &str) -> Result<Value, Refusal> {
    let wanted = Wanted::of(query)?;
    let genre = match &wanted.genre {
        Some(name) => {
            let found = view.names().position(|known| known == name);
            Some(found.ok_or_else(|| Refusal::not_found(format!("there is no genre `{name}`")))?)
        }
        None => None,
    };
    let has = |&place: &usize| {
        let under = view.shown_under(place);
        wanted.id.is_none_or(|id| view.track(place).id == id)
            && genre.is_none_or(|genre| under.contains(&genre))
            && (!wanted.unknown || under.is_empty())
            && (!wanted.examples || !view.examples(place).is_empty())
            && (wanted.text.is_empty() || view.track(place).is_like(&wanted.text))
    };
    let mut found: Vec<usize> = (0..view.tracks.heard.tracks.len()).filter(has).collect();
    if wanted.by_doubt {
        // Whose genre its owner has told is beyond doubt.
        let sure = |place: usize| match (view.examples(place), view.taken(place)) {
            ([], Some(taken)) => taken.probability,
            _ => 2.0,
        };
        let mut by_doubt: Vec<(f64, usize)> = found.iter().map(|&k| (sure(k), k)).collect();
        by_doubt.sort_by(|a, b| a.0.total_cmp(&b.0));
        found = by_doubt.into_iter().map(|(_, place)| place).collect();
    }
    let some = found.iter().skip(wanted.from).take(wanted.count);
    Ok(object!({
        "total": found.len(),
        "from": wanted.from,
        "tracks": some.map(|&place| entry(view, place)).collect::<Vec<_>>(),
    }))
}

/// A track in a list.
fn entry(view: &View, place: usize) -> Value {
    let track = view.track(place);
    let of = view.examples(place).iter();
    let of = of.filter_map(|&genre| view.names().nth(genre));
    object!({
        "id": track.id,
        "hash": track.hash,
        "name": track.name(),
        "album": track.album,
        "seconds": track.seconds,
        "genre": view.genre(place),
        "probability": view.taken(place).map(|taken| taken.probability),
        "examples": of.collect::<Vec<_>>(),
    })
}

/// A track, with why it is taken for what it is, and what sounds like it.
fn track(shelf: &Shelf, id: i64) -> Result<Value, Refusal> {
    let view = shelf.view()?;
    let place = view.place_of(id)?;
    let track = view.track(place);
    let mut value = entry(&view, place);
    value["path"] = track.path.display().to_string().into();
    value["tag"] = track.genre.clone().into();
    value["answer"] = Value::Null;
    if let Some(answer) = shelf.answer(&view, track)? {
        let nearest = answer.nearest.iter().map(|near| {
            let named = |other: &&crate::library::Track| other.path == near.path;
            let known = view.tracks.heard.tracks.iter().find(named);
            let file = near.path.file_name().unwrap_or_default().to_string_lossy();
            object!({
                "id": known.map(|track| track.id),
                "name": known.map_or_else(|| file.into_owned(), |track| track.name()),
                "genre": near.genre,
                "distance": near.distance,
            })
        });
        let nearest: Vec<Value> = nearest.collect();
        value["answer"] = serde_json::to_value(&answer).unwrap_or_default();
        value["answer"]["nearest"] = nearest.into();
    }
    let similar = shelf.similar(&view, place, SIMILAR).into_iter();
    let similar = similar.map(|(other, distance)| {
        let mut value = entry(&view, other);
        value["distance"] = distance.into();
        value
    });
    value["similar"] = similar.collect();
    Ok(value)
}

/// A track's file.
fn audio(shelf: &Shelf, id: i64, head: &Parts) -> Result<Reply, Refusal> {
    let view = shelf.view()?;
    let track = view.track(view.place_of(id)?);
    let file = track.open().map_err(ShelfError::from)?;
    let content = Content {
        hash: track.hash.clone(),
        kind: kind_of(&track.path.to_string_lossy()),
        source: Source::Disk(file, track.size),
    };
    Ok(content.reply(head))
}
