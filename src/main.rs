//! The `gamaka` program.

fn main() -> std::process::ExitCode {
    gamaka::cli::run()
}
