//! `gamaka data check` on miniature copies of published data sets, with their real layouts and their known faults.

use std::fs;
use std::path::{Path, PathBuf};

use gamaka::internals::data::{Dataset, Labels, Part};
use gamaka::internals::random::Stream;
use serde_json::Value;
use tempfile::TempDir;

use crate::{fails, fixture, gamaka, stderr, stdout, succeeds, text};

const RATE: u32 = 11_025;

/// A melody that only its seed has: notes of random pitch and length.
fn melody(seed: u64, seconds: f64) -> Vec<f32> {
    let mut random = Stream::new(seed, "melody", 0);
    let count = (seconds * f64::from(RATE)) as usize;
    let mut samples = Vec::with_capacity(count);
    while samples.len() < count {
        let length = RATE as usize / 8 * (1 + random.below(4));
        let chord = [0; 3].map(|_| 110.0 * 2f32.powf(random.below(48) as f32 / 12.0));
        for k in 0..length.min(count - samples.len()) {
            let t = k as f32 / RATE as f32;
            let tone = |f: &f32| (std::f32::consts::TAU * f * t).sin();
            let noise = 0.01 * random.unit() as f32;
            samples.push(0.25 * chord.iter().map(tone).sum::<f32>() + noise);
        }
    }
    samples
}

fn wav(samples: &[f32]) -> Vec<u8> {
    let bytes = 2 * samples.len() as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(RATE.to_le_bytes());
    file.extend((2 * RATE).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(bytes.to_le_bytes());
    for sample in samples {
        file.extend(((sample * 32767.0) as i16).to_le_bytes());
    }
    file
}

/// A miniature copy of a data set, filled file by file; each audio file is another melody.
struct Copy {
    folder: TempDir,
    next: std::cell::Cell<u64>,
}

impl Copy {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            next: 1.into(),
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn put(&self, path: &str, content: &[u8]) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn audio(&self, path: &str, seconds: f64) {
        let seed = self.next.replace(self.next.get() + 1);
        self.put(path, &wav(&melody(seed, seconds)));
    }

    fn path(&self) -> &str {
        text(self.folder.path())
    }

    /// What `data check` finds out, with more flags; it must succeed.
    fn check(&self, flags: &[&str]) -> Value {
        let said = succeeds(&[&["data", "check", self.path(), "--json"], flags].concat());
        serde_json::from_str(&said).unwrap()
    }

    /// As [`Self::check`], and the data set of the manifest.
    fn manifest(&self, flags: &[&str]) -> (Value, Dataset) {
        let path = self.at("manifest.csv");
        let report = self.check(&[flags, &["-o", text(&path)]].concat());
        (report, Dataset::open(&path).unwrap())
    }

    /// What is said where it must fail.
    fn refused(&self, flags: &[&str]) -> String {
        fails(1, &[&["data", "check", self.path()], flags].concat())
    }
}

#[track_caller]
fn assert_says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "`{said}` should say `{word}`");
    }
}

fn joined(value: &Value) -> String {
    let lines = value
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.to_string());
    lines.collect::<Vec<_>>().join("\n")
}

fn parts(dataset: &Dataset) -> [usize; 3] {
    Part::ALL.map(|part| {
        dataset
            .items
            .iter()
            .filter(|item| item.part == Some(part))
            .count()
    })
}

/// The excerpts of the fault-filtered split, as `genre.000NN`.
fn gtzan_split() -> Vec<String> {
    let path = format!(
        "{}/assets/splits/gtzan-fault-filtered.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split(' ').nth(1).unwrap().to_owned())
        .collect()
}

/// GTZAN with every excerpt of the split, each a fiftieth of a second, and one that the filter leaves out.
fn gtzan(genres: &str) -> Copy {
    let copy = Copy::new();
    for excerpt in gtzan_split() {
        let genre = excerpt.split('.').next().unwrap();
        copy.audio(&format!("{genres}/{genre}/{excerpt}.wav"), 0.02);
    }
    copy.audio(&format!("{genres}/disco/disco.00050.wav"), 0.02);
    copy
}

#[cfg(unix)]
#[test]
fn a_manifest_on_the_standard_output_stands_alone_with_paths_from_here() {
    let folder = tempfile::tempdir().unwrap();
    crate::copy_music(&folder.path().join("music"));
    let output = crate::command(&["data", "check", "music", "-o", "/dev/stdout"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", crate::stderr(&output));
    let said = crate::stdout(&output);
    assert!(
        said.starts_with("path,label,split,group,artist,title\nmusic/a/"),
        "{said}"
    );
    assert!(
        said.lines().skip(1).all(|line| line.starts_with("music/")),
        "{said}"
    );
    assert!(crate::stderr(&output).contains("minutes"));
}

#[test]
fn what_was_added_to_a_manifest_by_hand_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    crate::copy_music(&music);
    let manifest = folder.path().join("m.csv");
    let (from, to) = (crate::text(&music), crate::text(&manifest));
    let check = ["data", "check", from, "-o", to];
    crate::succeeds(&check);
    crate::succeeds(&check);
    let own = std::fs::read_to_string(&manifest).unwrap();
    let column = own.replace("title\n", "title,mood\n");
    let column = column.replacen(",a,,,,\n", ",a,,,,,calm\n", 1);
    let label = own.replacen(",a,", ",blues,", 1);
    let others = own.replace("music/", "other/");
    for edited in [column, label, others] {
        assert_ne!(edited, own);
        std::fs::write(&manifest, &edited).unwrap();
        let said = crate::fails(1, &check);
        assert!(said.contains("m.csv: is not written"), "{said}");
        assert_eq!(std::fs::read_to_string(&manifest).unwrap(), edited);
    }
}

#[test]
fn gtzan_in_both_layouts_has_the_published_split_less_the_broken_file() {
    for genres in ["genres", "Data/genres_original"] {
        let copy = gtzan(genres);
        let (whole, dataset) = copy.manifest(&[]);
        assert_eq!(parts(&dataset), [443, 197, 290]);
        assert_eq!(dataset.classes.len(), 10);
        assert_says(
            &joined(&whole["notes"]),
            &["1 excerpts are left out", "fault filter"],
        );
        assert!(!whole["split"].to_string().contains("published"), "{whole}");

        let jazz = format!("{genres}/jazz/jazz.00054.wav");
        copy.put(&jazz, b"RIFF but no audio");
        let (broken, dataset) = copy.manifest(&["--as", "gtzan"]);
        assert_eq!(parts(&dataset), [442, 197, 290]);
        assert_says(
            &broken["split"].to_string(),
            &[
                "fault-filtered",
                "442 training, 197 validation, 290 test",
                "published: 443/197/290",
            ],
        );
        assert_says(&joined(&broken["faults"]), &["jazz.00054", "not audio"]);
        fails(1, &["data", "check", copy.path(), "--strict"]);

        fs::remove_file(copy.at(&jazz)).unwrap();
        let said = copy.refused(&[]);
        assert_says(
            &said,
            &["1 of the 930 files", "jazz.00054.wav", "--partial"],
        );
        let (partial, dataset) = copy.manifest(&["--partial", "--no-split"]);
        assert_eq!((parts(&dataset), dataset.items.len()), ([0, 0, 0], 929));
        assert_says(&partial["split"].to_string(), &["by seed"]);
    }
}

#[test]
fn half_of_gtzan_is_refused_with_the_genres_that_are_missing() {
    let copy = gtzan("genres");
    for genre in ["jazz", "rock"] {
        fs::remove_dir_all(copy.at("genres").join(genre)).unwrap();
    }
    let manifest = copy.at("m.csv");
    let said = copy.refused(&["-o", text(&manifest)]);
    assert_says(
        &said,
        &["2 of the 10 classes (jazz, rock)", "was not written"],
    );
    assert!(!manifest.exists());
}

#[test]
fn gtzan_as_au_files_is_told_how_to_be_converted() {
    let copy = Copy::new();
    copy.put("genres/blues/blues.00029.au", b".snd");
    assert_says(&copy.refused(&[]), &["1 .au files", "ffmpeg"]);
}

/// FMA's three header rows, and a row for each (track, subset, split, genre, artist).
fn tracks_csv(rows: &[(u32, &str, &str, &str, u32)]) -> String {
    let mut text = ",album,album,artist,artist,set,set,track,track,track\n\
                    ,id,title,id,name,split,subset,genre_top,genres_all,title\n\
                    track_id,,,,,,,,,\n"
        .to_owned();
    for (track, subset, split, genre, artist) in rows {
        text += &format!(
            "{track},1,\"Album, {artist}\",{artist},Artist {artist},{split},{subset},{genre},\"[21, 12]\",Song {track}\n"
        );
    }
    text
}

#[test]
fn fma_takes_genres_and_split_from_its_table_and_leaves_out_its_bad_clips() {
    let copy = Copy::new();
    let rows = [
        (2, "small", "training", "Hip-Hop", 1),
        (5, "small", "training", "Hip-Hop", 1),
        (10, "small", "validation", "Rock", 2),
        (140, "small", "validation", "Hip-Hop", 3),
        (141, "small", "test", "Rock", 4),
        (182, "small", "training", "Rock", 5),
        (98565, "small", "training", "Rock", 6),
        (99134, "small", "test", "Hip-Hop", 7),
        (1000, "large", "test", "", 8),
    ];
    copy.put("fma_metadata/tracks.csv", tracks_csv(&rows).as_bytes());
    let genres = "genre_id,#tracks,parent,title,top_level\n21,1,0,Hip-Hop,21\n12,1,0,Rock,12\n";
    copy.put("fma_metadata/genres.csv", genres.as_bytes());
    for (track, ..) in &rows[..8] {
        let file = format!("fma_small/{:03}/{track:06}.mp3", track / 1000);
        match track {
            98565 => copy.audio(&file, 1.6),
            // 1752 bytes that hold no audio.
            99134 => copy.put(&file, &[0; 1752]),
            _ => copy.audio(&file, 30.0),
        }
    }
    let (report, dataset) = copy.manifest(&[]);
    assert_eq!(report["layout"], "fma");
    assert_eq!(parts(&dataset), [3, 2, 1]);
    assert_says(&report["split"].to_string(), &["published: 4/2/2"]);
    assert_says(
        &joined(&report["faults"]),
        &["1.6 s long instead of 30.0 s", "099134.mp3", "not audio"],
    );
    assert_says(
        &joined(&report["notes"]),
        &["98565, 99134", "cut at the wrong place"],
    );
    let first = &dataset.items[0];
    assert_eq!(first.columns["labels"], "Hip-Hop;Rock");
    assert_eq!(first.columns["album"], "Album, 1");
    assert_eq!(dataset.groups[first.group], "artist 1");
    assert_eq!(first.group, dataset.items[1].group);

    let by_artist = Dataset::open_with(&copy.at("manifest.csv"), &Labels::Column("artist".into()));
    assert_eq!(by_artist.unwrap().classes.len(), 5);

    // The audio by itself, with the metadata beside it.
    let inner = text(&copy.at("fma_small")).to_owned();
    let said = succeeds(&["data", "check", &inner]);
    assert_says(
        &said,
        &[
            "6 files of 2 classes",
            "FMA's own: 3 training, 2 validation, 1 test",
        ],
    );
    fs::remove_dir_all(copy.at("fma_metadata")).unwrap();
    let said = fails(1, &["data", "check", &inner]);
    assert_says(
        &said,
        &["does not look like FMA", "fma_metadata/tracks.csv"],
    );
}

#[test]
fn metadata_of_fma_without_audio_or_in_another_form_is_refused() {
    let copy = Copy::new();
    copy.put(
        "fma_metadata/tracks.csv",
        tracks_csv(&[(2, "small", "training", "Rock", 1)]).as_bytes(),
    );
    assert_says(&copy.refused(&[]), &["none of its audio", "000/000002.mp3"]);
    copy.put("fma_metadata/tracks.csv", b"track_id,genre\n2,Rock\n");
    copy.audio("000/000002.mp3", 0.1);
    assert_says(&copy.refused(&[]), &["tracks.csv", "no column set/split"]);
}

#[test]
fn jamendo_keeps_all_tags_and_the_published_split() {
    let copy = Copy::new();
    let header = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n";
    let rows = [
        "track_0000214\tartist_000014\talbum_000031\t14/214.mp3\t6.0\tgenre---punkrock\tgenre---rock\tmood/theme---happy\n",
        "track_0000215\tartist_000014\talbum_000031\t15/215.mp3\t6.0\tgenre---metal\n",
        "track_0000216\tartist_000015\talbum_000032\t16/216.mp3\t6.0\tgenre---metal\tinstrument---bass\n",
        "track_0000217\tartist_000016\talbum_000033\t17/217.mp3\t6.0\tmood/theme---sad\n",
        "track_0000218\tartist_000017\talbum_000034\t18/218.mp3\t6.0\tgenre---metal\n",
    ];
    copy.put(
        "data/autotagging.tsv",
        (header.to_owned() + &rows.concat()).as_bytes(),
    );
    for (part, rows) in [
        ("train", &rows[..2]),
        ("validation", &rows[2..3]),
        ("test", &rows[3..4]),
    ] {
        let path = format!("data/splits/split-0/autotagging-{part}.tsv");
        copy.put(&path, (header.to_owned() + &rows.concat()).as_bytes());
    }
    copy.audio("audio/14/214.mp3", 6.0);
    copy.audio("audio/15/215.low.mp3", 6.0);
    copy.audio("audio/16/216.mp3", 6.0);
    copy.audio("audio/17/217.mp3", 6.0);
    copy.audio("audio/18/218.mp3", 6.0);
    copy.audio("audio/99/999.mp3", 6.0);
    let (report, dataset) = copy.manifest(&["--partial"]);
    assert_eq!(report["layout"], "jamendo");
    assert_eq!(
        (dataset.classes.join(" "), parts(&dataset)),
        ("metal punkrock".into(), [2, 1, 0])
    );
    let first = &dataset.items[0];
    assert_eq!(first.columns["labels"], "punkrock;rock;happy");
    assert_eq!(first.columns["mood"], "happy");
    assert_eq!(first.group, dataset.items[1].group, "one artist");
    let notes = joined(&report["notes"]);
    assert_says(
        &notes,
        &[
            "1 tracks have no genre",
            "1 tracks are in no part of split-0",
        ],
    );
    assert_says(&notes, &["1 audio files are not in", "99/999.mp3"]);

    let mood = header.to_owned()
        + rows[0]
            .replace("genre---punkrock\tgenre---rock\t", "")
            .as_str()
        + rows[3];
    copy.put("data/autotagging_moodtheme.tsv", mood.as_bytes());
    let said = succeeds(&[
        "data",
        "check",
        text(&copy.at("data/autotagging_moodtheme.tsv")),
    ]);
    assert_says(&said, &["happy", "sad", "2 files of 2 classes", "by seed"]);
}

#[test]
fn nsynth_is_grouped_by_instrument_and_split_as_published() {
    let copy = Copy::new();
    let note = |instrument: &str, family: &str| {
        serde_json::json!({"note": 1, "note_str": "x", "instrument": 0, "instrument_str": instrument, "pitch": 60,
            "velocity": 100, "sample_rate": 16000, "qualities": [0, 1], "qualities_str": ["bright"],
            "instrument_family": 0, "instrument_family_str": family, "instrument_source": 0,
            "instrument_source_str": "acoustic"})
    };
    for (folder, k) in [("nsynth-train", 0), ("nsynth-valid", 1), ("nsynth-test", 2)] {
        let mut notes = serde_json::Map::new();
        for family in ["bass", "flute"] {
            for pitch in [60, 61] {
                let instrument = format!("{family}_acoustic_00{k}");
                let name = format!("{instrument}-0{pitch}-100");
                copy.audio(&format!("{folder}/audio/{name}.wav"), 4.0);
                notes.insert(name, note(&instrument, family));
            }
        }
        copy.put(
            &format!("{folder}/examples.json"),
            Value::Object(notes).to_string().as_bytes(),
        );
    }
    let (report, dataset) = copy.manifest(&[]);
    assert_eq!(
        (report["layout"].as_str(), parts(&dataset)),
        (Some("nsynth"), [4, 4, 4])
    );
    assert_eq!(dataset.classes, ["bass", "flute"]);
    assert_eq!(dataset.items[0].columns["pitch"], "60");
    assert_eq!(dataset.items.iter().map(|item| item.group).max(), Some(5));
    assert_says(
        &joined(&report["notes"]),
        &["12 files are too short for an audio fingerprint"],
    );

    let said = succeeds(&["data", "check", text(&copy.at("nsynth-test"))]);
    assert_says(&said, &["only one of NSynth's parts", "by seed"]);
    fs::remove_file(copy.at("nsynth-valid/examples.json")).unwrap();
    assert_says(
        &copy.refused(&[]),
        &["does not look like NSynth", "examples.json"],
    );
}

#[test]
fn esc50_is_grouped_by_source_recording_and_has_folds() {
    let copy = Copy::new();
    let table = "filename,fold,target,category,esc10,src_file,take\n\
                 1-100032-A-0.wav,1,0,dog,True,100032,A\n\
                 1-100032-B-0.wav,1,0,dog,True,100032,B\n\
                 2-17367-A-10.wav,2,10,rain,True,17367,A\n";
    copy.put("meta/esc50.csv", table.as_bytes());
    for line in table.lines().skip(1) {
        copy.audio(&format!("audio/{}", line.split(',').next().unwrap()), 5.0);
    }
    let (report, dataset) = copy.manifest(&[]);
    assert_eq!(report["layout"], "esc50");
    assert_says(&joined(&report["notes"]), &["five folds"]);
    assert_eq!(dataset.items[2].columns["fold"], "2");
    assert_eq!(dataset.items[0].group, dataset.items[1].group);
    fs::remove_dir_all(copy.at("audio")).unwrap();
    assert_says(
        &copy.refused(&[]),
        &["metadata of esc50", "none of its audio", "1-100032-A-0.wav"],
    );
    copy.audio("audio/1-100032-A-0.wav", 5.0);
    fs::remove_dir_all(copy.at("meta")).unwrap();
    let said = copy.refused(&["--as", "esc50"]);
    assert_says(&said, &["does not look like ESC-50", "meta/esc50.csv"]);
}

#[test]
fn ballroom_is_grouped_by_album_and_its_copy_is_found() {
    let copy = Copy::new();
    let files = [
        "ChaChaCha/Albums-Latin_Jam-06.wav",
        "ChaChaCha/Albums-Latin_Jam2-15.wav",
        "ChaChaCha/Media-103901.wav",
        "Jive/Albums-Commitments-09.wav",
    ];
    for file in files {
        copy.audio(&format!("BallroomData/{file}"), 16.0);
    }
    let (from, to) = (
        copy.at("BallroomData").join(files[0]),
        copy.at("BallroomData").join(files[1]),
    );
    fs::copy(from, to).unwrap();
    let list: String = files.iter().map(|file| format!("./{file}\n")).collect();
    copy.put("BallroomData/allBallroomFiles", list.as_bytes());
    let (report, dataset) = copy.manifest(&[]);
    assert_eq!(report["layout"], "ballroom");
    assert_eq!(dataset.items[0].columns["album"], "Latin_Jam");
    assert_eq!(
        dataset.items[0].group, dataset.items[1].group,
        "copies are one group"
    );
    let piece = |item: usize| dataset.items[item].columns.get("piece");
    assert!(piece(0).is_some() && piece(0) == piece(1) && piece(2).is_none());
    assert_ne!(dataset.items[0].group, dataset.items[2].group);
    assert_eq!(report["duplicates"].as_array().unwrap().len(), 1);
    assert!(
        report["duplicates"][0]["seconds"].is_null(),
        "the same bytes"
    );
    let short = report["faults"].as_array().unwrap();
    assert!(short.len() == 4 && short.iter().all(|fault| fault["left_out"] == false));
    let (_, dataset) = copy.manifest(&["--drop-duplicates"]);
    assert_eq!(dataset.items.len(), 3);

    copy.put(
        "BallroomData/allBallroomFiles",
        (list + "./Tango/Media-1.wav\n").as_bytes(),
    );
    let said = copy.refused(&[]);
    assert_says(
        &said,
        &[
            "1 of the 5 files",
            "Tango/Media-1.wav",
            "1 of the 3 classes (Tango)",
        ],
    );
}

#[test]
fn saraga_takes_ragas_from_the_files_beside_the_audio_and_passes_over_single_instruments() {
    let copy = Copy::new();
    let named = |name: &str| serde_json::json!([{"uuid": "u", "name": name, "common_name": name}]);
    for (folder, json) in [
        (
            "saraga1.5_carnatic/Concert by Ann/Song",
            serde_json::json!({"mbid": "1", "title": "Song", "length": 6000, "artists": [], "raaga": named("Bhairavi"),
                "taala": named("adi"), "form": [{"name": "Kriti"}], "work": [],
                "concert": [{"mbid": "c", "title": "Concert"}],
                "album_artists": [{"mbid": "a", "name": "Ann"}]}),
        ),
        (
            "saraga1.5_hindustani/Release by Bo/Raag",
            serde_json::json!({"mbid": "2", "title": "Raag", "length": 6000, "artists": [], "raags": named("bhairavi"),
                "taals": named("Teentaal"), "layas": [], "forms": named("Khayal"), "works": [],
                "release": [{"mbid": "r", "title": "Release"}], "album_artists": [{"mbid": "b", "name": "Bo"}]}),
        ),
        (
            "saraga1.5_hindustani/Release by Bo/Talk",
            serde_json::json!({"mbid": "3", "title": "Talk", "length": null, "artists": [], "raags": [], "taals": [],
                "release": [{"mbid": "r", "title": "Release"}], "album_artists": []}),
        ),
    ] {
        let name = folder.rsplit('/').next().unwrap();
        copy.put(
            &format!("{folder}/{name}.json"),
            json.to_string().as_bytes(),
        );
        copy.audio(&format!("{folder}/{name}.mp3.mp3"), 6.0);
    }
    copy.audio(
        "saraga1.5_carnatic/Concert by Ann/Song/Song.multitrack-violin.mp3",
        6.0,
    );
    let (report, dataset) = copy.manifest(&[]);
    assert_eq!(report["layout"], "saraga");
    assert_eq!(
        dataset.classes,
        ["bhairavi (carnatic)", "bhairavi (hindustani)"]
    );
    assert_eq!(dataset.items[1].columns["tala"], "teentaal");
    assert_eq!(dataset.items[0].columns["artist"], "Ann");
    let notes = joined(&report["notes"]);
    assert_says(&notes, &["1 of the 3 recordings have no raga"]);
    assert!(!notes.contains("not used"), "{notes}");
}

#[test]
fn a_folder_of_tagged_files_is_grouped_by_artist() {
    let copy = Copy::new();
    for (path, artist) in [("a/1.wav", "Ann"), ("a/2.wav", "Ann"), ("b/3.wav", "")] {
        copy.audio(path, 0.2);
        if !artist.is_empty() {
            let mut bytes = fs::read(copy.at(path)).unwrap();
            bytes.extend(b"LIST\x10\0\0\0INFOIART\x04\0\0\0");
            bytes.extend(artist.as_bytes());
            bytes.push(0);
            let size = bytes.len() as u32 - 8;
            bytes[4..8].copy_from_slice(&size.to_le_bytes());
            copy.put(path, &bytes);
        }
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let manifest = elsewhere.path().join("m.csv");
    let said = succeeds(&["data", "check", copy.path(), "-o", text(&manifest)]);
    assert_says(
        &said,
        &[
            "as folder",
            "3 files of 2 classes",
            "artist, from tags",
            "1 of the 3 files have no artist",
        ],
    );
    let dataset = Dataset::open(&manifest).unwrap();
    assert_eq!(dataset.items[0].group, dataset.items[1].group);
    assert_eq!(dataset.items[0].columns["artist"], "Ann");
    assert!(dataset.items.iter().all(|item| item.path.is_relative()));
}

/// Three melodies, and the first again: quieter, with noise, and cut differently.
fn near_copies(split: [&str; 4]) -> Copy {
    let copy = Copy::new();
    let original = melody(77, 20.0);
    let mut random = Stream::new(1, "noise", 0);
    let again: Vec<f32> = original[RATE as usize..]
        .iter()
        .map(|s| 0.5 * s + 0.01 * random.normal() as f32)
        .collect();
    copy.put("1.wav", &wav(&original));
    copy.put("2.wav", &wav(&again));
    copy.audio("3.wav", 20.0);
    copy.audio("4.wav", 20.0);
    let [a, b, c, d] = split;
    let list = format!(
        "path,label,split,group\n1.wav,x,{a},\n2.wav,x,{b},\n3.wav,x,{c},g\n4.wav,y,{d},\n"
    );
    copy.put("list.csv", list.as_bytes());
    copy
}

#[test]
fn another_cut_of_the_same_recording_joins_its_group() {
    let copy = near_copies([""; 4]);
    let path = copy.at("out.csv");
    let said = succeeds(&[
        "data",
        "check",
        text(&copy.at("list.csv")),
        "-o",
        text(&path),
    ]);
    assert_says(
        &said,
        &[
            "1 pairs are the same recording within a part",
            "1.wav (x) and 2.wav (x)",
            "bits differ",
        ],
    );
    let dataset = Dataset::open(&path).unwrap();
    let group: Vec<usize> = dataset.items.iter().map(|item| item.group).collect();
    assert_eq!(group[0], group[1]);
    assert!(group[2] != group[0] && group[3] != group[0] && group[2] != group[3]);
}

#[test]
fn a_recording_in_training_and_test_is_reported_and_the_test_keeps_it() {
    let copy = near_copies(["train", "test", "train", "test"]);
    let (list, out) = (copy.at("list.csv"), copy.at("out.csv"));
    let said = succeeds(&["data", "check", text(&list), "-o", text(&out)]);
    assert_says(
        &said,
        &[
            "1 pairs are the same recording in two parts",
            "1.wav (x, train) and 2.wav (x, test)",
        ],
    );
    assert_eq!(parts(&Dataset::open(&out).unwrap()), [2, 0, 2]);
    let said = succeeds(&[
        "data",
        "check",
        text(&list),
        "-o",
        text(&out),
        "--drop-duplicates",
    ]);
    assert_says(
        &said,
        &[
            "1 files are left out as duplicates",
            "1 training, 0 validation, 2 test",
        ],
    );
    let dataset = Dataset::open(&out).unwrap();
    let paths: Vec<&Path> = dataset
        .items
        .iter()
        .map(|item| item.path.as_path())
        .collect();
    assert_eq!(
        paths,
        [Path::new("2.wav"), Path::new("3.wav"), Path::new("4.wav")]
    );
}

#[test]
fn exact_copies_in_two_classes_or_parts_stop_the_manifest_until_one_is_dropped() {
    for (list, words) in [
        (
            "path,label\n1.wav,x\n2.wav,y\n3.wav,y\n4.wav,y\n",
            "classes `x` and `y`",
        ),
        (
            "path,label,split\n1.wav,x,train\n2.wav,x,test\n3.wav,y,test\n4.wav,y,train\n",
            "train and test",
        ),
    ] {
        let copy = Copy::new();
        copy.audio("1.wav", 0.2);
        fs::copy(copy.at("1.wav"), copy.at("2.wav")).unwrap();
        copy.audio("3.wav", 0.2);
        copy.audio("4.wav", 0.2);
        copy.put("list.csv", list.as_bytes());
        let (list, out) = (copy.at("list.csv"), copy.at("out.csv"));
        let said = fails(1, &["data", "check", text(&list), "-o", text(&out)]);
        assert_says(
            &said,
            &[
                "1.wav and",
                "2.wav have the same content",
                words,
                "--drop-duplicates",
            ],
        );
        assert!(!out.exists());
        succeeds(&[
            "data",
            "check",
            text(&list),
            "-o",
            text(&out),
            "--drop-duplicates",
        ]);
        assert_eq!(Dataset::open(&out).unwrap().items.len(), 3);
    }
}

#[test]
fn damaged_files_are_listed_and_a_class_of_nothing_else_is_not_lost_in_silence() {
    let copy = Copy::new();
    copy.audio("a/1.wav", 0.2);
    copy.audio("b/2.wav", 0.2);
    for file in ["text.wav", "empty.wav", "nan.wav", "truncated.wav"] {
        fs::copy(fixture(&format!("bad/{file}")), copy.at("a").join(file)).unwrap();
    }
    let report = copy.check(&[]);
    let faults = joined(&report["faults"]);
    assert_says(&faults, &["not audio", "0 bytes", "NaN", "cut short"]);
    assert_eq!(
        report["classes"]["a"]["unsplit"], 2,
        "a cut file is used: {report}"
    );
    fs::create_dir(copy.at("c")).unwrap();
    fs::copy(fixture("bad/text.wav"), copy.at("c/3.wav")).unwrap();
    let said = copy.refused(&[]);
    assert_says(
        &said,
        &[
            "no usable file is left of 1 of the 3 classes (c)",
            "--partial",
        ],
    );
    assert_says(
        &joined(&copy.check(&["--partial"])["notes"]),
        &["1 of the 3 classes (c)"],
    );
}

#[test]
fn what_is_no_data_set_is_refused_with_the_mend() {
    let empty = Copy::new();
    empty.put("notes.txt", b"nothing");
    assert_says(
        &empty.refused(&[]),
        &["laid out like no data set", "gtzan, fma", "--as"],
    );
    for layout in [
        "gtzan", "fma", "jamendo", "nsynth", "esc50", "ballroom", "saraga",
    ] {
        assert_says(
            &empty.refused(&["--as", layout]),
            &["does not look like", "there is no"],
        );
    }
    assert_says(&empty.refused(&["--as", "folder"]), &["no class folders"]);
    fails(2, &["data", "check", empty.path(), "--as", "mnist"]);
    assert_says(
        &fails(1, &["data", "check", "/no/such/place"]),
        &["/no/such/place does not exist"],
    );

    let alike = Copy::new();
    alike.put(
        "meta/esc50.csv",
        b"filename,fold,category,esc10,src_file\na.wav,1,dog,True,1\nb.wav,1,Dog,True,2\n",
    );
    alike.audio("audio/a.wav", 5.0);
    assert_says(&alike.refused(&[]), &["`Dog` and `dog`", "case or blanks"]);
}

#[test]
fn a_manifest_of_another_machine_or_with_a_group_in_two_splits_is_refused() {
    let copy = Copy::new();
    copy.put(
        "absolute.csv",
        b"path,label\n/home/ann/1.wav,a\n/home/ann/2.wav,b\n",
    );
    let said = fails(1, &["data", "check", text(&copy.at("absolute.csv"))]);
    assert_says(&said, &["2 of the 2 files", "absolute", "another machine"]);
    for file in ["1.wav", "2.wav"] {
        copy.audio(file, 0.2);
    }
    copy.put(
        "split.csv",
        b"path,label,split,group\n1.wav,a,train,g\n2.wav,b,test,g\n",
    );
    let path = copy.at("split.csv");
    let output = gamaka(&["data", "check", text(&path)]);
    assert_eq!(output.status.code(), Some(1));
    assert_says(
        &stderr(&output),
        &[
            "group `g` is in two parts",
            "1.wav (train)",
            "2.wav (test)",
            "--no-split",
        ],
    );
    assert_says(
        &stdout(&output),
        &["the manifest's own: 1 training, 0 validation, 1 test"],
    );
    succeeds(&["data", "check", text(&path), "--no-split"]);
}
