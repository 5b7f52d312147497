//! `gamaka doctor`: adapters, limits, and every kernel against its CPU twin.

use std::fmt::Write;
use std::process::ExitCode;

use crate::gpu::{AdapterClass, AdapterSummary, DeviceChoice, adapters, install_hint};
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
    /// What would make the adapter in use faster.
    advice: Option<String>,
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
        advice: None,
    };
    let gpu = match tuning::open(device, &mut |note| report.problems.push(note)) {
        Ok(gpu) => gpu,
        Err(error) => {
            report.problems.push(hints::told(&error));
            return report;
        }
    };
    let limits = gpu.limits();
    report.advice = advice(
        &gpu.adapter,
        has_avx512(),
        !gpu.tuning().choices().is_empty(),
    );
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

/// What a newer version of lavapipe, or longer vectors, would bring: measured on one processor (docs/performance.md). Of a GPU,
/// that it was not tuned.
fn advice(adapter: &AdapterSummary, avx512: bool, tuned: bool) -> Option<String> {
    let wide = "with LP_NATIVE_VECTOR_WIDTH=512 in the environment";
    match adapter.class {
        AdapterClass::Software | AdapterClass::SoftwareTurned
            if adapter.driver.contains("Mesa ") =>
        {
            let mut text = format!(
                "This is {}. From Mesa 25.1 on the kernels of a spline layer take about {OLDER} of the time of older ones",
                adapter.driver
            );
            if avx512 {
                let _ = write!(text, ", and {OLDER_WIDE} {wide}");
            }
            Some(text + ".")
        }
        AdapterClass::SoftwareScalar if avx512 && adapter.name.contains("256 bits") => {
            Some(format!(
                "This processor has AVX-512: {wide} the kernels of a spline layer take about {WIDE} of the time."
            ))
        }
        AdapterClass::Hardware if !tuned => Some(
            "Kernels are cut as suits most GPUs: `gamaka tune` finds what is quickest on this one, and every command takes it from then on.".into(),
        ),
        _ => None,
    }
}

/// Whether the processor has vectors of 512 bits that lavapipe can use.
fn has_avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Time of a spline layer's three kernels on Mesa 26.1.6 as a share of that on 22.3.6, on an AMD EPYC: 0.47. On 25.0.7 they take
/// about what they take there.
const OLDER: &str = "half";
/// The same with vectors of 512 bits: 0.34.
const OLDER_WIDE: &str = "a third";
/// Their time with vectors of 512 bits as a share of that with 256, both on Mesa 26.1.6: 0.73.
const WIDE: &str = "three quarters";

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
    if let Some(advice) = &report.advice {
        let _ = writeln!(text, "\n{advice}");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_for_drivers_that_can_be_better() {
        let told = |class, driver: &str, bits: u32, avx512| {
            let adapter = AdapterSummary {
                index: 0,
                name: format!("llvmpipe (LLVM 19.1.7, {bits} bits)"),
                backend: "vulkan".into(),
                kind: "software",
                driver: driver.into(),
                class,
            };
            advice(&adapter, avx512, true).unwrap_or_default()
        };
        let old = "llvmpipe Mesa 22.3.6 (LLVM 15.0.6)";
        let wide = "LP_NATIVE_VECTOR_WIDTH=512";
        let text = told(AdapterClass::Software, old, 256, true);
        assert!(
            text.contains(old) && text.contains("25.1") && text.contains(wide),
            "{text}"
        );
        let text = told(
            AdapterClass::SoftwareTurned,
            "llvmpipe Mesa 25.0.7 (LLVM 19.1.7)",
            256,
            false,
        );
        assert!(text.contains("25.1") && !text.contains(wide), "{text}");
        let new = "llvmpipe Mesa 26.1.6 (LLVM 19.1.7)";
        assert!(told(AdapterClass::SoftwareScalar, new, 256, true).contains(wide));
        for (class, driver, bits, avx512) in [
            (AdapterClass::SoftwareScalar, new, 256, false),
            (AdapterClass::SoftwareScalar, new, 512, true),
            (
                AdapterClass::Software,
                "SwiftShader driver 5.0.0",
                256,
                true,
            ),
            (AdapterClass::Hardware, "NVIDIA 580.159.04", 256, true),
        ] {
            assert_eq!(told(class, driver, bits, avx512), "");
        }
        let gpu = AdapterSummary {
            class: AdapterClass::Hardware,
            ..crate::gpu::Gpu::noop().adapter
        };
        let text = advice(&gpu, true, false).unwrap_or_default();
        assert!(text.contains("gamaka tune"), "{text}");
    }
}
