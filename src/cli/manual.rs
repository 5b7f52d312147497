//! `gamaka completions` and `gamaka man`: what the command line says of itself, for shells and for `man`.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::common::print;

#[derive(clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell: bash, elvish, fish, powershell or zsh
    shell: Shell,
}

#[derive(clap::Args)]
pub(super) struct ManArgs {
    /// The subcommand, with its own if it has any; without one, the page of the program
    #[arg(value_name = "COMMAND")]
    path: Vec<String>,
}

pub(super) fn completions(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "gamaka", &mut text);
    print(&String::from_utf8(text)?)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command(&args.path)?).render(&mut page)?;
    print(&String::from_utf8(page)?)?;
    Ok(ExitCode::SUCCESS)
}

/// A command by its words, with the flags that every command has.
fn command(path: &[String]) -> anyhow::Result<Command> {
    let mut command = Cli::command();
    command.build();
    for word in path {
        let Some(found) = command.find_subcommand(word) else {
            let known = command.get_subcommands().map(Command::get_name);
            let known: Vec<&str> = known.filter(|name| *name != "help").collect();
            bail!(
                "{} has no command {word}: it has {}",
                command.get_name(),
                match known.is_empty() {
                    true => "none".into(),
                    false => known.join(", "),
                }
            );
        };
        command = found.clone();
    }
    Ok(command)
}
