use std::f64::consts::TAU;

use super::level::{decibels_to_factor, match_level, rms};
use super::*;

const RATE: u32 = 22_050;

fn tone(hz: f64, seconds: f64) -> Vec<f32> {
    let length = (seconds * f64::from(RATE)) as usize;
    (0..length)
        .map(|i| 0.3 * (TAU * hz * i as f64 / f64::from(RATE)).sin() as f32)
        .collect()
}

fn noise(seconds: f64, number: u64) -> Vec<f32> {
    let mut stream = Stream::new(9, "test", number);
    let length = (seconds * f64::from(RATE)) as usize;
    (0..length).map(|_| 0.1 * stream.normal() as f32).collect()
}

fn shifted(shift: Shift, amount: f64, samples: &[f32]) -> Vec<f32> {
    shift
        .apply(
            amount,
            samples,
            RATE,
            &mut shift.stream(1, &"0a".repeat(32)),
        )
        .unwrap()
}

/// The amplitude of a tone in samples, under a Hann window so that others beside it do not count.
fn strength(samples: &[f32], hz: f64) -> f64 {
    let length = samples.len() as f64;
    let sum = |part: fn(f64) -> f64| -> f64 {
        let products = samples.iter().enumerate().map(|(i, &x)| {
            let i = i as f64;
            let window = 1.0 - (TAU * i / length).cos();
            window * f64::from(x) * part(TAU * hz * i / f64::from(RATE))
        });
        products.sum()
    };
    2.0 * sum(f64::sin).hypot(sum(f64::cos)) / length
}

fn db(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

/// The seconds in which the sound behind an impulse falls by 60 dB, from the backward integral between -5 and -35 dB
/// (Schroeder 1965).
fn decay_time(response: &[f32]) -> f64 {
    let mut left: Vec<f64> = response
        .iter()
        .rev()
        .scan(0.0, |sum, &x| {
            *sum += f64::from(x) * f64::from(x);
            Some(*sum)
        })
        .collect();
    left.reverse();
    let falls_to = |level: f64| {
        let below = left
            .iter()
            .position(|&e| 10.0 * (e / left[0]).log10() < level);
        below.unwrap() as f64
    };
    2.0 * (falls_to(-35.0) - falls_to(-5.0)) / f64::from(RATE)
}

#[test]
fn a_room_falls_by_60_db_in_its_reverberation_time() {
    let mut impulse = vec![0.0; 4 * RATE as usize];
    impulse[0] = 1.0;
    for rt60 in Shift::Reverb.steps() {
        let heard = shifted(Shift::Reverb, rt60, &impulse);
        // Behind the sound itself.
        let found = decay_time(&heard[300..]);
        assert!((found / rt60 - 1.0).abs() < 0.1, "{rt60}: {found}");
        let squares = |part: &[f32]| rms(part).powi(2) * part.len() as f64;
        let room = squares(&heard[100..]) / squares(&heard[..100]);
        let cut = 1.0 - 1e-6f64.powf(4.0 / rt60).min(1.0);
        assert!((room / (rt60 / 0.5) - cut).abs() < 0.05, "{rt60}: {room}");
    }
}

#[test]
fn convolution_is_the_naive_sum() {
    // Through the whole shift, with a response known from its own stream.
    let samples = noise(0.05, 1);
    let stream = || Shift::Reverb.stream(1, &"0a".repeat(32));
    let response = live::impulse_response(f64::from(RATE), 0.02, &mut stream());
    let naive: Vec<f32> = (0..samples.len())
        .map(|n| {
            let taps = response.iter().take(n + 1).enumerate();
            taps.map(|(k, &h)| f64::from(h) * f64::from(samples[n - k]))
                .sum::<f64>() as f32
        })
        .collect();
    let want = match_level(naive, &samples);
    let found = shifted(Shift::Reverb, 0.02, &samples);
    for (found, want) in found.iter().zip(&want) {
        assert!((found - want).abs() < 1e-5, "{found} {want}");
    }
}

#[test]
fn crowd_and_hum_stand_as_far_below_the_music_as_asked() {
    let music = tone(440.0, 4.0);
    for shift in [Shift::Crowd, Shift::Hum] {
        for snr in shift.steps() {
            let heard = shifted(shift, snr, &music);
            let added: Vec<f32> = heard.iter().zip(&music).map(|(a, b)| a - b).collect();
            let found = db(rms(&music) / rms(&added));
            assert!((found - snr).abs() < 0.01, "{shift} {snr}: {found}");
        }
    }
    let silence = vec![0.0; 1000];
    assert_eq!(shifted(Shift::Crowd, 0.0, &silence), silence);
}

#[test]
fn a_crowd_talks_in_syllables_and_between_200_hz_and_4_khz() {
    let talk: Vec<f32> = {
        let music = tone(440.0, 6.0);
        let heard = shifted(Shift::Crowd, 0.0, &music);
        heard.iter().zip(&music).map(|(a, b)| a - b).collect()
    };
    let mut low = filter::butterworth()
        .map(|q| filter::Biquad::low_pass(f64::from(RATE), 4000.0, q))
        .to_vec();
    low.extend(filter::butterworth().map(|q| filter::Biquad::high_pass(f64::from(RATE), 200.0, q)));
    let band = rms(&filter::filter(&talk, &mut low));
    assert!(band / rms(&talk) > 0.93, "{}", band / rms(&talk));
    // Loudness by tenths of a second varies far more than that of steady noise, by about 0.02.
    let loudness: Vec<f64> = talk.chunks_exact(RATE as usize / 10).map(rms).collect();
    let mean = loudness.iter().sum::<f64>() / loudness.len() as f64;
    let spread = loudness
        .iter()
        .map(|l| (l / mean - 1.0).powi(2))
        .sum::<f64>();
    assert!((spread / loudness.len() as f64).sqrt() > 0.1);
}

#[test]
fn loudspeakers_boost_bass_and_presence_by_what_is_asked() {
    // The level is matched, so that only differences between tones in one signal count.
    let tones = [60.0, 1000.0, 3000.0, 10_500.0];
    let mut music = vec![0f32; 2 * RATE as usize];
    for hz in tones {
        music
            .iter_mut()
            .zip(tone(hz, 2.0))
            .for_each(|(x, t)| *x += t);
    }
    for amount in Shift::Pa.steps() {
        let heard = shifted(Shift::Pa, amount, &music);
        let level = tones.map(|hz| db(strength(&heard, hz) / strength(&music, hz)));
        let against = |k: usize| level[k] - level[1];
        assert!((against(0) - amount).abs() < 0.3 * amount, "{level:?}");
        assert!(against(2) > 0.25 * amount, "{level:?}");
        assert!(against(3) < -0.5 * amount, "{level:?}");
    }
}

#[test]
fn a_telephone_passes_its_band_and_nothing_else() {
    let gain = |hz: f64, upper: f64| {
        // A strong tone inside keeps the matched level.
        let (inside, asked) = (tone(1000.0, 1.0), tone(hz, 1.0));
        let music: Vec<f32> = inside
            .iter()
            .zip(&asked)
            .map(|(a, b)| a + 0.1 * b)
            .collect();
        let heard = shifted(Shift::Phone, upper, &music);
        let middle = RATE as usize / 4..;
        let relative = |x: &[f32]| strength(x, hz) / strength(x, 1000.0);
        db(relative(&heard[middle.clone()]) / relative(&music[middle]))
    };
    for upper in Shift::Phone.steps() {
        let lower = 1.02e6 / upper;
        for edge in [lower, upper] {
            assert!((gain(edge, upper) + 3.0).abs() < 0.2, "{edge}");
        }
        for inside in [1.3 * lower, upper / 1.3] {
            assert!(gain(inside, upper).abs() < 0.3, "{inside}");
        }
        assert!(gain(lower / 2.0, upper) < -40.0);
        if upper < 5000.0 {
            assert!(gain(2.0 * upper, upper) < -40.0);
        }
    }
}

#[test]
fn clipping_cuts_peaks_and_keeps_the_loudness() {
    let music = tone(300.0, 1.0);
    for amount in Shift::Clipping.steps() {
        let heard = shifted(Shift::Clipping, amount, &music);
        let peak = heard.iter().fold(0f32, |m, x| m.max(x.abs()));
        // A sine stays below its limit for 2 asin(limit) / pi of the time.
        let limit = decibels_to_factor(-amount);
        let flat = heard.iter().filter(|x| x.abs() > 0.9999 * peak).count() as f64;
        let want = 1.0 - 2.0 * limit.asin() / std::f64::consts::PI;
        assert!((flat / heard.len() as f64 - want).abs() < 0.01, "{amount}");
        assert!((db(rms(&heard) / rms(&music))).abs() < 0.01);
    }
    assert_eq!(shifted(Shift::Clipping, 6.0, &[0.0; 9]), [0.0; 9]);
}

#[test]
fn hum_is_the_mains_and_its_harmonics_only() {
    let music = tone(440.0, 4.0);
    let heard = shifted(Shift::Hum, 0.0, &music);
    let hum: Vec<f32> = heard.iter().zip(&music).map(|(a, b)| a - b).collect();
    let mains = if strength(&hum, 50.0) > strength(&hum, 60.0) {
        50.0
    } else {
        60.0
    };
    let of_harmonics: f64 = (1..=10)
        .map(|k| strength(&hum, mains * f64::from(k)).powi(2) / 2.0)
        .sum();
    assert!((of_harmonics.sqrt() / rms(&hum) - 1.0).abs() < 0.01);
}

#[test]
fn a_codec_loses_more_at_lower_rates_and_stays_aligned() {
    let music: Vec<f32> = (0..3)
        .map(|k| tone(220.0 * f64::from(1 << k), 2.0))
        .fold(noise(2.0, 3), |sum, t| {
            sum.iter().zip(t).map(|(a, b)| a + b).collect()
        });
    let errors = [128.0, 32.0, 6.0].map(|kbits| {
        let heard = shifted(Shift::Codec, kbits, &music);
        assert_eq!(heard.len(), music.len());
        let error: Vec<f32> = heard.iter().zip(&music).map(|(a, b)| a - b).collect();
        db(rms(&error) / rms(&music))
    });
    assert!(errors[0] < -12.0 && errors.is_sorted(), "{errors:?}");
    let mut stream = Shift::Codec.stream(1, "");
    let refused = Shift::Codec
        .apply(2.0, &music, RATE, &mut stream)
        .unwrap_err();
    assert!(refused.to_string().contains("6 to 510 kbit/s"), "{refused}");
}

/// The frequency of a steady tone, by its zero crossings.
fn frequency(samples: &[f32]) -> f64 {
    let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
    let up = |k: usize| middle[k] <= 0.0 && middle[k + 1] > 0.0;
    let crossings: Vec<usize> = (0..middle.len() - 1).filter(|&k| up(k)).collect();
    let turns = (crossings.len() - 1) as f64;
    turns * f64::from(RATE) / (crossings[crossings.len() - 1] - crossings[0]) as f64
}

#[test]
fn tempo_keeps_the_pitch_and_pitch_keeps_the_length() {
    let music = tone(440.0, 2.0);
    for factor in Shift::Tempo.steps() {
        let heard = shifted(Shift::Tempo, factor, &music);
        let length = heard.len() as f64 * factor / music.len() as f64;
        assert!((length - 1.0).abs() < 0.02, "{factor}: {length}");
        assert!((frequency(&heard) / 440.0 - 1.0).abs() < 0.01, "{factor}");
    }
    for semitones in Shift::Pitch.steps() {
        let heard = shifted(Shift::Pitch, semitones, &music);
        assert_eq!(heard.len(), music.len());
        let want = 440.0 * 2f64.powf(semitones / 12.0);
        assert!((frequency(&heard) / want - 1.0).abs() < 0.01, "{semitones}");
    }
}

#[test]
fn a_level_has_the_steps_and_the_full_scale_of_16_bits() {
    let music = tone(440.0, 0.5);
    let quiet = shifted(Shift::Level, -40.0, &music);
    assert!((db(rms(&quiet) / rms(&music)) + 40.0).abs() < 0.1);
    let whole = |x: &f32| (x * 32768.0).fract() == 0.0;
    assert!(quiet.iter().all(whole));
    let loud = shifted(Shift::Level, 20.0, &music);
    let peak = loud.iter().fold(0f32, |m, x| m.max(x.abs()));
    assert_eq!(peak, 1.0);
    assert!(
        shifted(Shift::Level, -120.0, &music)
            .iter()
            .all(|&x| x == 0.0)
    );
}

#[test]
fn shifts_repeat_by_seed_and_file_and_survive_the_shortest_input() {
    let music = noise(0.3, 2);
    let hash = |word: &str| blake3::hash(word.as_bytes()).to_hex().to_string();
    for shift in Shift::ALL {
        let amount = shift.steps()[3];
        let heard = |seed, file: &str| {
            let stream = &mut shift.stream(seed, &hash(file));
            shift.apply(amount, &music, RATE, stream).unwrap()
        };
        assert_eq!(heard(1, "a"), heard(1, "a"), "{shift}");
        if [Shift::Reverb, Shift::Crowd, Shift::Pa, Shift::Hum].contains(&shift) {
            assert_ne!(heard(1, "a"), heard(1, "b"), "{shift}");
            assert_ne!(heard(1, "a"), heard(2, "a"), "{shift}");
        }
        for length in [0, 1, 100] {
            let short = shifted(shift, amount, &music[..length]);
            assert!(short.iter().all(|x| x.is_finite()), "{shift}");
            assert!(shift == Shift::Tempo || short.len() == length, "{shift}");
        }
    }
}

#[test]
fn a_word_means_a_shift_or_a_family() {
    assert_eq!(
        parse("live").unwrap(),
        [Shift::Reverb, Shift::Crowd, Shift::Pa]
    );
    assert_eq!(parse("amateur").unwrap().len(), 4);
    assert_eq!(parse("pitch").unwrap(), [Shift::Pitch]);
    assert!(
        parse("studio")
            .unwrap_err()
            .contains("live, amateur, reverb")
    );
}
