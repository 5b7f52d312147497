//! `gamaka explain`: what a network has learned and what reaches it, as a page.

mod belief;
mod file;
mod known;
mod music;
mod network;
mod told;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::explain::{curves, inputs, norms};
use crate::files::{self, OutputFolder, Outputs};
use crate::gpu::Gpu;
use crate::mel::EngineChoice;
use crate::model_file::Model;
use crate::report::Page;

use super::common::{
    Common, INCLUDED, conclude, engine, failed_json, front_end, load_model, print, print_json,
};
use super::library::Store;
use music::Music;
use network::Explained;

#[derive(clap::Args)]
pub(super) struct Args {
    /// An audio file: the page shows what this music does in the network
    file: Option<PathBuf>,
    /// What FILE is taken for: a folder with one folder of example files for each class, or a manifest, instead of the
    /// library's genres
    #[arg(short, long, value_name = "DATA", requires = "file")]
    examples: Option<PathBuf>,
    /// Examples of each class at most
    #[arg(long, value_name = "N", default_value_t = 20, requires = "examples", value_parser = clap::value_parser!(u16).range(1..))]
    per_class: u16,
    /// The model: a file that `gamaka train` wrote, or `included` for the one that comes with gamaka
    #[arg(short, long, default_value = INCLUDED, value_name = "MODEL")]
    model: PathBuf,
    /// Music that the learned curves are judged by: an audio file, a folder, or a list (a CSV file with a column `path`, or a
    /// path in each line); may be repeated [default: FILE, or else clips of the corpus that comes with gamaka]
    #[arg(long, value_name = "DATA")]
    data: Vec<PathBuf>,
    /// Where the page goes
    #[arg(short, long, value_name = "OUT.html")]
    output: PathBuf,
    /// Write the page's pictures of the network into this folder too, as SVG
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// Which engine computes mel frames: auto, gpu or cpu
    #[arg(long, default_value = "auto", value_parser = engine)]
    engine: EngineChoice,
    /// Count a damaged file as failed, instead of using what can be decoded
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    belief: belief::Believe,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let output = &args.output;
    let extension = output.extension().unwrap_or_default().to_ascii_lowercase();
    if !["html", "htm"].iter().any(|ending| extension == *ending) {
        bail!("{}: the name must end in .html", output.display());
    }
    if let Some(file) = &args.file {
        check_file(file)?;
    }
    let mut outputs = Outputs::default();
    outputs.add(output)?;
    outputs.spare(
        args.data
            .iter()
            .chain(&args.file)
            .chain(&args.examples)
            .chain([&args.model]),
    )?;
    args.belief.claim(&mut outputs)?;
    let model = load_model(&args.model, common)?;
    let pictures = args.pictures.as_deref().map(OutputFolder::new);
    if let Some(folder) = &pictures {
        let names = network::picture_names(&model.network);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        folder.check(&mut outputs, &names)?;
    }
    let has_splines = model
        .network
        .spec
        .layers
        .iter()
        .any(|l| l.basis().is_some());

    let gpu = common.gpu()?;
    let mut music = Music::default();
    if has_splines {
        let front_end = front_end(args.engine, &gpu, &model, args.strict)?;
        let sources = match &args.data[..] {
            [] => args.file.as_slice(),
            data => data,
        };
        music = music::hear(
            sources,
            &front_end,
            model.info.segment,
            &mut outputs,
            common,
        )?;
        if music.clips.is_empty() {
            bail!("none of the music can be heard: {}", music.why_none());
        }
    }
    let (network, parameters) = (&model.network, &model.parameters);
    let layers = common.while_waiting("looking at the curves", || {
        inputs(&gpu, network, parameters, &music.clips)
            .map(|inputs| curves(network, parameters, inputs))
    })?;
    let explained = Explained {
        model: &model,
        norms: norms(network, parameters, &layers),
        layers,
        music: &music,
    };

    let of_file = match &args.file {
        Some(file) => explain_file(args, file, &model, &gpu, common)?,
        None => None,
    };
    let mut failed = music.failed.clone();
    let heard = (args.engine, args.strict);
    let belief = args
        .belief
        .ask(&model, &gpu, heard, &mut outputs, &mut failed, common)?;

    let mut page = match &of_file {
        None => Page::new(&explained.title(), &explained.lead()),
        Some(of_file) => {
            let mut page = Page::new(&of_file.title(), &of_file.lead());
            of_file
                .add_to(&mut page)
                .context("the page cannot be drawn")?;
            page
        }
    };
    let add_belief = |page: &mut Page| match &belief {
        Some(belief) => belief::add_to(belief, page).context("the page cannot be drawn"),
        None => Ok(()),
    };
    if of_file.is_some() {
        add_belief(&mut page)?;
        page.section(&explained.title());
        page.paragraph(&explained.lead());
    }
    explained
        .add_to(&mut page, pictures.as_ref())
        .context("the page cannot be drawn")?;
    if of_file.is_none() {
        add_belief(&mut page)?;
    }
    files::write(output, page.html().as_bytes())?;
    if common.json {
        let mut document = explained.json();
        document["belief"] = serde_json::to_value(&belief)?;
        document["file"] = of_file.as_ref().map(file::Explained::json).into();
        document["model"] = args.model.display().to_string().into();
        document["report"] = output.display().to_string().into();
        document["failed"] = failed_json(&failed).into();
        print_json(&document)?;
    } else {
        if let Some(of_file) = &of_file {
            print(&of_file.words())?;
        }
        if let Some(belief) = &belief {
            print(&belief::words(belief))?;
        }
        print(&explained.words())?;
        common.note(&format!("wrote {}", output.display()));
    }
    // No music is heard for a network without splines.
    let files = music.files + failed.len() + belief.as_ref().map_or(0, |b| b.accuracy.files);
    Ok(match files {
        0 => ExitCode::SUCCESS,
        files => conclude(&failed, files, args.strict),
    })
}

/// Tells what is no audio file at all from what may be one.
fn check_file(file: &Path) -> anyhow::Result<()> {
    if file.is_dir() {
        bail!(
            "{}: is a folder, and one audio file is explained: give a folder's music by --data",
            file.display()
        );
    }
    let ending = file.extension().unwrap_or_default();
    if file == Path::new(INCLUDED) || ending.eq_ignore_ascii_case("safetensors") {
        bail!(
            "{}: is a model, not an audio file: give it by --model",
            file.display()
        );
    }
    Ok(())
}

/// What is told of a file; nothing where no classes are known that it may be taken for.
fn explain_file(
    args: &Args,
    path: &Path,
    model: &Model,
    gpu: &Gpu,
    common: &Common,
) -> anyhow::Result<Option<file::Explained>> {
    let front_end = front_end(args.engine, gpu, model, args.strict)?;
    let classes = |ears: known::Ears| match &args.examples {
        Some(data) => {
            let most = usize::from(args.per_class);
            known::of_examples(data, most, path, ears, common).map(Some)
        }
        None => match known::of_library(&args.store, &args.model, args.engine, common)? {
            Ok(known) => Ok(Some(known)),
            Err(reason) => {
                common.note(&format!(
                    "nothing is told of what {} is taken for: {reason}; --examples names a folder of examples",
                    path.display()
                ));
                Ok(None)
            }
        },
    };
    file::explain(path, classes, model, gpu, &front_end, common)
}
