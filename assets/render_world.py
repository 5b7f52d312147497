#!/usr/bin/env python3
"""Render a test set of music sketches after traditions that the corpus does not hold: 18 classes from seven regions.

Each clip is composed by rules of its class (metre, drum patterns, scale, tuning, how a melody moves), with a melody of
its own by a random walk, and played through a sound font. Neighbouring classes draw from the same instruments, drums,
kits, sound fonts and tempi, so that what tells them apart is rhythm, scale or tuning; `--list` shows them. The whole
set has split test: nothing is to be trained on it. docs/sets.md says what each class is made of, and its sources.

THESE ARE SYNTHESISED SKETCHES OF A FEW TRAITS, AND NO SUBSTITUTE FOR RECORDINGS. General MIDI has no oud, tabla, ney or
gamelan: guitars, bongos, flutes and vibraphones stand in. A random walk knows no form, no phrase of a tradition and no
performer, and one reading of a rule stands for what differs by region, school and player. A figure measured here says
how a network deals with metres and tunings it was not trained on, and nothing about any music of the world. For that,
take recordings with permission: Saraga (Carnatic and Hindustani), the Dunya corpora (Turkish makam, Arab-Andalusian,
Beijing opera), and the like.

Needs Python 3.11 or later, its standard library only, and these programs and sound fonts (Debian, Ubuntu):

    apt-get install fluidsynth ffmpeg vorbis-tools \\
        fluid-soundfont-gm timgm6mb-soundfont musescore-general-soundfont-small

The set of docs/sets.md is what this prints with its defaults:

    python3 assets/render_world.py --out DIR

DIR receives <class>/<class>-<number>.ogg and manifest.csv. Its columns: path (relative to DIR), label (the class),
split (test), group (a clip's music: no two clips share it), culture, metre, tempo (of the metre's lower unit, a
minute), key (the note nearest to the tonic), tuning (the scale in cents above the tonic, as played), soundfont,
programs (General MIDI, from 0), kit, seed.

What is the same each time: a clip hangs on --seed, its class, its number and --seconds and nothing else; the manifest
is the same on every machine; the bytes of the audio also hang on the versions of fluidsynth, ffmpeg and libvorbis, the
sound fonts and the processor. A clip that is already there, and whose row in DIR's manifest is the one that would be
written now, is not rendered again: an interrupted run resumes. --bitrate stands in no row: give a new folder when it
changes.
"""

import hashlib
import math
import random
import re
import sys
from dataclasses import dataclass
from functools import partial

from midi import Score, Voice
from rendering import (
    DRUM_CHANNEL, NOTES, SOUND_FONTS, SYNTHESIS_PROGRAMS, RenderError, argument_parser, check_tools, draw_room,
    is_rendered, parse, read_manifest, render_all, render_midi, write_manifest,
)

COLUMNS = "path label split group culture metre tempo key tuning soundfont programs kit seed".split()
KITS = [0, 8, 32]

# General MIDI programs (from 0) by what they stand in for. Classes share them.
BASSES = [32, 33, 35]
GUITARS = [24, 25, 15, 105]  # nylon, steel, dulcimer, banjo
LUTES = [24, 25, 104, 106, 107, 15]  # guitars, sitar, shamisen, koto, dulcimer
FLUTES = [72, 73, 74, 75, 77]
FIDDLES = [40, 42, 110]
REEDS = [68, 71, 111]  # oboe, clarinet, shanai
FREE_REEDS = [20, 21, 22]  # harmonium and harmonica, accordion
METAL_BARS = [8, 9, 11, 14, 98, 114]
WOOD_BARS = [12, 13, 108]

# Keys of the General MIDI drum map.
LOW_DRUMS = [36, 41, 43, 61, 64]
HIGH_DRUMS = [50, 60, 63, 65]
DRY = [37, 62, 75, 76, 77]
SHAKERS = [54, 69, 70]
BELLS = [56, 67, 68]


@dataclass(frozen=True)
class Scale:
    """Steps in semitones above the tonic, and the size of the octave."""

    steps: tuple
    octave: float = 12

    def pitch(self, degree):
        octave, step = divmod(degree, len(self.steps))
        return octave * self.octave + self.steps[step]

    def cents(self):
        return " ".join(str(round(100 * step)) for step in (*self.steps, self.octave))


class Piece:
    """A clip being composed. A beat is the lower unit of the metre (a quarter in 4/4, an eighth in 7/8)."""

    def __init__(self, rng, seconds, metre, tempo, scale, lowest_tonic=55):
        self.rng, self.metre, self.scale = rng, metre, scale
        self.tempo = round(tempo)
        self.score = Score(self.tempo)
        self.beats = math.ceil(seconds * self.tempo / 60)
        self.tonic = lowest_tonic + rng.randrange(12)
        self.kit = rng.choice(KITS)
        self.score.program(DRUM_CHANNEL, self.kit)
        self.drum_gain = rng.uniform(0.6, 1)
        self.free_channels = [channel for channel in range(16) if channel != DRUM_CHANNEL]
        self.programs = []

    def chance(self, probability):
        return self.rng.random() < probability

    def beats_of(self, seconds):
        return seconds * self.tempo / 60

    def voice(self, programs, channels=2, gain=1.0):
        """An instrument drawn from `programs` on as many channels as its notes overlap."""
        program = self.rng.choice(programs)
        self.programs.append(program)
        taken, self.free_channels = self.free_channels[:channels], self.free_channels[channels:]
        return Voice(self.score, program, taken, gain * self.rng.uniform(0.8, 1.1))

    def strike(self, beat, key, velocity):
        late = self.beats_of(self.rng.gauss(0.004, 0.004))
        velocity *= self.drum_gain * self.rng.uniform(0.85, 1.1)
        self.score.note(DRUM_CHANNEL, max(0, beat + late), 0.2, key, velocity)

    def cycle(self, text, step, sounds, start=0.0, every=None):
        """Repeats a drum pattern to the end: a letter each `step` beats, its (key, velocity) in `sounds`."""
        while start < self.beats:
            for place, letter in enumerate(text):
                if letter in sounds:
                    self.strike(start + place * step, *sounds[letter])
            start += every or len(text) * step

    def phrase(self, count, low, high, start, end=None, leap=0.2):
        """Scale degrees by a random walk: mostly steps, and leaps that turn back. The last may be given."""
        degrees, degree, back = [], start, 0
        for _ in range(count):
            degrees.append(degree)
            if back:
                step, back = back, 0
            elif self.chance(leap):
                step = self.rng.choice([-4, -3, -2, 2, 3, 4])
                back = -1 if step > 0 else 1
            else:
                step = self.rng.choices([-1, 0, 1], [5, 1, 5])[0]
            degree += step
            if not low <= degree <= high:
                degree = max(low, min(high, degree - 2 * step))
        if end is not None:
            # It comes to the last note by steps.
            for back in range(1, min(4, count) + 1):
                near = end + back - 1 if degrees[-back] > end else end - back + 1
                if back == 1 or abs(degrees[-back] - near) > 1:
                    degrees[-back] = max(low, min(high, near))
        return degrees


def rhythm(text, step):
    """A bar's notes as (place, length): x starts one, a point holds it, - is silence."""
    notes = re.finditer(r"x\.*", text)
    return [(note.start() * step, len(note.group()) * step) for note in notes]


def tune_of(piece, rhythms, low, high, rest):
    """A tune in the form A A' B B': bars of (place, length, degree). `rhythms` draws a bar's (place, length) pairs."""
    def bars(start, end):
        first = rhythms()
        pattern = [first, rhythms(), first, rhythms()]
        count = sum(map(len, pattern))
        degrees = iter(piece.phrase(count, low, high, start, end))
        return [[(place, length, next(degrees)) for place, length in bar] for bar in pattern]

    def other_end(bars, end):
        place, length, _ = bars[-1][-1]
        return [*bars[:-1], [*bars[-1][:-1], (place, length, end)]]

    a = bars(rest, rest + 2)
    b = bars(rest + piece.rng.choice([2, 3, 4]), rest + 1)
    return [*a, *other_end(a, rest), *b, *other_end(b, rest)]


def play_tune(piece, voice, tune, bar_beats, octave=0, ornament=0.2, detached=0.9, slide=0.0):
    """Repeats a tune to the end, with grace notes from the neighbour above and slides from below."""
    rng, scale = piece.rng, piece.scale
    for bar in range(math.ceil(piece.beats / bar_beats)):
        for place, length, degree in tune[bar % len(tune)]:
            beat = bar * bar_beats + place
            pitch = piece.tonic + octave * 12 + scale.pitch(degree)
            velocity = rng.gauss(92 if place == 0 else 82, 6)
            grace = piece.beats_of(0.06)
            if piece.chance(ornament) and length > 2.2 * grace:
                above = scale.pitch(degree + 1) - scale.pitch(degree)
                voice.play(beat, grace, pitch + above, velocity * 0.8)
                voice.play(beat + grace, length * detached - grace, pitch, velocity)
            elif piece.chance(slide):
                time = piece.beats_of(0.09)
                voice.play(beat, length * detached, pitch, velocity, [(0, -rng.uniform(0.7, 2)), (time, 0)])
            else:
                voice.play(beat, length * detached, pitch, velocity)


def subdivide(piece, groups, density):
    """A bar's rhythm: each group of beats whole, in beats, or long and short."""
    notes, at = [], 0
    for size in groups:
        kind = piece.rng.random()
        if kind < density:
            notes += [(at + beat, 1) for beat in range(size)]
        elif kind < density + 0.3 and size > 2:
            notes += [(at, 2), (at + 2, size - 2)]
        else:
            notes.append((at, size))
        at += size
    return notes


# Latin America


def chord(voice, beat, length, pitches, velocity):
    for pitch in pitches:
        voice.play(beat, length, pitch, velocity)


MAJOR, MINOR = Scale((0, 2, 4, 5, 7, 9, 11)), Scale((0, 2, 3, 5, 7, 8, 10))


def triad(scale, degree):
    """Root, third and fifth in semitones above the tonic; the dominant of minor is major."""
    root, third, fifth = (scale.pitch(degree + step) for step in (0, 2, 4))
    return [root, root + 4 if degree == 4 else third, fifth]


def son_montuno(rng, seconds):
    scale = rng.choice([MAJOR, MINOR])
    piece = Piece(rng, seconds, "4/4, son clave 3-2 over two bars", rng.uniform(150, 215), scale)
    chords = rng.choice([[0, 3, 4, 3], [0, 4, 4, 0], [0, 3, 4, 4], [0, 0, 3, 4]])
    piece.cycle("x..x..x...x.x...", 0.5, {"x": (rng.choice([75, 76]), 105)})
    piece.cycle(rng.choice(["ttstttoo", "ttsttlltttstttoo", "tsstttoo"]), 0.5,
                {"t": (62, 45), "s": (62, 80), "o": (63, 95), "l": (64, 90)})
    if piece.chance(0.6):
        piece.cycle("hhhlhhlh" if piece.chance(0.3) else "Hhhhhhll", 0.5, {"H": (60, 85), "h": (60, 55), "l": (61, 75)})
    if piece.chance(0.6):
        piece.cycle("Xxxx", 0.5, {"X": (rng.choice(SHAKERS), 75), "x": (70, 45)})
    else:
        piece.cycle("l.ss", 0.5, {"l": (74, 70), "s": (73, 60)})
    if piece.chance(0.5):
        piece.cycle("X.x.X.xx", 0.5, {"X": (56, 85), "x": (56, 55)})
    bass = piece.voice(BASSES)
    guajeo = piece.voice([0, 1, *GUITARS], 4, 0.9)
    strokes = rng.choice([".x.x.x.xx.xx.x.x", ".xx.x.x.x.xx.x.x", "xx.x.x.xx.xx.x.x"])
    order = [rng.randrange(4) for _ in range(16)]
    for bar in range(math.ceil(piece.beats / 4)):
        now, after = (triad(scale, chords[b % 4]) for b in (bar, bar + 1))
        # The tumbao leaves the first beat out: fifth on two-and, the next bar's root on four, held over.
        bass.play(4 * bar + 1.5, 1.3, piece.tonic - 24 + now[2] - 12 * (now[2] > 9), 95)
        bass.play(4 * bar + 3, 2.2, piece.tonic - 24 + after[0] - 12 * (after[0] > 7), 100)
        for place in range(8):
            slot = place + 8 * (bar % 2)
            if strokes[slot] == "x":
                tones = [now[0], now[1], now[2], now[0] + 12]
                pitch = piece.tonic + tones[order[slot]]
                chord(guajeo, 4 * bar + place / 2, 0.4, [pitch, pitch + 12], rng.gauss(82, 6))
    if piece.chance(0.5):
        lead = piece.voice([56, 57, 73, 71, 22])
        syncopated = lambda: rhythm(rng.choice(["-x.x.-x.", "xx.x..-x", "--xx...-"]), 0.5)
        play_tune(piece, lead, tune_of(piece, syncopated, 0, 9, 4), 4, octave=1, ornament=0.05)
    return piece


def batucada(rng, seconds):
    scale = rng.choice([MAJOR, MINOR])
    piece = Piece(rng, seconds, "2/4", rng.uniform(100, 138), scale)
    swing = rng.uniform(0, 0.04)

    def sixteenths(text, sounds):
        # The second and third sixteenth of a beat come a little early.
        for place in range(len(text)):
            only = "." * place + text[place] + "." * (len(text) - place - 1)
            early = -swing if place % 4 in (1, 2) else 0
            piece.cycle(only, 0.25, sounds, start=early)

    low, middle, high = rng.choice([(35, 41, 45), (36, 43, 47), (41, 45, 48)])
    piece.cycle("m.l.", 0.5, {"m": (middle, 75), "l": (low, 120)})
    sixteenths(rng.choice(["......h..h..h...", "...h..h....h..h.", "..h..h....h.h..."]), {"h": (high, 85)})
    sixteenths(rng.choice(["X..x.xX.x..X.xx.", "XxxXxxXxXxxXxxXx", "X.xXx.xXX.xXx.xX"]),
               {"X": (rng.choice([38, 40]), 85), "x": (38, 45)})
    teleco = rng.choice(["x.x.xx.x.x.x.xx.", ".x.x.xx.x.x.xx.x", "xxxXxxxXxxxXxxxX"])
    sixteenths(teleco, {"x": (rng.choice([37, 62, 75, 76]), 90), "X": (76, 100)})
    if piece.chance(0.8):
        bells = rng.choice(["h.hh.l.l.h.h.ll.", "h..h.ll.h..l.l..", "l.h.ll.h.h.l.hh."])
        sixteenths(bells, {"h": (67, 80), "l": (68, 80)})
    sixteenths("XxxX", {"X": (rng.choice(SHAKERS), 85), "x": (rng.choice(SHAKERS), 50)})
    if piece.chance(0.4):
        sixteenths(rng.choice(["o..o..m.o..o.m..", "..o.m.o...o.mo.."]), {"o": (79, 90), "m": (78, 80)})
    if piece.chance(0.4):
        sixteenths("X..x..x.", {"X": (65, 90), "x": (66, 75)})
    if piece.chance(0.6):
        cavaquinho = piece.voice(GUITARS, 4, 0.8)
        chords = rng.choice([[0, 4], [0, 5, 1, 4], [0, 0, 4, 4]])
        for slot in range(math.ceil(piece.beats * 4)):
            if teleco[slot % 16] != ".":
                tones = triad(scale, chords[slot // 8 % len(chords)])
                chord(cavaquinho, slot / 4, 0.2, [piece.tonic + 12 + tone for tone in tones], rng.gauss(70, 8))
    return piece


def cumbia(rng, seconds):
    scale = rng.choice([MINOR, MINOR, MAJOR])
    piece = Piece(rng, seconds, "2/4", rng.uniform(84, 112), scale)
    long, short = rng.choice([((74, 85), (73, 65)), ((70, 85), (70, 55)), ((69, 90), (69, 60))])
    piece.cycle("l.ss", 0.25, {"l": long, "s": short})
    piece.cycle(".x", 0.5, {"x": (rng.choice(HIGH_DRUMS), 85)})
    tambora = rng.choice(["L.xxl.xx", "L.x.l.xx", "L..xl.x."])
    piece.cycle(tambora, 0.25, {"L": (rng.choice(LOW_DRUMS), 105), "l": (64, 85), "x": (rng.choice(DRY), 60)})
    for slot in range(math.ceil(piece.beats * 4)):
        if piece.chance(0.25):
            piece.strike(slot / 4, rng.choice([62, 63, 63, 64]), rng.uniform(50, 90))
    if piece.chance(0.4):
        piece.cycle("x.x.", 0.5, {"x": (56, 70)})
    bass, harmony = piece.voice(BASSES), piece.voice([0, *FREE_REEDS, *GUITARS], 3, 0.75)
    chords = rng.choice([[0, 0, 4, 4], [0, 4], [0, 6, 0, 4], [0, 3, 4, 0]])
    for bar in range(math.ceil(piece.beats / 2)):
        tones = triad(scale, chords[bar // 2 % len(chords)])
        root = piece.tonic - 24 + tones[0] - 12 * (tones[0] > 7)
        for place, length, tone in (0, 0.9, 0), (1, 0.45, 2), (1.5, 0.45, 1):
            bass.play(2 * bar + place, length, root + tones[tone] - tones[0], 98)
        for place in (0.5, 1.5):
            chord(harmony, 2 * bar + place, 0.25, [piece.tonic + tone for tone in tones], rng.gauss(72, 5))
    rhythms = lambda: rhythm(rng.choice(["x.x.x.x.", "x...x...", "--x.xxx.", "x.....x."]), 0.25)
    lead = piece.voice([*FREE_REEDS, 71, 56, *FLUTES])
    tune = tune_of(piece, rhythms, -1, 8, rng.choice([0, 4]))
    play_tune(piece, lead, tune, 2, octave=rng.choice([0, 1]), ornament=0.1)
    return piece


# The Balkans: three classes that differ by metre alone

# Minor, dorian, phrygian, hijaz and mixolydian.
BALKAN_SCALES = [
    (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 1, 3, 5, 7, 8, 10), (0, 1, 4, 5, 7, 8, 10),
    (0, 2, 4, 5, 7, 9, 10),
]


def balkan(groups, rng, seconds):
    metre = f"{sum(groups)}/8 ({'+'.join(map(str, groups))})"
    piece = Piece(rng, seconds, metre, rng.uniform(370, 500), Scale(rng.choice(BALKAN_SCALES)))
    bar, starts = sum(groups), [sum(groups[:place]) for place in range(len(groups))]
    long = starts[groups.index(3)]
    # The big drum on the one and the long group, the thin stick on the others and between.
    beat = ["."] * bar
    for start in starts:
        beat[start] = "t"
    beat[0] = beat[long] = "d"
    piece.cycle(beat, 1, {"d": (rng.choice(LOW_DRUMS), 110), "t": (rng.choice(HIGH_DRUMS + DRY), 80)})
    thin = rng.choice(DRY + SHAKERS)
    for slot in range(piece.beats):
        if slot % bar not in starts and piece.chance(0.45):
            piece.strike(slot, thin, rng.uniform(40, 65))
    if piece.chance(0.5):
        piece.cycle(["x" if place in starts else "." for place in range(bar)], 1, {"x": (rng.choice(SHAKERS), 60)})
    lead = piece.voice([*FLUTES, *FIDDLES, *REEDS, *FREE_REEDS, 109])
    tune = tune_of(piece, lambda: subdivide(piece, groups, 0.55), -1, 7, 0)
    octave = 1 if piece.tonic < 61 else 0
    play_tune(piece, lead, tune, bar, octave=octave, ornament=0.3)
    if piece.chance(0.4):
        play_tune(piece, piece.voice([*GUITARS, *FREE_REEDS, *FLUTES], 2, 0.7), tune, bar, octave=octave, ornament=0.1)
    if piece.chance(0.5):
        drone = piece.voice([109, *FREE_REEDS, *FIDDLES], 2, 0.55)
        for start in range(0, piece.beats, bar * 4):
            for pitch in piece.tonic - 12, piece.tonic - 5:
                drone.play(start, bar * 4, pitch, 80)
    else:
        low, chords = piece.voice([*BASSES, *GUITARS]), piece.voice([*GUITARS, *FREE_REEDS], 3, 0.6)
        roots = [rng.choice([0, 0, 0, 3, 6]) for _ in range(4)]
        for number in range(math.ceil(piece.beats / bar)):
            root = roots[number // 2 % 4]
            for start, size in zip(starts, groups):
                tones = [piece.tonic - 12 + piece.scale.pitch(root + step) for step in (0, 4)]
                if start in (0, long):
                    low.play(number * bar + start, 1.2, tones[0] - 12 * (root > 3), 92)
                chord(chords, number * bar + start + (size - 1), 0.7, [tone + 12 for tone in tones], rng.gauss(68, 5))
    return piece


# North India: three ragas over a drone, and a slow alap in any of them or two more

# Swaras in just intonation: small letters are the lower form, M is the raised fourth.
SWARAS = {
    "S": 0, "r": 112, "R": 204, "g": 316, "G": 386, "m": 498,
    "M": 590, "P": 702, "d": 814, "D": 884, "n": 996, "N": 1088,
}


@dataclass(frozen=True)
class Raga:
    """Swaras going up and down, those to dwell on, and those that oscillate."""

    up: str
    down: str
    dwell: str
    oscillate: str = ""


RAGAS = {
    "bhairav": Raga("SrGmPdN", "SrGmPdN", "drSP", "rd"),
    "yaman": Raga("RGMDN", "SRGMPDN", "GNRP"),
    "todi": Raga("SrgMdN", "SrgMPdN", "dgrS", "rgd"),
    "malkauns": Raga("Sgmdn", "Sgmdn", "mSgd", "gd"),
    "bhupali": Raga("SRGPD", "SRGPD", "GDSP"),
}


def tanpura(piece):
    """The drone: fifth (or fourth, where the raga has no fifth), tonic, tonic, low tonic, ringing into each other."""
    voice = piece.voice([104, 46, 15, 25, 24, 107], 4, 0.8)
    first = 7.02 if 7.02 in piece.scale.steps else 4.98
    cycle, start = piece.beats_of(piece.rng.uniform(2.8, 4.4)), 0.0
    while start < piece.beats:
        for place, pitch in (0, first - 12), (0.27, 0), (0.5, 0), (0.73, -12):
            voice.play(start + place * cycle, cycle * 1.1, piece.tonic - 12 + pitch, piece.rng.gauss(72, 4))
        start += cycle


def swara_pitch(swara, octave):
    return SWARAS[swara] / 100 + 12 * octave


def raga_notes(piece, raga, count):
    """Swaras as (letter, octave) by a walk that turns from the ascending to the descending line and back."""
    line = lambda text: [(swara, octave) for octave in (-1, 0, 1) for swara in text]
    up, down = line(raga.up), line(raga.down)
    low, high = -5, 14 + 2.1
    at, rising, notes = ("S", 0), True, []
    while len(notes) < count:
        notes.append(at)
        here = swara_pitch(*at)
        if at[0] in raga.dwell and piece.chance(0.35) or not low < here < high:
            rising = here < low or (here < high and piece.chance(0.5))
        if piece.chance(0.12):
            rising = not rising
        ways = [note for note in (up if rising else down) if (swara_pitch(*note) > here) == rising and note != at]
        if not ways or piece.chance(0.08):
            continue
        ways.sort(key=lambda note: abs(swara_pitch(*note) - here))
        at = ways[1] if len(ways) > 1 and piece.chance(0.1) else ways[0]
    return notes


def gamaka(piece, length, swara, raga, before, glide, meend):
    """The curve of a note, in semitones from its pitch: a slide from the note before, then an oscillation or none."""
    rng, curve, at = piece.rng, [(0, 0)], 0
    if piece.chance(meend) and 0 < abs(before) <= 7:
        at = min(length * 0.5, piece.beats_of(glide))
        curve = [(0, before), (at, 0)]
    period = piece.beats_of(rng.uniform(0.22, 0.4))
    if swara in raga.oscillate and length - at > 1.5 * period:
        depth = rng.uniform(0.25, 0.6)
        at += period * 0.5
        curve.append((at, 0))
        while at + period < length:
            curve += [(at + period * 0.25, depth), (at + period * 0.75, -depth * 0.5), (at + period, 0)]
            at += period
    return curve


def raga_piece(rng, seconds, metre, tempo, raga):
    swaras = [swara for swara in SWARAS if swara in raga.up + raga.down]
    return Piece(rng, seconds, metre, tempo, Scale(tuple(SWARAS[swara] / 100 for swara in swaras)), lowest_tonic=54)


RAGA_LEADS = [104, 24, 25, *FLUTES, *FIDDLES, *REEDS, *FREE_REEDS]


def raga_gat(name, rng, seconds):
    raga = RAGAS[name]
    piece = raga_piece(rng, seconds, "16 (4+4+4+4), teental", rng.uniform(120, 220), raga)
    tanpura(piece)
    if piece.chance(0.75):
        deep, high, dry = rng.choice(LOW_DRUMS), rng.choice(HIGH_DRUMS), rng.choice(DRY)
        # Dha and dhin have the deep drum, ta and tin not: it is silent from the tenth to the thirteenth.
        piece.cycle("ddddddddd....ddd", 1, {"d": (deep, 85)})
        piece.cycle("x", 1, {"x": (high, 75)})
        for slot in range(piece.beats * 2):
            if piece.chance(0.3):
                piece.strike(slot / 2 + 0.25 * piece.chance(0.3), rng.choice([high, dry]), rng.uniform(35, 60))
    lead = piece.voice(RAGA_LEADS, 2)
    octave = 1 if piece.tonic < 60 else 0
    beat, before = 0.0, 0.0
    for swara, register in raga_notes(piece, raga, int(piece.beats * 2) + 16):
        dwells = swara in raga.dwell and piece.chance(0.25)
        length = rng.choice([2, 3, 4]) if dwells else rng.choices([0.5, 1, 2], [4, 4, 1])[0]
        pitch = swara_pitch(swara, register)
        curve = gamaka(piece, length, swara, raga, before - pitch, 0.1, 0.3)
        lead.play(beat, length * 0.95, piece.tonic + 12 * octave + pitch, rng.gauss(90, 7), curve)
        beat, before = beat + length, pitch
    return piece


def alap(rng, seconds):
    raga = RAGAS[rng.choice(list(RAGAS))]
    piece = raga_piece(rng, seconds, "free", 60, raga)
    tanpura(piece)
    lead = piece.voice(RAGA_LEADS, 2)
    octave = 1 if piece.tonic < 60 else 0
    beat, before = rng.uniform(0, 1), 0.0
    for swara, register in raga_notes(piece, raga, int(piece.beats * 2) + 8):
        length = rng.uniform(1.5, 3.5) if swara in raga.dwell else rng.uniform(0.4, 1.4)
        pitch = swara_pitch(swara, register)
        curve = gamaka(piece, length, swara, raga, before - pitch, rng.uniform(0.25, 0.7), 0.75)
        lead.play(beat, length * 1.02, piece.tonic + 12 * octave + pitch, rng.gauss(85, 8), curve)
        beat += length + (rng.uniform(0.3, 0.9) if piece.chance(0.15) else 0)
        before = pitch
    return piece


# Java: two classes that differ by tuning alone


def slendro(rng):
    """Five steps of about 240 cents, none the same, and a stretched octave."""
    octave = 12 + rng.uniform(0, 0.25)
    steps = [rng.gauss(octave / 5, 0.12) for _ in range(5)]
    return Scale(tuple(sum(steps[:n]) * octave / sum(steps) for n in range(5)), octave)


def pelog(rng):
    """Five of seven tones, around the means of measured gamelans."""
    tones = [cents / 100 + rng.gauss(0, 0.12) for cents in (0, 128, 267, 563, 702, 814, 979)]
    chosen = rng.choice([(0, 1, 2, 4, 5), (0, 1, 3, 4, 5), (1, 2, 4, 5, 6)])
    return Scale(tuple(tones[n] - tones[chosen[0]] for n in chosen), 12.14 + rng.uniform(-0.1, 0.15))


def gamelan(laras, rng, seconds):
    piece = Piece(rng, seconds, "16, lancaran", rng.uniform(110, 200), laras(rng), lowest_tonic=57)
    piece.tonic += rng.uniform(-0.5, 0.5)
    scale, tonic = piece.scale, piece.tonic
    skeleton = [piece.phrase(8, 0, 5, rng.randrange(1, 5), rng.choice([0, 2, 4]), leap=0.1) for _ in range(2)]
    gong = piece.voice([14, 14, 11, 47], 1, 1.1)
    kenong, kempul = piece.voice([11, 14, 114], 1, 0.8), piece.voice([14, 11, 12], 1, 0.9)
    saron = piece.voice(METAL_BARS, 3)
    peking = piece.voice([*METAL_BARS, 10], 2, 0.7)
    bonang = piece.voice([*METAL_BARS, *WOOD_BARS], 3, 0.7)
    shimmer = rng.uniform(0.03, 0.12)  # the pair of an instrument is tuned a little higher
    interlock = piece.chance(0.5)
    for beat in range(1, piece.beats + 1):
        place, notes = (beat - 1) % 16 + 1, skeleton[(beat - 1) // 16 % 2]
        tone, after = notes[(place - 1) // 2], notes[(place + 1) // 2 % 8]
        if place % 2 == 1:
            piece.strike(beat, rng.choice([76, 77]), 50)  # ketuk
        if place % 4 == 0:
            kenong.play(beat, 3, tonic + 12 + scale.pitch(tone), 80)
        if place in (6, 10, 14):
            kempul.play(beat, 3, tonic - 12 + scale.pitch(tone), 85)
        if place == 16:
            gong.play(beat, 12, tonic - 24 + scale.pitch(notes[-1]), 115)
        if place % 2 == 0:
            saron.play(beat, 1.9, tonic + scale.pitch(tone), rng.gauss(92, 4))
            saron.play(beat, 1.9, tonic + 12 + scale.pitch(tone) + shimmer, rng.gauss(80, 4))
        for half in (0, 0.5):
            peking.play(beat + half, 0.45, tonic + 24 + scale.pitch(tone), rng.gauss(75, 5))
        for quarter in range(4):
            if interlock:
                degree = after + (0, 1, -1, 1)[quarter]
            elif quarter % 2 == 0:
                degree = (tone, after)[quarter // 2]
            else:
                continue
            bonang.play(beat + quarter / 4, 0.6, tonic + 12 + scale.pitch(degree), rng.gauss(74, 6))
    low, high = rng.choice(LOW_DRUMS), rng.choice(HIGH_DRUMS)
    text = "".join(rng.choice("dt..") for _ in range(16))
    piece.cycle(text, 0.5, {"d": (low, 70), "t": (high, 60)})
    return piece


# East Asia: five tones with semitones, and without


def miyako_bushi(rng, seconds):
    piece = Piece(rng, seconds, "4/4", rng.uniform(64, 112), Scale((0, 1, 5, 7, 8)), lowest_tonic=50)
    koto = piece.voice([107, 106, 15, 24, 46], 4)
    blown = piece.voice([*FLUTES, *FIDDLES], 2, 0.8) if piece.chance(0.6) else None
    rhythms = ["x.x.x...", "xxx.x.xx", "x...--x.", "--x.xxx."]
    tune = tune_of(piece, lambda: rhythm(rng.choice(rhythms), 0.5), 0, 8, 0)
    for bar in range(math.ceil(piece.beats / 4)):
        for place, length, degree in tune[bar % len(tune)]:
            beat, velocity = 4 * bar + place, rng.gauss(88, 8)
            pitch = piece.tonic + 12 + piece.scale.pitch(degree)
            # A press behind the bridge raises the string and lets go.
            press = [(0, 0), (0.3 * length, 0), (0.45 * length, rng.choice([1, 2])), (0.8 * length, 0)]
            koto.play(beat, length, pitch, velocity, press if length >= 1 and piece.chance(0.15) else ())
            if piece.chance(0.25):
                koto.play(beat, length, pitch - 12, velocity * 0.8)
            if piece.chance(0.08):
                for step in range(1, 4):
                    run = piece.tonic + 24 + piece.scale.pitch(degree - step)
                    koto.play(beat + length * (0.4 + 0.13 * step), 0.2, run, velocity * 0.7)
            if blown and length >= 1:
                slide = [(0, -rng.uniform(0.3, 1)), (piece.beats_of(rng.uniform(0.1, 0.3)), 0)]
                blown.play(beat + 0.06, length, pitch, rng.gauss(80, 8), slide if piece.chance(0.5) else ())
    if piece.chance(0.4):
        drums = rng.choice(["d...t...", "d.....t.", "d...d.t."])
        piece.cycle(drums, 1, {"d": (rng.choice(LOW_DRUMS), 70), "t": (rng.choice(DRY), 65)})
    return piece


def sizhu(rng, seconds):
    fifths = (0, 2, 4, 7, 9)
    mode = rng.choice([0, 3, 4])  # gong, zhi and yu
    steps = tuple((fifths[(mode + n) % 5] - fifths[mode]) % 12 for n in range(5))
    piece = Piece(rng, seconds, "2/4", rng.uniform(80, 140), Scale(steps), lowest_tonic=55)
    skeleton = [piece.phrase(4, 0, 6, rng.choice([0, 2, 4]), rng.choice([0, 3]), leap=0.15) for _ in range(4)]
    players = [(FLUTES, 1, 4), (FIDDLES, 0, 2), (LUTES, 0, 4), ([15, 46, *FREE_REEDS], 0, 2)]
    for programs, octave, density in rng.sample(players, rng.choice([2, 3, 4])):
        voice = piece.voice(programs, 2, 0.85)
        # Each plays the same tune with other notes between.
        for beat in range(piece.beats):
            line = skeleton[beat // 4 % 4]
            tone, after = line[beat % 4], (line + skeleton[(beat // 4 + 1) % 4])[beat % 4 + 1]
            count = rng.choice([1, 2, density, density])
            toward = 1 if after > tone else -1 if after < tone else rng.choice([-1, 1])
            notes = [tone, tone + toward, tone, after + rng.choice([-1, 1])]
            for place, degree in enumerate(notes[:count]):
                pitch = piece.tonic + 12 * octave + piece.scale.pitch(degree)
                slide = ()
                if programs is FIDDLES and piece.chance(0.4):
                    slide = [(0, -rng.uniform(0.5, 2)), (piece.beats_of(0.08), 0)]
                voice.play(beat + place / count, 0.95 / count, pitch, rng.gauss(84, 6), slide)
    if piece.chance(0.6):
        beats = rng.choice(["x.", "x.o.", "x.oo"])
        piece.cycle(beats, 1, {"x": (rng.choice(DRY), 80), "o": (rng.choice(HIGH_DRUMS), 60)})
    return piece


# The Arab east: three classes that differ by the scale, two of them with neutral steps

IQAAT = {"maqsum": "dt.td.t.", "baladi": "dd.td.t.", "saidi": "dt.dd.t.", "ayyub": "d..td.t.", "malfuf": "d..t..t."}


def rast(rng):
    third = 3.5 + rng.uniform(-0.1, 0.15)
    return (0, 2, third, 5, 7, 9, rng.choice([third + 7, 10]))


def bayati(rng):
    return (0, 1.5 + rng.uniform(-0.1, 0.1), 3, 5, 7, 8, 10)


def hijaz(rng):
    return (0, 1, 4 + rng.uniform(-0.15, 0), 5, 7, 8, 10)


def maqam(ajnas, rng, seconds):
    name = rng.choice(list(IQAAT))
    metre, step = ("2/4", 0.25) if name in ("ayyub", "malfuf") else ("4/4", 0.5)
    piece = Piece(rng, seconds, f"{metre}, {name}", rng.uniform(84, 136), Scale(ajnas(rng)), lowest_tonic=50)
    if piece.chance(0.85):
        deep, high = rng.choice(LOW_DRUMS), rng.choice(HIGH_DRUMS + [62, 76])
        piece.cycle(IQAAT[name], step, {"d": (deep, 105), "t": (high, 90)})
        for slot in range(math.ceil(piece.beats / 0.25)):
            if piece.chance(0.2):
                piece.strike(slot / 4, high, rng.uniform(35, 55))
        if piece.chance(0.5):
            piece.cycle("Xxxx", 0.25, {"X": (54, 65), "x": (rng.choice(SHAKERS), 40)})
    rhythms = ["x...x.x.x...x...", "x.x.x.x.x.x.x.x.", "x.xxx...x.x.x...", "x.....x.x.......", "--x.x...x.x.x.x."]
    tune = tune_of(piece, lambda: rhythm(rng.choice(rhythms), 0.25), -1, 6, 0)
    players = rng.sample([LUTES, FLUTES, FIDDLES, [*REEDS, *FREE_REEDS]], rng.choice([1, 2, 2]))
    for programs in players:
        octave = 0 if programs is LUTES else 1
        play_tune(piece, piece.voice(programs, 2), tune, 4, octave=octave, ornament=0.25, slide=0.1)
    if piece.chance(0.4):
        drone = piece.voice([*FIDDLES, 43, 48], 2, 0.5)
        for start in range(0, piece.beats, 8):
            drone.play(start, 8, piece.tonic - 12, 75)
    return piece


# West Africa


def bell_12_8(rng, seconds):
    steps = rng.choice([(0, 2, 4, 7, 9), (0, 2, 5, 7, 10), (0, 2, 4, 5, 7, 9), (0, 3, 5, 7, 10)])
    piece = Piece(rng, seconds, "12/8", rng.uniform(330, 470), Scale(steps), lowest_tonic=55)
    bell = rng.choice(BELLS)
    first = rng.choice([bell, bell, 68 if bell == 67 else bell])
    piece.cycle("X.x.xx.x.x.x", 1, {"X": (first, 120), "x": (bell, 110)})
    shaker = rng.choice(SHAKERS)
    piece.cycle(rng.choice(["x.x.xx.x.x.x", "xoxoxxoxoxox", "x..x..x..x.."]), 1, {"x": (shaker, 60), "o": (shaker, 40)})
    piece.cycle(".xx", 1, {"x": (rng.choice([60, 65, 50]), 55)})
    piece.cycle(rng.choice(["..looo", "l..ooo", ".oo.oo"]), 1, {"o": (rng.choice([63, 60, 48]), 70), "l": (62, 45)})
    piece.cycle(rng.choice(["d.....d.d...", "d..d....d.d.", "..d.d...d..."]), 1, {"d": (rng.choice(LOW_DRUMS), 95)})
    calls = ["".join(rng.choice("HLm...") for _ in range(12)) for _ in range(2)]
    piece.cycle("".join(calls[rng.randrange(2)] for _ in range(4)), 1, {"H": (63, 85), "L": (64, 90), "m": (62, 55)})
    if piece.chance(0.65):
        bars = piece.voice([*WOOD_BARS, *GUITARS, 114], 3, 0.9)
        strokes = rng.choice(["x.x.xx.x.x.x", "xx.xx.xx.xx.", "x.xx.xx.xx.x", "x.x.x.x.x.x."])
        notes = piece.phrase(24, 0, 6, rng.randrange(5))
        for slot in range(piece.beats):
            if strokes[slot % 12] == "x":
                pitch = piece.tonic + piece.scale.pitch(notes[slot % 24])
                bars.play(slot, 0.9, pitch, rng.gauss(82, 6))
                if slot % 3 == 0:
                    bars.play(slot, 0.9, pitch - 12, rng.gauss(70, 6))
    if piece.chance(0.35):
        lead = piece.voice([*FLUTES, *REEDS, 52, 53])
        rhythms = lambda: rhythm(rng.choice(["x..x..x.....", "--x.xx.x....", "x.xx..x.x..."]), 1)
        play_tune(piece, lead, tune_of(piece, rhythms, -1, 6, 2), 12, ornament=0)
    return piece


# class: (culture, how it is composed)
CLASSES = {
    "son_montuno": ("latin_america", son_montuno),
    "batucada": ("latin_america", batucada),
    "cumbia": ("latin_america", cumbia),
    "rachenitsa": ("balkans", partial(balkan, [2, 2, 3])),
    "daichovo": ("balkans", partial(balkan, [2, 2, 2, 3])),
    "kopanitsa": ("balkans", partial(balkan, [2, 2, 3, 2, 2])),
    "raga_bhairav": ("north_india", partial(raga_gat, "bhairav")),
    "raga_yaman": ("north_india", partial(raga_gat, "yaman")),
    "raga_todi": ("north_india", partial(raga_gat, "todi")),
    "alap": ("north_india", alap),
    "gamelan_slendro": ("java", partial(gamelan, slendro)),
    "gamelan_pelog": ("java", partial(gamelan, pelog)),
    "miyako_bushi": ("east_asia", miyako_bushi),
    "sizhu": ("east_asia", sizhu),
    "maqam_rast": ("arab_east", partial(maqam, rast)),
    "maqam_bayati": ("arab_east", partial(maqam, bayati)),
    "maqam_hijaz": ("arab_east", partial(maqam, hijaz)),
    "bell_12_8": ("west_africa", bell_12_8),
}


def render(name, number, args):
    """Composes a clip and renders it to its file, unless it is there already; returns its manifest row."""
    seed = f"{args.seed}/{name}/{number}"
    culture, compose = CLASSES[name]
    rng = random.Random(seed)
    start = rng.uniform(1, 6)
    piece = compose(rng, start + args.seconds + 1)
    midi = piece.score.to_bytes(piece.beats)
    row = {
        "path": f"{name}/{name}-{number:03}.ogg",
        "label": name,
        "split": "test",
        "group": hashlib.sha256(midi).hexdigest()[:12],
        "culture": culture,
        "metre": piece.metre,
        "tempo": "" if piece.metre == "free" else piece.tempo,
        "key": NOTES[round(piece.tonic) % 12],
        "tuning": piece.scale.cents(),
        "soundfont": rng.choice(list(SOUND_FONTS)),
        "programs": " ".join(map(str, piece.programs)),
        "kit": piece.kit,
        "seed": seed,
    }
    target, known = args.out / row["path"], args.known.get(row["path"], {})
    if not is_rendered(target, row, known):
        room = draw_room(random.Random(seed + "/room"))
        render_midi(midi, row["soundfont"], room, start, args.seconds, args.bitrate, target)
    return row


def main():
    parser = argument_parser("Render a test set of music sketches after traditions outside the corpus.", 10, 10, 48)
    parser.add_argument("--only", metavar="A,B,...", help="classes to render and list in the manifest (default all)")
    args = parse(parser, CLASSES)
    if args.list:
        for name, (culture, _) in CLASSES.items():
            print(f"{name} ({culture})")
        return
    check_tools(SYNTHESIS_PROGRAMS)
    args.out.mkdir(parents=True, exist_ok=True)
    manifest = args.out / "manifest.csv"
    args.known = read_manifest(manifest)
    work = [
        (f"{name} clip {number}", partial(render, name, number, args))
        for number in range(args.clips)
        for name in args.only
    ]
    render_all(work, args.jobs, partial(write_manifest, manifest, COLUMNS))


if __name__ == "__main__":
    try:
        main()
    except RenderError as error:
        sys.exit(f"render_world: {error}")
