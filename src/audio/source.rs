//! An open audio file: a demuxer and the decoder of one track, packet by packet.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use symphonia::core::codecs::audio::{
    AudioCodecId, AudioDecoder, AudioDecoderOptions, well_known::*,
};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::{Hint, Probe};
use symphonia::core::formats::well_known::{FORMAT_ID_CAF, FORMAT_ID_OGG};
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, ReadOnlySource};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::Duration;

use super::container::{self, Claim};
use super::error::{AudioErrorKind, AudioWarning};
use super::info::{AudioInfo, SAMPLE_RATES};
use super::isolate::isolate;
use super::opus::OpusDecoder;
use super::silence::Loudness;
use super::{aac, elementary, find};

/// The most frames that an encoder adds to fill its last packets: two long Vorbis blocks.
const MAX_PADDING: usize = 16_384;

/// The most samples that a packet may claim to hold; decoders set aside memory for the claim. FLAC,
/// the largest that is in use, has up to 65535 frames in 8 channels.
const MAX_PACKET_SAMPLES: u64 = 1 << 22;

/// Packets of AAC that are looked at for the extension of HE-AAC; in more than half it is no chance.
const EXTENSION_PACKETS: u32 = 16;

/// Packets in a row that give no sample before a file is given up.
const MAX_BARREN_PACKETS: u64 = 100_000;

static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut codecs = CodecRegistry::new();
    symphonia::default::register_enabled_codecs(&mut codecs);
    codecs.register_audio_decoder::<OpusDecoder>();
    codecs
});

static PROBE: LazyLock<Probe> = LazyLock::new(|| {
    let mut probe = Probe::new();
    elementary::register(&mut probe);
    symphonia::default::register_enabled_formats(&mut probe);
    probe
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
    path: PathBuf,
    access: Access,
    /// Where in the file another one begins that was joined to it.
    next: Option<u64>,
    format: Box<dyn FormatReader>,
    codec: Codec,
    claim: Claim,
    big_endian: bool,
    channels: usize,
    /// Seconds that the headers promise.
    expected_s: Option<f64>,
    /// Whether the end of the track that the headers state is to be believed.
    end_known: bool,
    /// Frames behind the stated end. They are the encoder's padding if the file ends with them.
    behind_end: Vec<f32>,
    /// Reading stopped before the end, or parts in the middle are missing.
    cut: bool,
    skipped: u64,
    loudness: Loudness,
    /// Only the lower half of HE-AAC is decoded, up to this frequency in Hz.
    lower_half_hz: Option<u32>,
    interleaved: Vec<f32>,
}

/// The decoder of a track.
struct Codec {
    track: u32,
    decoder: Box<dyn AudioDecoder>,
    /// Packets of AAC that are still looked at for the extension of HE-AAC, and how many had it.
    unseen: u32,
    extended: u32,
    high_efficiency: bool,
}

impl Source {
    pub(super) fn open(path: &Path, access: Access) -> Result<Self, AudioErrorKind> {
        find::check(path)?;
        let view = container::open(path, 0)?;
        let (next, claim, big_endian) = (view.next, view.claim, view.big_endian);
        let format = probe(view.media, access)?;
        let (track, codec) = Codec::open(&*format, big_endian)?;
        let mut source = Self {
            path: path.to_path_buf(),
            access,
            next,
            format,
            codec,
            claim,
            big_endian,
            channels: 0,
            expected_s: None,
            end_known: true,
            behind_end: Vec::new(),
            cut: claim == Claim::Holes,
            skipped: 0,
            loudness: Loudness::default(),
            lower_half_hz: None,
            interleaved: Vec::new(),
        };
        source.note_length(&track);
        Ok(source)
    }

    /// Short name of the codec.
    pub(super) fn codec(&self) -> &'static str {
        self.codec.decoder.codec_info().short_name
    }

    /// Channels of the last packet.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Notes what the headers say about the ends of `track`.
    fn note_length(&mut self, track: &Track) {
        let params = self.codec.decoder.codec_params();
        if let Some(stated) = stated_s(&*self.format, track, params.sample_rate) {
            *self.expected_s.get_or_insert(0.0) += stated;
        }
        // Only with a LAME tag is the length of an MP3 that of the music, without the padding.
        let mpeg = [CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3].contains(&params.codec);
        self.end_known = !mpeg || track.padding.is_some();
    }

    /// Decodes until some frames are in `mono`, and returns their rate in Hz; None at the end.
    pub(super) fn next(&mut self, mono: &mut Vec<f32>) -> Result<Option<u32>, AudioErrorKind> {
        for _ in 0..MAX_BARREN_PACKETS {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) if self.next_part() => continue,
                Ok(None) => return Ok(None),
                Err(Error::ResetRequired) => {
                    // The next stream of a chain.
                    let Ok((track, codec)) = Codec::open(&*self.format, self.big_endian) else {
                        break;
                    };
                    self.codec = codec;
                    self.behind_end.clear();
                    self.note_length(&track);
                    continue;
                }
                Err(Error::IoError(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    return Err(AudioErrorKind::of(error));
                }
                Err(error) => {
                    // A stream of unstated length may end anywhere; but the last Ogg page is marked.
                    let open_ended = self.expected_s.is_none()
                        && self.format.format_info().format != FORMAT_ID_OGG
                        && self.access == Access::Seek;
                    self.cut |= !(open_ended && matches!(error, Error::IoError(_)));
                    if self.next_part() {
                        continue;
                    }
                    return Ok(None);
                }
            };
            if packet.track_id == self.codec.track {
                let rate = self.decode(packet, mono)?;
                if !mono.is_empty() {
                    return Ok(Some(rate));
                }
            }
        }
        self.cut = true;
        Ok(None)
    }

    /// Goes on to the file that was joined to this one, if there is one.
    fn next_part(&mut self) -> bool {
        let Some(from) = self.next.take() else {
            return false;
        };
        // What was decoded so far is kept, whatever is wrong with this part.
        let opened = isolate(|| {
            let view = container::open(&self.path, from)?;
            let (next, claim, big_endian) = (view.next, view.claim, view.big_endian);
            let format = probe(view.media, self.access)?;
            let (track, codec) = Codec::open(&*format, big_endian)?;
            Ok((next, claim, big_endian, format, track, codec))
        });
        let Ok((next, claim, big_endian, format, track, codec)) = opened else {
            self.cut = true;
            return false;
        };
        match claim {
            Claim::Nothing => {}
            Claim::Unfinished => self.claim = claim,
            // The share is that of this part only.
            Claim::Cut { .. } | Claim::Holes => self.cut = true,
        }
        (self.next, self.big_endian, self.format, self.codec) = (next, big_endian, format, codec);
        self.behind_end.clear();
        self.note_length(&track);
        true
    }

    /// Decodes one packet into `mono`, which stays empty if it gives nothing, and returns its rate.
    fn decode(&mut self, mut packet: Packet, mono: &mut Vec<f32>) -> Result<u32, AudioErrorKind> {
        // The end is trimmed below.
        let trim_end = std::mem::replace(&mut packet.trim_end, Duration::ZERO).get();
        self.codec.look_for_extension(&packet.data);
        let Ok(decoded) = self.codec.decoder.decode(&packet) else {
            self.skipped += 1;
            return Ok(0);
        };
        let rate = decoded.spec().rate();
        self.channels = decoded.num_planes();
        check_rate(Some(rate))?;
        if self.channels == 0 {
            return Err(AudioErrorKind::Header("no channels".to_owned()));
        }
        decoded.copy_to_vec_interleaved(&mut self.interleaved);
        if self.codec.high_efficiency {
            self.lower_half_hz.get_or_insert(rate / 2);
        }
        let scale = 1.0 / self.channels as f32;
        let frames = self.interleaved.chunks_exact(self.channels);
        mono.extend(frames.map(|frame| frame.iter().sum::<f32>() * scale));
        self.loudness.note(&self.interleaved, self.channels, mono);
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
        self.loudness.warning()
    }

    /// What was lost, once the end is reached.
    pub(super) fn warnings(&self, info: &AudioInfo) -> Vec<AudioWarning> {
        let mut warnings = Vec::new();
        let decoded_s = info.duration_s;
        let expected_s = match self.claim {
            Claim::Cut { share } if share > 0.0 => Some(decoded_s / share),
            _ => self.expected_s,
        };
        // Some containers round to milliseconds or count the encoder's delay.
        let short = expected_s
            .is_some_and(|expected_s| decoded_s + expected_s / 1000.0 + 0.02 < expected_s);
        if short || self.cut {
            warnings.push(AudioWarning::Incomplete {
                decoded_s,
                expected_s: expected_s.filter(|&expected_s| expected_s > decoded_s),
            });
        }
        if self.claim == Claim::Unfinished {
            warnings.push(AudioWarning::Unfinished { decoded_s });
        }
        if self.skipped > 0 {
            warnings.push(AudioWarning::SkippedPackets {
                count: self.skipped,
            });
        }
        if let Some(below_hz) = self.lower_half_hz {
            warnings.push(AudioWarning::LowerHalf { below_hz });
        }
        warnings
    }
}

impl Codec {
    /// The decoder of the track of `format` that is to be heard.
    fn open(format: &dyn FormatReader, big_endian: bool) -> Result<(Track, Self), AudioErrorKind> {
        let track = format
            .default_track(TrackType::Audio)
            .or_else(|| format.first_track(TrackType::Audio))
            .ok_or(AudioErrorKind::NoAudioTrack)?;
        let params = track
            .codec_params
            .as_ref()
            .and_then(|params| params.audio())
            .ok_or(AudioErrorKind::NoAudioTrack)?;
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
        let (mut params, mut high_efficiency, mut unseen) = (params.clone(), false, 0);
        if params.codec == CODEC_ID_AAC {
            (params, high_efficiency) = aac::playable(&params)?;
            unseen = EXTENSION_PACKETS;
        }
        if big_endian {
            params.for_codec(match params.codec {
                CODEC_ID_PCM_S24LE => CODEC_ID_PCM_S24BE,
                CODEC_ID_PCM_S32LE => CODEC_ID_PCM_S32BE,
                CODEC_ID_PCM_F32LE => CODEC_ID_PCM_F32BE,
                CODEC_ID_PCM_F64LE => CODEC_ID_PCM_F64BE,
                other => other,
            });
        }
        let decoder = CODECS
            .make_audio_decoder(&params, &AudioDecoderOptions::default())
            .map_err(header_kind)?;
        // A decoder knows better than a container, which may have no room for a high rate.
        check_rate(decoder.codec_params().sample_rate)?;
        let codec = Self {
            track: track.id,
            decoder,
            unseen,
            extended: 0,
            high_efficiency,
        };
        Ok((track.clone(), codec))
    }

    /// Finds out whether AAC is HE-AAC though no header says so.
    fn look_for_extension(&mut self, packet: &[u8]) {
        if self.unseen > 0 {
            self.unseen -= 1;
            self.extended += u32::from(aac::is_extended(packet));
            self.high_efficiency |= self.extended > EXTENSION_PACKETS / 2;
        }
    }
}

/// The demuxer of a file that is shown as `media`.
fn probe(
    media: container::Spliced,
    access: Access,
) -> Result<Box<dyn FormatReader>, AudioErrorKind> {
    let media: Box<dyn MediaSource> = match access {
        Access::Seek => Box::new(media),
        Access::Forward => Box::new(ReadOnlySource::new(media)),
    };
    let stream = MediaSourceStream::new(media, Default::default());
    let (format, metadata) = (FormatOptions::default(), MetadataOptions::default());
    PROBE
        .probe(&Hint::new(), stream, format, metadata)
        .map_err(header_kind)
}

fn check_rate(rate: Option<u32>) -> Result<(), AudioErrorKind> {
    match rate {
        Some(rate) if !SAMPLE_RATES.contains(&rate) => Err(AudioErrorKind::Header(format!(
            "a sample rate of {rate} Hz"
        ))),
        _ => Ok(()),
    }
}

/// How many seconds the headers promise for `track`, whose sample rate in Hz is `rate`.
fn stated_s(format: &dyn FormatReader, track: &Track, rate: Option<u32>) -> Option<f64> {
    let whole = format.media_info();
    let (duration, time_base) = match (track.duration, track.num_frames) {
        // In units of the container, whose rate need not be that of the samples.
        (Some(duration), _) if track.time_base.is_some() => (duration, track.time_base?),
        (_, Some(frames)) => return Some(frames as f64 / f64::from(rate?)),
        // Matroska states only the length of the whole file, which may be that of its pictures.
        _ if format.tracks().len() == 1 => (whole.duration?, whole.time_base?),
        _ => return None,
    };
    // Of a stream that was recorded after its beginning only the end is stated.
    let start = u64::try_from(track.start_ts.get()).unwrap_or(0);
    // CAF may count the last packet as a full one.
    let params = track
        .codec_params
        .as_ref()
        .and_then(|params| params.audio());
    let full = params.and_then(|params| params.max_frames_per_packet);
    let less = match format.format_info().format {
        FORMAT_ID_CAF => full.unwrap_or(0).saturating_sub(1),
        _ => 0,
    };
    let length = duration.get().saturating_sub(start).saturating_sub(less);
    Some(time_base.calc_duration(length.into())?.as_secs_f64())
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
        Error::IoError(error) => AudioErrorKind::of(error),
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
