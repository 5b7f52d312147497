//! `gamaka genre suggest`: groups of tracks that no genre covers.

use std::fmt::Write;
use std::process::ExitCode;

use super::learned::{LazyEar, refresh};
use crate::cli::common::{Common, one_line, print, print_json};
use crate::cli::library::{Store, shell_word};
use crate::cli::numbers::whole;
use crate::genres::{Comparison, GenresError, Suggestion, suggest};
use crate::library::{Embeddings, LibraryError};
use crate::mel::EngineChoice;
use crate::words::count;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The most groups
    #[arg(short = 'n', long, default_value_t = 12, value_name = "GROUPS", allow_negative_numbers = true, value_parser = whole(2..=50))]
    most: usize,
    /// Tracks that are told of each group, the most typical first
    #[arg(long, default_value_t = 5, value_name = "TRACKS", allow_negative_numbers = true, value_parser = whole(1..=1000))]
    tracks: usize,
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let (mut library, known, model) = args.store.open_heard()?;
    let ear = LazyEar::new(common, &model, EngineChoice::Auto, false, usize::MAX);
    refresh(&mut library, &known, &ear, common)?;
    let genres = match library.genres(&known, &model) {
        Err(LibraryError::Genres(GenresError::None)) => None,
        genres => Some(genres?),
    };
    let all = library.embeddings()?;
    let mut uncovered = Vec::new();
    for track in 0..all.tracks.len() {
        let covered = match &genres {
            None => false,
            Some(genres) => {
                !genres
                    .answer(all.embedding(track), &[])
                    .map_err(LibraryError::from)?
                    .unknown
            }
        };
        if !covered {
            uncovered.push(track);
        }
    }
    let vectors: Vec<&[f32]> = uncovered
        .iter()
        .map(|&track| all.embedding(track))
        .collect();
    let whitening = Comparison::of(&model).whitening;
    let mut groups = common.while_waiting("grouping tracks", || {
        suggest(&vectors, &whitening, args.most)
    });
    // As places in the library.
    let places = groups.iter_mut().flat_map(|group| &mut group.tracks);
    places.for_each(|track| *track = uncovered[*track]);
    if common.json {
        let group = |group: &Suggestion| {
            let typical = group.tracks.iter().take(args.tracks);
            let typical = typical.map(|&track| all.tracks[track].path.display().to_string());
            serde_json::json!({
                "tracks": group.tracks.len(),
                "typical": typical.collect::<Vec<_>>(),
                "command": command(group, &all, args),
            })
        };
        print_json(&serde_json::json!({
            "tracks": all.tracks.len(),
            "uncovered": uncovered.len(),
            "groups": groups.iter().map(group).collect::<Vec<_>>(),
        }))?;
    } else {
        let tracks = count(all.tracks.len(), "track", "tracks");
        let mut text = format!("no genre covers {} of {tracks}\n", uncovered.len());
        for (number, group) in groups.iter().enumerate() {
            let _ = writeln!(
                text,
                "\n{}. {}",
                number + 1,
                count(group.tracks.len(), "track", "tracks")
            );
            for &track in group.tracks.iter().take(args.tracks) {
                let _ = writeln!(text, "   {}", one_line(&all.tracks[track].name()));
            }
            let _ = writeln!(text, "   {}", one_line(&command(group, &all, args)));
        }
        if groups.is_empty() {
            text.push_str("too few to make a group of three\n");
        }
        print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What makes a genre of a group, once NAME is a name.
fn command(group: &Suggestion, all: &Embeddings, args: &Args) -> String {
    let files = group.tracks.iter().take(args.tracks);
    let files = files.map(|&track| shell_word(&all.tracks[track].path.to_string_lossy()));
    let files: Vec<String> = files.collect();
    format!(
        "gamaka genre add {}NAME {}",
        args.store.words(),
        files.join(" ")
    )
}
