//! `gamaka library map`: the library as a picture to walk about in.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::files::{self, Outputs};
use crate::genres::{Genres, GenresError};
use crate::library::Embeddings;
use crate::mel::EngineChoice;
use crate::report::{Map, MapTrack, place};
use crate::words::count;
use anyhow::bail;

use super::store::Store;
use crate::cli::common::{Common, print, print_json};
use crate::cli::genre::learned;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Where the page goes
    #[arg(short, long, value_name = "OUT.html")]
    output: PathBuf,
    #[command(flatten)]
    store: Store,
}

/// The genres that the picture shows.
struct Shown {
    names: Vec<String>,
    /// For each track its genre, an index into the names, and how probable that is if it is an answer.
    of_tracks: Vec<(Option<usize>, Option<f64>)>,
    source: &'static str,
    /// What a track of none of them is.
    none: &'static str,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let output = &args.output;
    let extension = output.extension().unwrap_or_default().to_ascii_lowercase();
    if !["html", "htm"].iter().any(|ending| extension == *ending) {
        bail!("{}: the name must end in .html", output.display());
    }
    let mut outputs = Outputs::default();
    outputs.add(output)?;
    let (library, known, model) = args.store.open_heard()?;
    outputs.spare([library.path()])?;
    let embeddings = library.embeddings()?;
    outputs.spare(embeddings.tracks.iter().map(|track| &track.path))?;

    let distance = model.network.spec.distance;
    let shown = match library.known_genres()?.is_empty() {
        true => by_tags(&embeddings),
        false => {
            let taught = learned((library, known, model), EngineChoice::Auto, common)?;
            by_answers(&embeddings, &taught.genres)?
        }
    };
    let bar = common.bar(0, "placing");
    bar.enable_steady_tick(Duration::from_millis(200));
    let places = place(
        &embeddings.values,
        embeddings.width,
        distance,
        |done, steps| {
            bar.set_length(steps as u64);
            bar.set_position(done as u64);
        },
    );
    bar.finish_and_clear();
    let tracks: Vec<MapTrack> = (embeddings.tracks.iter().zip(&shown.of_tracks))
        .map(|(track, &(genre, probability))| MapTrack {
            path: &track.path,
            title: track.title.as_deref().unwrap_or_default(),
            artist: track.artist.as_deref().unwrap_or_default(),
            genre,
            probability,
        })
        .collect();
    let map = Map {
        title: "Music library",
        source: shown.source,
        none: shown.none,
        genres: &shown.names,
        tracks: &tracks,
        places: &places?,
    };
    files::write(output, map.html().as_bytes())?;
    if common.json {
        print_json(&serde_json::json!({
            "output": output.display().to_string(),
            "tracks": tracks.len(),
            "genres": shown.names.len(),
        }))?;
    } else if !common.quiet {
        print(&format!(
            "{}: {} of {}; open it in a browser\n",
            output.display(),
            count(tracks.len(), "track", "tracks"),
            count(shown.names.len(), "genre", "genres"),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The library's own genres, as its examples answer for each track.
fn by_answers(embeddings: &Embeddings, genres: &Genres) -> anyhow::Result<Shown> {
    let names: Vec<String> = (genres.genres().iter())
        .map(|genre| genre.name.clone())
        .collect();
    let of_track = |track: usize| {
        let answer = genres.answer(embeddings.embedding(track), &[])?;
        let likeliest = answer.ranked.first().filter(|_| !answer.unknown);
        let genre = likeliest.and_then(|first| names.iter().position(|name| *name == first.genre));
        Ok((genre, likeliest.map(|first| first.probability)))
    };
    let of_tracks = (0..embeddings.tracks.len()).map(of_track);
    let of_tracks = of_tracks.collect::<Result<_, GenresError>>()?;
    Ok(Shown {
        names,
        of_tracks,
        source: "Genres of your own, as their examples answer; a track that is near to none is unknown.",
        none: "unknown",
    })
}

/// The genres that the files' tags name, whatever their case.
fn by_tags(embeddings: &Embeddings) -> Shown {
    let mut shown = Shown {
        names: Vec::new(),
        of_tracks: Vec::new(),
        source: "Genres as the files\u{2019} tags name them.",
        none: "no genre",
    };
    let mut known = HashMap::new();
    for track in &embeddings.tracks {
        let name = track.genre.as_deref().unwrap_or_default().trim();
        let genre = (!name.is_empty()).then(|| {
            *known.entry(name.to_lowercase()).or_insert_with(|| {
                shown.names.push(name.to_owned());
                shown.names.len() - 1
            })
        });
        shown.of_tracks.push((genre, None));
    }
    shown
}
