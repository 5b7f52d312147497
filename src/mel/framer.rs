use std::iter;

use super::{MelError, PadMode, Preset};

/// Pads a signal that arrives in chunks and cuts it into blocks of whole frames.
///
/// Frame `t` is centred on sample `t * hop_length`; neighbouring blocks overlap by
/// `n_fft - hop_length` samples, so that an engine needs nothing but the block. However the signal
/// is chunked, the blocks are the same, and [`Preset::n_frames`] tells how many frames they hold in
/// all. Memory is bounded by one chunk, one block and the padding.
#[derive(Debug)]
pub struct Framer {
    preset: Preset,
    block_frames: usize,
    /// Samples from the next frame on, after `start` older ones. With reflect padding the last
    /// `padding + 1` samples are always kept, for they are mirrored at the end.
    buffer: Vec<f32>,
    start: usize,
    /// Samples pushed so far.
    samples: usize,
    ended: bool,
}

impl Framer {
    /// A framer whose blocks hold `block_frames` frames (at least one), and fewer only at the end.
    ///
    /// # Errors
    /// As [`Preset::validate`].
    pub fn new(preset: &Preset, block_frames: usize) -> Result<Self, MelError> {
        preset.validate()?;
        let padding = match preset.pad_mode {
            PadMode::Zero => preset.padding(),
            PadMode::Reflect => 0,
        };
        Ok(Framer {
            preset: preset.clone(),
            block_frames: block_frames.max(1),
            buffer: vec![0.0; padding],
            start: 0,
            samples: 0,
            ended: false,
        })
    }

    /// Takes the next samples and gives the blocks that they complete, each of
    /// `(n - 1) * hop_length + n_fft` samples.
    pub fn push(&mut self, samples: &[f32]) -> impl Iterator<Item = Vec<f32>> {
        self.forget();
        let padding = self.preset.padding();
        let head_open = self.head_open();
        self.buffer.extend_from_slice(samples);
        self.samples += samples.len();
        if head_open && !self.head_open() {
            let mirrored: Vec<f32> = self.buffer[1..=padding].iter().rev().copied().collect();
            self.buffer.splice(0..0, mirrored);
        }
        iter::from_fn(|| self.next_block())
    }

    /// Ends the signal and gives the blocks that remain.
    ///
    /// # Errors
    /// [`MelError::EmptySignal`] if no sample was pushed, and with reflect padding
    /// [`MelError::TooShortToReflect`] if no more than `n_fft / 2` were, as in torchaudio.
    pub fn finish(mut self) -> Result<impl Iterator<Item = Vec<f32>>, MelError> {
        let padding = self.preset.padding();
        if self.samples == 0 {
            return Err(MelError::EmptySignal);
        }
        if self.head_open() {
            return Err(MelError::TooShortToReflect {
                samples: self.samples,
                needed: padding + 1,
            });
        }
        match self.preset.pad_mode {
            PadMode::Zero => self.buffer.resize(self.buffer.len() + padding, 0.0),
            PadMode::Reflect => {
                let last = self.buffer.len() - 1;
                self.buffer.extend_from_within(last - padding..last);
                self.buffer[last + 1..].reverse();
            }
        }
        self.ended = true;
        Ok(iter::from_fn(move || self.next_block()))
    }

    /// True while too few samples have come to mirror the head.
    fn head_open(&self) -> bool {
        self.preset.pad_mode == PadMode::Reflect && self.samples <= self.preset.padding()
    }

    fn next_block(&mut self) -> Option<Vec<f32>> {
        let rest = &self.buffer[self.start..];
        let n_frames = self
            .preset
            .frames_in_block(rest.len())
            .min(self.block_frames);
        if self.head_open() || n_frames == 0 || (n_frames < self.block_frames && !self.ended) {
            return None;
        }
        let block = rest[..(n_frames - 1) * self.preset.hop_length + self.preset.n_fft].to_vec();
        self.start += n_frames * self.preset.hop_length;
        Some(block)
    }

    /// Drops old samples once they are half of the buffer, so that each is moved about once.
    fn forget(&mut self) {
        if self.start * 2 > self.buffer.len() {
            let needed = self.buffer.len().saturating_sub(self.preset.padding() + 1);
            let old = self.start.min(needed);
            self.buffer.drain(..old);
            self.start -= old;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preset(n_fft: usize, hop_length: usize, pad_mode: PadMode) -> Preset {
        Preset {
            n_fft,
            win_length: n_fft,
            hop_length,
            pad_mode,
            ..Preset::librosa()
        }
    }

    /// The padded signal, straight from the definition.
    fn padded(preset: &Preset, signal: &[f32]) -> Vec<f32> {
        let (padding, len) = (preset.padding() as isize, signal.len() as isize);
        (-padding..len + padding)
            .map(|i| match preset.pad_mode {
                PadMode::Zero if i < 0 || i >= len => 0.0,
                PadMode::Reflect if i < 0 => signal[-i as usize],
                PadMode::Reflect if i >= len => signal[(2 * (len - 1) - i) as usize],
                _ => signal[i as usize],
            })
            .collect()
    }

    #[test]
    fn blocks_are_the_padded_signal_for_every_chunking() {
        for (n_fft, hop) in [(8, 3), (8, 8), (9, 2), (2, 1), (5, 5), (64, 16)] {
            for pad_mode in [PadMode::Zero, PadMode::Reflect] {
                let preset = preset(n_fft, hop, pad_mode);
                let shortest = match pad_mode {
                    PadMode::Zero => 1,
                    PadMode::Reflect => preset.padding() + 1,
                };
                for len in [shortest, shortest + 1, 63, 64, 65, 257, 400] {
                    let signal: Vec<f32> = (0..len).map(|i| 1.0 + i as f32).collect();
                    let whole = padded(&preset, &signal);
                    for (chunk, block_frames) in [(1, 1), (1, 7), (7, 3), (64, 2), (1000, 1000)] {
                        let mut framer = Framer::new(&preset, block_frames).unwrap();
                        let mut blocks = Vec::new();
                        for samples in signal.chunks(chunk) {
                            blocks.extend(framer.push(samples));
                        }
                        blocks.extend(framer.finish().unwrap());
                        let mut frame = 0;
                        for (i, block) in blocks.iter().enumerate() {
                            let n_frames = preset.frames_in_block(block.len());
                            assert_eq!(block.len(), (n_frames - 1) * hop + n_fft);
                            assert_eq!(block[..], whole[frame * hop..][..block.len()]);
                            assert!(n_frames == block_frames || i + 1 == blocks.len());
                            frame += n_frames;
                        }
                        assert_eq!(frame, preset.n_frames(len), "{preset:?} {len} {chunk}");
                        assert_eq!(frame, 1 + (len - n_fft % 2) / hop);
                    }
                }
            }
        }
    }

    #[test]
    fn blocks_that_were_not_taken_come_with_the_next_push() {
        let preset = preset(8, 4, PadMode::Zero);
        let mut framer = Framer::new(&preset, 1).unwrap();
        drop(framer.push(&[1.0; 40]));
        let blocks = framer.push(&[1.0; 1]).count();
        assert_eq!(
            blocks + framer.finish().unwrap().count(),
            preset.n_frames(41)
        );
    }

    #[test]
    fn memory_does_not_grow_with_the_signal() {
        for pad_mode in [PadMode::Zero, PadMode::Reflect] {
            let preset = preset(64, 16, pad_mode);
            let mut framer = Framer::new(&preset, 4).unwrap();
            let mut most = 0;
            for _ in 0..10_000 {
                framer.push(&[0.5; 50]).for_each(drop);
                most = most.max(framer.buffer.capacity());
            }
            assert!(most < 1000, "{most} samples kept");
        }
    }

    #[test]
    fn an_empty_signal_is_an_error() {
        for pad_mode in [PadMode::Zero, PadMode::Reflect] {
            let mut framer = Framer::new(&preset(8, 4, pad_mode), 4).unwrap();
            assert_eq!(framer.push(&[]).count(), 0);
            assert_eq!(framer.finish().err(), Some(MelError::EmptySignal));
        }
    }

    #[test]
    fn a_signal_too_short_to_reflect_is_an_error_that_says_how_long_it_must_be() {
        let preset = Preset::torchaudio();
        let mut framer = Framer::new(&preset, 4).unwrap();
        framer.push(&[1.0; 200]).for_each(drop);
        let error = framer.finish().err().unwrap();
        assert_eq!(
            error,
            MelError::TooShortToReflect {
                samples: 200,
                needed: 201
            }
        );
        assert!(error.to_string().contains("201"));
        let mut framer = Framer::new(&preset, 4).unwrap();
        framer.push(&[1.0; 201]).for_each(drop);
        assert_eq!(framer.finish().unwrap().count(), 1);
    }

    #[test]
    fn an_invalid_preset_has_no_framer() {
        assert!(Framer::new(&preset(8, 0, PadMode::Zero), 1).is_err());
    }
}
