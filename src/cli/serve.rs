//! `gamaka serve`: the page from the binary, and your library behind it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use crate::mel::EngineChoice;
use crate::serve::{Server, Shelf};
use crate::site::Site;

use super::common::{Common, INCLUDED, print, print_json};
use super::export::{SMALL, bundle};
use super::genre::{LazyEar, refresh};
use super::interrupt::Stopping;
use super::library::Store;

/// Where it is found if nothing else is said.
const PORT: u16 = 4265;

#[derive(clap::Args)]
pub(super) struct Args {
    /// What the page hears with: a file that gamaka wrote, or `included` for the model that comes with gamaka
    #[arg(default_value = INCLUDED)]
    model: PathBuf,
    /// The port; 0 for any that is free
    #[arg(long, default_value_t = PORT, value_name = "N")]
    port: u16,
    /// The address of this machine to be reached at; by others than 127.0.0.1 other machines reach it too
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    host: IpAddr,
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let server = Server::bind(args.host, args.port)?;
    let site = Site::new(bundle(&args.model, Some(SMALL), common)?.files()?);
    let shelf = shelf(&args.store, common)?;
    let stopping = Stopping::new("stopping".into());
    match common.json {
        true => print_json(&json!({"url": server.url()}))?,
        false => print(&format!("{}\n", server.url()))?,
    }
    if server.is_public() {
        common.note(&format!(
            "whoever reaches {} over the network sees your library, hears your music and can change your genres; without --host only this machine does",
            args.host
        ));
    }
    if server.is_everywhere() {
        common.note(
            "other machines put this machine's numeric address, as 192.168.1.2, in the place of the one above, for names are refused",
        );
    }
    common.note("open this address in a browser; Ctrl-C ends it");
    server.run(&site, shelf, stopping.flag())?;
    Ok(ExitCode::SUCCESS)
}

/// The library, if there is one. Only one that was named must be there and be whole: the page works without.
fn shelf(store: &Store, common: &Common) -> anyhow::Result<Option<Shelf>> {
    match read(store, common) {
        Err(error) if !store.is_named() => {
            common.note(&format!("without a library: {error:#}"));
            Ok(None)
        }
        other => other.map(Some),
    }
}

fn read(store: &Store, common: &Common) -> anyhow::Result<Shelf> {
    let (mut library, known, model) = store.open_heard()?;
    let ear = LazyEar::new(common, &model, EngineChoice::Auto, false, usize::MAX);
    if let Err(error) = refresh(&mut library, &known, &ear, common) {
        common.note(&format!(
            "examples whose files have changed count as they were: {error:#}"
        ));
    }
    drop(ear);
    let shelf = common.while_waiting("reading the library", || Shelf::new(library, known, model));
    Ok(shelf?)
}
