//! The flags that help with an error of the library, which knows none.

use std::error::Error;

use crate::ablate::{AblateError, GridList};
use crate::audio::{AudioError, AudioErrorKind};
use crate::bench::BenchError;
use crate::data::{DataError, PoolError};
use crate::ear::EarError;
use crate::evaluate::EvaluateError;
use crate::features::FeatureError;
use crate::fewshot::{EpisodeError, ScoreError};
use crate::genres::GenresError;
use crate::gpu::GpuError;
use crate::library::LibraryError;
use crate::mel::MelError;
use crate::quantize::{QuantizeError, ShrinkError};
use crate::serve::ServeError;
use crate::train::TrainError;

/// What an error says, with the flags that help.
pub(super) fn told(error: &(dyn Error + 'static)) -> String {
    match hint(error) {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    }
}

/// The flags that help with an error, in a few words.
pub(super) fn hint(error: &(dyn Error + 'static)) -> Option<&'static str> {
    None.or_else(|| error.downcast_ref().and_then(of_audio))
        .or_else(|| error.downcast_ref().and_then(of_gpu))
        .or_else(|| error.downcast_ref().and_then(of_mel))
        .or_else(|| error.downcast_ref().and_then(of_feature))
        .or_else(|| error.downcast_ref().and_then(of_pool))
        .or_else(|| error.downcast_ref().and_then(of_data))
        .or_else(|| error.downcast_ref().and_then(of_episode))
        .or_else(|| error.downcast_ref().and_then(of_score))
        .or_else(|| error.downcast_ref().and_then(of_evaluation))
        .or_else(|| error.downcast_ref().and_then(of_training))
        .or_else(|| error.downcast_ref().and_then(of_quantisation))
        .or_else(|| error.downcast_ref().and_then(of_form))
        .or_else(|| error.downcast_ref().and_then(of_comparison))
        .or_else(|| error.downcast_ref().and_then(of_bench))
        .or_else(|| error.downcast_ref().and_then(of_ear))
        .or_else(|| error.downcast_ref().and_then(of_library))
        .or_else(|| error.downcast_ref().and_then(of_serving))
}

fn of_audio(error: &AudioError) -> Option<&'static str> {
    matches!(error.kind, AudioErrorKind::Damaged(_))
        .then_some("without --strict what could be decoded is used")
}

fn of_gpu(error: &GpuError) -> Option<&'static str> {
    match error {
        GpuError::NoSuchAdapter { .. }
        | GpuError::NoDevice { .. }
        | GpuError::LoopTooLong { .. } => Some("--device"),
        GpuError::OverMemoryLimit { .. } | GpuError::OutOfMemory { .. } => Some("--memory"),
        GpuError::DeviceLost { .. } => Some("--device software; a training goes on with --resume"),
        GpuError::Timeout { .. } => Some("--device software"),
        _ => None,
    }
}

fn of_mel(error: &MelError) -> Option<&'static str> {
    match error {
        MelError::TransformLength(_) | MelError::NoDevice => Some("--engine cpu"),
        MelError::Gpu(error) => of_gpu(error),
        _ => None,
    }
}

fn of_feature(error: &FeatureError) -> Option<&'static str> {
    match error {
        FeatureError::Audio(error) => of_audio(error),
        FeatureError::Mel { error, .. } => of_mel(error),
        _ => None,
    }
}

fn of_pool(error: &PoolError) -> Option<&'static str> {
    match error {
        PoolError::TooFewClasses { classes: 2.., .. } => Some("--way"),
        PoolError::TooFewFiles { .. } => Some("--shot, --query"),
        _ => None,
    }
}

fn of_data(error: &DataError) -> Option<&'static str> {
    match error {
        DataError::NoLabelColumn { .. } | DataError::NoLabels { .. } => Some("--labels"),
        DataError::UnknownLayout(_) => Some("--as"),
        DataError::TooFewTracks { .. } => Some("--way"),
        DataError::TooFewClasses { .. } => Some("--way, --protocol seen-classes"),
        DataError::TooFewFilesToSplit { .. } => Some("--shot, --query, --protocol novel-classes"),
        DataError::SplitAgainstProtocol { .. } => Some("--protocol"),
        DataError::Episode(problem) | DataError::Part { problem, .. } => of_pool(problem),
        _ => None,
    }
}

fn of_episode(error: &EpisodeError) -> Option<&'static str> {
    match error {
        EpisodeError::Pool(error) => of_pool(error),
        EpisodeError::GroupsSpanClasses(_) => Some("--shot, --query, --way"),
        EpisodeError::TooFewOnOneSide { .. } => Some("--shot, --query"),
    }
}

fn of_score(error: &ScoreError) -> Option<&'static str> {
    match error {
        ScoreError::Episode(error) => of_episode(error),
        ScoreError::TooFewEpisodes => Some("--episodes"),
        ScoreError::Combinations { .. } => Some("--way"),
        _ => None,
    }
}

fn of_evaluation(error: &EvaluateError) -> Option<&'static str> {
    match error {
        EvaluateError::Data(error) => of_data(error),
        EvaluateError::Episode(error) => of_episode(error),
        EvaluateError::Score(error) => of_score(error),
        EvaluateError::Mel(error) => of_mel(error),
        EvaluateError::Gpu(error) => of_gpu(error),
        EvaluateError::Strict(error) => of_feature(error),
        EvaluateError::NoTestFiles { .. } | EvaluateError::OtherFiles => Some("--split all"),
        EvaluateError::NoUnknown { classes: 3.. } => Some("--way"),
        EvaluateError::TooFewLabels { .. } => Some("--way, --shot, --query"),
        EvaluateError::TooFewCommon { .. } => Some("--label-map, --way"),
        _ => None,
    }
}

fn of_training(error: &TrainError) -> Option<&'static str> {
    match error {
        TrainError::Data(error) => of_data(error),
        TrainError::Episode(error) => of_episode(error),
        TrainError::Score(error) => of_score(error),
        TrainError::Gpu(error) => of_gpu(error),
        TrainError::Mel(error) => of_mel(error),
        TrainError::Strict(error) => of_feature(error),
        TrainError::BankTooSmall { .. } => Some("--memory"),
        TrainError::Checkpoint { .. } => Some("without --resume it starts anew"),
        TrainError::Unfinished(_) => Some("add --resume to go on"),
        TrainError::Half { .. } => Some("the same command with --resume, without --half"),
        TrainError::OtherSegments { .. } => Some("--segment"),
        TrainError::NoStart => Some("--from"),
        TrainError::NoVectors => Some("--teacher"),
        TrainError::Interrupted { .. } => Some("the same command with --resume goes on"),
        _ => None,
    }
}

fn of_quantisation(error: &ShrinkError) -> Option<&'static str> {
    match error {
        // The same command goes on without more.
        ShrinkError::Train(TrainError::Interrupted { .. } | TrainError::Checkpoint { .. }) => None,
        ShrinkError::Train(error) => of_training(error),
        ShrinkError::Gpu(error) => of_gpu(error),
        ShrinkError::Score(error) => of_score(error),
        ShrinkError::Data(error) => of_data(error),
        ShrinkError::Quantize(error) => of_form(error),
        ShrinkError::NoTest => None,
    }
}

fn of_form(error: &QuantizeError) -> Option<&'static str> {
    match error {
        QuantizeError::Bits(_) => Some("--bits"),
        QuantizeError::Curves(_) | QuantizeError::NotSmaller { .. } => Some("--curves"),
        QuantizeError::EdgeGains => Some("--scales"),
        QuantizeError::NoSplines => Some("--form coefficients"),
        QuantizeError::CurvesStay => Some("--steps 0"),
        _ => None,
    }
}

fn of_comparison(error: &AblateError) -> Option<&'static str> {
    match error {
        AblateError::Grid { list, .. } => list.map(|list| match list {
            GridList::Networks => "--models",
            GridList::Focus => "--focus, of those in --models",
            GridList::Learners => "--learners",
            GridList::Seeds => "--seeds",
            GridList::LearnerSeeds => "--learner-seeds",
            GridList::Rates => "--rates",
            GridList::Shares => "--shares",
        }),
        AblateError::Data(error) => of_data(error),
        AblateError::Device { error, .. } | AblateError::Gpu(error) => of_gpu(error),
        AblateError::Mel(error) => of_mel(error),
        AblateError::Reading(error) | AblateError::Cell { error, .. } => of_training(error),
        AblateError::Episode(error) => of_episode(error),
        AblateError::Score(error) => of_score(error),
        _ => None,
    }
}

fn of_bench(error: &BenchError) -> Option<&'static str> {
    match error {
        BenchError::Gpu(error) => of_gpu(error),
        BenchError::Mel(error) => of_mel(error),
        BenchError::Clip(error) => of_feature(error),
        _ => None,
    }
}

fn of_ear(error: &EarError) -> Option<&'static str> {
    match error {
        EarError::Gpu(error) => of_gpu(error),
        EarError::Mel(error) => of_mel(error),
        EarError::File(error) => of_feature(error),
        _ => None,
    }
}

fn of_genres(error: &GenresError) -> Option<&'static str> {
    matches!(error, GenresError::None).then_some("`gamaka genre add NAME FILE...`")
}

fn of_library(error: &LibraryError) -> Option<&'static str> {
    match error {
        LibraryError::Gpu(error) => of_gpu(error),
        LibraryError::Ear(error) => of_ear(error),
        LibraryError::NoDataFolder | LibraryError::Foreign(_) | LibraryError::ReadOnly(_) => {
            Some("--library")
        }
        LibraryError::Genres(error) => of_genres(error),
        LibraryError::NoGenre(_) => Some("`gamaka genre list` lists them"),
        _ => None,
    }
}

fn of_serving(error: &ServeError) -> Option<&'static str> {
    match error {
        ServeError::PortTaken { .. } => Some("--port 0 takes any that is free"),
        ServeError::PortForbidden { .. } => Some("--port"),
        ServeError::OtherMachine(_) => Some("--host"),
        ServeError::System(_) => None,
    }
}
