//! `gamaka completions` and `gamaka man`: what the command line says of itself, for shells and for `man`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Command;
use clap_complete::Shell;

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

pub(super) fn completions(
    args: &CompletionsArgs,
    mut program: Command,
) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut program, "gamaka", &mut text);
    print(&String::from_utf8(text)?)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(args: &ManArgs, program: Command) -> anyhow::Result<ExitCode> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command(program, &args.path)?).render(&mut page)?;
    print(&String::from_utf8(page)?)?;
    Ok(ExitCode::SUCCESS)
}

/// A command of the program by its words, with the flags that every command has.
fn command(mut command: Command, path: &[String]) -> anyhow::Result<Command> {
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
