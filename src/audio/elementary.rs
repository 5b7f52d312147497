//! MPEG audio and AAC without a container. Every frame says anew what it is, and a file may be of
//! several parts that differ: a radio recording, or files joined into one. Each part is handed out
//! as the next stream of a chain is: with an error that asks for a new decoder. And nothing is said
//! of the length but what an encoder wrote; Symphonia extrapolates it from some frames.

use std::collections::VecDeque;
use std::io;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::*;
use symphonia::core::common::Tier;
use symphonia::core::errors::{Error, Result, SeekErrorKind, seek_error};
use symphonia::core::formats::probe::{Probe, ProbeFormatData, ProbeableFormat, Score, Scoreable};
use symphonia::core::formats::well_known::FORMAT_ID_ADTS;
use symphonia::core::formats::{
    FormatInfo, FormatOptions, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track,
};
use symphonia::core::io::{
    MediaSourceStream, ReadBytes, ReadOnlySource, ScopedStream, SeekBuffered,
};
use symphonia::core::meta::{Metadata, MetadataLog};
use symphonia::core::packet::Packet;
use symphonia::core::units::Timestamp;
use symphonia::default::formats;

use super::aac;

/// Makes `probe` prefer the readers of this file to those of Symphonia.
pub(super) fn register(probe: &mut Probe) {
    probe.register_format_at_tier::<MpegReader<'_>>(Tier::Preferred);
    probe.register_format_at_tier::<AdtsReader<'_>>(Tier::Preferred);
}

/// The parts of a stream. A frame that differs from those before it begins a new part if the next
/// frame is like it; otherwise it is damaged.
#[derive(Default)]
struct Parts {
    /// The fields of a frame's header that are the same throughout a part.
    kind: Option<u32>,
    track: Vec<Track>,
    /// A frame that differs from those before it.
    odd: Option<(u32, Packet)>,
    ready: VecDeque<Packet>,
}

impl Parts {
    /// The next of the frames that `read` gives. `track` describes a part by the kind of its frames.
    fn next(
        &mut self,
        mut read: impl FnMut() -> Result<Option<(u32, Packet)>>,
        track: fn(u32) -> Track,
    ) -> Result<Option<Packet>> {
        loop {
            if let Some(packet) = self.ready.pop_front() {
                return Ok(Some(packet));
            }
            let Some((kind, packet)) = read()? else {
                return Ok(self.odd.take().map(|(_, packet)| packet));
            };
            let mut odd = self.odd.take();
            if *self.kind.get_or_insert(kind) == kind {
                self.ready.extend(odd.map(|(_, packet)| packet));
                self.ready.push_back(packet);
            } else if let Some((_, first)) = odd.take_if(|(before, _)| *before == kind) {
                self.kind = Some(kind);
                self.track = vec![track(kind)];
                self.ready.extend([first, packet]);
                return Err(Error::ResetRequired);
            } else {
                self.ready.extend(odd.map(|(_, packet)| packet));
                self.odd = Some((kind, packet));
            }
        }
    }
}

/// MP1, MP2 and MP3.
struct MpegReader<'s> {
    frames: formats::MpaReader<'s>,
    /// Empty: what is known of the length of a part is in its track.
    info: MediaInfo,
    parts: Parts,
}

/// The version, layer, rate and number of channels in the header of a frame of MPEG audio.
fn mpeg_kind(packet: &Packet) -> u32 {
    let header = packet
        .data
        .first_chunk()
        .map_or(0, |&word| u32::from_be_bytes(word));
    let mono = header >> 6 & 3 == 3;
    header & 0x001e_0c00 | u32::from(mono)
}

fn mpeg_track(kind: u32) -> Track {
    let mut params = AudioCodecParameters::new();
    params.for_codec(match kind >> 17 & 3 {
        3 => CODEC_ID_MP1,
        2 => CODEC_ID_MP2,
        _ => CODEC_ID_MP3,
    });
    audio_track(params)
}

fn audio_track(params: AudioCodecParameters) -> Track {
    let mut track = Track::new(0);
    track.with_codec_params(CodecParameters::Audio(params));
    track
}

impl Scoreable for MpegReader<'_> {
    fn score(stream: ScopedStream<&mut MediaSourceStream<'_>>) -> Result<Score> {
        formats::MpaReader::score(stream)
    }
}

impl ProbeableFormat<'_> for MpegReader<'_> {
    fn try_probe_new(
        stream: MediaSourceStream<'_>,
        options: FormatOptions,
    ) -> Result<Box<dyn FormatReader + '_>> {
        // Without a view of the end the length is not extrapolated.
        let forward = Box::new(ReadOnlySource::new(stream));
        let stream = MediaSourceStream::new(forward, Default::default());
        let frames = formats::MpaReader::try_new(stream, options)?;
        let track = frames.tracks().to_vec();
        let parts = Parts {
            track,
            ..Parts::default()
        };
        Ok(Box::new(MpegReader {
            frames,
            info: MediaInfo::default(),
            parts,
        }))
    }

    fn probe_data() -> &'static [ProbeFormatData] {
        formats::MpaReader::probe_data()
    }
}

impl FormatReader for MpegReader<'_> {
    fn format_info(&self) -> &FormatInfo {
        self.frames.format_info()
    }

    fn media_info(&self) -> &MediaInfo {
        &self.info
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.frames.metadata()
    }

    fn seek(&mut self, _: SeekMode, _: SeekTo) -> Result<SeekedTo> {
        seek_error(SeekErrorKind::Unseekable)
    }

    fn tracks(&self) -> &[Track] {
        &self.parts.track
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        let frames = &mut self.frames;
        let read = || {
            Ok(frames
                .next_packet()?
                .map(|packet| (mpeg_kind(&packet), packet)))
        };
        self.parts.next(read, mpeg_track)
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        Box::new(self.frames).into_inner()
    }
}

const ADTS: FormatInfo = FormatInfo {
    format: FORMAT_ID_ADTS,
    short_name: "aac",
    long_name: "Audio Data Transport Stream",
};

/// AAC in ADTS frames.
struct AdtsReader<'s> {
    stream: MediaSourceStream<'s>,
    info: MediaInfo,
    metadata: MetadataLog,
    parts: Parts,
}

/// Reads up to the end of the next frame.
fn adts_frame(stream: &mut MediaSourceStream<'_>) -> io::Result<(u32, Packet)> {
    let mut sync = 0_u16;
    loop {
        sync = sync << 8 | u16::from(stream.read_u8()?);
        if sync & 0xfff6 != 0xfff0 {
            continue;
        }
        let mut fields = [0; 5];
        stream.read_buf_exact(&mut fields)?;
        let [a, b, c, d, e] = fields.map(u32::from);
        let len = (b & 3) << 11 | c << 3 | d >> 5;
        let header = if sync & 1 == 1 { 7 } else { 9 };
        let (rate, blocks) = (a >> 2 & 15, e & 3);
        if rate > 12 || blocks != 0 || len <= header {
            stream.seek_buffered_rev(fields.len());
            sync = 0;
            continue;
        }
        stream.ignore_bytes(u64::from(header - 7))?;
        let data = stream.read_boxed_slice_exact((len - header) as usize)?;
        let channels = (a & 1) << 2 | b >> 6;
        let kind = (a >> 6) << 8 | rate << 4 | channels;
        let packet = Packet::new(0, Timestamp::ZERO, 1024_u32.into(), data);
        return Ok((kind, packet));
    }
}

fn adts_track(kind: u32) -> Track {
    let mut params = AudioCodecParameters::new();
    params.for_codec(CODEC_ID_AAC);
    if let Some(config) = aac::Config::adts(kind >> 8, kind >> 4 & 15, kind & 15) {
        params.with_extra_data(config.core());
    }
    audio_track(params)
}

impl Scoreable for AdtsReader<'_> {
    fn score(stream: ScopedStream<&mut MediaSourceStream<'_>>) -> Result<Score> {
        formats::AdtsReader::score(stream)
    }
}

impl ProbeableFormat<'_> for AdtsReader<'_> {
    fn try_probe_new(
        mut stream: MediaSourceStream<'_>,
        options: FormatOptions,
    ) -> Result<Box<dyn FormatReader + '_>> {
        let (kind, packet) = adts_frame(&mut stream)?;
        let parts = Parts {
            kind: Some(kind),
            track: vec![adts_track(kind)],
            ready: [packet].into(),
            ..Parts::default()
        };
        Ok(Box::new(AdtsReader {
            info: MediaInfo::from_tracks(&parts.track),
            stream,
            metadata: options.external_data.metadata.unwrap_or_default(),
            parts,
        }))
    }

    fn probe_data() -> &'static [ProbeFormatData] {
        formats::AdtsReader::probe_data()
    }
}

impl FormatReader for AdtsReader<'_> {
    fn format_info(&self) -> &FormatInfo {
        &ADTS
    }

    fn media_info(&self) -> &MediaInfo {
        &self.info
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.metadata.metadata()
    }

    fn seek(&mut self, _: SeekMode, _: SeekTo) -> Result<SeekedTo> {
        seek_error(SeekErrorKind::Unseekable)
    }

    fn tracks(&self) -> &[Track] {
        &self.parts.track
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        let stream = &mut self.stream;
        let read = || match adts_frame(stream) {
            // The stream may end anywhere.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            frame => Ok(Some(frame?)),
        };
        self.parts.next(read, adts_track)
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        self.stream
    }
}
