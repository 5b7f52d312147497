//! Every shader parses, validates, translates for every backend, and keeps to what WebGPU allows.

use std::collections::{BTreeSet, HashSet};

use gamaka::gpu::{AdapterClass, KERNELS, Step, Tuning, kernel};
use gamaka::internals::selftest::{self, doctor_cases};
use gamaka::ops::{Basis, ConvShape, Pass, Variant, candidates, operation};
use naga::back::{hlsl, msl, pipeline_constants::process_overrides, spv};
use naga::proc::Layouter;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ShaderStage};

use crate::uniformity;

const CLASSES: [AdapterClass; 4] = AdapterClass::ALL;

/// WebGPU's default limit.
const WORKGROUP_MEMORY: u32 = 16 << 10;

fn parse(source: &str) -> (Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(source)
        .unwrap_or_else(|e| panic!("{}", e.emit_to_string(source)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|e| panic!("{}", e.emit_to_string(source)));
    (module, info)
}

/// Every step that the doctor runs, with the class of adapter: both.
fn steps() -> Vec<(AdapterClass, Step)> {
    let steps = |class| {
        let cases = doctor_cases(class).into_iter();
        cases.flat_map(move |case| case.plan.steps.into_iter().map(move |step| (class, step)))
    };
    CLASSES.into_iter().flat_map(steps).collect()
}

/// Every tile in workgroup memory of a convolution at several shapes.
fn tiled_steps() -> Vec<(AdapterClass, Step)> {
    let cubic = Basis {
        order: 3,
        grid: 4,
        range: 2.5,
        centre: 0.0,
    };
    let large = ConvShape {
        n: 1,
        ci: 6,
        input: [9, 33],
        co: 50,
        kernel: [3, 3],
        stride: [2, 2],
        padding: [1, 1],
        basis: cubic,
    };
    let plain = |shape| ConvShape {
        basis: Basis::IDENTITY,
        ..shape
    };
    let small = ConvShape {
        ci: 1,
        input: [5, 3],
        co: 3,
        stride: [1, 3],
        ..large
    };
    let passes = [Pass::Forward, Pass::GradInput, Pass::GradWeight];
    let mut steps = Vec::new();
    for shape in [large, plain(large), small, plain(small)] {
        for pass in passes {
            let all = candidates(pass, &shape, AdapterClass::Hardware).into_iter();
            for tiled in all.filter(|variant| matches!(variant, Variant::Tiled(_))) {
                let choice = [(operation(pass, &shape), tiled.to_string())];
                let tuning = Tuning::new(AdapterClass::Software, choice.into());
                let plan = selftest::conv(tuning, &shape).plan;
                let step = plan
                    .steps
                    .into_iter()
                    .find(|s| s.kernel.ends_with("_tiled"));
                steps.push((AdapterClass::Hardware, step.expect("the choice was taken")));
            }
        }
    }
    assert!(steps.len() >= 50, "{}", steps.len());
    steps
}

fn specialised((_, step): &(AdapterClass, Step)) -> (Module, ModuleInfo) {
    let kernel = kernel(&step.kernel).expect("a kernel");
    let (module, info) = parse(&kernel.wgsl_with(&step.arrays));
    let constants = step
        .overrides
        .iter()
        .map(|(name, value)| (name.clone(), *value))
        .collect();
    let (module, info) = process_overrides(
        &module,
        &info,
        Some((ShaderStage::Compute, "main")),
        &constants,
    )
    .unwrap_or_else(|e| panic!("{}: {e}", step.kernel));
    (module.into_owned(), info.into_owned())
}

fn workgroup_memory(module: &Module) -> u32 {
    let mut layouter = Layouter::default();
    layouter.update(module.to_ctx()).unwrap();
    let globals = module
        .global_variables
        .iter()
        .filter(|(_, g)| g.space == AddressSpace::WorkGroup);
    globals.map(|(_, g)| layouter[g.ty].size).sum()
}

#[test]
fn the_doctor_runs_every_kernel_and_every_file_is_a_kernel() {
    let run: HashSet<String> = steps().into_iter().map(|(_, s)| s.kernel).collect();
    let known: BTreeSet<&str> = KERNELS.iter().map(|k| k.name).collect();
    assert_eq!(known.len(), KERNELS.len(), "names are unique");
    for name in &known {
        assert!(run.contains(*name), "{name} is not in doctor_cases");
    }
    let used: BTreeSet<String> = KERNELS
        .iter()
        .flat_map(|kernel| kernel.files())
        .map(String::from)
        .collect();
    let mut files = BTreeSet::new();
    let shaders = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    for folder in std::fs::read_dir(shaders).unwrap() {
        let folder = folder.unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let path = [folder.file_name(), file.unwrap().file_name()].map(|n| n.into_string());
            files.insert(path.map(Result::unwrap).join("/"));
        }
    }
    assert_eq!(files, used);
}

/// A compiler keeps an array in registers where it knows every index.
#[test]
fn register_arrays_are_as_long_as_their_tiles() {
    let mut tiles = HashSet::new();
    for (_, step) in steps() {
        let text = kernel(&step.kernel)
            .expect("a kernel")
            .wgsl_with(&step.arrays);
        let sizes = step.overrides.iter().filter_map(|(name, size)| {
            let tile = name.strip_prefix("TILE_")?;
            Some((tile, size))
        });
        for (tile, size) in sizes {
            assert!(
                text.contains(&format!("\nconst MAX_{tile} = {size}u;\n")),
                "{}: {tile}",
                step.kernel
            );
            tiles.insert(tile.to_string());
        }
    }
    assert_eq!(tiles.len(), 8, "{tiles:?}");
}

#[test]
fn every_kernel_translates_to_hlsl_msl_and_spirv() {
    for step in steps().into_iter().chain(tiled_steps()) {
        let (module, info) = specialised(&step);
        let name = &step.1.kernel;
        let mut text = String::new();
        hlsl::Writer::new(
            &mut text,
            &hlsl::Options::default(),
            &hlsl::PipelineOptions::default(),
        )
        .write(&module, &info, None)
        .unwrap_or_else(|e| panic!("{name} to HLSL: {e}"));
        assert!(text.contains("numthreads"), "{name}");
        let (text, _) = msl::write_string(
            &module,
            &info,
            &msl::Options::default(),
            &msl::PipelineOptions::default(),
        )
        .unwrap_or_else(|e| panic!("{name} to MSL: {e}"));
        assert!(text.contains("kernel void"), "{name}");
        let words = spv::write_vec(&module, &info, &spv::Options::default(), None)
            .unwrap_or_else(|e| panic!("{name} to SPIR-V: {e}"));
        assert_eq!(words[0], 0x0723_0203, "{name}");
    }
}

#[test]
fn no_kernel_takes_more_workgroup_memory_than_webgpu_gives() {
    for step in steps().into_iter().chain(tiled_steps()) {
        let (module, _) = specialised(&step);
        let bytes = workgroup_memory(&module);
        assert!(
            bytes <= WORKGROUP_MEMORY,
            "{} takes {bytes} bytes",
            step.1.kernel
        );
    }
    // The longest transform takes all of it.
    let longest = gamaka::internals::selftest::mel(AdapterClass::Hardware, 4096, 512, [1, 2]);
    let step = (AdapterClass::Hardware, longest.plan.steps[0].clone());
    let (module, _) = specialised(&step);
    assert_eq!(workgroup_memory(&module), WORKGROUP_MEMORY);
}

#[test]
fn no_kernel_has_a_barrier_where_lanes_may_disagree() {
    for kernel in KERNELS {
        let (module, _) = parse(&kernel.wgsl());
        uniformity::check(&module).unwrap_or_else(|e| panic!("{}: {e}", kernel.name));
    }
}

#[test]
fn every_kernel_has_a_header_with_its_dispatch() {
    for kernel in KERNELS {
        let own = kernel.wgsl();
        assert!(
            own.contains("// dispatch:"),
            "{} says nothing of its dispatch",
            kernel.name
        );
    }
}
