//! What systems can be asked.

use super::System;
use crate::fewshot::{Episode, EpisodeSampler};
use crate::random::Stream;

/// A way to ask systems about an episode, and the figures that its answers give: an accuracy, an area, an F1 ...
pub(super) trait Question: Sync {
    /// What a system answers in one episode.
    type Answers: Send + Sync;

    /// The answers of each system to one episode.
    fn ask(&self, systems: &[System], episode: &Episode) -> Vec<Self::Answers>;

    /// A system's figures from its answers in some episodes.
    fn figures(&self, answers: &[&Self::Answers]) -> Vec<f64>;

    /// How many of all episodes make one value of each figure, of which the interval over episodes is made.
    fn together(&self, _episodes: usize) -> usize {
        1
    }

    /// Draws the episodes that stand for one half of the files, which are given by class; none where files or groups
    /// do not allow them.
    fn draw_half(
        &self,
        sampler: &EpisodeSampler,
        files: Vec<Vec<usize>>,
        shot: usize,
        stream: &mut Stream,
    ) -> Option<Vec<Episode>>;

    /// A system's figures from its answers in the episodes of a half.
    fn figures_of_half(&self, answers: &[&Self::Answers]) -> Vec<f64> {
        self.figures(answers)
    }
}
