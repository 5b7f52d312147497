//! `gamaka similar`: the tracks of a library that sound most like one.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::library::Track;
use crate::similar::Search;

use super::common::{Common, one_line, print, print_json};
use super::library::{Collection, Store, list_output, write_list};
use super::numbers::whole;
use super::table::{Align, Table};

#[derive(clap::Args)]
pub(super) struct Args {
    /// An audio file, or a piece of the title, artist or path of a track of the library
    #[arg(value_name = "FILE|QUERY")]
    track: OsString,
    /// How many to find
    #[arg(short = 'n', long, default_value = "20", value_parser = whole(1..=10_000))]
    count: usize,
    /// Write them as a list for players, paths as they are found from there
    #[arg(long, value_name = "OUT.m3u")]
    m3u: Option<PathBuf>,
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    list_output(args.m3u.as_ref())?;
    let mut collection = Collection::open(&args.store, common)?;
    let meant = collection.find(&args.track)?;
    let heard = &collection.heard;
    let distance = collection.metric().distance;
    let search = Search::new(&collection.gpu, distance, heard.width, &heard.values, 1)?;
    // It may be among them itself, as one.
    let found = search.nearest(&meant.embedding, args.count + 1)?;
    let found = found
        .into_iter()
        .map(|n| (&heard.tracks[n.index], n.distance))
        .filter(|(track, _)| track.hash != meant.track.hash);
    let found: Vec<(&Track, f32)> = found.take(args.count).collect();
    if found.is_empty() {
        common.note("the library has no other track");
    }
    let tracks: Vec<&Track> = found.iter().map(|(track, _)| *track).collect();
    write_list(args.m3u.as_ref(), &tracks, common)?;
    if common.json {
        let entry = |(place, (track, distance)): (usize, &(&Track, f32))| {
            serde_json::json!({
                "rank": place + 1, "distance": distance, "path": track.path, "title": track.title,
                "artist": track.artist, "album": track.album, "genre": track.genre, "seconds": track.seconds,
            })
        };
        print_json(&serde_json::json!({
            "library": collection.library().path().display().to_string(),
            "of": {"path": meant.track.path, "title": meant.track.title, "artist": meant.track.artist},
            "similar": found.iter().enumerate().map(entry).collect::<Vec<_>>(),
        }))?;
    } else if !found.is_empty() {
        common.note(&format!("most like {}:", one_line(&named(&meant.track))));
        let mut table = Table::new([
            ("", Align::Right),
            ("distance", Align::Right),
            ("track", Align::Left),
        ]);
        for (place, (track, distance)) in found.iter().enumerate() {
            let rank = (place + 1).to_string();
            table.row([rank, format!("{distance:.4}"), one_line(&named(track))]);
        }
        print(&table.text())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Artist and title, or the path where no tag tells them.
pub(super) fn named(track: &Track) -> String {
    match track.title {
        Some(_) => track.name(),
        None => track.path.display().to_string(),
    }
}
