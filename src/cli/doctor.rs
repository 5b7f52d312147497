//! `gamaka doctor`: adapters, limits, and every kernel against its CPU twin.

use std::fmt::Write;
use std::process::ExitCode;

use crate::gpu::{AdapterSummary, DeviceChoice, adapters, install_hint};
use crate::selftest::{self, Worst};
use crate::tuning;
use serde::Serialize;

use super::common::{Common, print, print_json};
use super::hints;

#[derive(Serialize)]
struct Report {
    version: &'static str,
    adapters: Vec<AdapterSummary>,
    /// The adapter in use; none if none could be opened.
    adapter: Option<AdapterSummary>,
    features: Vec<String>,
    limits: Option<Limits>,
    kernels: Vec<Test>,
    healthy: bool,
    /// What is wrong and what to do.
    problems: Vec<String>,
}

/// The limits that gamaka works within: WebGPU's defaults, which every adapter must offer.
#[derive(Serialize)]
struct Limits {
    storage_buffers_per_stage: u32,
    storage_binding_mib: u64,
    buffer_mib: u64,
    workgroup_memory_kib: u32,
    invocations_per_workgroup: u32,
    workgroups_per_dimension: u32,
}

#[derive(Serialize)]
struct Test {
    case: String,
    kernels: Vec<String>,
    passed: bool,
    /// Largest error as a share of what is allowed.
    worst: Option<Worst>,
    first_ms: f64,
    ms: f64,
    problem: Option<String>,
}

pub(super) fn run(common: &Common) -> anyhow::Result<ExitCode> {
    let report = examine(&common.device, common);
    if common.json {
        print_json(&report)?;
    } else {
        print(&words(&report))?;
    }
    Ok(if report.healthy {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn examine(device: &DeviceChoice, common: &Common) -> Report {
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION"),
        adapters: adapters(),
        adapter: None,
        features: Vec::new(),
        limits: None,
        kernels: Vec::new(),
        healthy: false,
        problems: Vec::new(),
    };
    let gpu = match tuning::open(device, &mut |note| report.problems.push(note)) {
        Ok(gpu) => gpu,
        Err(error) => {
            report.problems.push(hints::told(&error));
            return report;
        }
    };
    let limits = gpu.limits();
    report.adapter = Some(gpu.adapter.clone());
    report.limits = Some(Limits {
        storage_buffers_per_stage: limits.max_storage_buffers_per_shader_stage,
        storage_binding_mib: limits.max_storage_buffer_binding_size >> 20,
        buffer_mib: limits.max_buffer_size >> 20,
        workgroup_memory_kib: limits.max_compute_workgroup_storage_size >> 10,
        invocations_per_workgroup: limits.max_compute_invocations_per_workgroup,
        workgroups_per_dimension: limits.max_compute_workgroups_per_dimension,
    });
    let cases = selftest::doctor_cases(gpu.class());
    let bar = common.bar(cases.len(), "kernels");
    for case in cases {
        let mut kernels: Vec<String> = case.plan.steps.iter().map(|s| s.kernel.clone()).collect();
        kernels.sort();
        kernels.dedup();
        let mut test = Test {
            case: case.label.clone(),
            kernels,
            passed: false,
            worst: None,
            first_ms: 0.0,
            ms: 0.0,
            problem: None,
        };
        match selftest::run(&gpu, &case) {
            Ok(outcome) => {
                test.passed = outcome.worst.holds();
                test.worst = Some(outcome.worst);
                test.first_ms = outcome.first.as_secs_f64() * 1e3;
                test.ms = outcome.time.as_secs_f64() * 1e3;
                if !test.passed {
                    test.problem = Some("differs from its twin".into());
                }
            }
            Err(error) => test.problem = Some(hints::told(&error)),
        }
        report.kernels.push(test);
        bar.inc(1);
    }
    bar.finish_and_clear();
    report.healthy = report.kernels.iter().all(|t| t.passed);
    if !report.healthy {
        report.problems.push(format!(
            "kernels give wrong results on {}: update its driver, or use --device software; please report it",
            gpu.adapter.name
        ));
    }
    report
}

fn words(report: &Report) -> String {
    let mut text = format!("gamaka {}\n\nAdapters\n", report.version);
    for adapter in &report.adapters {
        let used = if report
            .adapter
            .as_ref()
            .is_some_and(|a| a.index == adapter.index)
        {
            "*"
        } else {
            " "
        };
        let _ = writeln!(text, "{used} {adapter}\n      driver {}", adapter.driver);
    }
    if report.adapters.is_empty() {
        let _ = writeln!(text, "  none");
    }
    if let Some(l) = &report.limits {
        let _ = writeln!(
            text,
            "\nWithin WebGPU's default limits, no optional feature: {} storage buffers a stage, {} MiB a binding, {} MiB a buffer,\n{} KiB workgroup memory, {} invocations a workgroup, {} workgroups a dimension",
            l.storage_buffers_per_stage,
            l.storage_binding_mib,
            l.buffer_mib,
            l.workgroup_memory_kib,
            l.invocations_per_workgroup,
            l.workgroups_per_dimension
        );
    }
    if !report.kernels.is_empty() {
        let _ = writeln!(
            text,
            "\nKernels against their CPU twins (error as a share of what is allowed)"
        );
        for test in &report.kernels {
            let verdict = if test.passed { "ok  " } else { "FAIL" };
            let share = test
                .worst
                .map_or("-".to_string(), |w| format!("{:.3}", w.share));
            let _ = writeln!(
                text,
                "{verdict} {share:>7}  {:>8.2} ms (first {:>7.0} ms)  {}",
                test.ms,
                test.first_ms,
                test.kernels.join(", ")
            );
            if let Some(problem) = &test.problem {
                let _ = writeln!(
                    text,
                    "             {problem}: {} {:?}",
                    test.case, test.worst
                );
            }
        }
    }
    for problem in &report.problems {
        let _ = writeln!(text, "\n{problem}");
    }
    if report.healthy {
        let _ = writeln!(text, "\nEverything works.");
    } else if report.adapters.is_empty() {
        let _ = writeln!(text, "\nTo get an adapter, {}", install_hint());
    }
    text
}
