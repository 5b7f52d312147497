//! A plan as others see it: from its JSON, the WGSL files and bytes for its ports alone.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::Path;

use gamaka::Model;
use gamaka::gpu::{AdapterClass, Program};
use gamaka::internals::embed::Embedder;
use gamaka::mel::{Engine, EngineChoice, Framer, join_frames};
use gamaka::model::Storage;
use serde_json::Value;

use crate::gpu;

/// Runs a plan as any program that speaks WebGPU can: with nothing of this crate, but for the place of the adapter in the list.
fn replay(
    adapter: usize,
    json: &str,
    shaders: &Path,
    inputs: &BTreeMap<&str, Vec<u8>>,
    output: &str,
) -> Vec<u8> {
    let plan: Value = serde_json::from_str(json).unwrap();
    let number = |value: &Value| value.as_u64().unwrap();
    let list = |value: &Value| value.as_array().unwrap().clone();

    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let adapters = pollster::block_on(instance.enumerate_adapters(backends));
    let device = adapters[adapter].request_device(&wgpu::DeviceDescriptor::default());
    let (device, queue) = pollster::block_on(device).unwrap();

    let buffers: Vec<wgpu::Buffer> = list(&plan["buffers"])
        .iter()
        .map(|buffer| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: buffer["label"].as_str(),
                size: number(&buffer["bytes"]),
                usage: wgpu::BufferUsages::STORAGE
                    | wgpu::BufferUsages::COPY_SRC
                    | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })
        .collect();
    let tensors = list(&plan["tensors"]);
    // Buffer, first byte and length in bytes.
    let place = |id: &Value| {
        let tensor = &tensors[number(id) as usize];
        let elements: u64 = list(&tensor["shape"]).iter().map(number).product();
        let words = match tensor["dtype"].as_str().unwrap() {
            "f16" => elements.div_ceil(2),
            _ => elements,
        };
        let buffer = &buffers[number(&tensor["buffer"]) as usize];
        (buffer, number(&tensor["offset"]), 4 * words)
    };
    for constant in list(&plan["constants"]) {
        let (buffer, offset, _) = place(&constant["tensor"]);
        let words = list(&constant["words"]);
        let bytes = words.iter().flat_map(|w| (number(w) as u32).to_le_bytes());
        queue.write_buffer(buffer, offset, &bytes.collect::<Vec<u8>>());
    }
    for (name, bytes) in inputs {
        let (buffer, offset, length) = place(&plan["ports"][name]);
        assert_eq!(bytes.len() as u64, length, "{name}");
        queue.write_buffer(buffer, offset, bytes);
    }

    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
    for step in list(&plan["steps"]) {
        let kernel = step["kernel"].as_str().unwrap();
        let files = list(&plan["kernels"][kernel]);
        let texts = files
            .iter()
            .map(|file| std::fs::read_to_string(shaders.join(file.as_str().unwrap())).unwrap());
        let mut lines: Vec<String> = texts
            .collect::<Vec<_>>()
            .join("\n")
            .lines()
            .map(String::from)
            .collect();
        for array in list(&step["arrays"]) {
            let line = format!("const {} = ", array[0].as_str().unwrap());
            let found = lines.iter_mut().find(|l| l.starts_with(&line)).unwrap();
            *found = format!("{line}{}u;", number(&array[1]));
        }
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(kernel),
            source: wgpu::ShaderSource::Wgsl(lines.join("\n").into()),
        });
        let overrides = list(&step["overrides"]);
        let overrides: Vec<(&str, f64)> = overrides
            .iter()
            .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_f64().unwrap()))
            .collect();
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &overrides,
                ..Default::default()
            },
            cache: None,
        });
        let bindings = list(&step["bindings"]);
        let entries: Vec<_> = (0..)
            .zip(&bindings)
            .map(|(binding, id)| {
                let (buffer, offset, bytes) = place(id);
                let size = NonZero::new(bytes.next_multiple_of(16));
                let binding_of = wgpu::BufferBinding {
                    buffer,
                    offset,
                    size,
                };
                wgpu::BindGroupEntry {
                    binding,
                    resource: wgpu::BindingResource::Buffer(binding_of),
                }
            })
            .collect();
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        let groups = list(&step["workgroups"]);
        let [x, y, z] = [0, 1, 2].map(|axis| number(&groups[axis]) as u32);
        pass.dispatch_workgroups(x, y, z);
    }
    drop(pass);
    let (buffer, offset, bytes) = place(&plan["ports"][output]);
    let staging = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: bytes,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    encoder.copy_buffer_to_buffer(buffer, offset, &staging, 0, bytes);
    queue.submit([encoder.finish()]);
    staging.map_async(wgpu::MapMode::Read, .., Result::unwrap);
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    staging.get_mapped_range(..).unwrap().to_vec()
}

pub(super) fn tiny() -> Model {
    Model::load(Path::new("tests/fixtures/golden/tiny.safetensors")).unwrap()
}

/// So many blocks of padded samples, each of a model's clip, and what the mel engine and the embedder make of them.
pub(super) fn by_the_host(model: &Model, count: usize) -> (Vec<f32>, Vec<Vec<f32>>) {
    let (preset, frames) = (&model.info.preset, model.info.segment.frames());
    let length = (count * frames - 1) * preset.hop_length + 1;
    let sound: Vec<f32> = (0..length)
        .map(|k| (k as f32 * k as f32 * 1e-6).sin() * 0.5)
        .collect();
    let blocks = |frames: usize| {
        let mut framer = Framer::new(preset, frames).unwrap();
        let mut blocks: Vec<_> = framer.push(&sound).collect();
        blocks.extend(framer.finish().unwrap());
        blocks
    };
    let engine = Engine::new(EngineChoice::Gpu, Some(gpu()), preset).unwrap();
    // The engine's own blocks are of another length than the clips.
    let mel: Vec<Vec<f32>> = blocks(100)
        .iter()
        .map(|block| engine.compute_compressed(block).unwrap())
        .collect();
    let mel = join_frames(&mel, preset.n_mels);
    let all = mel.len() / preset.n_mels;
    assert_eq!(all, count * frames);
    let clip = |k: usize| -> Vec<f32> {
        let rows = mel.chunks(all);
        rows.flat_map(|row| &row[k * frames..][..frames])
            .copied()
            .collect()
    };
    let clips: Vec<Vec<f32>> = (0..count).map(clip).collect();
    let embedder = Embedder::new(gpu(), &model.network, &model.parameters).unwrap();
    let samples = blocks(frames).concat();
    (samples, embedder.embed(&clips).unwrap())
}

#[test]
fn a_clip_is_embedded_from_json_and_wgsl_alone_to_the_same_bits() {
    let shaders = Path::new("shaders");
    let model = tiny();
    let packed = model.in_half_precision().unwrap();
    assert!(packed.parameters != model.parameters);
    for (model, storage) in [(model, Storage::Floats), (packed, Storage::Halves)] {
        assert_eq!(Storage::of(&model.parameters), storage);
        let (samples, want) = by_the_host(&model, 2);
        let (plan, parameters) = model.plan(AdapterClass::Software, 2).unwrap();
        let json = serde_json::to_string(&plan).unwrap();
        let ports = [
            ("samples", bytemuck::cast_slice(&samples).to_vec()),
            ("parameters", bytemuck::cast_slice(&parameters).to_vec()),
        ];
        let ports = BTreeMap::from(ports);
        let bytes = replay(gpu().adapter.index, &json, shaders, &ports, "embedding");
        let alone: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);

        let port = |name: &str| plan.port(name).unwrap();
        let [samples_port, parameters_port] = ["samples", "parameters"].map(port);
        let embedding = port("embedding");
        let program = Program::new(gpu(), plan).unwrap();
        program.poison();
        program.write(samples_port, &samples);
        program.write(parameters_port, &parameters);
        program.run().unwrap();
        let here: Vec<f32> = program.read(embedding).unwrap();

        assert!(here.iter().all(|value| value.is_finite()));
        assert_ne!(want[0], want[1]);
        assert_eq!(here, alone, "{storage:?}");
        match gpu().class() {
            AdapterClass::Software => assert_eq!(here, want.concat(), "{storage:?}"),
            // The embedder's plan there is cut otherwise, and so are its sums.
            _ => {
                for (a, b) in here.iter().zip(want.concat()) {
                    assert!((a - b).abs() < 1e-3 * (1.0 + b.abs()), "{a} {b}");
                }
            }
        }
    }
}

/// What halves do to a model that was trained in floats, and what they are good for: docs/performance.md has the numbers.
#[test]
fn halves_take_half_the_memory_and_move_an_embedding_by_a_thousandth() {
    let model = tiny();
    let (samples, _) = by_the_host(&model, 4);
    let preset = &model.info.preset;
    let engine = Engine::new(EngineChoice::Cpu, None, preset).unwrap();
    let length = samples.len() / 4;
    let clips: Vec<Vec<f32>> = samples
        .chunks(length)
        .map(|clip| engine.compute_compressed(clip).unwrap())
        .collect();
    let made = |storage| {
        let network = &model.network;
        let embedder =
            Embedder::stored(gpu(), network, &storage, &model.parameters, false).unwrap();
        (embedder.parameter_bytes(), embedder.embed(&clips).unwrap())
    };
    let (bytes, exact) = made(Storage::Floats);
    let (fewer, rounded) = made(Storage::Halves);
    assert_eq!(2 * fewer, bytes);
    let norm = |v: &mut dyn Iterator<Item = f32>| v.map(|x| x * x).sum::<f32>().sqrt();
    for (a, b) in exact.iter().zip(&rounded) {
        let moved = norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut a.iter().copied());
        println!(
            "{bytes} bytes, {fewer} in halves; the embedding moves by {moved:.1e} of its length"
        );
        assert!(moved > 0.0 && moved < 2e-3, "{moved}");
    }
    // By halves that the parameters are already nothing moves.
    let packed = model.in_half_precision().unwrap();
    let by_files = Embedder::for_files(gpu(), &packed, 1000).unwrap();
    assert_eq!(by_files.parameter_bytes(), fewer);
    assert_eq!(by_files.embed(&clips).unwrap(), rounded);
    let flat = Embedder::new(gpu(), &model.network, &packed.parameters).unwrap();
    assert_eq!(flat.embed(&clips).unwrap(), rounded);
}
