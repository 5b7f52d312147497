//! The mel front end against librosa and torchaudio.

#[path = "../support/mel.rs"]
mod support;

use gamaka::internals::reference::{mel_project, window_fft_power};
use gamaka::mel::{
    CpuEngine, FilterBank, FilterNorm, Framer, MelScale, PadMode, Preset, filter_bank,
};
use ndarray::Array2;
use support::{Bound, POWER, check, check_signal, compare, open, signals};

/// The three presets, and one with all that they leave out: an odd transform, a window shorter than
/// it, reflect padding in librosa.
fn presets() -> [Preset; 4] {
    let unusual = Preset {
        name: "unusual".to_owned(),
        sample_rate: 16000,
        n_fft: 511,
        win_length: 400,
        hop_length: 160,
        n_mels: 40,
        f_min: 50.0,
        f_max: 8000.0,
        scale: MelScale::Htk,
        norm: FilterNorm::None,
        pad_mode: PadMode::Reflect,
        n_mfcc: 13,
        ..Preset::librosa()
    };
    [
        Preset::librosa(),
        Preset::torchaudio(),
        Preset::gamaka(),
        unusual,
    ]
}

/// What a planted fault does to the power spectrum of a frame.
type Change = fn(&mut [f64]);

/// A mel front end of f64 twins, with each stage open to a fault.
fn twin(
    preset: &Preset,
    window: &[f32],
    bank: &FilterBank,
    change_power: Change,
    samples: &[f32],
) -> Vec<f32> {
    let mut framer = Framer::new(preset, 1 << 20).unwrap();
    let mut blocks: Vec<Vec<f32>> = framer.push(samples).collect();
    blocks.extend(framer.finish().unwrap());
    let mut mel = Vec::new();
    for block in blocks {
        let mut power = window_fft_power(&block, window, preset.hop_length);
        power.chunks_mut(bank.n_bins).for_each(change_power);
        mel.extend(mel_project(&power, bank).iter().map(|&x| x as f32));
    }
    mel
}

#[test]
fn the_cpu_engine_agrees_with_the_libraries() {
    for preset in presets() {
        let engine = CpuEngine::new(&preset).unwrap();
        let result = check(&preset, |samples| engine.mel_spectrogram(samples).unwrap());
        result.unwrap_or_else(|failures| panic!("{failures}"));
    }
}

#[test]
fn the_twins_agree_with_the_libraries() {
    for preset in presets() {
        let (window, bank) = (preset.window(), filter_bank(&preset).unwrap());
        let result = check(&preset, |samples| {
            twin(&preset, &window, &bank, |_| (), samples)
        });
        result.unwrap_or_else(|failures| panic!("{failures}"));
    }
}

#[test]
fn planted_faults_are_found_in_every_preset() {
    let signals = signals();
    let (name, noise) = signals.iter().find(|(name, _)| name == "noise").unwrap();
    for preset in presets() {
        let (window, bank) = (preset.window(), filter_bank(&preset).unwrap());
        let mut symmetric = vec![0.0; preset.n_fft];
        let left = (preset.n_fft - preset.win_length) / 2;
        for i in 0..preset.win_length {
            let turn = i as f64 / (preset.win_length - 1) as f64;
            symmetric[left + i] = (0.5 - 0.5 * (std::f64::consts::TAU * turn).cos()) as f32;
        }
        let pad_mode = match preset.pad_mode {
            PadMode::Zero => PadMode::Reflect,
            PadMode::Reflect => PadMode::Zero,
        };
        let other_padding = Preset {
            pad_mode,
            ..preset.clone()
        };
        let shifted = Preset {
            hop_length: preset.hop_length - 1,
            ..preset.clone()
        };
        let scale = match preset.scale {
            MelScale::Slaney => MelScale::Htk,
            MelScale::Htk => MelScale::Slaney,
        };
        let other_scale = filter_bank(&Preset {
            scale,
            ..preset.clone()
        })
        .unwrap();
        let last_band = bank.bands.last().unwrap();
        let mut without_a_weight = bank.clone();
        without_a_weight.weights[last_band.offset + last_band.len / 2] = 0.0;
        let nothing: Change = |_| ();
        let faults: [(&str, &Preset, &[f32], &FilterBank, Change); 8] = [
            ("wrong padding", &other_padding, &window, &bank, nothing),
            ("symmetric window", &preset, &symmetric, &bank, nothing),
            ("wrong mel scale", &preset, &window, &other_scale, nothing),
            (
                "a lost filter weight",
                &preset,
                &window,
                &without_a_weight,
                nothing,
            ),
            ("wrong hop", &shifted, &window, &bank, nothing),
            ("amplitude for power", &preset, &window, &bank, |p| {
                p.iter_mut().for_each(|x| *x = x.sqrt())
            }),
            ("bins one too low", &preset, &window, &bank, |p| {
                p.rotate_left(1)
            }),
            ("a NaN", &preset, &window, &bank, |p| p[9] = f64::NAN),
        ];
        for (fault, twin_preset, window, bank, change_power) in faults {
            let wrong = twin(twin_preset, window, bank, change_power, noise);
            assert!(
                check_signal(&preset, name, noise, wrong).is_err(),
                "{}: {fault} was not found",
                preset.name
            );
        }
    }
}

/// A triangle that ends at half the sample rate gives the Nyquist bin no weight, so that no mel
/// comparison can see that bin: the spectrum itself has to be compared.
#[test]
fn a_dropped_nyquist_bin_is_found_in_the_spectrum() {
    let preset = Preset::librosa();
    let frame: Vec<f32> = (0..preset.n_fft).map(|i| [0.5, -0.5][i % 2]).collect();
    let narrow = |x: Vec<f64>| x.iter().map(|&v| v as f32).collect::<Vec<_>>();
    let want = narrow(window_fft_power(&frame, &preset.window(), 1));
    let mut got = want.clone();
    assert_eq!(compare(&got, &want, POWER), Ok(0.0));
    assert_eq!(want[1024], want.iter().copied().fold(0.0, f32::max));
    got[1024] = 0.0;
    assert!(
        compare(&got, &want, POWER)
            .unwrap_err()
            .contains("element 1024")
    );
}

#[test]
fn filter_banks_agree_with_the_libraries() {
    const LIBROSA: Bound = |_, _| 1e-7;
    const TORCHAUDIO: Bound = |_, _| 5e-5;
    let mut file = open("filter_banks.npz");
    let mut compared = (0, 0);
    for name in file.names().unwrap() {
        let fields: Vec<&str> = name.split(',').collect();
        let [
            library,
            sample_rate,
            n_fft,
            n_mels,
            f_min,
            f_max,
            scale,
            norm,
        ] = fields[..]
        else {
            panic!("{name}");
        };
        let n_fft = n_fft.parse().unwrap();
        let preset = Preset {
            name: name.clone(),
            sample_rate: sample_rate.parse().unwrap(),
            n_fft,
            win_length: n_fft,
            hop_length: 1,
            n_mels: n_mels.parse().unwrap(),
            f_min: f_min.parse().unwrap(),
            f_max: f_max.parse().unwrap(),
            scale: if scale == "htk" {
                MelScale::Htk
            } else {
                MelScale::Slaney
            },
            norm: if norm == "none" {
                FilterNorm::None
            } else {
                FilterNorm::Slaney
            },
            n_mfcc: 1,
            ..Preset::librosa()
        };
        let bound = match library {
            "librosa" => LIBROSA,
            _ => TORCHAUDIO,
        };
        let want: Array2<f32> = file.by_name(&name).unwrap();
        assert_eq!(want.dim(), (preset.n_mels, preset.n_bins()), "{name}");
        let want: Vec<f32> = want.iter().copied().collect();
        let got = filter_bank(&preset).unwrap().dense();
        let share = compare(&got, &want, bound).unwrap_or_else(|e| panic!("{name}: {e}"));
        println!("{name}: {share:.4} of the bound");
        match library {
            "librosa" => compared.0 += 1,
            _ => compared.1 += 1,
        }
    }
    assert_eq!(compared, (36, 4));
}
