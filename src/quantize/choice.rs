//! In what form parameters are kept.

use serde::{Deserialize, Serialize};

use crate::data::DataError;
use crate::fewshot::ScoreError;
use crate::gpu::GpuError;
use crate::train::TrainError;

/// What the coefficients of an edge become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A whole number each.
    Coefficients,
    /// The number of a curve in a table, and a gain. Plain weights are whole numbers here too.
    Codebook,
}

/// Which weights of an output share a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scales {
    /// All of them.
    Channel,
    /// Those from one input, or from as many as have about 64 weights together.
    Group,
    /// The coefficients of one edge; plain weights as with groups.
    Edge,
}

impl Scales {
    /// All there are, from few to many.
    pub const ALL: [Self; 3] = [Self::Channel, Self::Group, Self::Edge];
}

/// How a model is quantised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What an edge becomes.
    pub form: Form,
    /// Of a whole number: 4 or 8.
    pub bits: usize,
    /// Which weights share a scale.
    pub scales: Scales,
    /// Curves of a table, 2 to 65536.
    pub curves: usize,
}

impl Choice {
    /// Whole numbers of so many bits.
    pub fn integers(bits: usize, scales: Scales) -> Self {
        Self {
            form: Form::Coefficients,
            bits,
            scales,
            curves: 256,
        }
    }

    /// Edges that share so many curves; plain weights in 8 bits.
    pub fn codebook(curves: usize) -> Self {
        Self {
            form: Form::Codebook,
            bits: 8,
            scales: Scales::Group,
            curves,
        }
    }

    /// # Errors
    /// What the form does not have.
    pub fn check(&self) -> Result<(), QuantizeError> {
        if ![4, 8].contains(&self.bits) {
            return Err(QuantizeError::Bits(self.bits));
        }
        if self.form == Form::Codebook {
            if !(2..=1 << 16).contains(&self.curves) {
                return Err(QuantizeError::Curves(self.curves));
            }
            if self.scales == Scales::Edge {
                return Err(QuantizeError::EdgeGains);
            }
        }
        Ok(())
    }

    /// In a few words, for a table.
    pub fn words(&self) -> String {
        match self.form {
            Form::Coefficients => {
                let scales = match self.scales {
                    Scales::Channel => "channel",
                    Scales::Group => "group",
                    Scales::Edge => "edge",
                };
                format!("int{}, a scale per {scales}", self.bits)
            }
            Form::Codebook => format!("{} curves", self.curves),
        }
    }
}

/// Why a model is not quantised.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeError {
    /// Bits that no form has.
    #[error("there are whole numbers of 8 and of 4 bits, not of {0}")]
    Bits(usize),
    /// A table of too few or too many curves.
    #[error("a table has 2 to 65536 curves, not {0}")]
    Curves(usize),
    /// Scales for each edge beside gains.
    #[error(
        "in a table of curves each edge has a gain, and no scale of its own: choose scales per channel or group"
    )]
    EdgeGains,
    /// A model that is quantised.
    #[error("is quantised already: quantise the model that it was made of")]
    Quantised,
    /// A table of curves for a network that has none.
    #[error("has no splines on its edges, so they share no curves: quantise its coefficients")]
    NoSplines,
    /// A table that saves nothing.
    #[error(
        "is no smaller with a table of {curves} curves: its edges with splines take {table} bytes by it, and {integers} bytes as whole numbers of {bits} bits"
    )]
    NotSmaller {
        /// Of the table.
        curves: usize,
        /// Bytes with it.
        table: usize,
        /// Bytes without.
        integers: usize,
        /// Of these.
        bits: usize,
    },
    /// Nothing in it is large enough.
    #[error("has too few weights to be quantised: no layer has {0}")]
    TooSmall(usize),
    /// A table of curves that was to be fine-tuned.
    #[error(
        "a table of curves is not fine-tuned: its numbers of curves have no gradient; quantise it with no steps"
    )]
    CurvesStay,
    /// A parameter that halves cannot hold.
    #[error("{0}")]
    Half(String),
}

/// Why a quantised model is not made or not judged.
#[derive(Debug, thiserror::Error)]
pub enum ShrinkError {
    /// It cannot be quantised so.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// Its fine-tuning failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The test files cannot be scored.
    #[error("the test files: {0}")]
    Score(#[from] ScoreError),
    /// The test files cannot be asked.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There is nothing to judge.
    #[error("there is no model to judge")]
    NoTest,
}
