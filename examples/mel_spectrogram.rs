//! A mel-spectrogram as a picture: `cargo run --release --example mel_spectrogram -- SONG.mp3 OUT.png`.

use std::path::Path;

use gamaka::audio;
use gamaka::mel::{AMIN, CpuEngine, Preset, TOP_DB, decibels, transpose};
use gamaka::report::{Rows, Spectrogram, spectrogram_png};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, song, picture] = &arguments[..] else {
        return Err("usage: mel_spectrogram SONG OUT.png".into());
    };
    // librosa's defaults; Preset::torchaudio() has torchaudio's.
    let preset = Preset::librosa();
    let (samples, info) = audio::decode(Path::new(song), preset.sample_rate)?;
    println!(
        "{song}: {} at {} Hz, {:.1} s",
        info.codec, info.source_rate, info.duration_s
    );

    let power = CpuEngine::new(&preset)?.mel_spectrogram(&samples)?;
    let db = decibels(&power, 1.0, AMIN, Some(TOP_DB));
    let png = spectrogram_png(&Spectrogram {
        values: &transpose(&db, db.len() / preset.n_mels),
        rows: Rows::Bands(&preset.band_centres(), "dB"),
        hop_length: preset.hop_length,
        sample_rate: preset.sample_rate,
        title: Some(song),
    })?;
    std::fs::write(picture, png)?;
    Ok(())
}
