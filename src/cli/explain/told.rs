//! The reasons for what a file is taken for, as a page, as JSON and in words.

use std::fmt::Write;

use serde_json::{Value, json};

use super::file::{Explained, SPAN_FRAMES};
use crate::cli::common::one_line;
use crate::cli::table::{Align, Table};
use crate::explain::{Attribution, BandPart, Change, Changes, LARGEST_DB, PeriodPart, Span};
use crate::features::SegmentShape;
use crate::report::{
    Column, Headline, HeardPicture, Page, Sound as Player, bars_svg, decimal, signed_svg,
};
use crate::words::count;

/// Classes shown in a ranking.
const SHOWN: usize = 8;

impl Explained {
    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        one_line(&name.to_string_lossy())
    }

    fn winner(&self) -> &str {
        &self.names[self.attribution.decision.winner]
    }

    /// What speaks against the winner.
    fn other(&self) -> &str {
        let other = self.attribution.decision.runner_up;
        other.map_or("anything else", |class| &self.names[class])
    }

    pub(super) fn title(&self) -> String {
        format!("Why {} is taken for {}", self.name(), self.winner())
    }

    pub(super) fn lead(&self) -> String {
        let Attribution { score, silence, .. } = self.attribution;
        match self.attribution.decision.runner_up {
            None => format!(
                "{} is the only class there is: what is told is what makes the file like it.",
                self.winner()
            ),
            Some(_) => format!(
                "Between {} and {} the file's log-odds are {} nats for {}. Silence has {}: the sound added {}, and what follows says which sound, in Hz and seconds.",
                self.winner(),
                self.other(),
                decimal(score, 2),
                self.winner(),
                decimal(silence, 2),
                decimal(score - silence, 2),
            ),
        }
    }

    /// Adds the sections about the file.
    pub(super) fn add_to(&self, page: &mut Page) -> anyhow::Result<()> {
        let sides = [
            format!("for {}", self.winner()),
            format!("for {}", self.other()),
        ];
        let percent = |p: f64| format!("{} %", decimal(100.0 * p, 1));
        let likeliest = self.ranked[0].1;
        let second = self.ranked.get(1).map_or(0.0, |(_, p)| *p);
        let missing = format!("{} %", decimal(100.0 * self.attribution.missing(), 2));
        page.headlines(&[
            Headline {
                value: &percent(likeliest),
                name: self.winner(),
                note: &format!("among {}", count(self.names.len(), "class", "classes")),
            },
            Headline {
                value: &percent(second),
                name: self.other(),
                note: "the runner-up",
            },
            Headline {
                value: &missing,
                name: "unexplained",
                note: "of what the sound added",
            },
        ]);
        for note in &self.notes {
            page.note(note);
        }
        let centres = self.preset.band_centres();
        let picture = HeardPicture {
            levels: &self.levels,
            added: &self.smooth,
            centres: &centres,
            frame_s: SegmentShape::seconds(&self.preset, 1),
            spans: &self.spans,
            span_frames: SPAN_FRAMES,
            sides: [&sides[0], &sides[1]],
        };
        let caption = format!(
            "How loud the file is, in grey, and over it what spoke for {} (blue) and for {} (orange). Below, the same for each quarter of a second as a whole.",
            self.winner(),
            self.other()
        );
        let description = format!(
            "spectrogram of {} with what mattered for {}",
            self.name(),
            self.winner()
        );
        page.section("What mattered, in Hz and seconds");
        page.heard(&picture, &description, &caption)?;
        let across = [sides[1].as_str(), sides[0].as_str()];
        let names: Vec<String> = self.bands.iter().rev().map(band_name).collect();
        let rows: Vec<(&str, f64)> = names
            .iter()
            .zip(self.bands.iter().rev())
            .map(|(name, part)| (name.as_str(), part.added))
            .collect();
        page.section("By band");
        page.figure(
            &signed_svg(&rows, across, 2)?,
            "What each octave added, in nats of log-odds. All of them together are what the sound added.",
        );
        let names: Vec<String> = self.periods.iter().map(period_name).collect();
        let rows: Vec<(&str, f64)> = names
            .iter()
            .zip(&self.periods)
            .map(|(name, part)| (name.as_str(), part.added))
            .collect();
        page.section("By time scale");
        page.figure(
            &signed_svg(&rows, across, 2)?,
            "What changes of the sound added by how long they take, in nats: the levels of each band, cut by period. Steady is the mean of each band over the file: its timbre. At 120 beats a minute a beat is half a second, a bar of four two.",
        );
        if self.ranked.len() > 1 {
            let ranked: Vec<(&str, f64)> = self
                .ranked
                .iter()
                .take(SHOWN)
                .map(|(class, p)| (self.names[*class].as_str(), *p))
                .collect();
            page.section("What it is taken for");
            page.figure(
                &bars_svg(&ranked, None)?,
                &format!("Probabilities among these classes only: {}.", self.source),
            );
        }
        self.add_likes(page);
        self.add_changes(page)?;
        page.section("How this was found");
        page.paragraph(&format!(
            "Integrated gradients of the log-odds, from silence to the file in {} steps of a quadrature, by the network's own backward pass down to its mel frames. The parts add up to {} nats where the sound added {}. Silence is where the way begins since networks know it from short files and from the masks of their training; so a place where nothing sounds is given nothing, and that a sound is missing shows only in what silence has.",
            self.attribution.steps,
            decimal(self.attribution.sum, 3),
            decimal(self.attribution.score - self.attribution.silence, 3),
        ));
        Ok(())
    }

    fn add_likes(&self, page: &mut Page) {
        if self.likes.is_empty() {
            return;
        }
        page.section("What it is like");
        page.paragraph(
            "The nearest examples, and the seconds of the file and of each that are most alike to the network.",
        );
        for (like, [own, other]) in self.likes.iter().zip(&self.sounds) {
            let Some(pair) = like.pairs.first() else {
                continue;
            };
            page.sound(
                &Player::Embedded(own, "audio/wav"),
                &format!("The file from {}.", clock(pair.file)),
            );
            page.sound(
                &Player::Embedded(other, "audio/wav"),
                &format!(
                    "{}, {}, from {}: distance {} here, {} as a whole.",
                    like.class,
                    one_line(&like.path.display().to_string()),
                    clock(pair.example),
                    decimal(f64::from(pair.distance), 3),
                    decimal(f64::from(like.distance), 3),
                ),
            );
        }
    }

    fn add_changes(&self, page: &mut Page) -> anyhow::Result<()> {
        let Some(changes) = &self.changes else {
            return Ok(());
        };
        page.section(&format!("What would make it {}", self.other()));
        page.paragraph(&self.change_words(changes));
        let gains = &changes.together.gains;
        let names: Vec<String> = gains
            .iter()
            .rev()
            .map(|gain| hertz(gain.low_hz, gain.high_hz))
            .collect();
        let rows: Vec<(&str, f64)> = names
            .iter()
            .zip(gains.iter().rev())
            .map(|(name, gain)| (name.as_str(), gain.db))
            .collect();
        page.figure(
            &signed_svg(&rows, ["quieter", "louder"], 1)?,
            "The change in dB by octave, of all of them together.",
        );
        let rows: Vec<Vec<String>> = changes
            .alone
            .iter()
            .zip(&changes.together.gains)
            .enumerate()
            .rev()
            .map(|(band, (change, gain))| {
                vec![
                    hertz(gain.low_hz, gain.high_hz),
                    match change.turned {
                        true => format!("{} dB", signed(change.gains[band].db)),
                        false => "none".into(),
                    },
                    decimal(change.score, 2),
                ]
            })
            .collect();
        page.table(
            &[
                Column::text("One octave alone"),
                Column::number("change"),
                Column::number("log-odds after it"),
            ],
            &rows,
            &format!(
                "The least that was found of each octave alone, up to {LARGEST_DB} dB either way; of those that cannot turn the answer, the log-odds at the largest change that was tried."
            ),
        );
        Ok(())
    }

    fn change_words(&self, changes: &Changes) -> String {
        let Change { score, turned, .. } = &changes.together;
        match turned {
            true => format!(
                "With the octaves changed by {} dB on average the answer would be {}: a forward pass over the changed sound has log-odds of {}.",
                decimal(changes.together.size_db(), 1),
                self.other(),
                decimal(*score, 2)
            ),
            false => format!(
                "No change of the octaves' loudness up to {LARGEST_DB} dB was found that makes it {}; the log-odds that came nearest are {}.",
                self.other(),
                decimal(*score, 2)
            ),
        }
    }

    pub(super) fn json(&self) -> Value {
        let class = |(class, probability): &(usize, f64)| json!({"class": self.names[*class], "probability": probability});
        json!({
            "path": self.path.display().to_string(),
            "examples": self.source,
            "winner": self.winner(),
            "runner_up": self.attribution.decision.runner_up.map(|class| &self.names[class]),
            "ranked": self.ranked.iter().map(class).collect::<Vec<_>>(),
            "log_odds": self.attribution.score,
            "log_odds_of_silence": self.attribution.silence,
            "sum": self.attribution.sum,
            "missing": self.attribution.missing(),
            "steps": self.attribution.steps,
            "by_band": self.bands,
            "by_period": self.periods,
            "by_span": {
                "seconds": SegmentShape::seconds(&self.preset, SPAN_FRAMES),
                "added": self.spans,
            },
            "nearest": self.likes,
            "change": self.changes,
            "notes": self.notes,
        })
    }

    pub(super) fn words(&self) -> String {
        let mut text = format!(
            "{}\n  {} {} %, {}\n",
            one_line(&self.path.display().to_string()),
            self.winner(),
            decimal(100.0 * self.ranked[0].1, 1),
            match self.ranked.get(1) {
                Some((_, p)) => format!("{} {} %", self.other(), decimal(100.0 * p, 1)),
                None => "the only class".into(),
            }
        );
        let _ = writeln!(
            text,
            "  log-odds {} nats; silence has {}, and {} % of the rest is missing in the parts",
            decimal(self.attribution.score, 2),
            decimal(self.attribution.silence, 2),
            decimal(100.0 * self.attribution.missing(), 2)
        );
        let mut table = Table::new([("", Align::Left), ("", Align::Right)]);
        for part in &self.bands {
            table.row([format!("  {}", band_name(part)), signed(part.added)]);
        }
        for part in &self.periods {
            table.row([format!("  {}", period_name(part)), signed(part.added)]);
        }
        text.push_str(&table.text());
        for like in &self.likes {
            let _ = write!(
                text,
                "    like {} ({})",
                one_line(&like.path.display().to_string()),
                like.class
            );
            if let Some(pair) = like.pairs.first() {
                let _ = write!(
                    text,
                    ": {} like its {}",
                    clock(pair.file),
                    clock(pair.example)
                );
            }
            text.push('\n');
        }
        if let Some(changes) = &self.changes {
            let _ = writeln!(text, "  {}", self.change_words(changes));
        }
        text
    }
}

fn signed(value: f64) -> String {
    let text = decimal(value, 2);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

fn hertz(low: f64, high: f64) -> String {
    format!("{} to {} Hz", decimal(low, 0), decimal(high, 0))
}

fn band_name(part: &BandPart) -> String {
    hertz(part.low_hz, part.high_hz)
}

fn period_name(part: &PeriodPart) -> String {
    match (part.steady, part.longest_s) {
        (true, _) => "steady".into(),
        (_, None) => format!("over {} s", part.shortest_s),
        (_, Some(longest)) if part.shortest_s == 0.0 => format!("under {longest} s"),
        (_, Some(longest)) => format!("{} to {longest} s", part.shortest_s),
    }
}

/// Seconds from and to, with a decimal.
fn clock(span: Span) -> String {
    format!(
        "{} to {} s",
        decimal(span.start_s, 1),
        decimal(span.end_s, 1)
    )
}
