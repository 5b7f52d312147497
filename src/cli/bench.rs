//! `gamaka bench`: how fast everything is on an adapter.

use std::fmt::Write;
use std::process::{Command, ExitCode};

use crate::bench::{
    self, CLIP_SECONDS, Ceilings, DispatchFigures, EMBEDDINGS, INPUT, KernelFigures, MelFigures,
    NetworkFigures, SimilarFigures, StartFigures, TASK, reference_networks, reference_step,
};
use crate::data::Task;
use crate::gpu::{AdapterSummary, GpuError};
use crate::measure::Spread;
use crate::model::Network;
use anyhow::{Context, anyhow, bail};
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::common::{Common, network_spec, print, print_error, print_json};
use super::hints;
use super::table::Table;

#[derive(clap::Args)]
pub(super) struct Args {
    /// What to measure, separated by commas [default: everything]
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<Part>,
    /// Measure this network instead of the reference networks: one that comes with gamaka, or a TOML file.
    /// May be repeated; without --only nothing else is measured
    #[arg(long, value_name = "NAME|SPEC.toml")]
    network: Vec<String>,
    /// Add a table of the kernels of every network's training step
    #[arg(long)]
    profile: bool,
    /// Measure the start in this process, which was made for that
    #[arg(long, hide = true)]
    fresh: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Part {
    /// Training step and forward pass of the reference networks
    Networks,
    /// The same with four times the channels
    #[value(name = "networks-x4")]
    NetworksX4,
    /// The kernels of the spline network's training step, and what the adapter can do at best
    Kernels,
    /// Both mel engines
    Mel,
    /// Files to embeddings
    Embed,
    /// The nearest of a million embeddings
    Similar,
    /// From nothing to a first result, without shaders kept on disk
    Start,
    /// What the host pays for a dispatch
    Host,
    /// What a dispatch costs in all, in a chain and independent of others
    Dispatch,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let given: Vec<Network> = args
        .network
        .iter()
        .map(|name| Network::new(network_spec(name, INPUT)?, INPUT).with_context(|| name.clone()))
        .collect::<anyhow::Result<_>>()?;
    let parts = match (&args.only[..], &given[..]) {
        ([], []) => Part::value_variants(),
        ([], _) => &[Part::Networks],
        (only, _) => only,
    };
    if args.fresh {
        // Nothing may touch the driver before.
        print_json(&bench::start(&common.device)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let wants = |part| parts.contains(&part);
    let gpu = common.gpu()?;
    let mut report = Report::new(common, &gpu.adapter)?;
    let networks = wants(Part::Networks) || wants(Part::NetworksX4);
    let ceilings = if wants(Part::Kernels) || (args.profile && networks) {
        Some(common.while_waiting("ceilings", || Ceilings::measure(&gpu))?)
    } else {
        None
    };
    report.ceilings(ceilings.as_ref())?;
    let profile = ceilings.as_ref().filter(|_| args.profile);
    let time = |networks: &[Network]| {
        common.while_waiting("networks", || {
            bench::time_networks(&common.device, networks, profile)
        })
    };
    if wants(Part::Networks) && given.is_empty() {
        let networks = reference_networks(1);
        report.reference("reference", &networks, time(&networks))?;
    } else if wants(Part::Networks) {
        report.given(&given, time(&given))?;
    }
    if wants(Part::NetworksX4) {
        let networks = reference_networks(4);
        report.reference("reference_x4", &networks, time(&networks))?;
    }
    if let Some(ceilings) = ceilings.filter(|_| wants(Part::Kernels)) {
        let [ickan, ..] = reference_networks(1);
        let (step, target) = common.while_waiting("kernels", || {
            let step = bench::profile_training(&gpu, &reference_step(&ickan), &ceilings)?;
            let target = bench::target_convolution(&gpu, &ceilings)?;
            Ok::<_, GpuError>((step, target))
        })?;
        report.kernels(step, target)?;
    }
    if wants(Part::Mel) {
        report.mel(&common.while_waiting("mel", || bench::mel(&gpu))?)?;
    }
    if wants(Part::Embed) {
        report.embed(common.while_waiting("embedding", || bench::embed_clips_per_s(&gpu))?)?;
    }
    if wants(Part::Similar) {
        report.similar(common.while_waiting("similar", || bench::similar(&gpu))?)?;
    }
    if wants(Part::Start) {
        report.start(common.while_waiting("start", || fresh_start(common))?)?;
    }
    if wants(Part::Host) {
        report.host(common.while_waiting("host", || bench::dispatch_us(&gpu))?)?;
    }
    if wants(Part::Dispatch) {
        report.dispatch(common.while_waiting("dispatch", || bench::dispatches(&gpu))?)?;
    }
    report.finish()
}

/// Measures the start in a process of its own, in which nothing is compiled yet and whose driver keeps no
/// shaders on disk (by the variables of Mesa and of NVIDIA).
fn fresh_start(common: &Common) -> anyhow::Result<StartFigures> {
    let program = std::env::current_exe().context("the path of this program cannot be found")?;
    let output = Command::new(program)
        .args(["bench", "--only", "start", "--fresh"])
        .arg(format!("--device={}", common.device))
        .env("MESA_SHADER_CACHE_DISABLE", "true")
        .env("__GL_SHADER_DISK_CACHE", "0")
        .output()
        .context("the program cannot start a second time to measure its start")?;
    if !output.status.success() {
        bail!(
            "the start in a process of its own failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).context("the start in a process of its own said nothing")
}

/// Prints tables as they come, or gathers them into one JSON document.
struct Report<'a> {
    common: &'a Common,
    document: Map<String, Value>,
    /// Whether of some table not one network could be measured.
    failed: bool,
}

type Timed = Vec<Result<NetworkFigures, GpuError>>;

impl<'a> Report<'a> {
    fn new(common: &'a Common, adapter: &AdapterSummary) -> anyhow::Result<Self> {
        let mut report = Self {
            common,
            document: Map::new(),
            failed: false,
        };
        report.put("adapter", json!(adapter));
        report.say(&format!("{adapter}\n"))?;
        Ok(report)
    }

    fn put(&mut self, key: &str, value: Value) {
        self.document.insert(key.to_string(), value);
    }

    fn say(&self, text: &str) -> anyhow::Result<()> {
        if self.common.json {
            return Ok(());
        }
        print(text)
    }

    fn finish(self) -> anyhow::Result<ExitCode> {
        if self.common.json {
            print_json(&self.document)?;
        }
        Ok(if self.failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    fn ceilings(&mut self, ceilings: Option<&Ceilings>) -> anyhow::Result<()> {
        let Some(ceilings) = ceilings else {
            return Ok(());
        };
        self.put("ceilings", json!(ceilings));
        self.say(&format!(
            "at best {:.0} GFLOP/s of multiply-adds, {:.1} GB/s of a copy\n",
            ceilings.fma_gflops, ceilings.copy_gbps
        ))
    }

    /// The three reference networks, under their names.
    fn reference(&mut self, key: &str, networks: &[Network], timed: Timed) -> anyhow::Result<()> {
        let title = match key {
            "reference" => "reference networks",
            _ => "reference networks with four times the channels",
        };
        let rows = self.table(title, networks, &timed)?;
        let named = networks.iter().map(|n| n.spec.name.clone()).zip(rows);
        self.put(key, Value::Object(named.collect()));
        Ok(())
    }

    /// The networks that were given, in their order.
    fn given(&mut self, networks: &[Network], timed: Timed) -> anyhow::Result<()> {
        let mut rows = self.table("networks", networks, &timed)?;
        for (row, network) in rows.iter_mut().zip(networks) {
            if let Value::Object(row) = row {
                row.insert("name".into(), json!(network.spec.name));
            }
        }
        self.put("networks", Value::Array(rows));
        Ok(())
    }

    /// Prints figures of networks and returns them for the document, null for one that failed.
    fn table(
        &mut self,
        title: &str,
        networks: &[Network],
        timed: &[Result<NetworkFigures, GpuError>],
    ) -> anyhow::Result<Vec<Value>> {
        let Task { way, shot, query } = TASK;
        let mut text = format!(
            "\n{title}: {way}-way {shot}-shot episodes with {query} queries a class, {} clips of {} x {}; median (fastest to slowest)\n",
            way * (shot + query),
            INPUT[0],
            INPUT[1]
        );
        let mut table = Table::named([
            "parameters",
            "MFLOP/clip",
            "MiB",
            "step ms",
            "forward ms",
            "first step / this",
        ]);
        let first = timed.first().and_then(|t| t.as_ref().ok());
        let (mut rows, mut unmeasured) = (Vec::new(), String::new());
        for (network, timed) in networks.iter().zip(timed) {
            let name = &network.spec.name;
            let figures = match timed {
                Ok(figures) => figures,
                Err(error) => {
                    unmeasured.push_str(&format!("{name}: could not be measured\n"));
                    print_error(&anyhow!("{name}: {}", hints::told(error)));
                    rows.push(Value::Null);
                    continue;
                }
            };
            let (step, forward) = (
                Spread::of(&figures.steps_ms),
                Spread::of(&figures.forwards_ms),
            );
            let mut row = Map::new();
            put_spread(&mut row, "step_ms", step);
            put_spread(&mut row, "forward_ms", forward);
            row.insert("repeats".into(), json!(figures.steps_ms.len()));
            row.insert("params".into(), json!(figures.params));
            row.insert("flops".into(), json!(figures.flops));
            row.insert("peak_bytes".into(), json!(figures.peak_bytes));
            row.insert("dispatches".into(), dispatches(figures));
            let ratio = first.map(|first| first.step_ratio(figures));
            if let Some(ratio) = ratio {
                put_spread(&mut row, "first_step_ratio", ratio);
            }
            if !figures.kernels.is_empty() {
                row.insert("kernels".into(), json!(figures.kernels));
            }
            rows.push(Value::Object(row));
            table.row([
                name.clone(),
                figures.params.to_string(),
                format!("{:.1}", figures.flops as f64 / 1e6),
                format!("{:.1}", figures.peak_bytes as f64 / f64::from(1 << 20)),
                words(step, 1),
                words(forward, 1),
                ratio.map_or(String::new(), |ratio| words(ratio, 2)),
            ]);
        }
        text.push_str(&table.text());
        text.push_str(&unmeasured);
        for figures in timed.iter().flatten().filter(|f| !f.kernels.is_empty()) {
            let _ = write!(
                text,
                "\na step of {}, kernel by kernel; {} dispatches\n{}",
                figures.name,
                dispatch_words(figures),
                kernel_table(&figures.kernels)
            );
        }
        self.failed |= timed.iter().all(Result::is_err);
        self.say(&text)?;
        Ok(rows)
    }

    fn kernels(
        &mut self,
        mut step: Vec<KernelFigures>,
        target: Vec<KernelFigures>,
    ) -> anyhow::Result<()> {
        self.say(&format!(
            "\na step of the reference network ickan, kernel by kernel\n{}\nspline convolutions that fill the adapter, and larger grids by all splines or by local support\n{}",
            kernel_table(&step),
            kernel_table(&target)
        ))?;
        step.extend(target);
        self.put("kernels", json!(step));
        Ok(())
    }

    fn mel(&mut self, figures: &MelFigures) -> anyhow::Result<()> {
        let mut rates = Map::new();
        put_spread(&mut rates, "gpu_x_realtime", figures.gpu_x_realtime);
        put_spread(&mut rates, "cpu_x_realtime", figures.cpu_x_realtime);
        self.put("mel", Value::Object(rates));
        self.say(&format!(
            "\nmel frames: kernels {} x real time, realfft on all cores {}\n",
            words(figures.gpu_x_realtime, 0),
            words(figures.cpu_x_realtime, 0)
        ))
    }

    fn embed(&mut self, rate: Spread) -> anyhow::Result<()> {
        put_spread(&mut self.document, "embed_clips_per_s", rate);
        self.say(&format!(
            "\nfiles of {CLIP_SECONDS} s to embeddings: {} a second\n",
            words(rate, 1)
        ))
    }

    fn similar(&mut self, figures: SimilarFigures) -> anyhow::Result<()> {
        let [rows, width] = EMBEDDINGS;
        let mut entry = Map::new();
        put_spread(&mut entry, "search_ms", figures.search_ms);
        entry.insert("ready_ms".into(), json!(figures.ready_ms));
        entry.insert("rows".into(), json!(rows));
        entry.insert("width".into(), json!(width));
        self.put("similar", Value::Object(entry));
        self.say(&format!(
            "\nthe nearest of {rows} embeddings of {width} numbers: {} ms, after {:.0} ms to send them\n",
            words(figures.search_ms, 1),
            figures.ready_ms
        ))
    }

    fn start(&mut self, figures: StartFigures) -> anyhow::Result<()> {
        self.put("cold_start_ms", json!(figures.cold_start_ms));
        self.put("jit_ms", json!(figures.jit_ms));
        self.say(&format!(
            "\nfirst embedding after {:.0} ms; to compile the training step of ickan {:.0} ms (no shaders kept on disk)\n",
            figures.cold_start_ms, figures.jit_ms
        ))
    }

    fn host(&mut self, cost: Spread) -> anyhow::Result<()> {
        put_spread(&mut self.document, "dispatch_us", cost);
        self.say(&format!("\nhost, a dispatch: {} us\n", words(cost, 2)))
    }

    fn dispatch(&mut self, figures: DispatchFigures) -> anyhow::Result<()> {
        let mut costs = Map::new();
        put_spread(&mut costs, "dependent_us", figures.dependent_us);
        put_spread(&mut costs, "independent_us", figures.independent_us);
        self.put("dispatch", Value::Object(costs));
        self.say(&format!(
            "\nhost and device, a dispatch: {} us in a chain, {} us independent\n",
            words(figures.dependent_us, 2),
            words(figures.independent_us, 2)
        ))
    }
}

/// The median under `key`, the ends under `key_min` and `key_max`.
fn put_spread(object: &mut Map<String, Value>, key: &str, spread: Spread) {
    object.insert(key.to_string(), json!(spread.median));
    object.insert(format!("{key}_min"), json!(spread.min));
    object.insert(format!("{key}_max"), json!(spread.max));
}

fn words(spread: Spread, decimals: usize) -> String {
    let Spread { median, min, max } = spread;
    format!("{median:.decimals$} ({min:.decimals$} to {max:.decimals$})")
}

/// Dispatches of a step by class of adapter and kernel.
fn dispatches(figures: &NetworkFigures) -> Value {
    let classes = figures.dispatches.iter();
    let named = classes.filter_map(|(class, counts)| {
        let name = json!(class).as_str()?.to_string();
        Some((name, json!(counts)))
    });
    Value::Object(named.collect())
}

/// How many they are.
fn dispatch_words(figures: &NetworkFigures) -> String {
    let classes = figures.dispatches.iter();
    let words = classes.filter_map(|(class, counts)| {
        let total: usize = counts.values().sum();
        Some(format!("{total} for {}", json!(class).as_str()?))
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The table of `bench` and of `train --profile`: those that cost most first, the last ones together.
pub(super) fn kernel_table(figures: &[KernelFigures]) -> String {
    let ms = |f: &KernelFigures| f.ms * f.count as f64;
    let total: f64 = figures.iter().map(ms).sum();
    let mut table = Table::named([
        "times",
        "ms each",
        "% ms",
        "GFLOP/s",
        "GB/s",
        "% of the best",
    ]);
    let (shown, rest): (Vec<_>, Vec<_>) = figures.iter().partition(|f| ms(f) >= 0.005 * total);
    for f in shown {
        table.row([
            f.name.clone(),
            f.count.to_string(),
            format!("{:.3}", f.ms),
            format!("{:.1}", 100.0 * ms(f) / total),
            f.gflops.map_or(String::new(), |rate| format!("{rate:.1}")),
            format!("{:.2}", f.gbps),
            format!("{:.0}", 100.0 * f.share),
        ]);
    }
    if !rest.is_empty() {
        let count: usize = rest.iter().map(|f| f.count).sum();
        let ms: f64 = rest.iter().copied().map(ms).sum();
        table.row([
            format!("{} more kernels and shapes", rest.len()),
            count.to_string(),
            String::new(),
            format!("{:.1}", 100.0 * ms / total),
        ]);
    }
    table.text()
}
