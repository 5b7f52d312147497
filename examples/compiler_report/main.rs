//! What a compiler for GPUs makes of the kernels, without a GPU: `make compiler-report`.
//!
//! RADV, which comes with Mesa's Vulkan drivers up to 25, compiles for AMD cards that are not there. For each kernel of the
//! reference training steps, and of each variant of the menu at their shapes: registers,
//! waves, spills, and what its hot loop consists of. It fails where registers of a training step's kernel were spilled, and where a
//! loop over an array of them was not unrolled; of variants it tells.

mod driver;
pub(crate) mod report;
pub(crate) mod text;

use std::process::{Command, ExitCode};

const USAGE: &str = "usage: compiler_report [--driver ICD.json] [--json FILE]
  --driver  the file by which the Vulkan loader knows RADV [default: this system's]
  --json    write all figures, those of kernels that are no convolutions too";

fn main() -> ExitCode {
    let (mut driver, mut json) = (report::radv(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()) {
            (report::CHILD, None) => {
                let compiled = report::compile(&report::kernels(true).0);
                return finish(compiled.map(|()| ExitCode::SUCCESS));
            }
            ("--driver", Some(file)) => driver = Some(file),
            ("--json", Some(file)) => json = Some(file),
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    let Some(driver) = driver else {
        return finish(Err("RADV was not found: it comes with Mesa's Vulkan drivers (Debian: apt-get install mesa-vulkan-drivers)".to_string()));
    };
    finish(run(&driver, json.as_deref()))
}

fn finish(outcome: Result<ExitCode, String>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn run(driver: &str, written: Option<&str>) -> Result<ExitCode, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let child = || {
        let mut child = Command::new(&program);
        child.arg(report::CHILD);
        child
    };
    let (steps, of_steps) = report::kernels(true);
    let cards = report::CARDS.map(|card| report::ask(card, driver, child, &steps, of_steps));
    let cards = cards.into_iter().collect::<Result<Vec<_>, _>>()?;
    print!("{}", report::table(&cards));
    if let Some(file) = written {
        let text = serde_json::to_string_pretty(&cards).map_err(|e| e.to_string())?;
        std::fs::write(file, text + "\n").map_err(|e| format!("{file}: {e}"))?;
    }
    for remark in cards.iter().flat_map(report::Card::remarks) {
        println!("a variant, {remark}");
    }
    let faults: Vec<String> = cards.iter().flat_map(report::Card::faults).collect();
    for fault in &faults {
        eprintln!("{fault}");
    }
    Ok(ExitCode::from(u8::from(!faults.is_empty())))
}
