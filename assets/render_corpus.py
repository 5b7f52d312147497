#!/usr/bin/env python3
"""Render a corpus of short music clips in named styles, for few-shot genre experiments.

Every clip is a random chord progression played in a groove of MMA (Musical MIDI Accompaniment), with instruments,
drum kit, key, tempo, sound font, tone and level drawn at random. Nothing but the groove is tied to the style: the same
progressions, keys, instrument families and sound fonts serve all styles, and neighbouring styles overlap in tempo.

Needs Python 3.11 or later, its standard library only, and these programs and sound fonts (Debian, Ubuntu):

    apt-get install mma fluidsynth ffmpeg vorbis-tools \\
        fluid-soundfont-gm timgm6mb-soundfont musescore-general-soundfont-small

The embedded corpus is what this prints into assets/corpus with its defaults:

    python3 assets/render_corpus.py --out assets/corpus

and a larger one, of 200 clips a style, is `--out DIR --clips-per-style 200`. `--soundfonts` draws from more of them, or
others: two more are known, opl3-soundfont and csound-soundfont, for clips that sound less alike:

    python3 assets/render_corpus.py --out DIR --clips-per-style 20 --seconds 20 --bitrate 64 \\
        --soundfonts FluidR3_GM,TimGM6mb,MuseScore_General,OPL-3_FM_128M,sf_GMbank

OUT receives <style>/<style>-<number>.ogg and manifest.csv. Its columns: path (relative to OUT), label (the style), split
(train, validation or test: whole styles), group (clips of equal group share groove and chord progression, and must not
stand on both sides of an episode), then what was drawn: groove, tempo (quarter notes a minute as MMA counts them),
key, chords (one field a bar, relative to C), soundfont, programs (channel:General MIDI program), kit, seed.

What is the same each time: a clip's draw depends on --seed, its style, its number and nothing else, so adding styles or
clips leaves the others as they were; the manifest is the same on every machine with Python 3.11 or later; the MIDI is
the same for one version of MMA; the bytes of the audio also hang on the versions of fluidsynth, ffmpeg and libvorbis,
the sound fonts and the processor. A clip that is already there, and whose row in OUT's manifest is the one that would be
written now, is not rendered again: an interrupted run resumes. --seconds and --bitrate stand in no row: give a new
folder when they change.
"""

import argparse
import hashlib
import math
import os
import random
import struct
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rendering import (
    ALL_SOUND_FONTS, DRUM_CHANNEL, NOTES, SOUND_FONTS, SYNTHESIS_PROGRAMS, RenderError, check_tools, draw_room, is_rendered,
    read_manifest, render_all, render_midi, run, write_manifest,
)

# style | split | quarter notes a minute | beats a bar | grooves as library/file:groove, "=N" where N is another tempo
STYLE_TABLE = """
bossa_nova | train | 125 | 4 | stdlib/bossanova:BossaNova stdlib/bossanova:BossaNovaPlus stdlib/bossanova:BossaNova1Sus stdlib/bossanova:BossaNova2Sus stdlib/bossanova:BossaNova3Sus
mambo | train | 180 | 4 | stdlib/mambo:Mambo stdlib/mambo:Mambo1 stdlib/mambo:Mambo2 stdlib/mambo:Mambo3
cha_cha | train | 118 | 4 | stdlib/chacha:ChaCha stdlib/chacha:ChaCha1 stdlib/chacha:ChaChaSus
merengue | train | 215 | 4 | stdlib/merengue:Merengue stdlib/merengue:Merengue1 stdlib/merengue:Merengue2 stdlib/merengue:MerengueSus
tango | train | 118 | 4 | stdlib/tango:Tango stdlib/tango:Tango1 stdlib/tango:TangoClean stdlib/tango:TangoCleanPlus
calypso | train | 180 | 4 | stdlib/calypso:Calypso stdlib/calypso:Calypso1 stdlib/calypso:CalypsoPlus stdlib/calypso:Calypso1Plus
swing | train | 150 | 4 | stdlib/swing:Swing stdlib/swing:Swing1 stdlib/swing:SwingWalk stdlib/swing:Swing1Walk stdlib/swing:SwingPlus
jazz_waltz | train | 150 | 3 | stdlib/jazzwaltz:JazzWaltz stdlib/jazzwaltz:JazzWaltz1 stdlib/jazzwaltz:JazzWaltz2 stdlib/jazzwaltz:JazzWaltzSus
ragtime | train | 190 | 4 | stdlib/ragtime:RagTime stdlib/ragtime:RagtimePlus stdlib/ragtime:RagtimeSus
waltz | train | 140 | 3 | stdlib/waltz:Waltz stdlib/waltz:Waltz1 stdlib/waltz:WaltzWalk stdlib/waltz:WaltzSus
polka | train | 215 | 4 | stdlib/polka:Polka stdlib/polka:PolkaArp stdlib/polka:Polka1 stdlib/polka:Polka1Arp
jive | train | 165 | 4 | stdlib/jive:Jive stdlib/jive:JivePlus stdlib/jive:Jive1 stdlib/jive:JiveClap
rock | train | 120 | 4 | pflib/rock1:rock1A pflib/rock1:rock1B stdlib/basicrock:BasicRock stdlib/basicrock:BasicRock4
metal | train | 130 | 4 | pflib/metal1:metal1A pflib/metal1:metal1B casio/heavymetal:HeavyMetal
blues | train | 115 | 4 | stdlib/blues:Blues stdlib/blues:BluesTriple stdlib/blues:Blues1 stdlib/blues:BluesSus
soul | train | 115 | 4 | kara/8beatmotown:8beatmotownA kara/8beatmotown:8beatmotownB kara/8beatmotown:8beatmotownC kara/8beatmotown:8beatmotownD
funk | train | 110 | 4 | kara/Kfunk1:Kfunk1A kara/Kfunk1:Kfunk1B kara/Kfunk1:Kfunk1C
rhythm_and_blues | train | 105 | 4 | stdlib/rb:R&B stdlib/rb:R&BPlus stdlib/rb:R&BSus stdlib/rb:R&BSusPlus
disco | train | 122 | 4 | stdlib/boneym:BoneyM stdlib/boneym:BoneyMPlus stdlib/boneym:BoneyMSus stdlib/boneym:BoneyMSusPlus
house | train | 124 | 4 | casio/house:House casio/latinhouse:LatinHouse
techno | train | 115 | 4 | alexis/teamtechno:TeamTechno alexis/teamtechno:TeamTechnoSus casio/techno:Techno
trance | train | 135 | 4 | stdlib/trance:Trance stdlib/trance:Trance1 stdlib/trance:Trance2 stdlib/trance:TranceBass1
ballad | train | 75 | 4 | stdlib/ballad:Ballad stdlib/ballad:Ballad1 stdlib/ballad:BalladSus stdlib/ballad:BalladPlus
country | train | 130 | 4 | stdlib/countryswing:CountrySwing stdlib/countryswing:CountrySwing1 stdlib/countryswing:CountrySwing2
bluegrass | train | 205 | 4 | stdlib/bluegrass:BlueGrass stdlib/bluegrass:BlueGrassClap stdlib/bluegrass:BlueGrassBottle stdlib/bluegrass:BlueGrassSus
afro_cuban | train | 180 | 3 | stdlib/afro-cuban:Afro-Cuban stdlib/afro-cuban:Afro-CubanPlus stdlib/afro-cuban:Afro-CubanSus
salsa | validation | 98 | 4 | yamaha/salsa1:Salsa1MainA yamaha/salsa1:Salsa1MainB yamaha/salsa2:Salsa2MainA yamaha/salsa2:Salsa2MainB
bolero | validation | 100 | 4 | stdlib/bolero:Bolero stdlib/bolero:BoleroAlt stdlib/bolero:Bolero1 stdlib/bolero:BoleroSus
boogie | validation | 150 | 4 | stdlib/boggiewoggie:BoggieWoggie stdlib/boggiewoggie:BoggieWoggie1 stdlib/boggiewoggie:BoggieWoggie2 stdlib/boggiewoggie:BoggieWoggie3
gypsy_jazz | validation | 180 | 4 | stdlib/gypsyjazz:GypsyJazz stdlib/gypsyjazz:GypsyJazzSus stdlib/gypsyjazz:GypsyJazzFiddle stdlib/gypsyjazz:GypsyJazzGuitar
slow_rock | validation | 75 | 4 | stdlib/rock-128:Rock128 stdlib/rock-128:Rock128Plus stdlib/rock-128:Rock128Sus stdlib/rock-128:Rock128Plain
hip_hop | validation | 92 | 4 | alexis/hiphop:HipHop alexis/hiphop:HipHopSusPlus1 alexis/hiphop:HipHopPlus2 alexis/hiphop:HipHopPlus1
samba | test | 195 | 4 | stdlib/samba:Samba stdlib/samba:SambaPlus stdlib/samba:SambaSus stdlib/samba:SambaSusPlus
rumba | test | 115 | 4 | stdlib/rhumba:Rhumba stdlib/rhumba:Rhumba1 stdlib/rhumba:Rhumba2 stdlib/rhumba:Rhumba3 stdlib/rhumba:RhumbaTriple
dixieland | test | 205 | 4 | stdlib/dixie:Dixie stdlib/dixie:Dixie1 stdlib/dixie:Dixie2 stdlib/dixie:Dixie3 stdlib/dixie:DixieStrum
march | test | 210 | 4 | stdlib/march:March stdlib/march:March1 stdlib/march:March2 stdlib/march:March3
folk | test | 110 | 4 | stdlib/folk:Folk stdlib/folk:FolkArticulated stdlib/folk:FolkWalk stdlib/folk:FolkSus
ska | test | 130 | 4 | stdlib/ska:Ska stdlib/ska:Ska1 stdlib/ska:SkaSus stdlib/ska:SkaClap
"""

# General MIDI programs (from 0) that may stand in for one another: plucked and struck, driven, bowed and held, blown.
FAMILIES = [
    (range(32, 40), list(range(32, 40))),
    (range(29, 32), [16, 18, 27, 28, 29, 30, 31, 62, 81, 84]),
    (
        [*range(0, 16), *range(24, 29), 45, 46, 47, *range(96, 120)],
        [*range(0, 8), 8, 11, 12, 13, 15, 16, 17, *range(24, 29), 45, 46, 104, 105, 107, 108],
    ),
    ([*range(16, 24), *range(40, 45), *range(48, 56), *range(88, 96)], [16, 19, 20, 21, 23, 40, 42, 44, *range(48, 53), 89, 90, 92, 94]),
    (range(56, 88), [*range(56, 62), *range(64, 69), 71, 73, 75, 21, 22, 40, 80, 81]),
]
SWAP_PROBABILITY = 0.6
DRUM_KITS = [0, 8, 16, 24, 25, 32, 40]

# Scale degrees in semitones with the chord qualities that may stand on each.
MODES = {
    "major": [(0, ["", "M7", "6", "sus2"]), (2, ["m", "m7"]), (4, ["m", "m7"]), (5, ["", "M7", "6"]), (7, ["", "7", "9", "sus4"]), (9, ["m", "m7"]), (10, [""])],
    "minor": [(0, ["m", "m7", "m9"]), (3, ["", "M7"]), (5, ["m", "m7"]), (7, ["m", "m7", "7"]), (8, ["", "M7"]), (10, ["", "7"]), (2, ["m7b5"])],
    "mixolydian": [(0, ["", "7", "9"]), (5, ["", "7"]), (7, ["m7", "7"]), (10, ["", "M7"]), (2, ["m7"]), (9, ["m", "m7"]), (3, [""])],
    "dorian": [(0, ["m", "m7", "m6"]), (5, ["", "7", "9"]), (10, ["", "M7"]), (2, ["m", "m7"]), (3, ["", "M7"]), (7, ["m7", "m"]), (9, ["m7b5"])],
}


COLUMNS = "path label split group groove tempo key chords soundfont programs kit seed".split()


@dataclass(frozen=True)
class Style:
    """A musical style: its split, beats a bar, and (groove, tempo) pairs."""

    name: str
    split: str
    beats: int
    grooves: list


def read_styles():
    styles = {}
    for line in STYLE_TABLE.strip().splitlines():
        name, split, tempo, beats, grooves = (field.strip() for field in line.split("|"))
        pairs = [g.split("=") if "=" in g else (g, tempo) for g in grooves.split()]
        styles[name] = Style(name, split, int(beats), [(g, float(t)) for g, t in pairs])
    return styles


def progression(rng):
    """Bars of chords, relative to C: each bar is one or two (degree in semitones, quality) pairs.

    A phrase of 2, 4 or 8 bars is drawn and repeated, as songs do.
    """
    degrees = MODES[rng.choice(list(MODES))]
    weights = [5, 3, 2, 4, 4, 3, 1]

    def chord():
        degree, qualities = rng.choices(degrees, weights)[0]
        return degree, rng.choice(qualities)

    phrase = [[(degrees[0][0], rng.choice(degrees[0][1]))]]
    for _ in range(rng.choice([2, 4, 4, 8]) - 1):
        kind = rng.random()
        if kind < 0.15:
            phrase.append(phrase[-1][-1:])
        elif kind < 0.75:
            phrase.append([chord()])
        else:
            phrase.append([chord(), chord()])
    return phrase


def plan_clip(style, number, seed, soundfonts):
    """Everything that is random about a clip, as a row of the manifest plus what rendering needs."""
    clip_seed = f"{seed}/{style.name}/{number}"
    # The grooves come in turn, in an order of the style's own, so that each is heard equally often.
    order = style.grooves[:]
    random.Random(f"{seed}/{style.name}").shuffle(order)
    groove, normal_tempo = order[number % len(order)]

    rng = random.Random(clip_seed)
    phrase = progression(rng)
    chords = " ".join("-".join(NOTES[d] + q for d, q in bar) for bar in phrase)
    key = rng.randrange(12)
    tempo = round(normal_tempo * math.exp(rng.uniform(-0.17, 0.17)))
    soundfont = rng.choice(soundfonts)
    row = {
        "path": f"{style.name}/{style.name}-{number:03}.ogg",
        "label": style.name,
        "split": style.split,
        "group": hashlib.sha256(f"{groove} {chords}".encode()).hexdigest()[:12],
        "groove": groove,
        "tempo": tempo,
        "key": NOTES[key],
        "chords": chords,
        "soundfont": soundfont,
        "kit": rng.choice(DRUM_KITS),
        "seed": clip_seed,
    }
    return row, phrase, key


def mma_source(row, style, phrase, key, bars, rng):
    lines = [f"RndSeed {rng.randrange(2**31)}", f"Time {style.beats}", f"Tempo {row['tempo']}", f"Groove {row['groove']}"]
    for bar in range(bars):
        names = [NOTES[(d + key) % 12] + q for d, q in phrase[bar % len(phrase)]]
        second = style.beats // 2 + 1
        lines.append(f"{bar + 1} {names[0]}" + (f" {names[1]}@{second}" if len(names) > 1 else ""))
    return "\n".join(lines) + "\n"


def variable_length(data, at):
    value = 0
    while True:
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at


def midi_events(track):
    """Yields (delta bytes, status, data bytes, bytes that follow as they are) of a MIDI track chunk."""
    at, status = 0, 0
    while at < len(track):
        start = at
        _, at = variable_length(track, at)
        delta = track[start:at]
        if track[at] >= 0x80:
            status = track[at]
            at += 1
        if status == 0xFF or status in (0xF0, 0xF7):
            begin = at
            at += status == 0xFF
            length, at = variable_length(track, at)
            at += length
            yield delta, status, track[begin:at]
        else:
            size = 1 if status & 0xE0 == 0xC0 else 2
            yield delta, status, track[at : at + size]
            at += size


def reorchestrate(midi, kit, rng):
    """The same MIDI file with other instruments and loudness per channel, and another drum kit."""
    programs, gains = {}, {}
    for channel in range(16):
        swap, pick, gain = rng.random(), rng.random(), rng.uniform(0.7, 1.15)
        programs[channel] = (swap, pick)
        gains[channel] = gain
    out, at, used = [midi[:14]], 14, {}
    while at < len(midi):
        size = struct.unpack(">I", midi[at + 4 : at + 8])[0]
        body, first = bytearray(), True
        for delta, status, data in midi_events(midi[at + 8 : at + 8 + size]):
            channel = status & 0x0F
            if status & 0xF0 == 0xC0 and channel != DRUM_CHANNEL:
                swap, pick = programs[channel]
                program = data[0]
                if swap < SWAP_PROBABILITY:
                    family = next((to for members, to in FAMILIES if program in members), [program])
                    program = family[int(pick * len(family))]
                used[channel] = program
                data = bytes([program])
            elif status == 0xC0 | DRUM_CHANNEL:
                data = bytes([kit])
            elif status & 0xF0 == 0x90 and data[1] > 0:
                if channel == DRUM_CHANNEL and first:
                    body += delta + bytes([0xC0 | DRUM_CHANNEL, kit])
                    delta, first = b"\0", False
                data = bytes([data[0], max(1, min(127, round(data[1] * gains[channel])))])
            body += delta + bytes([status]) + data
        out.append(b"MTrk" + struct.pack(">I", len(body)) + bytes(body))
        at += 8 + size
    return b"".join(out), used


def render(style, number, args):
    """Renders one clip to its file, unless it is there already, and returns its manifest row."""
    row, phrase, key = plan_clip(style, number, args.seed, args.soundfonts)
    target, known = args.out / row["path"], args.known.get(row["path"], {})
    if is_rendered(target, row, known):
        return known
    rng = random.Random(row["seed"] + "/render")
    bar_seconds = style.beats * 60 / row["tempo"]
    start = rng.uniform(2, 8) * bar_seconds
    bars = math.ceil((start + args.seconds) / bar_seconds) + 1
    room = draw_room(rng)
    with tempfile.TemporaryDirectory() as folder:
        source, midi = Path(folder) / "clip.mma", Path(folder) / "clip.mid"
        source.write_text(mma_source(row, style, phrase, key, bars, rng))
        run(["mma", source, "-f", midi], cwd=folder)
        data, programs = reorchestrate(midi.read_bytes(), row["kit"], rng)
    row["programs"] = " ".join(f"{c}:{p}" for c, p in sorted(programs.items()))
    render_midi(data, row["soundfont"], room, start, args.seconds, args.bitrate, target)
    return row


def parse_arguments(styles):
    parser = argparse.ArgumentParser(description="Render a corpus of music clips in named styles from MMA grooves.")
    parser.add_argument("--out", type=Path, help="folder to write (made if missing)")
    parser.add_argument("--clips-per-style", type=int, default=10, metavar="N", help="(default 10)")
    parser.add_argument("--seconds", type=float, default=4.5, metavar="S", help="length of a clip (default 4.5)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--styles", default=",".join(styles), metavar="A,B,...", help="styles to render (default all)")
    parser.add_argument("--bitrate", type=int, default=16, metavar="KBPS", help="Vorbis bit rate, 16 to 80 (default 16)")
    parser.add_argument("--soundfonts", default=",".join(SOUND_FONTS), metavar="A,B,...",
                        help=f"sound fonts to draw from: {', '.join(ALL_SOUND_FONTS)} (default the first three)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="clips at once")
    parser.add_argument("--list", action="store_true", help="print the styles with their grooves and tempi, and stop")
    args = parser.parse_args()
    args.styles = args.styles.split(",")
    unknown = [name for name in args.styles if name not in styles]
    if unknown:
        parser.error(f"no style is called {', '.join(unknown)}; --list shows them")
    args.soundfonts = args.soundfonts.split(",")
    unknown = [name for name in args.soundfonts if name not in ALL_SOUND_FONTS]
    if unknown:
        parser.error(f"no sound font is called {', '.join(unknown)}; there are {', '.join(ALL_SOUND_FONTS)}")
    if not args.list and args.out is None:
        parser.error("--out DIR is needed")
    if args.clips_per_style < 1 or args.jobs < 1 or not 0.5 <= args.seconds <= 600 or not 16 <= args.bitrate <= 80:
        parser.error("clips and jobs start at 1, seconds lie in 0.5..600, bit rate in 16..80")
    return args


def main():
    styles = read_styles()
    args = parse_arguments(styles)
    if args.list:
        for style in styles.values():
            print(f"{style.name} ({style.split}, {style.beats} beats a bar)")
            for groove, tempo in style.grooves:
                print(f"    {groove} at {tempo:g}")
        return
    check_tools({"mma": "mma", **SYNTHESIS_PROGRAMS}, args.soundfonts)
    args.out.mkdir(parents=True, exist_ok=True)
    manifest = args.out / "manifest.csv"
    args.known = read_manifest(manifest)
    work = [
        (f"{name} clip {number}", partial(render, styles[name], number, args))
        for name in args.styles
        for number in range(args.clips_per_style)
    ]
    render_all(work, args.jobs, partial(write_manifest, manifest, COLUMNS))


if __name__ == "__main__":
    try:
        main()
    except RenderError as error:
        sys.exit(f"render_corpus: {error}")
