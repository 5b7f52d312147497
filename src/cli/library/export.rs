//! `gamaka library export`: the library as a table for other programs.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::columns::{self, Column, Format, Kind, Value};
use crate::files::Outputs;
use crate::mel::EngineChoice;
use crate::words::count;
use anyhow::bail;

use super::store::Store;
use crate::cli::common::{Common, print, print_json};
use crate::cli::genre::learned;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Where the table goes, a row for each track
    #[arg(short, long, value_name = "FILE.parquet|FILE.csv|FILE.jsonl")]
    output: PathBuf,
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let name = args.output.display();
    let Some(format) = Format::of(&args.output) else {
        bail!("{name}: the name must end in {}", columns::ENDINGS);
    };
    let mut outputs = Outputs::default();
    outputs.add(&args.output)?;
    let (library, known, model) = args.store.open_heard()?;
    outputs.spare([library.path()])?;
    outputs.spare(&known.path)?;
    let (library, known, genres) = match library.known_genres()?.is_empty() {
        true => (library, known, None),
        false => {
            let taught = learned((library, known, model), EngineChoice::Auto, common)?;
            (taught.library, taught.known, Some(taught.genres))
        }
    };
    let columns = [
        Column::new("path", Kind::Text),
        Column::new("hash", Kind::Text),
        Column::new("model", Kind::Text),
        Column::new("seconds", Kind::Float),
        Column::new("title", Kind::Text),
        Column::new("artist", Kind::Text),
        Column::new("album", Kind::Text),
        Column::new("genre", Kind::Text),
        Column::new("answer", Kind::Text),
        Column::new("probability", Kind::Float),
        Column::new("unknown", Kind::Truth),
        Column::new("embedding", Kind::Vector(known.width)),
    ];
    let mut unknown = 0;
    let rows = columns::write(&args.output, format, &columns, "{}", |table| {
        let row = |track: crate::library::Track, embedding: &[f32]| {
            // An embedding that is not finite has no answer.
            let answer = genres
                .as_ref()
                .and_then(|genres| genres.answer(embedding, &[]).ok());
            let first = answer.as_ref().and_then(|answer| answer.ranked.first());
            unknown += usize::from(answer.as_ref().is_some_and(|answer| answer.unknown));
            table.add(&[
                Value::Text(&track.path.to_string_lossy()),
                Value::Text(&track.hash),
                Value::Text(&known.hash),
                Value::Float(track.seconds),
                Value::text(track.title.as_deref()),
                Value::text(track.artist.as_deref()),
                Value::text(track.album.as_deref()),
                Value::text(track.genre.as_deref()),
                Value::text(first.map(|ranked| ranked.genre.as_str())),
                Value::float(first.map(|ranked| ranked.probability)),
                answer
                    .as_ref()
                    .map_or(Value::None, |answer| Value::Truth(answer.unknown)),
                Value::Vector(embedding),
            ])
        };
        library.each_embedding(row).map_err(io::Error::other)?
    })?;
    let count_of_genres = genres.as_ref().map_or(0, |genres| genres.genres().len());
    if common.json {
        print_json(&serde_json::json!({
            "output": name.to_string(),
            "tracks": rows,
            "width": known.width,
            "genres": count_of_genres,
            "unknown": unknown,
        }))?;
    } else if !common.quiet {
        let answers = match count_of_genres {
            0 => "no answers, for there are no genres".to_owned(),
            _ => format!(
                "answers from {}, {unknown} unknown",
                count(count_of_genres, "genre", "genres")
            ),
        };
        let tracks = count(usize::try_from(rows)?, "track", "tracks");
        print(&format!(
            "{name}: {tracks} with embeddings of {} values; {answers}\n",
            known.width
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
