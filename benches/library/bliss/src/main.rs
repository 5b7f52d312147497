//! Analyses files with bliss-audio (symphonia decoder, all cores) and prints how long it took.
//!
//! `bliss-peer LIST`: a file with one path a line; one JSON line on stdout.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use bliss_audio::decoder::{Decoder, symphonia::SymphoniaDecoder};

fn main() {
    let Some(list) = std::env::args().nth(1) else {
        eprintln!("usage: bliss-peer LIST");
        std::process::exit(2);
    };
    let text = std::fs::read_to_string(&list).expect("the list can be read");
    let paths: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let (files, start) = (paths.len(), Instant::now());
    let mut analysed = 0;
    for (path, song) in SymphoniaDecoder::analyze_paths(paths) {
        match song {
            Ok(_) => analysed += 1,
            Err(error) => eprintln!("{}: {error}", path.display()),
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{{\"files\": {files}, \"analysed\": {analysed}, \"seconds\": {seconds:.3}, \"cores\": {cores}}}"
    );
}
