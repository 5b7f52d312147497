//! A library as the page sees it: its tracks with their genres, kept in memory, and corrections of these.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use serde::Serialize;

use super::error::ShelfError;
use crate::fewshot::Metric;
use crate::genres::{GenreAnswer, Genres, GenresError};
use crate::library::{Correction, Embeddings, KnownModel, Library, LibraryError, Track};
use crate::model_file::Model;
use crate::similar;

/// Tracks that are named whose genre is another now; the rest is counted.
const NAMED: usize = 200;

/// While others change the library it is read again after this many times what that takes.
const PAUSE: u32 = 10;

/// A library, with all that it takes to tell genres by it.
#[derive(Debug)]
pub struct Shelf {
    known: KnownModel,
    model: Model,
    path: String,
    desk: Mutex<Desk>,
    /// What can be taken back, the last at the end; whoever changes it is at the desk, and holds it for a moment only.
    done: Mutex<Vec<Done>>,
    /// The same library for questions that wait for nobody at the desk.
    reader: Mutex<Library>,
    view: RwLock<Arc<View>>,
}

/// A correction with its number.
#[derive(Debug, Clone)]
struct Done {
    number: u64,
    correction: Correction,
}

/// What can be taken back, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Last {
    /// By which it is named: no other correction has it, nor one of another run.
    number: u64,
    track: String,
    genre: Option<String>,
}

/// What one request at a time works at.
#[derive(Debug)]
struct Desk {
    library: Library,
    /// The number of the next correction.
    next: u64,
    /// By which changes of others are seen; none when the view is older than what was changed here.
    seen: Option<i64>,
    read_at: Instant,
    read_in: Duration,
}

/// The tracks that a library holds.
#[derive(Debug)]
pub(super) struct Tracks {
    pub(super) heard: Embeddings,
    by_id: HashMap<i64, usize>,
}

/// All that is shown, as it was at one moment.
#[derive(Debug)]
pub(super) struct View {
    pub(super) tracks: Arc<Tracks>,
    /// None where no genre has an example.
    pub(super) genres: Option<Genres>,
    /// What each track is taken for; none where there are no genres.
    places: Vec<Option<Place>>,
    /// The genres that a content is an example of, by its hash.
    examples: HashMap<String, Vec<usize>>,
}

/// What a track is taken for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// The likeliest genre.
    genre: usize,
    pub(super) probability: f64,
    pub(super) unknown: bool,
}

/// What a correction changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Changes {
    /// How many other tracks have another genre now.
    pub(super) count: usize,
    /// From which genre to which, the most frequent first; none is unknown.
    pub(super) moves: Vec<Moved>,
    /// Some of these tracks, by path.
    pub(super) tracks: Vec<ChangedTrack>,
}

/// How many tracks changed from one genre to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Moved {
    from: Option<String>,
    to: Option<String>,
    tracks: usize,
}

/// A track that has another genre now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ChangedTrack {
    id: i64,
    name: String,
    from: Option<String>,
    to: Option<String>,
}

impl Shelf {
    /// Reads a library that a model has heard, and learns its genres.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn new(library: Library, known: KnownModel, model: Model) -> Result<Self, LibraryError> {
        let start = Instant::now();
        let seen = library.changes_of_others()?;
        let tracks = Arc::new(Tracks::of(&library)?);
        let view = View::of(&library, &known, &model, tracks)?;
        let path = library.path();
        let reader = Library::open(path)?;
        let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
        let path = path.display().to_string();
        // A page that is still open from an earlier run names none of this run's corrections.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let first = now.map_or(1, |now| 1000 * now.as_secs());
        let desk = Desk {
            library,
            next: first,
            seen: Some(seen),
            read_at: Instant::now(),
            read_in: start.elapsed(),
        };
        Ok(Self {
            known,
            model,
            path,
            desk: Mutex::new(desk),
            done: Mutex::new(Vec::new()),
            reader: Mutex::new(reader),
            view: RwLock::new(Arc::new(view)),
        })
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self) -> MutexGuard<'_, Vec<Done>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> Arc<View> {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        view.clone()
    }

    fn show(&self, view: View) -> Arc<View> {
        let view = Arc::new(view);
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view.clone();
        view
    }

    /// What is to be shown now, with what others have changed since.
    pub(super) fn view(&self) -> Result<Arc<View>, ShelfError> {
        // Whoever is at the desk shows what there is to see when it is done.
        match self.desk.try_lock() {
            Ok(mut desk) if desk.read_at.elapsed() > PAUSE * desk.read_in => self.fresh(&mut desk),
            _ => Ok(self.shown()),
        }
    }

    /// The same, however soon it was read before.
    fn fresh(&self, desk: &mut Desk) -> Result<Arc<View>, ShelfError> {
        desk.there()?;
        let seen = Some(desk.library.changes_of_others()?);
        if seen == desk.seen {
            return Ok(self.shown());
        }
        if desk
            .library
            .model()?
            .is_none_or(|m| m.hash != self.known.hash)
        {
            return Err(ShelfError::OtherModel);
        }
        let start = Instant::now();
        let tracks = Arc::new(Tracks::of(&desk.library)?);
        let view = View::of(&desk.library, &self.known, &self.model, tracks)?;
        (desk.seen, desk.read_at, desk.read_in) = (seen, Instant::now(), start.elapsed());
        Ok(self.show(view))
    }

    /// The library's file.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What can be taken back.
    pub(super) fn last(&self) -> Option<Last> {
        let done = self.done();
        let Done { number, correction } = done.last()?;
        Some(Last {
            number: *number,
            track: correction.track().name(),
            genre: correction.genre().map(str::to_owned),
        })
    }

    /// The name of the model that hears.
    pub(super) fn model(&self) -> &str {
        &self.known.name
    }

    /// What the library's genres say of a track, and which of its seconds decided; none where there are no genres.
    pub(super) fn answer(
        &self,
        view: &View,
        track: &Track,
    ) -> Result<Option<GenreAnswer>, ShelfError> {
        let Some(genres) = &view.genres else {
            return Ok(None);
        };
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = reader.heard(&self.known, &track.hash)?;
        drop(reader);
        let answer = heard.map(|heard| heard.answer(genres)).transpose();
        Ok(answer.map_err(LibraryError::from)?)
    }

    /// The tracks that sound most like one, nearest first, with their distances: of several copies the first, and none of itself.
    pub(super) fn similar(&self, view: &View, of: usize, count: usize) -> Vec<(usize, f32)> {
        let metric = Metric::of(&self.model.network.spec);
        let heard = &view.tracks.heard;
        let own = heard.embedding(of);
        let distances: Vec<f32> = (0..heard.tracks.len())
            .into_par_iter()
            .map(|other| metric.distance(own, heard.embedding(other)))
            .collect();
        let mut seen = vec![heard.tracks[of].hash.as_str()];
        let mut found = Vec::new();
        // Copies are as near as their first.
        let mut wanted = count + 1;
        while found.len() < count {
            let near = similar::nearest(distances.iter().copied().enumerate(), wanted);
            let some = near.len();
            seen.truncate(1);
            found.clear();
            for near in near {
                let hash = heard.tracks[near.index].hash.as_str();
                if !seen.contains(&hash) && found.len() < count {
                    seen.push(hash);
                    found.push((near.index, near.distance));
                }
            }
            if some < wanted {
                break;
            }
            wanted *= 2;
        }
        found
    }

    /// Makes a track an example of a genre and of no other, or of none, and tells what that changes. With a hash the track must
    /// be that content: a library gives the number of a track that is gone to another.
    pub(super) fn correct(
        &self,
        id: i64,
        hash: Option<&str>,
        genre: Option<&str>,
    ) -> Result<Changes, ShelfError> {
        let mut desk = self.desk();
        let before = self.fresh(&mut desk)?;
        let track = before.track(before.place_of(id)?);
        if hash.is_some_and(|hash| hash != track.hash) {
            return Err(ShelfError::NoTrack);
        }
        let writing = desk.library.claim()?;
        let correction = desk.library.correct(track, genre)?;
        drop(writing);
        if correction.is_one() {
            let number = desk.next;
            desk.next += 1;
            self.done().push(Done { number, correction });
        }
        self.learn(&mut desk, &before, &track.hash)
    }

    /// Takes the last correction back, which must have this number, and tells what that changes.
    pub(super) fn take_back(&self, number: u64) -> Result<Changes, ShelfError> {
        let mut desk = self.desk();
        let last = self.done().last().cloned();
        let Done {
            number: last,
            correction,
        } = last.ok_or(ShelfError::NothingDone)?;
        if number != last {
            return Err(ShelfError::NotLast);
        }
        let before = self.fresh(&mut desk)?;
        let tried = desk.library.claim().map_err(ShelfError::from);
        let tried = tried.and_then(|_writing| Ok(desk.library.take_back(&correction)?));
        match tried {
            // What another has changed since is not to be taken back at the next try either.
            Ok(()) | Err(ShelfError::Library(LibraryError::ChangedSince(_))) => self.done().pop(),
            Err(error) => return Err(error),
        };
        tried?;
        self.learn(&mut desk, &before, &correction.track().hash)
    }

    /// Learns the genres anew, and compares what other tracks than those of one content are taken for.
    fn learn(&self, desk: &mut Desk, before: &View, hash: &str) -> Result<Changes, ShelfError> {
        // A change may have waited for another program.
        desk.there()?;
        let tracks = before.tracks.clone();
        let view = View::of(&desk.library, &self.known, &self.model, tracks);
        let view = view.map_err(|error| {
            // The library does not tell of its own changes: without this the old view would stay.
            desk.seen = None;
            ShelfError::Unseen(error)
        })?;
        let view = self.show(view);
        Ok(changes(before, &view, hash))
    }
}

impl Desk {
    /// Whether what is changed is kept.
    fn there(&self) -> Result<(), ShelfError> {
        match self.library.is_there() {
            true => Ok(()),
            false => Err(ShelfError::Gone),
        }
    }
}

impl Tracks {
    fn of(library: &Library) -> Result<Self, LibraryError> {
        let heard = library.embeddings()?;
        let by_id = heard.tracks.iter().map(|track| track.id).zip(0..);
        Ok(Self {
            by_id: by_id.collect(),
            heard,
        })
    }
}

impl View {
    fn of(
        library: &Library,
        known: &KnownModel,
        model: &Model,
        tracks: Arc<Tracks>,
    ) -> Result<Self, LibraryError> {
        let genres = match library.genres(known, model) {
            Err(LibraryError::Genres(GenresError::None)) => None,
            genres => Some(genres?),
        };
        let heard = &tracks.heard;
        let names: HashMap<&str, usize> = names(genres.as_ref()).zip(0..).collect();
        let place = |track: usize| {
            // What cannot be compared has no genre.
            let answer = genres.as_ref()?.answer(heard.embedding(track), &[]).ok()?;
            let first = &answer.ranked[0];
            Some(Place {
                genre: names[first.genre.as_str()],
                probability: first.probability,
                unknown: answer.unknown,
            })
        };
        let places = (0..heard.tracks.len()).into_par_iter().map(place).collect();
        let mut examples: HashMap<String, Vec<usize>> = HashMap::new();
        for (k, genre) in genres.iter().flat_map(Genres::genres).enumerate() {
            for example in &genre.examples {
                examples.entry(example.hash.clone()).or_default().push(k);
            }
        }
        Ok(Self {
            places,
            examples,
            genres,
            tracks,
        })
    }

    /// Where a track stands.
    pub(super) fn place_of(&self, id: i64) -> Result<usize, ShelfError> {
        self.tracks
            .by_id
            .get(&id)
            .copied()
            .ok_or(ShelfError::NoTrack)
    }

    /// A track.
    pub(super) fn track(&self, place: usize) -> &Track {
        &self.tracks.heard.tracks[place]
    }

    /// The genres' names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        names(self.genres.as_ref())
    }

    /// What a track is taken for, whether it is an example or not.
    pub(super) fn taken(&self, track: usize) -> Option<Place> {
        self.places[track]
    }

    /// The genres that a track is an example of.
    pub(super) fn examples(&self, track: usize) -> &[usize] {
        let found = self.examples.get(&self.track(track).hash);
        found.map_or(&[], Vec::as_slice)
    }

    /// The genres that a track is shown under: those that it is an example of, else the one that it is taken for, if any.
    pub(super) fn shown_under(&self, track: usize) -> &[usize] {
        match (self.examples(track), &self.places[track]) {
            ([], Some(place)) if !place.unknown => std::slice::from_ref(&place.genre),
            (examples, _) => examples,
        }
    }

    /// The name of the first of these.
    pub(super) fn genre(&self, track: usize) -> Option<&str> {
        let genre = *self.shown_under(track).first()?;
        self.names().nth(genre)
    }
}

fn names(genres: Option<&Genres>) -> impl Iterator<Item = &str> {
    let genres = genres.map_or(&[][..], Genres::genres);
    genres.iter().map(|genre| genre.name.as_str())
}

/// Which tracks are shown under another genre than before, but for those of a content.
fn changes(before: &View, after: &View, but: &str) -> Changes {
    let mut moves: BTreeMap<(Option<&str>, Option<&str>), usize> = BTreeMap::new();
    let mut found = Changes::default();
    for (place, track) in after.tracks.heard.tracks.iter().enumerate() {
        let (from, to) = (before.genre(place), after.genre(place));
        if from == to || track.hash == but {
            continue;
        }
        found.count += 1;
        *moves.entry((from, to)).or_default() += 1;
        if found.tracks.len() < NAMED {
            found.tracks.push(ChangedTrack {
                id: track.id,
                name: track.name(),
                from: from.map(str::to_owned),
                to: to.map(str::to_owned),
            });
        }
    }
    let moved = |((from, to), tracks): ((Option<&str>, Option<&str>), usize)| Moved {
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
        tracks,
    };
    found.moves = moves.into_iter().map(moved).collect();
    found
        .moves
        .sort_by_key(|moved| std::cmp::Reverse(moved.tracks));
    found
}
