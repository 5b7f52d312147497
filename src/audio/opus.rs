//! Opus for Symphonia, which demuxes it but has no decoder of its own.
//!
//! opus-pure is a Rust translation of libopus: no C compiler, no CMake, no system library.

use opus_pure::{MAX_PACKET_SAMPLES, OpusMSDecoder};
use symphonia::core::audio::{
    AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, GenericAudioBufferRef,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{
    AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult,
};
use symphonia::core::codecs::registry::{RegisterableAudioDecoder, SupportedAudioCodec};
use symphonia::core::errors::{Error, Result, decode_error, unsupported_error};
use symphonia::core::packet::PacketRef;

/// Opus is always decoded at this rate in Hz.
const RATE: u32 = 48_000;

/// Opus decoder with the interface that Symphonia's registry asks for.
pub(super) struct OpusDecoder {
    params: AudioCodecParameters,
    head: Head,
    decoder: OpusMSDecoder,
    interleaved: Vec<f32>,
    buffer: AudioBuffer<f32>,
    /// Frames at the start that are still to be dropped.
    pre_skip: usize,
}

/// The fields of the identification header (RFC 7845, section 5.1) that decoding needs.
struct Head {
    channels: usize,
    pre_skip: usize,
    /// Factor on the samples.
    gain: f32,
    mapping_family: u8,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let fields: &[u8; 19] = bytes.first_chunk()?;
        let [
            b'O',
            b'p',
            b'u',
            b's',
            b'H',
            b'e',
            b'a',
            b'd',
            version,
            channels,
            ..,
        ] = *fields
        else {
            return None;
        };
        let (skip, gain) = ([fields[10], fields[11]], [fields[16], fields[17]]);
        // MP4 files store version 0 and big-endian numbers, all others version 1 and little-endian.
        let (pre_skip, gain) = match version {
            0 => (u16::from_be_bytes(skip), i16::from_be_bytes(gain)),
            _ => (u16::from_le_bytes(skip), i16::from_le_bytes(gain)),
        };
        Some(Self {
            channels: usize::from(channels),
            pre_skip: usize::from(pre_skip),
            gain: 10_f32.powf(f32::from(gain) / (20.0 * 256.0)),
            mapping_family: fields[18],
        })
    }

    fn decoder(&self) -> Result<OpusMSDecoder> {
        OpusMSDecoder::new(RATE as i32, self.channels, self.mapping_family)
            .map_err(|_| Error::Unsupported("opus: channel layout"))
    }
}

impl OpusDecoder {
    fn new(params: &AudioCodecParameters) -> Result<Self> {
        let Some(head) = params.extra_data.as_deref().and_then(Head::read) else {
            return decode_error("opus: no identification header");
        };
        let Some(layout) = params
            .channels
            .clone()
            .filter(|c| c.count() == head.channels)
        else {
            return unsupported_error("opus: channel layout");
        };
        Ok(Self {
            params: params.clone(),
            decoder: head.decoder()?,
            interleaved: vec![0.0; MAX_PACKET_SAMPLES * head.channels],
            buffer: AudioBuffer::new(AudioSpec::new(RATE, layout), MAX_PACKET_SAMPLES),
            pre_skip: head.pre_skip,
            head,
        })
    }

    fn decode_packet(&mut self, packet: &PacketRef<'_>) -> Result<()> {
        let frames = self
            .decoder
            .decode(packet.data, MAX_PACKET_SAMPLES, &mut self.interleaved)
            .map_err(|_| Error::DecodeError("opus: invalid packet"))?;
        let samples = &mut self.interleaved[..frames * self.head.channels];
        samples
            .iter_mut()
            .for_each(|sample| *sample *= self.head.gain);
        self.buffer.render_uninit(Some(frames));
        self.buffer.copy_from_slice_interleaved(&samples);
        // Symphonia leaves the pre-skip to the decoder and states only the end of the last packet.
        let skipped = self.pre_skip.min(frames);
        self.pre_skip -= skipped;
        let trimmed = usize::try_from(packet.trim_end.get()).unwrap_or(usize::MAX);
        self.buffer.trim(skipped, trimmed);
        Ok(())
    }
}

impl AudioDecoder for OpusDecoder {
    fn reset(&mut self) {
        if let Ok(decoder) = self.head.decoder() {
            self.decoder = decoder;
        }
    }

    fn codec_info(&self) -> &CodecInfo {
        &CODECS[0].info
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.buffer.clear();
        self.decode_packet(packet)?;
        Ok(self.buffer.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.buffer.as_generic_audio_buffer_ref()
    }
}

static CODECS: [SupportedAudioCodec; 1] = [SupportedAudioCodec {
    id: CODEC_ID_OPUS,
    info: CodecInfo {
        short_name: "opus",
        long_name: "Opus",
        profiles: &[],
    },
}];

impl RegisterableAudioDecoder for OpusDecoder {
    fn try_registry_new(
        params: &AudioCodecParameters,
        _: &AudioDecoderOptions,
    ) -> Result<Box<dyn AudioDecoder>> {
        Ok(Box::new(Self::new(params)?))
    }

    fn supported_codecs() -> &'static [SupportedAudioCodec] {
        &CODECS
    }
}
