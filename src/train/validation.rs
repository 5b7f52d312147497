//! What a training measures on its validation files.

use super::TrainError;
use super::checkpoint::Progress;
use super::event::Event;
use super::record::Validation;
use super::run::Run;
use super::session::Session;
use crate::embed::Embedder;
use crate::fewshot::{Calibration, EpisodeSampler, Metric};
use crate::score::{NETWORK, System, evaluate};

/// What makes the seed of the validations another than the training's.
const VALIDATION_SEED: u64 = 1 << 40;

impl Run<'_> {
    /// Scores the validation files and keeps the parameters if they are the best so far.
    pub(super) fn validate(
        &self,
        session: &Session,
        episode: usize,
        progress: &mut Progress,
        on: &mut dyn FnMut(Event),
    ) -> Result<(), TrainError> {
        let pool = &self.material.pools.validation;
        if pool.classes.is_empty() {
            // Nothing to choose by: the last parameters are the model.
            progress.best = progress.weights.parameters.clone();
            return Ok(());
        }
        let parameters = &progress.weights.parameters;
        let kept = self.student.kept().flat_len();
        self.embed_by(&session.embedder, &parameters[..kept]);
        let embeddings = self.validation_embeddings(session)?;
        let examined = match (&self.material.lessons, &session.predictor) {
            (Some(lessons), Some(predictor)) => {
                self.embed_by(predictor, parameters);
                lessons.examine(self.material.units, self.config, predictor)?
            }
            _ => None,
        };
        let finite = examined.is_none_or(|found| found.loss.is_finite());
        if !finite || embeddings.iter().flatten().any(|value| !value.is_finite()) {
            // What was best before stays the best.
            on(Event::Note(format!(
                "after {episode} episodes the network's embeddings are not finite, and are not scored: a lower learning rate may help"
            )));
            return Ok(());
        }
        let sampler = EpisodeSampler::new(pool.clone(), self.material.pools.validation_task)?;
        let head = self
            .config
            .learner
            .head(Metric::of(&self.student.network.spec));
        let system = System::new(NETWORK, &embeddings, head);
        let scored = evaluate(
            &sampler,
            &[system],
            self.config.validation_episodes,
            self.config.seed ^ VALIDATION_SEED,
        )?;
        let accuracy = scored.systems[0].accuracy;
        let validation = Validation {
            episode,
            accuracy: accuracy.mean,
            over_episodes: accuracy.over_episodes,
            over_files: accuracy.over_files,
            teacher: examined,
            seconds: progress.seconds,
        };
        progress.validations.push(validation);
        if Validation::best(&progress.validations, self.config) == Some(validation) {
            progress.best = progress.weights.parameters.clone();
        }
        on(Event::Validated(validation));
        Ok(())
    }

    /// The scales of distances that the validation files want; none if there are none, or an embedding is not finite.
    pub(super) fn calibration(&self, session: &Session) -> Result<Option<Calibration>, TrainError> {
        let pool = &self.material.pools.validation;
        let embeddings = self.validation_embeddings(session)?;
        if pool.classes.is_empty() || embeddings.iter().flatten().any(|value| !value.is_finite()) {
            return Ok(None);
        }
        let way = self.material.pools.validation_task.way;
        let seed = self.config.seed ^ VALIDATION_SEED;
        Ok(Calibration::fit(
            pool,
            &embeddings,
            Metric::of(&self.student.network.spec),
            way,
            seed,
        )?)
    }

    /// The embeddings of the validation files, by their indices.
    fn validation_embeddings(&self, session: &Session) -> Result<Vec<Vec<f32>>, TrainError> {
        let pool = &self.material.pools.validation;
        let mut embeddings = vec![Vec::new(); pool.group_of.len()];
        for &index in pool.files.iter().flatten() {
            embeddings[index] = self.embed(session, index)?;
        }
        Ok(embeddings)
    }

    /// Has an embedder see the parameters as a step of the training does.
    pub(super) fn embed_by(&self, embedder: &Embedder, parameters: &[f32]) {
        let mut seen = parameters.to_vec();
        let network = self.student.network;
        self.student.shaping.seen_by_host(network, &mut seen);
        embedder.set_parameters(&seen);
    }

    pub(super) fn embed(&self, session: &Session, index: usize) -> Result<Vec<f32>, TrainError> {
        let units = self.material.units;
        units.embed(self.config, &session.embedder, index)
    }
}
