//! The demo's report: a page of pictures, which are files of their own too.

use crate::data::{Part, Task};
use crate::evaluate::Report;
use crate::mel::{AMIN, Preset, TOP_DB, decibels, transpose};
use crate::model::LearnedEdge;
use crate::report::{
    Column, Curve, Edge, Headline, IntervalRow, Page, Role, Rows, ScatterPoint, Sound, Spectrogram,
    Svg, Validation, bars_svg, confusion_svg, curve_svg, differences_svg, intervals_svg, project,
    scatter_svg, splines_svg,
};
use crate::score::Estimate;

use super::edge::Drawn;
use super::{Demo, EVALUATION, reason};
use crate::cli::table;

fn percent(value: f64) -> String {
    format!("{} %", table::percent(value))
}

/// A mean with its interval over files, for a table.
fn cells(e: &Estimate) -> [String; 3] {
    let files = e.over_files.map_or("-".to_string(), |i| {
        let [low, high] = [i.low, i.high].map(table::percent);
        format!("{low} to {high}")
    });
    let half = (e.over_episodes.high - e.over_episodes.low) / 2.0;
    [
        table::percent(e.mean),
        files,
        format!("± {:.1}", half * 100.0),
    ]
}

/// A row of a forest plot.
fn row<'a>(name: &'a str, e: &Estimate, highlight: bool) -> IntervalRow<'a> {
    IntervalRow {
        name,
        value: e.mean,
        over_files: e.over_files.map(|i| (i.low, i.high)),
        over_episodes: Some((e.over_episodes.low, e.over_episodes.high)),
        highlight,
    }
}

/// What the network must be better than, and by how much it is.
struct Floor<'a> {
    name: &'a str,
    accuracy: f64,
    gain: &'a Estimate,
}

/// Says of which floors the network is not better by the interval over files; nothing if it is better than all.
fn beside(floors: &[Floor]) -> String {
    let better = |floor: &&Floor| floor.gain.over_files.is_some_and(|i| i.low > 0.0);
    let worse = |floor: &&Floor| floor.gain.over_files.is_some_and(|i| i.high < 0.0);
    let sentence = |verdict: &str, which: &dyn Fn(&&Floor) -> bool| {
        let named = floors.iter().filter(which).map(|floor| {
            let Floor { name, accuracy, .. } = floor;
            format!("{name} ({})", percent(*accuracy))
        });
        match named.collect::<Vec<_>>().join(" and ") {
            none if none.is_empty() => none,
            names => format!(" That is {verdict} {names}."),
        }
    };
    let alike = sentence("not surely better than", &|f| !better(f) && !worse(f));
    alike + &sentence("worse than", &worse)
}

impl Demo {
    /// Draws the page.
    pub(super) fn page(&self) -> anyhow::Result<Page> {
        let systems = &self.five_shot.evaluation.systems;
        let accuracy = &systems[0].accuracy;
        let classes: Vec<&str> = self
            .five_shot
            .evaluation
            .classes
            .iter()
            .map(String::as_str)
            .collect();
        let way = self.five_shot.evaluation.task.way;
        let floors: Vec<Floor> = (self.five_shot.differences.iter())
            .zip(&systems[1..])
            .map(|(difference, system)| Floor {
                name: &difference.against,
                accuracy: system.accuracy.mean,
                gain: &difference.difference,
            })
            .collect();
        let beside = beside(&floors);
        let lead = format!(
            "gamaka trained its network {} on {} styles of rendered music. Here it is to tell apart {} styles that it never heard in training, from one or five examples of each: {} right with five, where guessing gives {}.{beside}",
            self.network(),
            self.count(Part::Train),
            classes.len(),
            percent(accuracy.mean),
            percent(1.0 / way as f64),
        );
        let mut page = Page::new("Styles it was never taught", &lead);
        self.add_results(&mut page, way)?;
        self.add_clips(&mut page)?;
        page.section("What it mixes up");
        self.figure(
            &mut page,
            "confusion",
            &confusion_svg(&classes, &systems[0].confusion, None)?,
            &format!("{way}-way 5-shot, all queries of {EVALUATION} episodes. Each row is a true style, in percent."),
        )?;
        self.add_map(&mut page, &classes)?;
        self.add_training(&mut page)?;
        self.add_splines(&mut page)?;
        self.add_facts(&mut page);
        Ok(page)
    }

    /// Puts a picture on the page, and beside it as a file of its own.
    fn figure(&self, page: &mut Page, name: &str, svg: &Svg, caption: &str) -> anyhow::Result<()> {
        let name = format!("pictures/{name}.svg");
        self.folder.write(&name, svg.standalone().as_bytes())?;
        page.figure(svg, caption);
        Ok(())
    }

    fn count(&self, part: Part) -> usize {
        self.trained.model.info.split.classes(part).len()
    }

    fn add_results(&self, page: &mut Page, way: usize) -> anyhow::Result<()> {
        let of = |report: &Report, k: usize| percent(report.evaluation.systems[k].accuracy.mean);
        let chance = format!("guessing: {}", percent(1.0 / way as f64));
        page.headlines(&[
            Headline {
                value: &of(&self.five_shot, 0),
                name: "with 5 examples of each style",
                note: &chance,
            },
            Headline {
                value: &of(&self.one_shot, 0),
                name: "with 1 example of each style",
                note: &chance,
            },
            Headline {
                value: &of(&self.five_shot, 1),
                name: "the same network untrained",
                note: "5 examples",
            },
            Headline {
                value: &of(&self.five_shot, 2),
                name: "MFCC, nearest centroid",
                note: "5 examples",
            },
        ]);
        page.section("How well, and how sure");
        let mut rows = Vec::new();
        for (shot, report) in [("1", &self.one_shot), ("5", &self.five_shot)] {
            for (k, system) in report.evaluation.systems.iter().enumerate() {
                let name = if k == 0 { self.network() } else { &system.name };
                let [mean, files, episodes] = cells(&system.accuracy);
                rows.push(vec![
                    name.to_string(),
                    shot.to_string(),
                    mean,
                    files,
                    episodes,
                ]);
            }
        }
        page.table(
            &[
                Column::text("System"),
                Column::number("Shots"),
                Column::number("Accuracy, %"),
                Column::number("95 % over files"),
                Column::number("95 % over episodes"),
            ],
            &rows,
            &format!("{way}-way accuracy on {EVALUATION} episodes of unseen styles."),
        );
        let systems = &self.five_shot.evaluation.systems;
        let names: Vec<&str> = (0..systems.len())
            .map(|k| {
                if k == 0 {
                    self.network()
                } else {
                    &systems[k].name
                }
            })
            .collect();
        let accuracies: Vec<_> = systems
            .iter()
            .zip(&names)
            .enumerate()
            .map(|(k, (s, name))| row(name, &s.accuracy, k == 0))
            .collect();
        self.figure(
            page,
            "accuracy",
            &intervals_svg(&accuracies, Some(1.0 / way as f64), None)?,
            "5-shot accuracy. The wide interval says how far new clips of the same styles would move it, the narrow one only how far other episodes with the same clips would.",
        )?;
        let names: Vec<String> = self
            .five_shot
            .differences
            .iter()
            .map(|d| format!("less {}", d.against))
            .collect();
        let differences: Vec<_> = self
            .five_shot
            .differences
            .iter()
            .zip(&names)
            .map(|(d, name)| row(name, &d.difference, false))
            .collect();
        self.figure(
            page,
            "differences",
            &differences_svg(&differences, 0.95, None)?,
            &format!(
                "What {} adds, paired on the same episodes and files, 5-shot. Better or worse it is only called where the whole interval over files lies on one side of zero.",
                self.network()
            ),
        )?;
        if let Some(note) = &self.five_shot.evaluation.note {
            page.note(note);
        }
        Ok(())
    }

    fn add_clips(&self, page: &mut Page) -> anyhow::Result<()> {
        page.section("Two clips, and why");
        let preset = Preset::librosa();
        let engine = crate::mel::CpuEngine::new(&preset)?;
        let centres = preset.band_centres();
        for listened in &self.listened {
            let best = &listened.answer.ranked[0];
            let verdict = if best.genre == listened.truth {
                "right"
            } else {
                "wrong"
            };
            page.paragraph(&format!(
                "A clip of {}: {} with {:.0} %, {verdict}. {}",
                listened.truth,
                best.genre,
                best.probability * 100.0,
                reason(listened)
            ));
            let (samples, _) = crate::audio::decode(&listened.path, preset.sample_rate)?;
            let power = engine.mel_spectrogram(&samples)?;
            let db = decibels(&power, 1.0, AMIN, Some(TOP_DB));
            let spectrogram = Spectrogram {
                values: &transpose(&db, db.len() / preset.n_mels),
                rows: Rows::Bands(&centres, "dB"),
                hop_length: preset.hop_length,
                sample_rate: preset.sample_rate,
                title: None,
            };
            page.spectrogram(
                &spectrogram,
                &format!("mel-spectrogram of a {} clip", listened.truth),
                "Its mel-spectrogram.",
            )?;
            let sound = std::fs::read(&listened.path)?;
            page.sound(&Sound::Embedded(&sound, "audio/ogg"), "The clip.");
            let ranked: Vec<(&str, f64)> = listened
                .answer
                .ranked
                .iter()
                .map(|r| (r.genre.as_str(), r.probability))
                .collect();
            page.figure(
                &bars_svg(&ranked, None)?,
                "Probability among these styles only.",
            );
            if let Some(nearest) = listened.answer.nearest.first() {
                let sound = std::fs::read(&nearest.path)?;
                page.sound(
                    &Sound::Embedded(&sound, "audio/ogg"),
                    &format!(
                        "The nearest example: {}, at distance {:.2}.",
                        nearest.genre, nearest.distance
                    ),
                );
            }
        }
        Ok(())
    }

    fn add_map(&self, page: &mut Page, classes: &[&str]) -> anyhow::Result<()> {
        page.section("A map of the unseen styles");
        let pool = self.embedded.dataset.pool(&self.embedded.files);
        let files: Vec<(usize, usize)> = pool
            .files
            .iter()
            .enumerate()
            .flat_map(|(class, f)| f.iter().map(move |&file| (class, file)))
            .collect();
        let flat: Vec<f32> = files
            .iter()
            .flat_map(|&(_, f)| self.embedded.network[f].iter().copied())
            .collect();
        let projection = project(&flat, self.trained.model.network.width())?;
        let points: Vec<ScatterPoint> = files
            .iter()
            .zip(&projection.points)
            .map(|(&(class, _), &at)| ScatterPoint {
                at,
                class,
                role: Role::Query,
            })
            .collect();
        self.figure(
            page,
            "map",
            &scatter_svg(&points, classes, Some(projection.explained), None)?,
            "Every clip of the unseen styles, on the two widest axes of its embedding. Clips of a style should lie together.",
        )?;
        Ok(())
    }

    fn add_training(&self, page: &mut Page) -> anyhow::Result<()> {
        page.section("Training");
        let log = &self.trained.log;
        let loss: Vec<(f64, f64)> = log
            .iter()
            .map(|r| (r.episode as f64, f64::from(r.loss)))
            .collect();
        let accuracy: Vec<(f64, f64)> = log
            .iter()
            .filter_map(|r| Some((r.episode as f64, f64::from(r.accuracy?))))
            .collect();
        let validation: Vec<Validation> = self
            .trained
            .validations
            .iter()
            .map(|v| Validation {
                episode: v.episode as f64,
                value: v.accuracy,
                interval: Some((v.over_episodes.low, v.over_episodes.high)),
            })
            .collect();
        let curves = [
            Curve {
                name: "Loss",
                percent: false,
                training: &loss,
                validation: &[],
                chance: None,
            },
            Curve {
                name: "Accuracy",
                percent: true,
                training: &accuracy,
                validation: &validation,
                chance: None,
            },
        ];
        let Task { way, shot, query } = self.config.train_task(self.count(Part::Train));
        self.figure(
            page,
            "training",
            &curve_svg(&curves, None)?,
            &format!(
                "Training episodes are {way}-way {shot}-shot with {query} queries a style; the points are {}-way {}-shot on the validation styles. The model keeps the parameters of the best point, after {} episodes.",
                self.config.way, self.config.shot, self.trained.model.info.episodes
            ),
        )?;
        Ok(())
    }

    fn add_splines(&self, page: &mut Page) -> anyhow::Result<()> {
        const ROW: usize = 4;
        let model = &self.trained.model;
        let edges = model.network.learned_edges(&model.parameters);
        if edges.is_empty() {
            return Ok(());
        }
        page.section("What the splines have learned");
        // The edges come with those that matter most first.
        let mut layers: Vec<usize> = edges.iter().map(|e| e.layer).collect();
        layers.sort_unstable();
        layers.dedup();
        let first = layers
            .iter()
            .flat_map(|&layer| edges.iter().filter(move |e| e.layer == layer).take(ROW));
        self.figure(
            page,
            "edges",
            &picture(first)?,
            &format!(
                "The {ROW} edges of each layer that matter most, of {} edges in all: the functions that stand in place of weights, with their spline and their silu part. A name says layer: input to output channel @ row, column of the kernel. The grid is shaded.",
                edges.len()
            ),
        )?;
        let mut bent: Vec<&LearnedEdge> = edges.iter().collect();
        bent.sort_by(|a, b| b.spline_importance.total_cmp(&a.spline_importance));
        self.figure(
            page,
            "splines",
            &picture(bent.into_iter().take(2 * ROW))?,
            &format!("The {} edges whose splines alone matter most.", 2 * ROW),
        )
    }

    fn add_facts(&self, page: &mut Page) {
        page.section("What this is");
        let network = &self.trained.model.network;
        page.paragraph(&format!(
            "Network {}: {} parameters, {:.1} MFLOP a clip. Corpus: {} styles to train, {} to validate, {} to test, rendered from accompaniment patterns with chords, keys, tempi and instruments mixed at random. Seed {}. Adapter: {}. Training took {:.0} s, everything {:.0} s.",
            self.network(),
            network.parameter_count(),
            network.flops() as f64 / 1e6,
            self.count(Part::Train),
            self.count(Part::Validation),
            self.count(Part::Test),
            self.config.seed,
            self.gpu.adapter,
            self.trained.seconds,
            self.started.elapsed().as_secs_f64()
        ));
        page.code(&format!(
            "layer                      output  parameters\n{}",
            network.summary().join("\n")
        ));
        page.paragraph("The same on music of your own:");
        page.code("gamaka train MUSIC -o my.safetensors\ngamaka eval MUSIC --model my.safetensors\ngamaka classify SONG.mp3 --examples GENRES --model my.safetensors");
    }
}

/// Pictures of edges.
fn picture<'a>(edges: impl Iterator<Item = &'a LearnedEdge>) -> anyhow::Result<Svg> {
    const SAMPLES: usize = 161;
    let shown: Vec<Drawn> = edges.map(|edge| Drawn::new(edge, SAMPLES)).collect();
    let drawn: Vec<Edge> = shown.iter().map(Drawn::edge).collect();
    Ok(splines_svg(&drawn, None)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::Interval;

    #[test]
    fn the_lead_says_where_the_network_is_not_better_than_its_floors() {
        let gain = |low, high| Estimate {
            mean: (low + high) / 2.0,
            over_files: Some(Interval { low, high }),
            over_episodes: Interval { low, high },
        };
        let floor = |name, accuracy, gain| Floor {
            name,
            accuracy,
            gain,
        };
        let gains = [gain(0.1, 0.2), gain(-0.1, 0.1), gain(-0.2, -0.1)];
        let better = floor("guessing", 0.2, &gains[0]);
        assert_eq!(beside(&[better]), "");
        let floors = [
            floor("untrained", 0.524, &gains[1]),
            floor("MFCC", 0.707, &gains[2]),
        ];
        assert_eq!(
            beside(&floors),
            " That is not surely better than untrained (52.4 %). That is worse than MFCC (70.7 %)."
        );
    }
}
