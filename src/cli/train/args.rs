//! The flags of `gamaka train`.

use std::path::PathBuf;

use bytesize::ByteSize;

use crate::cli::numbers::{memory, number, rate, seed};
use crate::cli::settings::{Keeping, Settings, Source};
use crate::settings::{Method, ValidateOn};

/// What the classes are, where tracks without labels are possible too.
const LABELS: &str = "What the classes are: the genre folders (the column `label` of a manifest), any other column of the \
     manifest, or, for a folder, the tag album or artist of its files; files without one are left out. `track` trains \
     without labels: every file is a class of its own, and its parts are the shots";

#[derive(clap::Args)]
#[command(mut_arg("labels", |labels| labels
    .value_name("folder|track|album|artist|COLUMN")
    .help(LABELS)))]
pub(crate) struct Args {
    #[command(flatten)]
    pub source: Source,
    /// Where the model goes
    #[arg(short, long, value_name = "MODEL.safetensors")]
    pub output: PathBuf,
    /// A second collection, with genres as labels, of which a share of the episodes is drawn
    #[arg(long, value_name = "DATA")]
    pub mix: Option<PathBuf>,
    /// That share [default: 0.3]
    #[arg(long, value_name = "0..1", requires = "mix", allow_negative_numbers = true, value_parser = number(0.0..=1.0))]
    pub mix_share: Option<f64>,
    /// Which of the two collections validates [default: mix]
    #[arg(long, value_name = "data|mix", requires = "mix")]
    pub validate_on: Option<ValidateOn>,
    #[command(flatten)]
    pub settings: Settings,
    /// Seed of everything: split, initial parameters, episodes, augmentation [default: 1]
    #[arg(long, allow_negative_numbers = true, value_parser = seed)]
    pub seed: Option<u64>,
    /// Highest learning rate
    #[arg(long, allow_negative_numbers = true, value_parser = rate)]
    pub lr: Option<f64>,
    /// The network: one that comes with gamaka, or a TOML file
    #[arg(long, value_name = "NAME|SPEC.toml", conflicts_with = "from")]
    pub network: Option<String>,
    /// Start from this model instead of from random parameters: a file that `gamaka train` wrote, or `included` for the one
    /// that comes with gamaka. The network and its mel bands are the model's
    #[arg(long, value_name = "MODEL")]
    pub from: Option<PathBuf>,
    /// Train with altered copies of the training files too, as well as with the files themselves: live, amateur, reverb,
    /// crowd, pa, phone, clipping, hum, codec, tempo, pitch, level or all. Copies a file and the share of the clips that are
    /// cut from them are in a configuration's [shifts] [default: none; 2 and 0.5]
    #[arg(long, value_name = "SHIFT,...", value_delimiter = ',')]
    pub shift: Vec<String>,
    /// How the network learns from an episode: prototypes, or a few steps of gradient descent on the
    /// supports [default: prototype]
    #[arg(long, value_name = "prototype|maml|anil|reptile")]
    pub learner: Option<Method>,
    /// Learn to predict these vectors of the files' segments, as `gamaka embed` writes them: a program's or another model's.
    /// How, and whether beside episodes, is in a configuration's [teacher] [default: the teacher alone]
    #[arg(long, value_name = "VECTORS.npz")]
    pub teacher: Option<PathBuf>,
    /// Go on where an earlier run with the same options stopped
    #[arg(long)]
    pub resume: bool,
    /// Limit of device memory, for example 512MiB
    #[arg(long, value_name = "LIMIT", allow_negative_numbers = true, value_parser = memory)]
    pub memory: Option<ByteSize>,
    /// Write the loss of every episode
    #[arg(long, value_name = "FILE.csv")]
    pub log: Option<PathBuf>,
    /// Write the model in half precision: half as large, its parameters rounded to 11 bits at the end of the training
    #[arg(long)]
    pub half: bool,
    #[command(flatten)]
    pub keeping: Keeping,
    /// Stop at the first file that is damaged, instead of using what can be decoded
    #[arg(long)]
    pub strict: bool,
    /// When the training is done, time a training step kernel by kernel and print the table
    #[arg(long)]
    pub profile: bool,
}
