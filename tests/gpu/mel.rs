//! The GPU mel engine against librosa and torchaudio, by the same fixtures as the CPU engine.

use gamaka::mel::{Engine, EngineChoice, Framer, Preset, join_frames};

use crate::gpu;

#[allow(dead_code)]
#[path = "../support/mel.rs"]
mod support;

fn mel(engine: &Engine, samples: &[f32]) -> Vec<f32> {
    let mut framer = Framer::new(engine.preset(), 100).unwrap();
    let mut blocks: Vec<_> = framer.push(samples).collect();
    blocks.extend(framer.finish().unwrap());
    let computed = blocks.iter().map(|block| engine.compute(block).unwrap());
    join_frames(&Vec::from_iter(computed), engine.preset().n_mels)
}

#[test]
fn the_gpu_engine_agrees_with_the_libraries() {
    for preset in [Preset::librosa(), Preset::torchaudio(), Preset::gamaka()] {
        let engine = Engine::new(EngineChoice::Gpu, Some(gpu()), &preset).unwrap();
        let result = support::check(&preset, |samples| mel(&engine, samples));
        result.unwrap_or_else(|failures| panic!("{failures}"));
    }
}

#[test]
fn a_block_longer_than_the_plan_is_computed_in_parts() {
    let preset = Preset::gamaka();
    let gpu_engine = Engine::new(EngineChoice::Gpu, Some(gpu()), &preset).unwrap();
    let cpu_engine = Engine::new(EngineChoice::Cpu, None, &preset).unwrap();
    let block: Vec<f32> = (0..2500 * 512 + 1024)
        .map(|k| (k as f32 * 0.01).sin())
        .collect();
    let got = gpu_engine.compute_compressed(&block).unwrap();
    let want = cpu_engine.compute_compressed(&block).unwrap();
    assert_eq!(got.len(), 2501 * 64);
    let worst = got
        .iter()
        .zip(&want)
        .map(|(g, w)| (g - w).abs())
        .fold(0.0, f32::max);
    assert!(worst < 1e-3, "{worst}");
}
