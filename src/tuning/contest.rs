//! The variants of an operation against one another.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::TuningError;
use crate::gpu::{Gpu, GpuError, Plan, Program, Tensor, Tuning};
use crate::measure::{Spread, made_up};
use crate::ops::{self, ConvShape, Pass};
use crate::selftest::{Expected, compare};

/// Rounds in which all that are left take turns.
const ROUNDS: usize = 5;

/// What a variant must be better by in every round.
const BETTER: f64 = 0.95;

/// One that takes so many times as long as the usual when it first runs is given up.
const SLOW: f64 = 2.0;

/// Below this, in seconds, what the host takes decides, and nothing is called slow.
const SHORT: f64 = 1e-3;

/// What a measurement takes at least, so that the host's share of it is small.
const LEAST_SECONDS: f64 = 4e-3;

/// Most runs of a measurement.
const MOST_RUNS: f64 = 256.0;

/// What became of a variant.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is what suits the adapter's class.
    Usual,
    /// At least 5 % better in every round.
    Better,
    /// Not so.
    NotBetter,
    /// Its results are not those of the usual: the largest error as a share of what is allowed.
    Wrong(f64),
    /// It cannot run here, or its run ended in a fault of the device.
    Failed(String),
}

/// A variant and what became of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// Its id.
    pub id: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Milliseconds of a run, the median of the rounds that it took part in.
    pub ms: Option<f64>,
}

/// The variants of an operation, and the quickest.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Contest {
    /// The operation in words.
    pub operation: String,
    /// The id of the variant to take.
    pub chosen: String,
    /// Every variant, the usual first.
    pub outcomes: Vec<Outcome>,
}

impl Contest {
    /// The outcome of a variant.
    pub fn of(&self, id: &str) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.id == id)
    }

    /// Milliseconds of the usual variant and of the chosen one.
    pub fn ms(&self) -> Option<[f64; 2]> {
        let usual = self.outcomes.first()?.ms?;
        Some([usual, self.of(&self.chosen)?.ms?])
    }
}

/// A way to run an operation, before anything was compiled.
#[derive(Debug, Clone)]
pub struct Contender {
    /// The id of its variant.
    pub id: String,
    /// The operation alone.
    pub plan: Plan,
    inputs: Vec<Tensor>,
    output: Tensor,
}

/// Those of an operation on this device, what suits its class first.
pub fn contenders(gpu: &Gpu, pass: Pass, shape: &ConvShape) -> Vec<Contender> {
    let operation = ops::operation(pass, shape);
    let contender = |id: String| {
        let choices = [(operation.clone(), id.clone())].into();
        let mut plan = Plan::new(Tuning::new(gpu.class(), choices));
        let (inputs, output) = ops::single_pass(&mut plan, pass, shape);
        plan.share_scratch();
        Contender {
            id,
            plan,
            inputs,
            output,
        }
    };
    let all = ops::candidates(pass, shape, gpu.class());
    all.iter().map(|v| contender(v.to_string())).collect()
}

/// A contender that has run.
struct Running {
    place: usize,
    program: Program,
    runs: u32,
}

impl Running {
    fn new(
        gpu: &Gpu,
        place: usize,
        contender: &Contender,
        values: &[Vec<f32>],
    ) -> Result<Self, GpuError> {
        let program = Program::new(gpu, contender.plan.clone())?;
        for (&input, values) in contender.inputs.iter().zip(values) {
            program.write(input, values);
        }
        program.run()?;
        gpu.wait()?;
        Ok(Self {
            place,
            program,
            runs: 1,
        })
    }

    /// Milliseconds of a run, noted among those of all.
    fn time(&self, times: &mut [Vec<f64>]) -> Result<f64, GpuError> {
        let ms = self.program.time_runs(self.runs)?.as_secs_f64() * 1e3;
        times[self.place].push(ms);
        Ok(ms)
    }
}

/// Finds the quickest of an operation's contenders, the first of which is the usual. Each is first held against the results of the
/// usual; one is taken only if it is better in every round. `open` gives the device, and another where a contender has lost it;
/// `on` hears the id of each before it runs.
///
/// # Errors
/// [`TuningError::Stopped`], or a fault of the device that the usual had.
pub fn contest(
    operation: &str,
    contenders: &[Contender],
    open: &mut dyn FnMut() -> Result<Gpu, GpuError>,
    stop: &AtomicBool,
    on: &mut dyn FnMut(&str),
) -> Result<Contest, TuningError> {
    let mut verdicts = vec![None; contenders.len()];
    let mut gpu = open()?;
    // On all cores. Should one of them harm the device, its turn tells which.
    contenders.par_iter().for_each(|contender| {
        if contender.plan.validate().is_ok() {
            let _ = Program::compile(&gpu, &contender.plan);
        }
    });
    if gpu.check().is_err() {
        gpu = open()?;
    }
    let task = Task {
        contenders,
        values: values(contenders),
        terms: terms(operation),
    };
    let times = loop {
        match task.attempt(&mut verdicts, &gpu, stop, on)? {
            Some(times) => break times,
            // The device is gone, and who lost it is not asked again.
            None => gpu = open()?,
        }
    };
    let mut outcomes = Vec::new();
    for ((contender, verdict), ms) in contenders.iter().zip(verdicts).zip(times) {
        outcomes.push(Outcome {
            id: contender.id.clone(),
            verdict: verdict.unwrap_or(Verdict::Better),
            ms: (!ms.is_empty()).then(|| Spread::of(&ms).median),
        });
    }
    let better = outcomes
        .iter()
        .filter(|outcome| outcome.verdict == Verdict::Better);
    let best = better.min_by(|a, b| {
        a.ms.unwrap_or(f64::MAX)
            .total_cmp(&b.ms.unwrap_or(f64::MAX))
    });
    let chosen = best.or(outcomes.first()).map(|o| o.id.clone());
    Ok(Contest {
        operation: operation.to_string(),
        chosen: chosen.unwrap_or_default(),
        outcomes,
    })
}

/// Products that a sum of an operation has, for what its rounding may be.
fn terms(operation: &str) -> usize {
    let Some((pass, shape)) = ops::parse_operation(operation) else {
        return 1;
    };
    let [kernel, output] = [shape.kernel, shape.output()].map(|[h, w]| h * w);
    match pass {
        Pass::Forward => shape.taps() * shape.basis.slots(),
        Pass::GradInput => shape.co * kernel * shape.basis.slots(),
        Pass::GradWeight => shape.n * output,
    }
}

/// Made-up values for the inputs of all contenders: those of the convolution reach beyond the grid, weights and gradients
/// cancel.
fn values(contenders: &[Contender]) -> Vec<Vec<f32>> {
    let inputs = contenders.first().map_or(&[][..], |first| &first.inputs);
    let values = |(k, input): (usize, &Tensor)| {
        let reach = if k == 0 { 6.0 } else { 1.0 };
        let values = made_up(input.len()).into_iter();
        values.map(|v| (v - 0.5) * reach).collect()
    };
    inputs.iter().enumerate().map(values).collect()
}

/// What all attempts share.
struct Task<'a> {
    contenders: &'a [Contender],
    values: Vec<Vec<f32>>,
    terms: usize,
}

impl Task<'_> {
    /// Milliseconds of the rounds of each; none if the device was lost by one that has now a verdict.
    fn attempt(
        &self,
        verdicts: &mut [Option<Verdict>],
        gpu: &Gpu,
        stop: &AtomicBool,
        on: &mut dyn FnMut(&str),
    ) -> Result<Option<Vec<Vec<f64>>>, TuningError> {
        let contenders = self.contenders;
        let mut running: Vec<Running> = Vec::new();
        let mut expected: Option<Expected> = None;
        let stopped = || match stop.load(Ordering::Relaxed) {
            true => Err(TuningError::Stopped),
            false => Ok(()),
        };
        for (place, contender) in contenders.iter().enumerate() {
            if !matches!(verdicts[place], None | Some(Verdict::Usual)) {
                continue;
            }
            stopped()?;
            on(&contender.id);
            let first = || {
                let mut new = Running::new(gpu, place, contender, &self.values)?;
                let got: Vec<f32> = new.program.read(contender.output)?;
                let seconds = new.program.time_runs(1)?.as_secs_f64();
                new.runs = match running.first() {
                    Some(usual) => usual.runs,
                    None => runs(&new.program, seconds)?,
                };
                let usual = match running.first() {
                    Some(usual) => usual.program.time_runs(1)?.as_secs_f64(),
                    None => seconds,
                };
                Ok::<_, GpuError>((new, got, seconds > SLOW * usual.max(SHORT)))
            };
            match first() {
                Ok((new, got, slow)) => {
                    verdicts[place] = match &expected {
                        None => Some(Verdict::Usual),
                        Some(expected) => match compare(&got, expected) {
                            worst if !worst.holds() => Some(Verdict::Wrong(worst.share)),
                            _ => slow.then_some(Verdict::NotBetter),
                        },
                    };
                    expected.get_or_insert_with(|| Expected {
                        tensor: contender.output,
                        values: got.into_iter().map(f64::from).collect(),
                        tolerance: Expected::tolerance(self.terms),
                        rounding: 0.0,
                    });
                    if matches!(verdicts[place], None | Some(Verdict::Usual)) {
                        running.push(new);
                    }
                }
                Err(error) if place == 0 => return Err(error.into()),
                Err(error) => {
                    verdicts[place] = Some(Verdict::Failed(error.to_string()));
                    if gpu.check().is_err() {
                        return Ok(None);
                    }
                }
            }
        }
        let mut times = vec![Vec::new(); contenders.len()];
        for round in 0..ROUNDS {
            stopped()?;
            let Some((usual, others)) = running.split_first_mut() else {
                break;
            };
            let ms = usual.time(&mut times)?;
            // Each round begins elsewhere, so that none has always the same one before it.
            let count = others.len().max(1);
            others.rotate_left(round % count);
            for other in others.iter() {
                match other.time(&mut times) {
                    Ok(took) if took <= BETTER * ms => {}
                    Ok(_) => verdicts[other.place] = Some(Verdict::NotBetter),
                    Err(error) => {
                        verdicts[other.place] = Some(Verdict::Failed(error.to_string()));
                        if gpu.check().is_err() {
                            return Ok(None);
                        }
                    }
                }
            }
            // Who is not better once is not taken, and leaves.
            running.retain(|one| matches!(verdicts[one.place], None | Some(Verdict::Usual)));
        }
        Ok(Some(times))
    }
}

/// How many runs a measurement takes, of which one by itself took so long.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at least 1 and at most MOST_RUNS"
)]
fn runs(program: &Program, alone: f64) -> Result<u32, GpuError> {
    const FEW: u32 = 16;
    // What is short alone is mostly submitting and waiting.
    let seconds = match alone < LEAST_SECONDS / 2.0 {
        true => program.time_runs(FEW)?.as_secs_f64(),
        false => alone,
    };
    Ok((LEAST_SECONDS / seconds.max(1e-9)).clamp(1.0, MOST_RUNS) as u32)
}
