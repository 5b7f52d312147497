//! `gamaka eval`: accuracy with its intervals, beside its floors.

mod accuracy;
mod args;
mod asked;
mod by;
mod multi_label;
mod open;
mod reliability;
mod several;
mod shift;

use std::process::ExitCode;

use crate::evaluate::Reader;

use super::common::{Common, front_end};
use args::Mode;
use asked::{Asked, opened};

pub(super) use accuracy::words;
pub(super) use args::Args;

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let mode = &args.mode();
    args.outputs()?;
    let [path] = &args.models[..] else {
        return several::run(args, common);
    };
    let model = opened(args, path, common)?;
    let kept = args.keeping.open(common)?;
    let gpu = common.gpu()?;
    let front_end = front_end(args.engine, &gpu, &model, args.strict)?.keeping(kept);
    let asked = Asked {
        args,
        common,
        mode,
        gpu: &gpu,
        path,
        reader: &Reader::new(&gpu, &model, &front_end)?,
        task: args.task(&model.info.config),
    };
    let embedded = asked.embed()?;
    asked.tell_notes(&embedded);
    match mode {
        Mode::Accuracy => accuracy::run(&asked, &embedded),
        Mode::Shift(shifts) => shift::run(&asked, embedded, shifts),
        Mode::Open => open::run(&asked, &embedded),
        Mode::MultiLabel => multi_label::run(&asked, &embedded),
    }
}
