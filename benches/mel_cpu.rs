//! Speed of the realfft engine in seconds of audio per second: `cargo bench --bench mel_cpu`.
//! Takes the number of repeats (default 20); threads by RAYON_NUM_THREADS.

use std::time::Instant;

use gamaka::mel::{CpuEngine, Preset};

const SECONDS: usize = 60;

fn main() {
    let repeats = std::env::args()
        .filter_map(|a| a.parse().ok())
        .next()
        .unwrap_or(20);
    for preset in [Preset::librosa(), Preset::torchaudio(), Preset::gamaka()] {
        let samples: Vec<f32> = (0..preset.sample_rate as usize * SECONDS)
            .map(|i| ((i * 7919 % 65521) as f32 / 65521.0 - 0.5) * 0.7)
            .collect();
        let engine = CpuEngine::new(&preset).expect("a preset of the crate");
        let mut seconds: Vec<f64> = (0..repeats)
            .map(|_| {
                let start = Instant::now();
                let mel = engine
                    .mel_spectrogram(&samples)
                    .expect("a signal of a minute");
                std::hint::black_box(mel);
                start.elapsed().as_secs_f64()
            })
            .collect();
        seconds.sort_by(f64::total_cmp);
        let real_time = |s: f64| SECONDS as f64 / s;
        let (median, best) = (seconds[seconds.len() / 2], seconds[0]);
        println!(
            "{}: median {:.0} x real time, best {:.0}",
            preset.name,
            real_time(median),
            real_time(best)
        );
    }
}
