//! Speed of both mel engines in seconds of audio per second: `cargo bench --bench mel [-- REPEATS]`.
//! Threads of the CPU engine by RAYON_NUM_THREADS.

use std::time::Instant;

use gamaka::gpu::{DeviceChoice, Gpu};
use gamaka::mel::{Engine, EngineChoice, Framer, Preset};

const SECONDS: usize = 60;

fn main() {
    let repeats: usize = std::env::args()
        .filter_map(|a| a.parse().ok())
        .next()
        .unwrap_or(10);
    let choice: DeviceChoice = std::env::var("GAMAKA_DEVICE")
        .unwrap_or_default()
        .parse()
        .expect("any text is a choice");
    let gpu = Gpu::open(&choice).expect("an adapter");
    println!("{}", gpu.adapter);
    for preset in [Preset::librosa(), Preset::torchaudio(), Preset::gamaka()] {
        let samples: Vec<f32> = (0..preset.sample_rate as usize * SECONDS)
            .map(|i| ((i * 7919 % 65521) as f32 / 65521.0 - 0.5) * 0.7)
            .collect();
        let engines = [EngineChoice::Cpu, EngineChoice::Gpu]
            .map(|e| Engine::new(e, Some(&gpu), &preset).expect("a preset of the crate"));
        let mut times = [Vec::new(), Vec::new()];
        // In turns, so that a change of the machine's speed meets both.
        for _ in 0..=repeats {
            for (engine, times) in engines.iter().zip(&mut times) {
                let start = Instant::now();
                std::hint::black_box(power(engine, &samples));
                times.push(SECONDS as f64 / start.elapsed().as_secs_f64());
            }
        }
        for (engine, times) in engines.iter().zip(&mut times) {
            times.remove(0); // the driver compiles
            times.sort_by(f64::total_cmp);
            println!(
                "{:12} {}: median {:.0} x real time, best {:.0}",
                preset.name,
                engine.name(),
                times[times.len() / 2],
                times[times.len() - 1]
            );
        }
    }
}

fn power(engine: &Engine, samples: &[f32]) -> Vec<f32> {
    let mut framer = Framer::new(engine.preset(), 1024).expect("a preset of the crate");
    let mut blocks: Vec<_> = framer.push(samples).collect();
    blocks.extend(framer.finish().expect("a signal of a minute"));
    let frames = blocks
        .iter()
        .map(|b| engine.compute(b).expect("the device works"));
    frames.flatten().collect()
}
