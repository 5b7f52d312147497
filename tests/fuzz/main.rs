//! Ten thousand changed inputs for every reader of what comes from outside; `make fuzz` asks for more.
//!
//! GAMAKA_FUZZ_INPUTS is how many a target, GAMAKA_FUZZ_TARGET names one, GAMAKA_FUZZ_SEED changes them all, and
//! GAMAKA_FUZZ_INPUT runs a single one by its number, which is what a failure tells. GAMAKA_FUZZ_CORPUS names a
//! folder for the seeds.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod mutate;
mod targets;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gamaka::internals::random::Stream;
use targets::{TARGETS, Target};

/// Peak memory of one input.
const MOST_BYTES: u64 = 2 << 30;

/// An input that takes longer hangs, however slow the machine is.
const HANG: Duration = Duration::from_secs(120);

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a whole number, not `{text}`")),
    )
}

/// What went wrong with an input.
#[derive(Debug, Default)]
struct Findings {
    failures: Vec<String>,
    taken: u64,
    most_bytes: u64,
    longest: Duration,
}

struct Run<'a> {
    target: &'a Target,
    seeds: Vec<Vec<u8>>,
    seed: u64,
    findings: Mutex<Findings>,
}

impl Run<'_> {
    fn input(&self, number: u64) -> Vec<u8> {
        // The seeds themselves come first.
        match self.seeds.get(number as usize) {
            Some(seed) => seed.clone(),
            None => {
                let mut random = Stream::new(self.seed, self.target.name, number);
                mutate::mutate(&self.seeds, self.target.text, &mut random)
            }
        }
    }

    fn read(&self, scratch: &Path, number: u64) {
        let input = self.input(number);
        let started = Instant::now();
        let mut result = Ok(false);
        let memory = allocation_counter::measure(|| {
            result = catch_unwind(AssertUnwindSafe(|| (self.target.read)(scratch, &input)));
        });
        let name = self.target.name;
        let mut findings = self.findings.lock().expect("no panic while it was held");
        findings.most_bytes = findings.most_bytes.max(memory.bytes_max);
        findings.longest = findings.longest.max(started.elapsed());
        match result {
            Ok(taken) => findings.taken += u64::from(taken),
            Err(_) => {
                let message = PANIC.with(|panic| panic.take());
                findings
                    .failures
                    .push(format!("{name} {number}: {message}"));
            }
        }
        if memory.bytes_max > MOST_BYTES {
            findings.failures.push(format!(
                "{name} {number}: {} bytes of memory",
                memory.bytes_max
            ));
        }
    }
}

/// Ends the process, naming the input, when one takes too long: a thread cannot be stopped from outside.
fn watch(busy: Arc<Vec<AtomicU64>>, name: &'static str, over: Arc<AtomicUsize>) {
    std::thread::spawn(move || {
        let mut since: Vec<(u64, Instant)> = vec![(u64::MAX, Instant::now()); busy.len()];
        while over.load(Ordering::Relaxed) < busy.len() {
            std::thread::sleep(Duration::from_millis(200));
            for (slot, (number, from)) in busy.iter().zip(&mut since) {
                let now = slot.load(Ordering::Relaxed);
                if now != *number {
                    (*number, *from) = (now, Instant::now());
                } else if now != u64::MAX && from.elapsed() > HANG {
                    eprintln!("{name} {now} hangs");
                    std::process::abort();
                }
            }
        }
    });
}

fn fuzz(name: &str) {
    if std::env::var("GAMAKA_FUZZ_TARGET").is_ok_and(|only| only != name) {
        return;
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let target = TARGETS
        .iter()
        .find(|t| t.name == name)
        .expect("a target of this name");
    let run = Run {
        target,
        seeds: (target.seeds)(&root),
        seed: setting("GAMAKA_FUZZ_SEED").unwrap_or(1),
        findings: Mutex::default(),
    };
    assert!(!run.seeds.is_empty(), "no seeds for {name}");
    if let Ok(corpus) = std::env::var("GAMAKA_FUZZ_CORPUS") {
        write_seeds(&root.join(corpus).join(name), &run.seeds);
    }
    let numbers = match setting("GAMAKA_FUZZ_INPUT") {
        Some(number) => number..number + 1,
        None => 0..setting("GAMAKA_FUZZ_INPUTS").unwrap_or(10_000),
    };
    // Panics that a reader catches itself are no findings.
    std::panic::set_hook(Box::new(|info| {
        PANIC.with(|panic| panic.replace(info.to_string()).clear())
    }));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(numbers.start);
    let busy: Arc<Vec<AtomicU64>> =
        Arc::new((0..threads).map(|_| AtomicU64::new(u64::MAX)).collect());
    let over = Arc::new(AtomicUsize::new(0));
    watch(busy.clone(), target.name, over.clone());
    std::thread::scope(|scope| {
        for slot in busy.iter() {
            scope.spawn(|| {
                let scratch = tempfile::tempdir().expect("a temporary folder");
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if !numbers.contains(&number) {
                        break;
                    }
                    slot.store(number, Ordering::Relaxed);
                    run.read(scratch.path(), number);
                }
                slot.store(u64::MAX, Ordering::Relaxed);
                over.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    drop(std::panic::take_hook());
    let findings = run
        .findings
        .into_inner()
        .expect("no panic while it was held");
    println!(
        "{name}: {} inputs, {} taken for good, at most {} MiB and {:.2} s for one, {} failures",
        numbers.end - numbers.start,
        findings.taken,
        findings.most_bytes >> 20,
        findings.longest.as_secs_f64(),
        findings.failures.len(),
    );
    assert!(
        findings.taken > 0 || numbers.start > 0,
        "{name}: not even good inputs are taken, and nothing is tried but the door"
    );
    let shown = findings
        .failures
        .iter()
        .take(20)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        findings.failures.is_empty(),
        "{} inputs failed:\n{shown}",
        findings.failures.len()
    );
}

/// Good inputs, for libFuzzer to start from.
fn write_seeds(folder: &Path, seeds: &[Vec<u8>]) {
    std::fs::create_dir_all(folder).expect("the corpus folder can be made");
    for (k, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{k}")), seed).expect("a seed can be written");
    }
}

#[test]
fn every_reader_returns_whatever_it_is_given() {
    for target in &TARGETS {
        fuzz(target.name);
    }
}
