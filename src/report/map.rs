//! A library as a picture to walk about in: one page with its data, style and script, which needs nothing else.
//!
//! The page reads its tracks from a block of JSON. Names in it may be anything: `<` is escaped, so that no name ends the
//! block, and bytes that are not UTF-8 are kept as lone surrogates U+DC80 to U+DCFF, as Python does, so that a path read
//! from the page is the path on the disk.

mod nearest;
mod place;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::style::{COLOURS, Colour, class_style, escape, font_faces};

pub use place::{NEAREST, Places, Placing, place};

/// Places along an axis: a pixel at the deepest zoom.
const GRID: f32 = 65535.0;
/// What a probability of 1 is.
const SUREST: f64 = 250.0;
/// No genre, or no track.
const NONE: u32 = u32::MAX;

/// A track of a [`Map`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapTrack<'a> {
    /// Its file, for playing and for lists of examples.
    pub path: &'a Path,
    /// Its title; empty if unknown.
    pub title: &'a str,
    /// Its artist; empty if unknown.
    pub artist: &'a str,
    /// Its genre, an index into [`Map::genres`].
    pub genre: Option<usize>,
    /// How probable that genre is, from 0 to 1, if the genre is an answer.
    pub probability: Option<f64>,
}

/// What a map shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Map<'a> {
    /// What the reader sees first, such as the library's name.
    pub title: &'a str,
    /// Where the genres come from, as a sentence.
    pub source: &'a str,
    /// What a track without a genre is said to be, such as "unknown".
    pub none: &'a str,
    /// The genres' names.
    pub genres: &'a [String],
    /// The tracks.
    pub tracks: &'a [MapTrack<'a>],
    /// Where they stand, in the same order.
    pub places: &'a Places,
}

impl Map<'_> {
    /// The whole document. Tracks without a place are left out and counted.
    pub fn html(&self) -> String {
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; \
             style-src 'unsafe-inline'; font-src data:; media-src file:\"/>\n\
             <title>{}</title>\n<style>\n{}{}</style>\n</head>\n<body>\n{}\
             <script type=\"application/json\" id=\"data\">{}</script>\n<script>\n{}</script>\n</body>\n</html>\n",
            escape(self.title),
            font_faces(),
            include_str!("map/map.css"),
            include_str!("map/map.html"),
            self.json(),
            include_str!("map/map.js"),
        )
    }

    /// The data of the page; numbers are little-endian, in base64.
    fn json(&self) -> String {
        let placed: Vec<usize> = (0..self.tracks.len())
            .filter(|&track| self.places.points[track].iter().all(|v| v.is_finite()))
            .collect();
        let tracks: Vec<&MapTrack> = placed.iter().map(|&track| &self.tracks[track]).collect();
        let mut shown = vec![NONE; self.tracks.len()];
        for (at, &track) in placed.iter().enumerate() {
            shown[track] = at as u32;
        }
        let points: Vec<[f32; 2]> = (placed.iter())
            .map(|&track| self.places.points[track])
            .collect();
        let near = placed.iter().flat_map(|&track| {
            let nearest = self.places.nearest[track].iter().map(|&other| shown[other]);
            nearest.chain(std::iter::repeat(NONE)).take(NEAREST)
        });
        // 255 is none.
        let sure = (tracks.iter()).map(|track| match track.probability {
            Some(probability) => (probability.clamp(0.0, 1.0) * SUREST).round() as u8,
            None => u8::MAX,
        });
        let (genres, genre) = self.ranked(&tracks);
        let (artists, artist) = numbered(tracks.iter().map(|track| track.artist.as_bytes()));
        let parts = || tracks.iter().map(|track| parts(track.path));
        let (folders, folder) = numbered(parts().map(|(folder, _)| folder));
        // Most titles are the file's name.
        let titles = tracks.iter().map(|track| {
            let stem = track.path.file_stem().unwrap_or_default();
            match stem == track.title {
                true => &[],
                false => track.title.as_bytes(),
            }
        });
        let placing = match self.places.placing {
            Placing::Neighbours => "neighbours",
            Placing::Axes => "axes",
        };

        let mut json = String::from("{");
        let mut field = |name: &str, value: &str| {
            let comma = if json.len() > 1 { "," } else { "" };
            let _ = write!(json, "{comma}\"{name}\":{value}");
        };
        field("title", &text(self.title.as_bytes()));
        field("source", &text(self.source.as_bytes()));
        field("none", &text(self.none.as_bytes()));
        field("placing", &text(placing.as_bytes()));
        field("count", &placed.len().to_string());
        let left_out = self.tracks.len() - placed.len();
        field("leftOut", &left_out.to_string());
        field("nearest", &NEAREST.to_string());
        field("surest", &SUREST.to_string());
        field("at", &packed(on_grid(&points).map(u16::to_le_bytes)));
        field("near", &packed(near.map(u32::to_le_bytes)));
        field("sure", &packed(sure.map(u8::to_le_bytes)));
        field("genre", &packed(genre.into_iter().map(u32::to_le_bytes)));
        field("artist", &packed(artist.into_iter().map(u32::to_le_bytes)));
        field("folder", &packed(folder.into_iter().map(u32::to_le_bytes)));
        field("genres", &format!("[{}]", genres.join(",")));
        field("artists", &texts(artists.into_iter()));
        field("folders", &texts(folders.into_iter()));
        field("files", &texts(parts().map(|(_, file)| file)));
        field("titles", &texts(titles));
        json.push('}');
        json
    }

    /// The genres with those of most tracks first, each with its looks, and each track's place among them.
    fn ranked(&self, tracks: &[&MapTrack]) -> (Vec<String>, Vec<u32>) {
        let mut numbers = vec![0usize; self.genres.len()];
        for genre in tracks.iter().filter_map(|track| track.genre) {
            numbers[genre] += 1;
        }
        let mut order: Vec<usize> = (0..self.genres.len()).collect();
        order.sort_by_key(|&genre| (Reverse(numbers[genre]), &self.genres[genre]));
        let mut rank = vec![NONE; order.len()];
        for (at, &genre) in order.iter().enumerate() {
            rank[genre] = at as u32;
        }
        let described = order.iter().enumerate().map(|(at, &genre)| {
            // Without the grey of the palette, which looks like no genre.
            let (Colour { light, dark, .. }, shape) = class_style(at + at / (COLOURS - 1));
            let name = text(self.genres[genre].as_bytes());
            format!(
                "{{\"name\":{name},\"light\":\"{light}\",\"dark\":\"{dark}\",\"shape\":{}}}",
                shape as u8
            )
        });
        let of_track = |track: &&MapTrack| track.genre.map_or(NONE, |genre| rank[genre]);
        (described.collect(), tracks.iter().map(of_track).collect())
    }
}

/// Folder with its last separator, and name.
fn parts(path: &Path) -> (&[u8], &[u8]) {
    let bytes = path.as_os_str().as_encoded_bytes();
    let separator = |&byte: &u8| std::path::is_separator(byte.into());
    let name = bytes.iter().rposition(separator).map_or(0, |at| at + 1);
    bytes.split_at(name)
}

/// Each different value once, in the order of their first places, and which one each is.
fn numbered<'a>(values: impl Iterator<Item = &'a [u8]>) -> (Vec<&'a [u8]>, Vec<u32>) {
    let mut different = Vec::new();
    let mut numbers = HashMap::new();
    let which = values
        .map(|value| {
            *numbers.entry(value).or_insert_with(|| {
                different.push(value);
                different.len() as u32 - 1
            })
        })
        .collect();
    (different, which)
}

/// Points as two whole numbers each from 0 to 65,535, both axes in one scale, the second downwards.
fn on_grid(points: &[[f32; 2]]) -> impl Iterator<Item = u16> {
    let range = |axis: usize| {
        let values = points.iter().map(|point| point[axis]);
        let (low, high) = values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        (low, high - low)
    };
    let ((left, width), (bottom, height)) = (range(0), range(1));
    let span = width.max(height);
    let scale = if span > 0.0 { GRID / span } else { 0.0 };
    points.iter().flat_map(move |point| {
        let x = (point[0] - left) * scale;
        let y = (bottom + height - point[1]) * scale;
        [x, y].map(|v| v.round() as u16)
    })
}

/// Bytes in base64, as JSON.
fn packed<const N: usize>(values: impl Iterator<Item = [u8; N]>) -> String {
    let bytes: Vec<u8> = values.flatten().collect();
    format!("\"{}\"", STANDARD.encode(bytes))
}

/// A list of texts as JSON.
fn texts<'a>(values: impl Iterator<Item = &'a [u8]>) -> String {
    format!("[{}]", values.map(text).collect::<Vec<_>>().join(","))
}

/// Text as JSON that may stand in a page: nothing in it ends a script, and bytes that are not UTF-8 are lone surrogates.
fn text(bytes: &[u8]) -> String {
    let mut json = String::with_capacity(bytes.len() + 2);
    json.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => json.extend(['\\', c]),
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{7f}' | '\0'..='\u{1f}' => {
                    let _ = write!(json, "\\u{:04x}", u32::from(c));
                }
                c => json.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(json, "\\udc{byte:02x}");
        }
    }
    json.push('"');
    json
}
