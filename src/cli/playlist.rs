//! `gamaka playlist`: a list that leads from one track to another.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::library::Track;
use crate::playlist::{candidates, path_between};
use crate::words::count;
use anyhow::bail;

use super::common::{Common, one_line, print, print_json};
use super::library::{Collection, Store, list_output, write_list};
use super::numbers::whole;
use super::similar::named;
use super::table::{Align, Table};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Where it begins: an audio file, or a piece of the title, artist or path of a track of the library
    #[arg(long, value_name = "FILE|QUERY")]
    from: OsString,
    /// Where it ends
    #[arg(long, value_name = "FILE|QUERY")]
    to: OsString,
    /// How many tracks, the first and the last among them
    #[arg(short = 'n', long, default_value = "12", value_parser = whole(2..=1000))]
    count: usize,
    /// Write it as a list for players, paths as they are found from there
    #[arg(long, value_name = "OUT.m3u")]
    m3u: Option<PathBuf>,
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    list_output(args.m3u.as_ref())?;
    let mut collection = Collection::open(&args.store, common)?;
    let [from, to] = [collection.find(&args.from)?, collection.find(&args.to)?];
    if from.track.hash == to.track.hash {
        bail!(
            "{}: the list would begin and end with this same track; name two, or ask `gamaka similar` for tracks like it",
            one_line(&named(&from.track))
        );
    }
    let metric = collection.metric();
    let heard = &collection.heard;
    let ends = [&from.embedding[..], &to.embedding];
    let is_end = |track: &Track| {
        [&from, &to]
            .iter()
            .any(|end| is_same_song(&end.track, track))
    };
    let free = candidates(&collection.gpu, metric, ends, heard, &is_end)?;
    let embeddings: Vec<&[f32]> = free.iter().map(|&k| heard.embedding(k)).collect();
    let way = path_between(metric, ends, &embeddings, args.count - 2);
    let mut list = vec![(&from.track, ends[0])];
    list.extend(way.iter().map(|&k| (&heard.tracks[free[k]], embeddings[k])));
    list.push((&to.track, ends[1]));
    if list.len() < args.count {
        common.note(&format!(
            "the list has {}, for the library has no more",
            count(list.len(), "track", "tracks")
        ));
    }
    let steps = list
        .windows(2)
        .map(|pair| metric.distance(pair[0].1, pair[1].1));
    let steps: Vec<Option<f32>> = std::iter::once(None).chain(steps.map(Some)).collect();
    let tracks: Vec<&Track> = list.iter().map(|(track, _)| *track).collect();
    write_list(args.m3u.as_ref(), &tracks, common)?;
    if common.json {
        let entry = |(track, step): (&&Track, &Option<f32>)| {
            serde_json::json!({
                "path": track.path, "title": track.title, "artist": track.artist, "album": track.album,
                "genre": track.genre, "seconds": track.seconds, "step": step,
            })
        };
        print_json(&serde_json::json!({
            "library": collection.library().path().display().to_string(),
            "distance": metric.distance(ends[0], ends[1]),
            "tracks": tracks.iter().zip(&steps).map(entry).collect::<Vec<_>>(),
        }))?;
    } else {
        let mut table = Table::new([
            ("", Align::Right),
            ("step", Align::Right),
            ("track", Align::Left),
        ]);
        for (place, (track, step)) in tracks.iter().zip(&steps).enumerate() {
            let step = step.map_or(String::new(), |step| format!("{step:.4}"));
            table.row([(place + 1).to_string(), step, one_line(&named(track))]);
        }
        print(&table.text())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether two tracks are the same content, or the same song by their tags.
fn is_same_song(a: &Track, b: &Track) -> bool {
    let song = |track: &Track| {
        let (artist, title) = (track.artist.as_ref()?, track.title.as_ref()?);
        Some((artist.to_lowercase(), title.to_lowercase()))
    };
    a.hash == b.hash || song(a).is_some_and(|a| song(b) == Some(a))
}
