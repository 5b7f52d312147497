#!/usr/bin/env python3
"""Fetch free soundtracks that ordinary Debian packages carry, as a data set of recorded, mastered music.

    python3 assets/fetch_soundtracks.py OUT

Needs Debian or Ubuntu with their usual package sources (`apt-get update` has been run), and Python 3.11 or later, its
standard library only. Nothing is installed and no right but to write OUT is needed: each package is downloaded with
`apt-get download`, unpacked with `dpkg-deb` into a temporary folder, and removed again. About 6.2 GB are downloaded and
2.2 GB kept, in half an hour. --keep DIR keeps the packages there, and takes from there what is there already.

What is kept: audio files (ogg, oga, opus, mp3, flac, wav) in the package's folders of music, or in its zip archives of them,
that last 25 s or more, so no sound effects and stingers. Left out are OpenClonk's, whose package does not say what licence
its music has, and files of the Ethymonics Free Music License. Of files with the same bytes only the first is kept. How long a
file lasts is read from its headers (the last Ogg page, FLAC's STREAMINFO, WAV's chunks, each MP3 frame's header); nothing is
decoded.

OUT receives <soundtrack>/<file> and manifest.csv. Its columns: path (relative to OUT), label (the soundtrack), split
(train, validation or test: whole packages, by the fixed table below, so that no test soundtrack is from a package that
was trained on, and each test soundtrack has ten tracks or more), group (tracks of equal group are versions of one piece;
empty where a track stands alone), piece (the same again: where every track is a class, those of a piece are one), album
and title (the file's own tags; where it has none, the soundtrack and the file's name), licence (of the file, as the package's copyright file says in the machine-readable format; `see copyright` where it
is prose: OUT/<soundtrack>/copyright is that file), package, version, seconds.

For a cross-validation fold-1.csv, fold-2.csv and fold-3.csv have the same rows with another split: every soundtrack of ten
tracks or more is tested in one of them and trains in the other two; the first tests the table's test soundtracks. What the
table has as `train only` joined it after the folds were measured, and trains in all three. Nothing validates there.

Most packages hold the music of one game by one or a few musicians. So a soundtrack is a style of its own to a good extent,
though no genre.

Idempotent and resumable: a package whose tracks are in OUT's manifest in the version that would be fetched, all there, is
not fetched again. A package that cannot be had or is over 1.4 GB costs that package only, with a word on stderr and exit
code 1 at the end. Versions differ from release to release; the figures in docs/evidence.md are of Debian 12.
"""

import argparse
import csv
import fnmatch
import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

# package (or the first that there is of several) | split | soundtrack | its files below /usr/share; `*` spans folders, what
# `-` stands before is left out, and a zip archive (a Quake pk3 is one) counts as a folder. `train only`: in every fold too.
PACKAGE_TABLE = """
wesnoth-1.16-music wesnoth-1.18-music | train | wesnoth | games/wesnoth/*/core/music/*
naev-data | train | naev | naev/dat/snd/music/*
supertux-data | train | supertux | games/supertux2/music/*
warzone2100-music | train | warzone2100 | games/warzone2100/music/*
widelands-data | train | widelands | games/widelands/data/music/*
drascula-music | train | drascula | scummvm/drascula/audio/*
planetblupi-music-ogg | train | planetblupi | planetblupi/music/*
warmux-data | train | warmux | games/warmux/music/*
fillets-ng-data | train | fillets | games/fillets-ng/music/*
davegnukem-data | train | davegnukem | games/davegnukem/music/*
marsshooter-data | train | marsshooter | games/marsshooter/audio/music/*
enigma-data | train | enigma | games/enigma/music/*
extremetuxracer-data | train | etr | games/etr/music/*
amoebax-data | train | amoebax | games/amoebax/music/*
gigalomania-data | train | gigalomania | *gigalomania/music/*
megaglest-data | train | megaglest | games/megaglest/*/music/*
xmoto-data | train | xmoto | games/xmoto/Textures/Musics/*
noiz2sa-data | train | noiz2sa | games/noiz2sa/sounds/stg*
torus-trooper-data | train | torus-trooper | games/torus-trooper/sounds/musics/*
gunroar-data | train | gunroar | games/gunroar/sounds/musics/*
mu-cade-data | train | mu-cade | games/mu-cade/sounds/musics/*
titanion-data | train | titanion | games/titanion/sounds/musics/*
tumiki-fighters-data | train | tumiki-fighters | games/tumiki-fighters/sounds/*
parsec47-data | train | parsec47 | games/parsec47/sounds/*
rrootage-data | train | rrootage | games/rrootage/sounds/stg*
a7xpg-data | train | a7xpg | games/a7xpg/sounds/bgm*
fretsonfire-songs-sectoid | train | sectoid | games/fretsonfire/data/songs/*/song.ogg
fretsonfire-songs-muldjord | train | muldjord | games/fretsonfire/data/songs/*/song.ogg
zaz-data | train | zaz | games/zaz/mus*
btanks-data | train | btanks | games/btanks/data/tunes/*
tuxmath-data | train | tuxmath | tuxmath/sounds/*
frozen-bubble-data | train | frozen-bubble | games/frozen-bubble/snd/*zik*
lordsawar-data | train | lordsawar | games/lordsawar/music/*
lincity-ng-data | train | lincity | games/lincity-ng/music/*
asc-music | train | asc | games/asc/music/*
wordwarvi-sound | train | wordwarvi | wordwarvi/sounds/*
neverball-common | validation | neverball | games/neverball/bgm/*
trackballs-data | validation | trackballs | games/trackballs/music/*
pushover-data | validation | pushover | pushover/themes/*
plee-the-bear-data | validation | plee-the-bear | games/plee-the-bear/music/*
ardentryst | validation | ardentryst | games/ardentryst/Music/*
hyperrogue-music | test | hyperrogue | hyperrogue/music/*
singularity-music | test | singularity | games/singularity/music/*
hedgewars-data | test | hedgewars | games/hedgewars/Data/Music/*
flare-game | test | flare | games/flare/mods/*/music/*
freedroidrpg-data | test | freedroidrpg | *freedroidrpg/data/sound/music/*
starfighter-data | test | starfighter | starfighter/music/*
unknown-horizons | test | unknown-horizons | unknown-horizons/content/audio/music/*
colobot-common-sounds | test | colobot | games/colobot/music/*
0ad-data | train only | 0ad | games/0ad/mods/public/public.zip/audio/music/*
ufoai-music | train only | ufoai | games/ufoai/base/0music.pk3/music/*
nexuiz-music | train only | nexuiz | games/nexuiz/data/music.pk3/*
supertuxkart-data | train only | supertuxkart | games/supertuxkart/data/music/* -*_fast.ogg -*_f.ogg
freecol | train only | freecol | games/freecol/default/resources/music/default/*
hex-a-hop-data | train only | hex-a-hop | games/hex-a-hop/hex-a-hop/music-*
lugaru-data | train only | lugaru | games/lugaru/Sounds/Music*
caveexpress-data | train only | caveexpress | games/caveexpress/sounds/music-*
scorched3d-data | train only | scorched3d | games/scorched3d/data/globalmods/none/data/music/*
raincat-data | train only | raincat | games/raincat/data/music/*
torcs-data | train only | torcs | games/torcs/data/music/*
tuxfootball | train only | tuxfootball | games/tuxfootball/sound/titlemusic*
"""

LEAST_SECONDS = 25
LEAST_TEST_TRACKS = 10
MOST_VERSIONS = 3
MOST_BYTES = 1_400_000_000
# A licence of its own, by a firm that is gone.
LEFT_OUT_LICENCES = {"ETHYMONICS-FREE-MUSIC-LICENSE"}
COLUMNS = "path label split group piece album title licence package version seconds".split()


class FetchError(Exception):
    """A failure that costs one package, with a sentence that names it."""


@dataclass(frozen=True)
class Soundtrack:
    """One line of the table."""

    packages: list
    split: str
    folded: bool
    label: str
    files: str


def read_table():
    rows = [[field.strip() for field in line.split("|")] for line in PACKAGE_TABLE.strip().splitlines()]
    return [
        Soundtrack(packages.split(), split.split()[0], split != "train only", label, files)
        for packages, split, label, files in rows
    ]


# How long a file lasts, and its tags. Each reader gives (seconds, tags in lower case), and raises what it likes on a file
# that is not what its name says: `probe` takes that as no music.


def vorbis_comments(data):
    """Tags of a Vorbis comment block, which Ogg Vorbis, Opus and FLAC share."""
    at = 4 + struct.unpack_from("<I", data)[0]
    count = struct.unpack_from("<I", data, at)[0]
    at += 4
    tags = {}
    for _ in range(min(count, 1000)):
        size = struct.unpack_from("<I", data, at)[0]
        name, _, value = data[at + 4 : at + 4 + size].decode("utf-8", "replace").partition("=")
        tags.setdefault(name.lower(), value.strip())
        at += 4 + size
    return tags


def read_ogg(data):
    """Ogg Vorbis, Opus or FLAC: the granule position of the last page that has one, over the rate of the first stream."""
    packets, packet, at, end, serial = [], b"", 0, 0, None
    while data[at : at + 4] == b"OggS":
        granule, page_serial = struct.unpack_from("<qI", data, at + 6)
        lacing = data[at + 27 : at + 27 + data[at + 26]]
        body = at + 27 + len(lacing)
        serial = page_serial if serial is None else serial
        if page_serial == serial:
            end = max(end, granule)
            part = body
            for size in lacing if len(packets) < 2 else b"":
                packet += data[part : part + size]
                part += size
                if size < 255:
                    packets.append(packet)
                    packet = b""
        at = body + sum(lacing)
    head, comments = packets[:2]
    if head.startswith(b"\x01vorbis"):
        return end / struct.unpack_from("<I", head, 12)[0], vorbis_comments(comments[7:])
    if head.startswith(b"OpusHead"):
        return (end - struct.unpack_from("<H", head, 10)[0]) / 48000, vorbis_comments(comments[8:])
    if head.startswith(b"\x7fFLAC"):
        rate = int.from_bytes(head[27:30], "big") >> 4
        return end / rate, vorbis_comments(comments[4:])
    raise ValueError("an Ogg stream of another kind")


def read_flac(data):
    """FLAC: samples and rate of STREAMINFO."""
    if data[:4] != b"fLaC":
        raise ValueError("no FLAC")
    seconds, tags, at, last = 0.0, {}, 4, False
    while not last:
        kind, size = data[at], int.from_bytes(data[at + 1 : at + 4], "big")
        block = data[at + 4 : at + 4 + size]
        if kind & 0x7F == 0:
            packed = int.from_bytes(block[10:18], "big")
            seconds = (packed & (1 << 36) - 1) / (packed >> 44)
        elif kind & 0x7F == 4:
            tags = vorbis_comments(block)
        at, last = at + 4 + size, bool(kind & 0x80)
    return seconds, tags


def read_wav(data):
    """RIFF WAVE: the bytes of the data chunk over the bytes a second."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("no WAV")
    at, rate = 12, 0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if name == b"fmt ":
            rate = struct.unpack_from("<I", data, at + 16)[0]
        elif name == b"data":
            return min(size, len(data) - at - 8) / rate, {}
        at += 8 + size + size % 2
    raise ValueError("no data chunk")


MP3_KBPS = {
    (1, 1): [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    (1, 2): [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    (1, 3): [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    (2, 1): [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    (2, 2): [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
}


def mp3_frame(header):
    """(bytes, seconds) of the MPEG audio frame that starts with these four bytes; None if none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    index, rate_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or index in (0, 15) or rate_index == 3:
        return None
    rate = [44100, 48000, 32000][rate_index] >> {3: 0, 2: 1, 0: 2}[version]
    first = version == 3
    bits = 1000 * MP3_KBPS[(1, layer) if first else (2, min(layer, 2))][index]
    if layer == 1:
        return (12 * bits // rate + padding) * 4, 384 / rate
    samples = 576 if layer == 3 and not first else 1152
    return samples // 8 * bits // rate + padding, samples / rate


def id3_tags(data):
    """Title and album of an ID3v2 tag, and its length in bytes."""
    if data[:3] != b"ID3" or len(data) < 10:
        return {}, 0
    length = 10 + sum((byte & 0x7F) << 7 * (3 - k) for k, byte in enumerate(data[6:10]))
    names, tags, at = {b"TIT2": "title", b"TALB": "album"}, {}, 10
    while at + 10 <= length and data[at : at + 4].isalnum() and data[3] in (3, 4):
        raw = data[at + 4 : at + 8]
        bits = 7 if data[3] == 4 else 8
        size = sum(byte << bits * (3 - k) for k, byte in enumerate(raw))
        if (name := names.get(data[at : at + 4])) and size > 1:
            coding = ["latin-1", "utf-16", "utf-16-be", "utf-8"][min(data[at + 10], 3)]
            tags[name] = data[at + 11 : at + 10 + size].decode(coding, "replace").strip("\0 ")
        at += 10 + size
    return tags, length


def read_mp3(data):
    """MP3: the sum of its frames."""
    tags, at = id3_tags(data)
    seconds = 0.0
    while at + 4 <= len(data):
        frame = mp3_frame(data[at : at + 4])
        if frame:
            seconds += frame[1]
            at += frame[0]
        else:
            found = data.find(b"\xff", at + 1)
            at = found if found >= 0 else len(data)
    return seconds, tags


READERS = {"ogg": read_ogg, "oga": read_ogg, "opus": read_ogg, "flac": read_flac, "wav": read_wav, "mp3": read_mp3}


def probe(path):
    """(seconds, tags) of an audio file; 0 seconds if it is none."""
    data = path.read_bytes()
    try:
        return READERS[path.suffix[1:].lower()](data)
    except (ValueError, IndexError, KeyError, ZeroDivisionError, OverflowError, struct.error):
        return 0.0, {}


# Licences.


def copyright_stanzas(text):
    """(patterns, licence) of each Files stanza of a machine-readable debian/copyright, in order; none if it is prose."""
    stanzas = []
    for paragraph in re.split(r"\n\s*\n", text):
        fields, name = {}, None
        for line in paragraph.splitlines():
            if line[:1] in " \t" and name:
                fields[name] += " " + line.strip()
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.lower()
                # Of a licence only its short name, not its text.
                fields[name] = value.strip()
                if name == "license":
                    stanzas += [(fields["files"].split(), value.strip())] if "files" in fields and value.strip() else []
                    break
    return stanzas


def matches(pattern, path):
    """Whether a pattern of the source tree means an installed file.

    The two lie below different folders, so leading folders are dropped from both, as long as the pattern then starts with
    a name: `data/music/*` means `usr/share/game/music/a.ogg`, but `data/*` does not come to mean everything.
    """
    parts = pattern.removeprefix("./").split("/")
    steps = path.split("/")
    tails = ["/".join(steps[k:]) for k in range(len(steps))]
    shorter = ["/".join(parts[k:]) for k in range(len(parts)) if k == 0 or "*" not in parts[k].split(".")[0]]
    return any(fnmatch.fnmatchcase(tail, short) for short in shorter for tail in tails)


def licence_of(stanzas, path):
    """The licence of an installed file: the last stanza that names it counts, as the format says."""
    found = [licence for patterns, licence in stanzas if any(matches(p, path) for p in patterns)]
    return found[-1] if found else "see copyright"


# Packages.


def run(command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, errors="replace", **options)
    if done.returncode != 0:
        raise FetchError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def package_sources(soundtracks):
    """(version, bytes) of each package that the package sources know, by its name."""
    names = [package for soundtrack in soundtracks for package in soundtrack.packages]
    # Fails where it does not know all of them, and shows the others nevertheless.
    shown = subprocess.run(["apt-cache", "show", "--no-all-versions", *names], capture_output=True, text=True, errors="replace")
    found = {}
    for paragraph in shown.stdout.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if re.match(r"(Package|Version|Size): ", line))
        if len(fields) == 3:
            found.setdefault(fields["Package"], (fields["Version"], int(fields["Size"])))
    return found


def candidate(soundtrack, sources):
    """(package, version, bytes) of the first of a soundtrack's packages that the package sources know."""
    for package in soundtrack.packages:
        if package in sources:
            return package, *sources[package]
    raise FetchError("the package sources do not know it: run apt-get update, or this release does not carry it")


def download(package, version, folder):
    """The package's file in `folder`, downloaded if it is not there."""
    name = f"{package}_{version.replace(':', '%3a')}_*.deb"
    if not list(folder.glob(name)):
        # As root, apt would download as another user, who may not write here.
        run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", f"{package}={version}"], cwd=folder)
    found = list(folder.glob(name))
    if not found:
        raise FetchError("apt-get download left no file")
    return found[0]


def is_chosen(path, patterns):
    """Whether one of the patterns means the path, and none that starts with `-` does."""
    found = [pattern for pattern in patterns.split() if fnmatch.fnmatchcase(path, pattern.removeprefix("-"))]
    return bool(found) and not any(pattern.startswith("-") for pattern in found)


def open_archive(share, soundtrack):
    """Where the soundtrack lies in a zip archive, puts a folder of its files in the archive's place."""
    archive = next((f for f in (share / soundtrack.files.split()[0]).parents if f.is_file()), None)
    if not archive:
        return
    moved = archive.rename(archive.with_name(archive.name + ".archive"))
    with zipfile.ZipFile(moved) as file:
        inside = archive.relative_to(share).as_posix()
        file.extractall(archive, [name for name in file.namelist() if is_chosen(f"{inside}/{name}", soundtrack.files)])


def chosen_files(root, soundtrack):
    """The soundtrack's files of an unpacked package, each with the name it gets."""
    share = root / "usr/share"
    open_archive(share, soundtrack)
    files = [f for f in share.rglob("*") if f.is_file() and not f.is_symlink() and f.suffix[1:].lower() in READERS]
    files = sorted(f for f in files if is_chosen(f.relative_to(share).as_posix(), soundtrack.files))
    count = Counter(f.name for f in files)
    return [(f, f.name if count[f.name] == 1 else f"{f.parent.name}-{f.name}") for f in files]


def piece(title):
    """What versions of one piece have in common in their titles: what stands before brackets and words like `remix`."""
    plain = re.sub(r"[\[(].*", "", title.lower())
    return re.sub(r"[\W_]+(remix|loop|looping|intro|short|full|extended|enhanced|version|reprise)\b.*", "", plain).strip()


def name_pieces(rows):
    """Sets title, group and piece of the rows of one label."""
    count = Counter(row["title"] for row in rows)
    for row in rows:
        # A title that many files bear is a mistake, or the game's.
        if not row["title"] or count[row["title"]] > MOST_VERSIONS:
            row["title"] = Path(row["path"]).stem
        row["group"] = piece(row["title"])
    count = Counter(row["group"] for row in rows)
    for row in rows:
        row["group"] = f"{row['label']}: {row['group']}" if row["group"] and count[row["group"]] > 1 else ""
        row["piece"] = row["group"]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(soundtrack, chosen, out, keep, digests):
    """Fetches one soundtrack from the chosen package and returns its rows. `digests` holds the hash of each file kept so far, by its path."""
    package, version, size = chosen
    if size > MOST_BYTES:
        raise FetchError(f"{package} has {size // 10**6} MB, more than the {MOST_BYTES // 10**6} that this takes")
    with tempfile.TemporaryDirectory() as temporary:
        temporary = Path(temporary)
        root = temporary / "root"
        run(["dpkg-deb", "-x", download(package, version, keep or temporary), root])
        notice = root / "usr/share/doc" / package / "copyright"
        text = notice.read_text(encoding="utf-8", errors="replace") if notice.is_file() else ""
        stanzas = copyright_stanzas(text)
        home = out / soundtrack.label
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        rows = []
        for file, name in chosen_files(root, soundtrack):
            seconds, tags = probe(file)
            licence = licence_of(stanzas, file.relative_to(root).as_posix())
            if seconds < LEAST_SECONDS or licence in LEFT_OUT_LICENCES or (found := digest(file)) in digests.values():
                continue
            digests[f"{soundtrack.label}/{name}"] = found
            rows.append(
                {
                    "path": f"{soundtrack.label}/{name}",
                    "label": soundtrack.label,
                    "split": soundtrack.split,
                    "album": tags.get("album") or soundtrack.label,
                    "title": tags.get("title", ""),
                    "licence": licence,
                    "package": package,
                    "version": version,
                    "seconds": f"{seconds:.1f}",
                }
            )
            shutil.copyfile(file, home / name)
        (home / "copyright").write_text(text or "The package has no copyright file.\n", encoding="utf-8")
    if not rows:
        raise FetchError(f"{package} {version} holds no music where it was: {soundtrack.files}")
    name_pieces(rows)
    if soundtrack.split == "test" and len(rows) < LEAST_TEST_TRACKS:
        print(f"{soundtrack.label}: has {len(rows)} tracks only, too few for 5 shots and 5 queries", file=sys.stderr)
    return rows


def present(soundtrack, chosen, rows, out):
    """Whether a soundtrack's rows are those of the package that would be fetched, with every file there."""
    if not rows or not all((out / row["path"]).is_file() and row["split"] == soundtrack.split for row in rows):
        return False
    return all((row["package"], row["version"]) == chosen[:2] and row["licence"] not in LEFT_OUT_LICENCES for row in rows)


def read_manifest(path):
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if all(row.get(name) is not None for name in COLUMNS)]


def write_manifest(path, rows):
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: row["path"]))
    os.replace(part, path)


def fold_manifests(rows):
    """The rows of each fold, whose test soundtracks have enough tracks: first those of the table, then the others in turns."""
    train_only = {soundtrack.label for soundtrack in read_table() if not soundtrack.folded}
    count = Counter(row["label"] for row in rows if row["label"] not in train_only)
    enough = sorted(label for label in count if count[label] >= LEAST_TEST_TRACKS)
    of_table = {row["label"] for row in rows if row["split"] == "test"}
    others = [label for label in enough if label not in of_table]
    folds = [set(enough) & of_table, set(others[::2]), set(others[1::2])]
    for fold in folds:
        yield [{**row, "split": "test" if row["label"] in fold else "train"} for row in rows]


def table(rows):
    """The soundtracks as a Markdown table."""
    lines = ["| soundtrack | split | tracks | minutes | licence | package |", "| --- | --- | ---: | ---: | --- | --- |"]
    order = {"train": 0, "validation": 1, "test": 2}
    labels = sorted({(order.get(row["split"], 3), row["label"]) for row in rows})
    for _, label in labels:
        own = [row for row in rows if row["label"] == label]
        minutes = sum(float(row["seconds"]) for row in own) / 60
        licences = "; ".join(name for name, _ in Counter(row["licence"] for row in own).most_common())
        of = f"{own[0]['package']} {own[0]['version']}"
        lines.append(f"| {label} | {own[0]['split']} | {len(own)} | {minutes:.0f} | {licences} | {of} |")
    return "\n".join(lines)


def parse_arguments():
    parser = argparse.ArgumentParser(description="Fetch free soundtracks from Debian packages, with a manifest.")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write (made if missing)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep downloaded packages in this folder")
    parser.add_argument("--only", metavar="A,B,...", help="these soundtracks only; the manifest keeps the others' rows")
    args = parser.parse_args()
    args.soundtracks = read_table()
    if args.only:
        wanted = set(args.only.split(","))
        unknown = wanted - {s.label for s in args.soundtracks}
        if unknown:
            parser.error(f"no soundtrack is called {', '.join(sorted(unknown))}")
        args.soundtracks = [s for s in args.soundtracks if s.label in wanted]
    return args


def main():
    args = parse_arguments()
    lacking = [program for program in ("apt-get", "apt-cache", "dpkg-deb") if not shutil.which(program)]
    if lacking:
        raise FetchError(f"needs {', '.join(lacking)}: run it on Debian or Ubuntu")
    args.out.mkdir(parents=True, exist_ok=True)
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    manifest = args.out / "manifest.csv"
    rows, digests = {}, {}
    listed = {soundtrack.label for soundtrack in read_table()}
    for row in read_manifest(manifest):
        if row["label"] not in listed:
            continue  # It has left the table. Its files stay.
        rows.setdefault(row["label"], []).append(row)
        if (file := args.out / row["path"]).is_file():
            digests[row["path"]] = digest(file)
    sources = package_sources(args.soundtracks)
    failures = []
    for number, soundtrack in enumerate(args.soundtracks, 1):
        known = rows.get(soundtrack.label, [])
        try:
            chosen = candidate(soundtrack, sources)
            if not present(soundtrack, chosen, known, args.out):
                for row in rows.pop(soundtrack.label, []):
                    digests.pop(row["path"], None)
                rows[soundtrack.label] = fetch(soundtrack, chosen, args.out, args.keep, digests)
            own = rows[soundtrack.label]
            print(f"{number}/{len(args.soundtracks)} {soundtrack.label}: {len(own)} tracks", file=sys.stderr)
        except (FetchError, OSError, zipfile.BadZipFile) as error:
            failures.append(soundtrack.label)
            print(f"{number}/{len(args.soundtracks)} {soundtrack.label}: left out: {error}", file=sys.stderr)
        write_manifest(manifest, [row for own in rows.values() for row in own])
    everything = [row for own in rows.values() for row in own]
    for number, fold in enumerate(fold_manifests(everything), 1):
        write_manifest(args.out / f"fold-{number}.csv", fold)
    print(table(everything))
    if failures:
        raise FetchError(f"{len(failures)} of {len(args.soundtracks)} soundtracks are missing: {', '.join(failures)}")


if __name__ == "__main__":
    try:
        main()
    except FetchError as error:
        sys.exit(f"fetch_soundtracks: {error}")
    except KeyboardInterrupt:
        sys.exit("fetch_soundtracks: interrupted; the same command goes on")
