//! An open audio file: a demuxer and the decoder of one track, packet by packet.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::Path;
use std::sync::LazyLock;

use symphonia::core::codecs::audio::{
    AudioCodecId, AudioDecoder, AudioDecoderOptions, well_known::*,
};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::well_known::FORMAT_ID_OGG;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, ReadOnlySource};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::Duration;

use super::opus::OpusDecoder;
use super::silence::Peaks;
use super::{AudioErrorKind, AudioInfo, AudioWarning, SAMPLE_RATES, find};

/// The most frames that an encoder adds to fill its last packets: two long Vorbis blocks.
const MAX_PADDING: usize = 16_384;

/// The most samples that a packet may claim to hold; decoders set aside memory for the claim. FLAC,
/// the largest that is in use, has up to 65535 frames in 8 channels.
const MAX_PACKET_SAMPLES: u64 = 1 << 22;

/// Packets in a row that give no sample before a file is given up.
const MAX_BARREN_PACKETS: u64 = 100_000;

static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut codecs = CodecRegistry::new();
    symphonia::default::register_enabled_codecs(&mut codecs);
    codecs.register_audio_decoder::<OpusDecoder>();
    codecs
});

/// How the demuxer may read the file.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Access {
    Seek,
    /// As a last resort: the file is damaged.
    Forward,
}

/// An open file: a demuxer and the decoder of one track.
pub(super) struct Source {
    access: Access,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    channels: usize,
    /// Frames that the headers promise.
    expected: Option<u64>,
    /// `expected` may be far off.
    guessed: bool,
    /// Whether the end of the track that the headers state is to be believed.
    end_known: bool,
    /// Frames behind the stated end. They are the encoder's padding if the file ends with them.
    behind_end: Vec<f32>,
    /// Reading stopped before the end.
    cut: bool,
    skipped: u64,
    peaks: Peaks,
    interleaved: Vec<f32>,
}

impl Source {
    pub(super) fn open(path: &Path, access: Access) -> Result<Self, AudioErrorKind> {
        find::check(path)?;
        let file = media_source(path, access).map_err(find::io_kind)?;
        let stream = MediaSourceStream::new(file, Default::default());
        let format = symphonia::default::get_probe()
            .probe(
                &Hint::new(),
                stream,
                FormatOptions::default(),
                MetadataOptions::default(),
            )
            .map_err(header_kind)?;
        let (track, decoder) = open_track(&*format)?;
        let mut source = Self {
            access,
            decoder,
            track: track.id,
            format,
            channels: 0,
            expected: None,
            guessed: false,
            end_known: true,
            behind_end: Vec::new(),
            cut: false,
            skipped: 0,
            peaks: Peaks::default(),
            interleaved: Vec::new(),
        };
        source.note_length(&track);
        Ok(source)
    }

    /// Short name of the codec.
    pub(super) fn codec(&self) -> &'static str {
        self.decoder.codec_info().short_name
    }

    /// Channels of the last packet.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Notes what the headers say about the ends of `track`.
    fn note_length(&mut self, track: &Track) {
        self.expected = match (self.expected, stated_frames(&*self.format, track)) {
            (Some(before), Some(frames)) => Some(before.saturating_add(frames)),
            (before, frames) => before.or(frames),
        };
        // Without a LAME tag the length of an MP3 is extrapolated from its first frames.
        let codec = self.decoder.codec_params().codec;
        let mpeg = [CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3].contains(&codec);
        self.guessed = mpeg && track.padding.is_none();
        self.end_known = !self.guessed;
    }

    /// Decodes until some frames are in `mono`, and returns their rate in Hz; None at the end.
    pub(super) fn next(&mut self, mono: &mut Vec<f32>) -> Result<Option<u32>, AudioErrorKind> {
        for _ in 0..MAX_BARREN_PACKETS {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(None),
                Err(Error::ResetRequired) => {
                    // The next stream of a chain.
                    let Ok((track, decoder)) = open_track(&*self.format) else {
                        break;
                    };
                    (self.track, self.decoder) = (track.id, decoder);
                    self.behind_end.clear();
                    self.note_length(&track);
                    continue;
                }
                Err(Error::IoError(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    return Err(find::io_kind(error));
                }
                Err(error) => {
                    // A stream of unstated length may end anywhere; but the last Ogg page is marked.
                    let open_ended = self.expected.is_none()
                        && self.format.format_info().format != FORMAT_ID_OGG
                        && self.access == Access::Seek;
                    self.cut = !(open_ended && matches!(error, Error::IoError(_)));
                    return Ok(None);
                }
            };
            if packet.track_id == self.track {
                let rate = self.decode(packet, mono)?;
                if !mono.is_empty() {
                    return Ok(Some(rate));
                }
            }
        }
        self.cut = true;
        Ok(None)
    }

    /// Decodes one packet into `mono`, which stays empty if it gives nothing, and returns its rate.
    fn decode(&mut self, mut packet: Packet, mono: &mut Vec<f32>) -> Result<u32, AudioErrorKind> {
        // The end is trimmed below.
        let trim_end = std::mem::replace(&mut packet.trim_end, Duration::ZERO).get();
        let Ok(decoded) = self.decoder.decode(&packet) else {
            self.skipped += 1;
            return Ok(0);
        };
        let rate = decoded.spec().rate();
        self.channels = decoded.num_planes();
        if !SAMPLE_RATES.contains(&rate) {
            return Err(AudioErrorKind::Header(format!(
                "a sample rate of {rate} Hz"
            )));
        }
        if self.channels == 0 {
            return Err(AudioErrorKind::Header("no channels".to_owned()));
        }
        decoded.copy_to_vec_interleaved(&mut self.interleaved);
        let scale = 1.0 / self.channels as f32;
        let frames = self.interleaved.chunks_exact(self.channels);
        mono.extend(frames.map(|frame| frame.iter().sum::<f32>() * scale));
        self.peaks.note(&self.interleaved, mono);
        if self.end_known {
            self.trim_end(mono, usize::try_from(trim_end).unwrap_or(usize::MAX));
        }
        Ok(rate)
    }

    /// Takes the `count` last frames off `mono`, because they are behind the stated end. Headers
    /// are wrong at times, and believing them has silenced whole files; so if the audio goes on for
    /// longer than any padding, the frames come back and the stated end is forgotten.
    fn trim_end(&mut self, mono: &mut Vec<f32>, count: usize) {
        let kept = mono.len().saturating_sub(count);
        let behind = self.behind_end.len() + (mono.len() - kept);
        if behind > MAX_PADDING || (kept > 0 && !self.behind_end.is_empty()) {
            self.behind_end.append(mono);
            std::mem::swap(&mut self.behind_end, mono);
            self.end_known = false;
        } else {
            self.behind_end.extend(mono.drain(kept..));
        }
    }

    /// Whether nothing was to be heard so far.
    pub(super) fn silence(&self) -> Option<AudioWarning> {
        self.peaks.warning()
    }

    /// What was lost, once the end is reached.
    pub(super) fn warnings(&self, info: &AudioInfo) -> Vec<AudioWarning> {
        let mut warnings = Vec::new();
        let (got, rate) = (info.source_frames, u64::from(info.source_rate));
        let short = self.expected.is_some_and(|expected| match self.guessed {
            true => got < expected / 2,
            // Some containers round to milliseconds or count the encoder's delay.
            false => got + expected / 1000 + rate / 50 < expected,
        });
        if short || self.cut {
            let expected_s = self.expected.filter(|&expected| expected > got);
            warnings.push(AudioWarning::Incomplete {
                decoded_s: info.duration_s,
                expected_s: expected_s.map(|frames| frames as f64 / rate as f64),
            });
        }
        if self.skipped > 0 {
            warnings.push(AudioWarning::SkippedPackets {
                count: self.skipped,
            });
        }
        warnings
    }
}

/// Opens the file for Symphonia. The size in a RIFF header is replaced by "unknown": many programs
/// write it a little wrong, which every player accepts but Symphonia does not.
fn media_source(path: &Path, access: Access) -> io::Result<Box<dyn MediaSource>> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    (&file).take(12).read_to_end(&mut head)?;
    if let [b'R', b'I', b'F', b'F', size @ .., b'W', b'A', b'V', b'E'] = &mut head[..] {
        size.fill(0xff);
        return Ok(Box::new(ReadOnlySource::new(Cursor::new(head).chain(file))));
    }
    file.rewind()?;
    Ok(match access {
        Access::Seek => Box::new(file),
        Access::Forward => Box::new(ReadOnlySource::new(file)),
    })
}

fn open_track(format: &dyn FormatReader) -> Result<(Track, Box<dyn AudioDecoder>), AudioErrorKind> {
    let track = format
        .default_track(TrackType::Audio)
        .or_else(|| format.first_track(TrackType::Audio))
        .ok_or(AudioErrorKind::NoAudioTrack)?;
    let params = track
        .codec_params
        .as_ref()
        .and_then(|params| params.audio())
        .ok_or(AudioErrorKind::NoAudioTrack)?;
    if let Some(rate) = params
        .sample_rate
        .filter(|rate| !SAMPLE_RATES.contains(rate))
    {
        return Err(AudioErrorKind::Header(format!(
            "a sample rate of {rate} Hz"
        )));
    }
    let channels = params
        .channels
        .as_ref()
        .map_or(0, |channels| channels.count()) as u64;
    let frames = params.max_frames_per_packet.unwrap_or(0);
    if channels.saturating_mul(frames) > MAX_PACKET_SAMPLES {
        let what = format!("packets of {frames} frames in {channels} channels");
        return Err(AudioErrorKind::Header(what));
    }
    if CODECS.get_audio_decoder(params.codec).is_none() {
        return Err(AudioErrorKind::Unsupported(codec_name(params.codec)));
    }
    let decoder = CODECS
        .make_audio_decoder(params, &AudioDecoderOptions::default())
        .map_err(header_kind)?;
    Ok((track.clone(), decoder))
}

/// How many frames the headers promise for `track`.
fn stated_frames(format: &dyn FormatReader, track: &Track) -> Option<u64> {
    if track.num_frames.is_some() {
        return track.num_frames;
    }
    let rate = track.codec_params.as_ref()?.audio()?.sample_rate?;
    let whole = format.media_info();
    let (duration, time_base) = match track.duration {
        Some(duration) => (duration, track.time_base?),
        // Matroska states only the length of the whole file, which may be that of its pictures.
        None if format.tracks().len() == 1 => (whole.duration?, whole.time_base?),
        None => return None,
    };
    Some((time_base.calc_duration(duration)?.as_secs_f64() * f64::from(rate)) as u64)
}

/// What an error of Symphonia means while headers are read.
fn header_kind(error: Error) -> AudioErrorKind {
    match error {
        Error::Unsupported(what) if what.starts_with("core (probe)") => AudioErrorKind::NotAudio,
        Error::Unsupported(what) => AudioErrorKind::Unsupported(what.to_owned()),
        Error::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            AudioErrorKind::Header("the file ends before any audio".to_owned())
        }
        Error::IoError(error) if error.kind() == io::ErrorKind::InvalidInput => {
            AudioErrorKind::Header("a length far beyond the end of the file".to_owned())
        }
        Error::IoError(error) => find::io_kind(error),
        error => AudioErrorKind::Header(error.to_string()),
    }
}

/// Names of codecs that Symphonia knows but cannot decode.
fn codec_name(codec: AudioCodecId) -> String {
    let name = match codec {
        CODEC_ID_AC3 => "AC-3 (Dolby Digital)",
        CODEC_ID_EAC3 => "E-AC-3 (Dolby Digital Plus)",
        CODEC_ID_AC4 => "AC-4",
        CODEC_ID_DCA => "DTS",
        CODEC_ID_TRUEHD => "Dolby TrueHD",
        CODEC_ID_SPEEX => "Speex",
        CODEC_ID_MUSEPACK => "Musepack",
        CODEC_ID_WMA => "Windows Media Audio",
        CODEC_ID_WAVPACK => "WavPack",
        CODEC_ID_MONKEYS_AUDIO => "Monkey's Audio",
        CODEC_ID_TTA => "True Audio",
        other => return format!("the codec with the id {other}"),
    };
    format!("the codec {name}")
}
