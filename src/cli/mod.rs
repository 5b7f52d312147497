//! The command line: one file a subcommand. Flags in, library call, words out.

mod ablate;
mod advice;
mod bench;
mod calibrate;
mod classify;
mod common;
mod data;
mod demo;
mod doctor;
mod embed;
mod eval;
mod explain;
mod export;
mod genre;
mod hints;
mod inspect;
mod interrupt;
mod library;
mod manual;
mod mel;
mod numbers;
mod playlist;
mod prune;
mod quantize;
mod serve;
mod settings;
mod similar;
mod start;
mod table;
mod tag;
mod train;
mod tune;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use common::Common;

/// Learns what a genre sounds like from a handful of examples, on any vendor's GPU.
#[derive(Parser)]
#[command(version, about, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train, judge and use a network on the corpus that comes with gamaka, and write a report
    Demo(demo::Args),
    /// Show the adapters, test every kernel, and say what to install if something is missing
    Doctor,
    /// Measure how fast everything is on an adapter, and how near its limits
    Bench(bench::Args),
    /// Measure which kernels are quickest on this adapter, and keep that for later runs
    Tune(tune::Args),
    /// Write the mel-spectrogram of an audio file as an array or a picture
    Mel(mel::Args),
    /// Check the local copy of a data set, and write its manifest
    Data(data::Args),
    /// Train a network on a folder of genre folders or a CSV manifest
    Train(train::Args),
    /// Measure a model: N-way K-shot accuracy with intervals, beside its floors
    Eval(eval::Args),
    /// See what a network has learned: its curves, what reaches them, and how straight they are
    Explain(explain::Args),
    /// Tell what a model is: network, size, cost, where it comes from
    Inspect(inspect::Args),
    /// Write a model as a folder that a browser, or anything else that speaks WebGPU, runs
    Export(export::Args),
    /// Choose what turns a model's distances into probabilities, so that these mean what they say
    Calibrate(calibrate::Args),
    /// Compare networks and learners fairly: is it the splines?
    Ablate(ablate::Args),
    /// Make a model smaller: edges, channels and grid points that it can do without
    Prune(prune::Args),
    /// Make a model smaller: its parameters in 8 or 4 bits, or curves that its edges share
    Quantize(quantize::Args),
    /// Write an embedding for every segment or file
    Embed(embed::Args),
    /// Rank your own genres for audio files: those of your library, or from example files of each
    Classify(classify::Args),
    /// Teach the library your own genres by a few examples each
    Genre(genre::Args),
    /// Your own music: scan folders, and see what was heard
    Library(library::Args),
    /// Find the tracks of the library that sound most like one
    Similar(similar::Args),
    /// Make a list that leads from one track of the library to another in small steps
    Playlist(playlist::Args),
    /// Open the page in a browser, from the program itself, with your library behind it
    Serve(serve::Args),
    /// Write the library's genres into the tags of audio files; a dry run unless told to write
    Tag(tag::Args),
    /// Print what a shell needs to complete commands and flags
    Completions(manual::CompletionsArgs),
    /// Print the manual page of the program or of a command
    Man(manual::ManArgs),
}

/// Runs the program and gives its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
pub fn run() -> ExitCode {
    start::name_runtime_folder();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            common::say(error.render().to_string().trim_end());
            return ExitCode::from(2);
        }
    };
    start::hide_decoder_panics();
    if let Err(error) = interrupt::watch().and_then(|()| start::threads(&cli.common)) {
        common::print_error(&error);
        return ExitCode::FAILURE;
    }
    let result = match &cli.command {
        Command::Demo(args) => demo::run(args, &cli.common),
        Command::Doctor => doctor::run(&cli.common),
        Command::Bench(args) => bench::run(args, &cli.common),
        Command::Tune(args) => tune::run(args, &cli.common),
        Command::Mel(args) => mel::run(args, &cli.common),
        Command::Data(args) => data::run(args, &cli.common),
        Command::Train(args) => train::run(args, &cli.common),
        Command::Eval(args) => eval::run(args, &cli.common),
        Command::Explain(args) => explain::run(args, &cli.common),
        Command::Inspect(args) => inspect::run(args, &cli.common),
        Command::Export(args) => export::run(args, &cli.common),
        Command::Calibrate(args) => calibrate::run(args, &cli.common),
        Command::Ablate(args) => ablate::run(args, &cli.common),
        Command::Prune(args) => prune::run(args, &cli.common),
        Command::Quantize(args) => quantize::run(args, &cli.common),
        Command::Embed(args) => embed::run(args, &cli.common),
        Command::Classify(args) => classify::run(args, &cli.common),
        Command::Genre(args) => genre::run(args, &cli.common),
        Command::Library(args) => library::run(args, &cli.common),
        Command::Similar(args) => similar::run(args, &cli.common),
        Command::Playlist(args) => playlist::run(args, &cli.common),
        Command::Serve(args) => serve::run(args, &cli.common),
        Command::Tag(args) => tag::run(args, &cli.common),
        Command::Completions(args) => manual::completions(args, Cli::command()),
        Command::Man(args) => manual::man(args, Cli::command()),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            common::print_error(&error);
            ExitCode::FAILURE
        }
    }
}
