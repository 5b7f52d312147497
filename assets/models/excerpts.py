#!/usr/bin/env python3
"""Cut the training set of the small tagger from collections of music: excerpts of 30 s, and altered copies of some.

    python3 assets/models/excerpts.py OUT COLLECTION...

A collection is a folder with a manifest.csv, as assets/fetch_soundtracks.py, assets/fetch_git_music.py and
assets/render_corpus.py write it (path, label and split are needed; group, piece, licence and seconds are used where they
are). Needs Python 3.11 or later with numpy, and ffmpeg with libmp3lame and libopus. About 4,500 excerpts take a quarter of
an hour on two cores that do nothing else, and 0.5 GB.

A track gives up to --most excerpts, and no more than fit into it side by side: one from its middle, two that start at 15 and
75 % of its length, or three at 15, 45 and 75 %. They are mono, Ogg Vorbis of quality 0 (about 32 kbit/s) at 22,050 Hz, with
their loudness as it is. One that is silent is left out. Besides, an excerpt gets an altered copy with a chance of --altered,
and one with another track mixed in with a chance of --sums:

    room       heard in a room: convolved with noise that decays by 60 dB within 0.3 to 2.5 s
    crowd      with people talking: modulated noise in the bands of speech, 5 to 20 dB below the music
    telephone  300 to 3,400 Hz, at 8 kHz, 8-bit mu-law
    codec      MP3, Opus or AAC at 8 to 32 kbit/s
    tempo      0.85 to 1.18 times as fast, at the same pitch
    pitch      up or down by 1 to 3 semitones, at the same tempo
    tilt       4 to 10 dB more bass and less treble, or the other way round
    sum        a track of the same split besides, 12 dB quieter to as loud

OUT receives <label>/<track>-<number>.ogg, <label>/<track>-<number>-<alteration>.ogg and manifest.csv. Its columns: path
(relative to OUT), label and split (of the track; an altered copy's are its track's), group and piece (one for all that comes
from one piece, so that excerpts and copies of it never part), source (<collection>/<path>, with the start in seconds),
alteration (empty, or what was drawn), licence (of the track; of a sum both).

What is altered, and how, hangs on --seed and the excerpt, and for a sum on the collections given. An excerpt that is there,
and whose row in OUT's manifest is the one that would be written now, is not cut again: an interrupted run resumes.
"""

import argparse
import csv
import hashlib
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fetch_soundtracks import READERS, probe  # noqa: E402

RATE = 22050
VORBIS = "-c:a", "libvorbis", "-q:a", "0", "-f", "ogg"
SECONDS = 30
STARTS = {1: [None], 2: [0.15, 0.75], 3: [0.15, 0.45, 0.75]}
LEAST_SECONDS = 3
SILENCE = 1e-3  # RMS, full scale 1
COLUMNS = "path label split group piece source alteration licence".split()
CODECS = {"libmp3lame": "mp3", "libopus": "opus", "aac": "m4a"}


class ExcerptError(Exception):
    """A failure with a sentence that names the file."""


@dataclass(frozen=True)
class Excerpt:
    """A stretch of a track. `name`: what its files start with below OUT; `source`: as the manifest has it."""

    track: Path
    start: float
    name: str
    label: str
    split: str
    piece: str
    source: str
    licence: str


def ffmpeg(*arguments, data=None, level="error", said=False):
    """What ffmpeg writes to its output, or with `said` what it says besides."""
    command = ["ffmpeg", "-nostdin" if data is None else "-hide_banner", "-v", level, "-y", *map(str, arguments)]
    done = subprocess.run(command, input=data, capture_output=True)
    text = done.stderr.decode(errors="replace")
    if done.returncode != 0:
        raise ExcerptError(f"ffmpeg failed: {text.strip()[-300:]}")
    return text if said else done.stdout


def samples_of(excerpt, speed=1.0, filters="anull"):
    """The excerpt as mono samples; `speed` times as much of the track is read."""
    raw = ffmpeg("-ss", f"{excerpt.start:.3f}", "-t", f"{SECONDS * speed:.3f}", "-i", excerpt.track, "-vn",
                 "-af", f"aresample={RATE},aformat=channel_layouts=mono,{filters}", "-ar", RATE, "-f", "f32le", "-")
    if not raw:
        raise ExcerptError(f"{excerpt.track} holds nothing at {excerpt.start:.1f} s")
    return np.frombuffer(raw, "<f4")


def write(samples, drawn, target):
    """Writes samples and gives back what was drawn for them; None, and no file, for silence."""
    if rms(samples) < SILENCE:
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    pcm = np.clip(np.round(samples * 32767), -32768, 32767).astype("<i2").tobytes()
    ffmpeg("-f", "s16le", "-ar", RATE, "-ac", 1, "-i", "-", *VORBIS, part, data=pcm)
    os.replace(part, target)
    return drawn


def cut_plain(excerpt, target):
    """Writes the excerpt as it is and gives whether it is more than silence, in one go: most excerpts are cut so."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    said = ffmpeg("-ss", f"{excerpt.start:.3f}", "-t", SECONDS, "-i", excerpt.track, "-vn", "-map_metadata", "-1", "-af",
                  f"aresample={RATE},aformat=channel_layouts=mono,volumedetect", "-ar", RATE,
                  *VORBIS, part, level="info", said=True)
    found = re.search(r"mean_volume: (-?[\d.]+|-inf) dB", said)
    if not found or float(found[1]) < 20 * math.log10(SILENCE):
        part.unlink()
        return False
    os.replace(part, target)
    return True


def rms(samples):
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def fitted(samples):
    """The samples, quieter where they would be cut off."""
    return samples / max(1.0, float(np.abs(samples).max()) / 0.99)


# Alterations. Each draws from `rng` and gives (samples, what was drawn).


def room(excerpt, rng):
    decay, wet = rng.uniform(0.3, 2.5), rng.uniform(0.3, 0.8)
    dry = samples_of(excerpt)
    times = np.arange(int(decay * RATE)) / RATE
    # The level falls by 60 dB within `decay`.
    response = np.random.default_rng(rng.getrandbits(32)).normal(size=len(times)) * 10 ** (-3 * times / decay)
    size = 1 << (len(dry) + len(response)).bit_length()
    heard = np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(response, size), size)[: len(dry)]
    heard *= rms(dry) / max(rms(heard), 1e-9)
    return fitted((1 - wet) * dry + wet * heard), f"room {decay:.1f} s {100 * wet:.0f} %"


def crowd(excerpt, rng):
    below = rng.uniform(5, 20)
    music = samples_of(excerpt)
    noise = np.random.default_rng(rng.getrandbits(32))
    frequency = np.fft.rfftfreq(len(music), 1 / RATE)
    talk = np.zeros(len(music))
    for low, high in [(150, 400), (400, 900), (900, 1800), (1800, 4000)]:
        band = np.flatnonzero((frequency > low) & (frequency < high))
        for _ in range(4):
            spectrum = np.zeros(len(frequency), complex)
            spectrum[band] = noise.normal(size=len(band)) + 1j * noise.normal(size=len(band))
            # Syllables: a new loudness ten times a second. Speech falls by some 6 dB an octave.
            loudness = np.abs(noise.normal(size=len(music) * 10 // RATE + 2))
            times = np.arange(len(music)) * 10 / RATE
            talk += np.fft.irfft(spectrum, len(music)) * np.interp(times, np.arange(len(loudness)), loudness) * 150 / low
    talk *= rms(music) / max(rms(talk), 1e-9) * 10 ** (-below / 20)
    return fitted(music + talk), f"crowd -{below:.0f} dB"


def coded(samples, end, *arguments):
    """The samples, through an encoder and back."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"coded.{end}"
        ffmpeg("-f", "f32le", "-ar", RATE, "-ac", 1, "-i", "-", *arguments, file, data=samples.astype("<f4").tobytes())
        return np.frombuffer(ffmpeg("-i", file, "-ac", 1, "-ar", RATE, "-f", "f32le", "-"), "<f4")[: len(samples)]


def telephone(excerpt, rng):
    samples = samples_of(excerpt, filters="highpass=f=300,highpass=f=300,lowpass=f=3400")
    return coded(samples, "wav", "-ar", 8000, "-c:a", "pcm_mulaw"), "telephone"


def codec(excerpt, rng):
    name, kbps = rng.choice(list(CODECS)), rng.choice([8, 12, 16, 24, 32])
    kbps = max(kbps, 16) if name == "aac" else kbps
    return coded(samples_of(excerpt), CODECS[name], "-c:a", name, "-b:a", f"{kbps}k"), f"codec {name} {kbps} kbit/s"


def tempo(excerpt, rng):
    speed = 0.85 * (1.18 / 0.85) ** rng.random()
    return samples_of(excerpt, speed, f"atempo={speed:.4f}"), f"tempo {speed:.3f}"


def pitch(excerpt, rng):
    steps = rng.choice([-3, -2, -1, 1, 2, 3])
    ratio = 2 ** (steps / 12)
    filters = f"asetrate={round(RATE * ratio)},aresample={RATE},atempo={1 / ratio:.6f}"
    return samples_of(excerpt, filters=filters), f"pitch {steps:+d}"


def tilt(excerpt, rng):
    gain = rng.choice([-1, 1]) * rng.uniform(4, 10)
    filters = f"bass=g={gain:.1f}:f=300,treble=g={-gain:.1f}:f=2500"
    return fitted(samples_of(excerpt, filters=filters)), f"tilt {gain:+.1f} dB"


ALTERATIONS = [room, crowd, telephone, codec, tempo, pitch, tilt]


def summed(excerpt, other, below):
    first, second = samples_of(excerpt), samples_of(other)
    second = np.resize(second, len(first))
    second = second * (rms(first) / max(rms(second), SILENCE) * 10 ** (-below / 20))
    return fitted(first + second)


# What is to be cut.


def seconds_of(track, row):
    if row.get("seconds"):
        return float(row["seconds"])
    if track.suffix[1:].lower() not in READERS or not (seconds := probe(track)[0]):
        raise ExcerptError(f"{track}: nothing says how long it lasts; give its row a column seconds")
    return seconds


def excerpts_of(collection, most):
    """Every excerpt of a collection, in the manifest's order."""
    manifest = collection / "manifest.csv"
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise ExcerptError(f"{manifest}: {error.strerror}") from None
    if not rows or not {"path", "label", "split"} <= rows[0].keys():
        raise ExcerptError(f"{manifest}: has no rows with path, label and split")
    names = [(row["label"], Path(row["path"]).stem) for row in rows]
    count = Counter(names)
    for row, (label, stem) in zip(rows, names):
        track = collection / row["path"]
        seconds = seconds_of(track, row)
        if seconds < LEAST_SECONDS:
            continue
        piece = f"{collection.name}/{row.get('piece') or row.get('group') or row['path']}"
        stem = stem if count[label, stem] == 1 else Path(row["path"]).name
        for number, part in enumerate(STARTS[max(1, min(most, int(seconds / SECONDS)))], 1):
            latest = max(0.0, seconds - SECONDS)
            start = latest / 2 if part is None else min(part * seconds, latest)
            yield Excerpt(track, start, f"{label}/{stem}-{number}", label, row["split"], piece,
                          f"{collection.name}/{row['path']} {start:.1f}", row.get("licence") or "")


def plan(excerpts, args):
    """(row of the manifest, function that writes the file) of each file, the unaltered ones first. The function gives what was
    drawn, None where the excerpt is silent and no file was written."""
    by_split = {}
    for excerpt in excerpts:
        by_split.setdefault(excerpt.split, []).append(excerpt)

    def row(excerpt, ending, alteration, licence):
        return {"path": f"{excerpt.name}{ending}.ogg", "label": excerpt.label, "split": excerpt.split, "group": excerpt.piece,
                "piece": excerpt.piece, "source": excerpt.source, "alteration": alteration, "licence": licence}

    for excerpt in excerpts:
        yield row(excerpt, "", "", excerpt.licence), lambda target, e=excerpt: "" if cut_plain(e, target) else None
    for excerpt in excerpts:
        rng = random.Random(f"{args.seed}/{excerpt.name}")
        if rng.random() < args.altered:
            alter = rng.choice(ALTERATIONS)
            # What is drawn is known once it is done; the seed says the same each time.
            yield (row(excerpt, f"-{alter.__name__}", None, excerpt.licence),
                   lambda target, e=excerpt, a=alter: write(*a(e, random.Random(f"{args.seed}/{e.name}/{a.__name__}")), target))
        if rng.random() < args.sums:
            # By a hash of both, so that a further collection changes few partners.
            others = (o for o in by_split[excerpt.split] if o.piece != excerpt.piece)
            other = min(others, key=lambda o: hashlib.sha256(f"{excerpt.name}/{o.name}".encode()).digest(), default=None)
            if other:
                below = rng.uniform(0, 12)
                drawn = f"sum with {other.source} -{below:.0f} dB"
                licences = " and ".join(dict.fromkeys(filter(None, [excerpt.licence, other.licence])))
                yield (row(excerpt, "-sum", drawn, licences),
                       lambda target, e=excerpt, o=other, b=below, d=drawn: write(summed(e, o, b), d, target))


def cut(planned, known, out):
    """Writes one file unless it is there, and gives its row; None for a silent one."""
    row, make = planned
    target, before = out / row["path"], known.get(row["path"], {})
    if target.exists() and all(value is None or before.get(name) == value for name, value in row.items()):
        return before
    row["alteration"] = make(target)
    return None if row["alteration"] is None else row


def read_manifest(path):
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def write_manifest(path, rows):
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: row["path"]))
    os.replace(part, path)


def parse_arguments():
    parser = argparse.ArgumentParser(description="Cut excerpts, and altered copies, from collections of music.")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write (made if missing)")
    parser.add_argument("collections", type=Path, nargs="+", metavar="COLLECTION", help="folder with a manifest.csv")
    parser.add_argument("--most", type=int, default=3, choices=STARTS, help="excerpts a track (default 3)")
    parser.add_argument("--altered", type=float, default=0.3, metavar="SHARE", help="altered copies (default 0.3)")
    parser.add_argument("--sums", type=float, default=0.1, metavar="SHARE", help="sums of two tracks (default 0.1)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="excerpts at once (default 2)")
    args = parser.parse_args()
    if not 0 <= args.altered <= 1 or not 0 <= args.sums <= 1 or args.jobs < 1:
        parser.error("shares lie in 0..1, and jobs start at 1")
    return args


def main():
    args = parse_arguments()
    if not shutil.which("ffmpeg"):
        raise ExcerptError("needs ffmpeg: apt-get install ffmpeg")
    excerpts = [excerpt for collection in args.collections for excerpt in excerpts_of(collection, args.most)]
    twice = [name for name, count in Counter(excerpt.name for excerpt in excerpts).items() if count > 1]
    if twice:
        raise ExcerptError(f"two collections have a track {twice[0]}: rename a label in one of the manifests")
    args.out.mkdir(parents=True, exist_ok=True)
    manifest = args.out / "manifest.csv"
    known = read_manifest(manifest)
    work = list(plan(excerpts, args))
    # What an earlier run cut stays listed until its turn comes, so that this run may be interrupted too.
    rows = {path: known[path] for path in (row["path"] for row, _ in work) if path in known}
    failures = []

    def one(planned):
        path = planned[0]["path"]
        try:
            row = cut(planned, known, args.out)
        except (ExcerptError, OSError) as error:
            failures.append(f"{path}: {error}")
            row = None
        if row:
            rows[path] = row
        else:
            rows.pop(path, None)

    pool = ThreadPoolExecutor(args.jobs)
    try:
        for done, _ in enumerate(pool.map(one, work), 1):
            print(f"\r{done}/{len(work)} excerpts", end="", file=sys.stderr, flush=True)
            if done % 200 == 0:
                write_manifest(manifest, list(rows.values()))
    finally:
        # Interrupted too: what is cut is listed, and what was not begun is not waited for.
        pool.shutdown(cancel_futures=True)
        write_manifest(manifest, rows.values())
    print(file=sys.stderr)
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"{len(rows)} excerpts of {len({row['piece'] for row in rows.values()})} pieces; {len(work) - len(rows)} silent or failed")
    if failures:
        raise ExcerptError(f"{len(failures)} of {len(work)} excerpts failed; the same command tries them again")


if __name__ == "__main__":
    try:
        main()
    except ExcerptError as error:
        sys.exit(f"excerpts: {error}")
    except KeyboardInterrupt:
        sys.exit("excerpts: interrupted; the same command goes on")
