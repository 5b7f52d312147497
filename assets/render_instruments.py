#!/usr/bin/env python3
"""Render notes and short phrases of 48 General MIDI instruments through two sound fonts, for instrument recognition.

Each clip is one instrument, either a single note or a phrase of 2 to 6 notes, with pitches inside the instrument's
range, loudness, reverberation, tone and level drawn at random. Every instrument is played through both sound fonts,
FluidR3_GM and TimGM6mb, with other notes in each.

Needs Python 3.11 or later, its standard library only, and these programs and sound fonts (Debian, Ubuntu):

    apt-get install fluidsynth ffmpeg vorbis-tools fluid-soundfont-gm timgm6mb-soundfont

The set of docs/sets.md is what this prints with its defaults:

    python3 assets/render_instruments.py --out DIR

DIR receives <sound font>/<instrument>/<instrument>-<number>.ogg and three manifests with the same columns and the same
split, whole instruments to train, validation or test, some of each family in each:

    FluidR3_GM.csv, TimGM6mb.csv   one sound font: learn an instrument from one, find it in the other
    manifest.csv                   both: train on some instruments, test on others

Columns: path (relative to DIR), label (the instrument), split, group (<instrument>/<sound font>/<pitches>: clips of the
same notes must not stand on both sides of an episode), family, soundfont, program (General MIDI, from 0), kind (note or
phrase), pitches (MIDI keys), velocity (of the first note), seed.

Within one sound font an instrument is a few samples at shifted pitch, and a network can learn those instead of the
instrument: only a test across the two sound fonts tells. They were made by different people, and no sample was found in
both (docs/sets.md). MuseScore_General, the third font of the corpus, descends from FluidR3 and is left out for this.
Synthesised notes are no recordings: NSynth, IRMAS, OpenMIC or Medley-solos-DB hold real ones.

What is the same each time: a clip hangs on --seed, its instrument, sound font, number and --seconds and nothing else;
the manifests are the same on every machine; the bytes of the audio also hang on the versions of fluidsynth, ffmpeg and
libvorbis, the sound fonts and the processor. A clip that is already there, and whose row in manifest.csv is the one
that would be written now, is not rendered again: an interrupted run resumes. --bitrate stands in no row: give a new
folder when it changes.
"""

import random
import sys
from dataclasses import dataclass
from functools import partial

from midi import Score
from rendering import (
    SYNTHESIS_PROGRAMS, RenderError, argument_parser, check_tools, draw_room, is_rendered, parse, read_manifest,
    render_all, render_midi, write_manifest,
)

COLUMNS = "path label split group family soundfont program kind pitches velocity seed".split()
FONTS = ["FluidR3_GM", "TimGM6mb"]

# family | instrument | General MIDI program (from 0) | lowest and highest key, as players use it | split
INSTRUMENT_TABLE = """
keyboard | piano | 0 | 33 | 96 | train
keyboard | electric_piano | 4 | 36 | 88 | train
keyboard | harpsichord | 6 | 36 | 84 | test
keyboard | clavinet | 7 | 36 | 84 | validation
keyboard | celesta | 8 | 60 | 103 | train
organ | drawbar_organ | 16 | 36 | 91 | train
organ | church_organ | 19 | 36 | 91 | test
organ | accordion | 21 | 53 | 89 | train
organ | harmonica | 22 | 60 | 84 | validation
mallet | glockenspiel | 9 | 72 | 103 | test
mallet | vibraphone | 11 | 53 | 89 | train
mallet | marimba | 12 | 48 | 84 | train
mallet | xylophone | 13 | 65 | 96 | validation
mallet | tubular_bells | 14 | 60 | 77 | train
mallet | kalimba | 108 | 53 | 84 | test
mallet | steel_drums | 114 | 55 | 84 | train
drum | timpani | 47 | 36 | 57 | train
drum | taiko | 116 | 40 | 60 | test
plucked | dulcimer | 15 | 55 | 84 | train
plucked | nylon_guitar | 24 | 40 | 79 | train
plucked | steel_guitar | 25 | 40 | 79 | test
plucked | jazz_guitar | 26 | 40 | 79 | train
plucked | muted_guitar | 28 | 40 | 72 | train
plucked | distortion_guitar | 30 | 40 | 79 | validation
plucked | harp | 46 | 36 | 91 | train
plucked | sitar | 104 | 48 | 76 | test
plucked | banjo | 105 | 50 | 79 | train
plucked | koto | 107 | 50 | 84 | validation
bass | acoustic_bass | 32 | 28 | 55 | train
bass | slap_bass | 36 | 28 | 55 | train
bass | synth_bass | 38 | 28 | 55 | test
strings | violin | 40 | 55 | 96 | test
strings | cello | 42 | 36 | 72 | train
strings | contrabass | 43 | 28 | 55 | validation
strings | pizzicato | 45 | 36 | 84 | train
strings | string_section | 48 | 36 | 91 | train
voice | choir | 52 | 48 | 79 | train
brass | trumpet | 56 | 55 | 82 | train
brass | trombone | 57 | 40 | 70 | test
brass | tuba | 58 | 28 | 55 | train
brass | french_horn | 60 | 41 | 74 | validation
reed | alto_saxophone | 65 | 50 | 80 | train
reed | oboe | 68 | 58 | 89 | test
reed | bassoon | 70 | 34 | 67 | train
reed | clarinet | 71 | 50 | 87 | train
reed | bagpipe | 109 | 55 | 77 | validation
flute | flute | 73 | 60 | 93 | train
flute | pan_flute | 75 | 60 | 89 | test
"""


@dataclass(frozen=True)
class Instrument:
    family: str
    name: str
    program: int
    low: int
    high: int
    split: str


def read_instruments():
    instruments = {}
    for line in INSTRUMENT_TABLE.strip().splitlines():
        family, name, program, low, high, split = (field.strip() for field in line.split("|"))
        instruments[name] = Instrument(family, name, int(program), int(low), int(high), split)
    return instruments


def draw_notes(instrument, number, seconds, seed, rng):
    """(start, length, key, velocity) of each note, in seconds. Single notes take each key once before any again."""
    low, high = instrument.low, instrument.high
    if number % 2 == 0:
        keys = list(range(low, high + 1))
        random.Random(seed).shuffle(keys)
        return [(0.05, rng.uniform(0.5, 0.9) * seconds, keys[number // 2 % len(keys)], rng.randint(45, 120))]
    notes, start, key = [], 0.05, rng.randint(low, high)
    count = rng.randint(2, 6)
    shares = [rng.choice([1, 1, 2, 3]) for _ in range(count)]
    velocity = rng.randint(50, 110)
    for share in shares:
        length = 0.9 * seconds * share / sum(shares)
        notes.append((start, length * rng.uniform(0.6, 1), key, max(30, min(125, velocity + rng.randint(-12, 12)))))
        start += length
        step = rng.choice([-7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7])
        key = key + step if low <= key + step <= high else key - step
    return notes


def render(instrument, font, number, args):
    """Renders one clip to its file, unless it is there already, and returns its manifest row."""
    source = f"{args.seed}/{instrument.name}/{font}"
    seed = f"{source}/{number}"
    rng = random.Random(seed)
    notes = draw_notes(instrument, number, args.seconds, source, rng)
    pitches = " ".join(str(key) for _, _, key, _ in notes)
    row = {
        "path": f"{font}/{instrument.name}/{instrument.name}-{number:03}.ogg",
        "label": instrument.name,
        "split": instrument.split,
        "group": f"{instrument.name}/{font}/{pitches}",
        "family": instrument.family,
        "soundfont": font,
        "program": instrument.program,
        "kind": "note" if len(notes) == 1 else "phrase",
        "pitches": pitches,
        "velocity": notes[0][3],
        "seed": seed,
    }
    target, known = args.out / row["path"], args.known.get(row["path"], {})
    if not is_rendered(target, row, known):
        score = Score(60)  # a beat is a second
        score.program(0, instrument.program)
        for start, length, key, velocity in notes:
            score.note(0, start, length, key, velocity)
        midi = score.to_bytes(args.seconds + 0.5)
        render_midi(midi, font, draw_room(rng), 0, args.seconds, args.bitrate, target)
    return row


def save(out, rows):
    write_manifest(out / "manifest.csv", COLUMNS, rows)
    for font in FONTS:
        write_manifest(out / f"{font}.csv", COLUMNS, [row for row in rows if row["soundfont"] == font])


def main():
    instruments = read_instruments()
    parser = argument_parser("Render notes of General MIDI instruments through two sound fonts.", 10, 3, 32)
    parser.add_argument("--only", metavar="A,B,...", help="instruments to render and list (default all)")
    args = parse(parser, instruments)
    if args.list:
        for one in instruments.values():
            print(f"{one.name} ({one.family}, {one.split})")
        return
    check_tools(SYNTHESIS_PROGRAMS, FONTS)
    args.out.mkdir(parents=True, exist_ok=True)
    args.known = read_manifest(args.out / "manifest.csv")
    work = [
        (f"{name} clip {number} through {font}", partial(render, instruments[name], font, number, args))
        for number in range(args.clips)
        for name in args.only
        for font in FONTS
    ]
    render_all(work, args.jobs, partial(save, args.out))


if __name__ == "__main__":
    try:
        main()
    except RenderError as error:
        sys.exit(f"render_instruments: {error}")
