//! The formats of audio files, and the tag in each that gamaka reads and writes.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use lofty::ape::{ApeFile, ApeTag};
use lofty::config::{ParseOptions, ParsingMode, WriteOptions};
use lofty::error::{FileEncodingError, FileParseError};
use lofty::file::{AudioFile, FileType};
use lofty::flac::FlacFile;
use lofty::id3::v1::GENRES;
use lofty::iff::wav::WavFile;
use lofty::mp4::{Ilst, Mp4File};
use lofty::mpeg::MpegFile;
use lofty::musepack::MpcFile;
use lofty::ogg::tag::VorbisComments;
use lofty::ogg::{OggPictureStorage, OpusFile, SpeexFile, VorbisFile};
use lofty::picture::{Picture, PictureInformation};
use lofty::probe::Probe;
use lofty::tag::TagExt;
use lofty::wavpack::WavPackFile;

use super::error::{TagError, TagErrorKind as Kind, tags};
use super::fields::Fields;
use super::iff::Chunks;
use super::{ape, id3, mp4, vorbis};

/// What a file says of its genre.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// In the tag that gamaka writes.
    pub fields: Fields,
    /// Genres by name in a tag that it never changes: ID3v1, an APE tag behind an ID3v2 one, a list of WAV.
    pub elsewhere: Vec<String>,
}

/// Where the tag lies that is read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// ID3v2 at the start.
    Id3,
    /// ID3v2 in a chunk; lengths have their highest byte first, or not.
    Chunk {
        big_endian: bool,
    },
    Flac,
    Ogg(FileType),
    Mp4,
    /// APE, in files that keep nothing else, and in mp3 files that have that alone.
    Ape(FileType),
}

/// All tags but the fields that gamaka writes, to be compared.
#[derive(PartialEq)]
pub(super) enum Others {
    /// The frames of an ID3v2 tag, and a hash of all that is outside of it.
    Frames(Vec<Vec<u8>>, blake3::Hash),
    Comments(VorbisComments, Vec<(Picture, PictureInformation)>),
    List(Ilst),
    Items(ApeTag),
}

/// What a file says of its genre.
///
/// # Errors
/// [`TagError`].
pub fn read(path: &Path) -> Result<Said, TagError> {
    let read = || {
        let mut file = BufReader::new(File::open(path)?);
        let format = Format::of(&mut file)?;
        Ok(Said {
            fields: format.read(&mut file)?,
            elsewhere: format.elsewhere(&mut file),
        })
    };
    isolated(read).map_err(|kind: Kind| kind.at(path))
}

/// Runs what reads bytes of other programs, in which damaged ones may set off a panic.
pub(super) fn isolated<T>(run: impl FnOnce() -> Result<T, Kind>) -> Result<T, Kind> {
    // After a panic nothing that `run` touched is used again.
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(Kind::Tags("they are damaged".to_owned())))
}

/// Nothing that cannot be read is passed over, and nothing is turned into something newer.
fn strict() -> ParseOptions {
    loose().parsing_mode(ParsingMode::Strict)
}

fn loose() -> ParseOptions {
    let mut options = ParseOptions::new().read_properties(false);
    options.implicit_conversions(false)
}

impl Format {
    pub(super) fn of(file: &mut (impl Read + Seek)) -> Result<Self, Kind> {
        let kind = Probe::new(BufReader::new(rewound(file)?)).guess_file_type()?;
        let kind = kind.file_type();
        let mut start = Vec::new();
        rewound(file)?.take(12).read_to_end(&mut start)?;
        let id3 = id3::length(&start).is_some();
        // Whatever has two such bytes further on is taken for MPEG.
        let frame = start.first() == Some(&0xff) && start.get(1).is_some_and(|byte| *byte >= 0xe0);
        Ok(match kind {
            Some(FileType::Aac) if id3 || frame => Self::Id3,
            Some(FileType::Mpeg) if id3 || frame || start.starts_with(b"APETAGEX") => {
                match !id3 && loose_mpeg(file).is_some_and(|mpeg| mpeg.ape().is_some()) {
                    true => Self::Ape(FileType::Mpeg),
                    false => Self::Id3,
                }
            }
            Some(FileType::Wav) => Self::Chunk { big_endian: false },
            Some(FileType::Aiff) => Self::Chunk { big_endian: true },
            Some(FileType::Flac) => Self::Flac,
            Some(kind @ (FileType::Vorbis | FileType::Opus | FileType::Speex)) => Self::Ogg(kind),
            Some(FileType::Mp4) => Self::Mp4,
            Some(kind @ (FileType::Ape | FileType::Mpc | FileType::WavPack)) => Self::Ape(kind),
            _ => return Err(Kind::Unsupported),
        })
    }

    pub(super) fn read(self, file: &mut (impl Read + Seek)) -> Result<Fields, Kind> {
        Ok(match self {
            Self::Id3 | Self::Chunk { .. } => match self.range(file)? {
                Some(range) => {
                    file.seek(SeekFrom::Start(range.start))?;
                    let mut tag = Vec::new();
                    file.take(range.end - range.start).read_to_end(&mut tag)?;
                    id3::read(&tag)?
                }
                None => Fields::default(),
            },
            Self::Flac => {
                let flac = flac(file)?;
                flac.vorbis_comments().map(vorbis::read).unwrap_or_default()
            }
            Self::Ogg(kind) => vorbis::read(&comments(kind, file)?),
            Self::Mp4 => list(file)?.map(|list| mp4::read(&list)).unwrap_or_default(),
            Self::Ape(kind) => items(kind, file)?
                .map(|tag| ape::read(&tag))
                .unwrap_or_default(),
        })
    }

    /// Genres in tags that are never changed. What cannot be read there says nothing.
    fn elsewhere(self, file: &mut (impl Read + Seek)) -> Vec<String> {
        let mut genres = Vec::new();
        let v1 = |tag: Option<&lofty::id3::v1::Id3v1Tag>| {
            let number = tag.and_then(|tag| tag.genre);
            number.and_then(|number| GENRES.get(usize::from(number)).map(|&name| name.to_owned()))
        };
        match self {
            Self::Id3 | Self::Ape(FileType::Mpeg) => {
                let mpeg = loose_mpeg(file).unwrap_or_default();
                if self == Self::Id3 {
                    genres.extend(
                        mpeg.ape()
                            .into_iter()
                            .flat_map(|tag| ape::read(tag).names()),
                    );
                }
                genres.extend(v1(mpeg.id3v1()));
            }
            Self::Chunk { big_endian: false } => {
                let wav = file
                    .rewind()
                    .ok()
                    .and_then(|()| WavFile::read_from(file, loose()).ok());
                let list = wav.as_ref().and_then(WavFile::riff_info);
                genres.extend(list.and_then(|list| list.get("IGNR")).map(str::to_owned));
            }
            _ => {}
        }
        genres
    }

    /// Where the ID3v2 tag lies, in bytes of the file.
    fn range(self, file: &mut (impl Read + Seek)) -> Result<Option<Range<u64>>, Kind> {
        match self {
            Self::Chunk { big_endian } => Ok(Chunks::of(file, big_endian)?.tag()),
            _ => {
                let mut start = Vec::new();
                file.rewind()?;
                file.take(10).read_to_end(&mut start)?;
                Ok(id3::length(&start).map(|length| 0..length as u64))
            }
        }
    }

    /// The ID3v2 tag in the bytes of a file, and a hash of the others.
    fn parted(self, bytes: &[u8]) -> Result<(&[u8], blake3::Hash), Kind> {
        let range = self.range(&mut Cursor::new(bytes))?.unwrap_or(0..0);
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let tag = bytes.get(place(range.start)..place(range.end));
        let tag = tag.ok_or_else(|| Kind::Tags("an ID3v2 tag that is cut off".to_owned()))?;
        let outside = match self {
            Self::Chunk { big_endian } => {
                let chunks = Chunks::of(&mut Cursor::new(bytes), big_endian)?;
                blake3::hash(&chunks.with(bytes, &[])?)
            }
            _ => blake3::hash(&bytes[tag.len()..]),
        };
        Ok((tag, outside))
    }

    /// The bytes of a file with other fields in its tag.
    pub(super) fn changed(self, bytes: &[u8], fields: &Fields) -> Result<Vec<u8>, Kind> {
        let file = &mut Cursor::new(bytes);
        match self {
            Self::Id3 => {
                let (tag, _) = self.parted(bytes)?;
                let v1 = after_v1(file)?;
                let base = if tag.is_empty() { &v1 } else { tag };
                let mut new = id3::changed(base, fields)?;
                if !fields.tag && id3::others(&new)? == id3::others(&v1)? {
                    new.clear();
                }
                new.extend(&bytes[tag.len()..]);
                Ok(new)
            }
            Self::Chunk { big_endian } => {
                let (tag, _) = self.parted(bytes)?;
                Chunks::of(file, big_endian)?.with(bytes, &id3::changed(tag, fields)?)
            }
            Self::Flac => {
                let mut flac = flac(file)?;
                // Only so that it is not written: it stays in the file.
                flac.remove_id3v2();
                let mut comments = flac.remove_vorbis_comments().unwrap_or_default();
                vorbis::change(&mut comments, fields);
                flac.set_vorbis_comments(comments);
                saved(bytes, |file| flac.save_to(file, unpadded()))
            }
            Self::Ogg(kind) => {
                let mut comments = comments(kind, file)?;
                vorbis::change(&mut comments, fields);
                saved(bytes, |file| comments.save_to(file, unpadded()))
            }
            Self::Mp4 => {
                let mut list = list(file)?.unwrap_or_default();
                mp4::change(&mut list, fields);
                with_list(bytes, &list).or_else(|_| {
                    // lofty panics where the list would be eight bytes shorter: a longer one first leaves more room.
                    let mut longer = fields.clone();
                    longer.own = Some(" ".repeat(64));
                    let mut long = list.clone();
                    mp4::change(&mut long, &longer);
                    with_list(&with_list(bytes, &long)?, &list)
                })
            }
            Self::Ape(kind) => {
                let mut tag = items(kind, file)?.unwrap_or_default();
                ape::change(&mut tag, fields)?;
                saved(bytes, |file| tag.save_to(file, unpadded()))
            }
        }
    }

    /// All tags in the bytes of a file but the fields that gamaka writes.
    pub(super) fn others(self, bytes: &[u8]) -> Result<Others, Kind> {
        let mut file = Cursor::new(bytes);
        let none = Fields::default();
        Ok(match self {
            Self::Id3 | Self::Chunk { .. } => {
                let (tag, outside) = self.parted(bytes)?;
                let frames = match self == Self::Id3 && tag.is_empty() {
                    true => id3::others(&after_v1(&mut file)?)?,
                    false => id3::others(tag)?,
                };
                Others::Frames(frames, outside)
            }
            Self::Flac => {
                let mut flac = flac(&mut file)?;
                let mut comments = flac.remove_vorbis_comments().unwrap_or_default();
                vorbis::change(&mut comments, &none);
                // Without comments the encoder's name goes too.
                if comments.is_empty() {
                    comments.set_vendor(String::new());
                }
                Others::Comments(comments, flac.pictures().to_vec())
            }
            Self::Ogg(kind) => {
                let mut comments = comments(kind, &mut file)?;
                vorbis::change(&mut comments, &none);
                Others::Comments(comments, Vec::new())
            }
            Self::Mp4 => {
                let mut list = list(&mut file)?.unwrap_or_default();
                mp4::change(&mut list, &none);
                Others::List(list)
            }
            Self::Ape(kind) => {
                let mut tag = items(kind, &mut file)?.unwrap_or_default();
                ape::change(&mut tag, &none)?;
                Others::Items(tag)
            }
        })
    }
}

fn rewound<F: Seek>(file: &mut F) -> Result<&mut F, Kind> {
    file.rewind()?;
    Ok(file)
}

/// The bytes of a file after lofty has changed them.
fn saved(
    bytes: &[u8],
    save: impl FnOnce(&mut Cursor<Vec<u8>>) -> Result<(), FileEncodingError>,
) -> Result<Vec<u8>, Kind> {
    let mut file = Cursor::new(bytes.to_vec());
    save(&mut file).map_err(tags)?;
    Ok(file.into_inner())
}

/// The bytes of an MP4 file with another list. Room that is there is used, so that the audio keeps its place.
fn with_list(bytes: &[u8], list: &Ilst) -> Result<Vec<u8>, Kind> {
    let mut options = WriteOptions::new();
    let options = options.parse_options(strict());
    isolated(|| saved(bytes, |file| list.save_to(file, options)))
}

fn unpadded() -> WriteOptions {
    let mut options = WriteOptions::new().preferred_padding(0);
    options.parse_options(strict())
}

/// What a new ID3v2 tag holds: what an ID3v1 tag says.
fn after_v1(file: &mut (impl Read + Seek)) -> Result<Vec<u8>, Kind> {
    let mpeg = loose_mpeg(file).unwrap_or_default();
    mpeg.id3v1().map(id3::after_v1).unwrap_or(Ok(Vec::new()))
}

fn loose_mpeg(file: &mut (impl Read + Seek)) -> Option<MpegFile> {
    file.rewind().ok()?;
    MpegFile::read_from(file, loose()).ok()
}

fn flac(file: &mut (impl Read + Seek)) -> Result<FlacFile, Kind> {
    FlacFile::read_from(rewound(file)?, strict()).map_err(tags)
}

fn comments(kind: FileType, file: &mut (impl Read + Seek)) -> Result<VorbisComments, Kind> {
    let file = rewound(file)?;
    let comments = match kind {
        FileType::Opus => {
            OpusFile::read_from(file, strict()).map(|mut f| f.remove_vorbis_comments())
        }
        FileType::Speex => {
            SpeexFile::read_from(file, strict()).map(|mut f| f.remove_vorbis_comments())
        }
        _ => VorbisFile::read_from(file, strict()).map(|mut f| f.remove_vorbis_comments()),
    };
    comments.map_err(tags)
}

fn list(file: &mut (impl Read + Seek)) -> Result<Option<Ilst>, Kind> {
    let mp4 = Mp4File::read_from(rewound(file)?, strict());
    mp4.map(|mut mp4| mp4.remove_ilst()).map_err(tags)
}

fn items(kind: FileType, file: &mut (impl Read + Seek)) -> Result<Option<ApeTag>, Kind> {
    let file = rewound(file)?;
    let items: Result<_, FileParseError> = match kind {
        FileType::Ape => ApeFile::read_from(file, loose()).map(|mut f| f.remove_ape()),
        FileType::Mpc => MpcFile::read_from(file, loose()).map(|mut f| f.remove_ape()),
        FileType::WavPack => WavPackFile::read_from(file, loose()).map(|mut f| f.remove_ape()),
        _ => MpegFile::read_from(file, loose()).map(|mut f| f.remove_ape()),
    };
    items.map_err(tags)
}
