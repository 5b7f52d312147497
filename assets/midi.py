"""Writes MIDI files of one track, with notes at any pitch: a note between two keys is a key and a pitch bend."""

import struct

TICKS = 480  # a beat
BEND_RANGE = 12  # semitones up and down, set on every channel that bends
BEND_STEP = 0.012  # seconds between two bends of a curve
# What comes first at the same tick: a note ends, then the channel is set, then a note starts.
END, SET, START = range(3)


def variable_length(value):
    out = [value & 0x7F]
    while value := value >> 7:
        out.insert(0, value & 0x7F | 0x80)
    return bytes(out)


class Score:
    """Events in beats at a tempo of beats a minute."""

    def __init__(self, tempo):
        self.tempo = tempo
        self.events = []

    def seconds(self, beats):
        return beats * 60 / self.tempo

    def add(self, beat, order, data):
        self.events.append((max(0, round(beat * TICKS)), order, len(self.events), bytes(data)))

    def program(self, channel, program):
        self.add(0, SET, [0xC0 | channel, program])

    def control(self, channel, number, value):
        self.add(0, SET, [0xB0 | channel, number, value])

    def bend(self, channel, beat, semitones):
        value = max(0, min(16383, 8192 + round(8192 * semitones / BEND_RANGE)))
        self.add(beat, SET, [0xE0 | channel, value & 0x7F, value >> 7])

    def note(self, channel, beat, length, key, velocity):
        velocity = max(1, min(127, round(velocity)))
        self.add(beat, START, [0x90 | channel, key, velocity])
        self.add(max(beat, 0) + max(length, 2 / TICKS), END, [0x80 | channel, key, 0])

    def to_bytes(self, beats):
        """The MIDI file, which ends after so many beats, and every note with it: players wait for notes that hang."""
        end = round(beats * TICKS)
        microseconds = round(60e6 / self.tempo)
        track, at = bytearray(b"\0\xff\x51\x03" + microseconds.to_bytes(3, "big")), 0
        kept = [event for event in self.events if event[0] < end or event[1] == END]
        for tick, _, _, data in sorted((min(tick, end), *rest) for tick, *rest in kept):
            track += variable_length(tick - at) + data
            at = tick
        track += variable_length(end - at) + b"\xff\x2f\0"
        return b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS) + b"MTrk" + struct.pack(">I", len(track)) + bytes(track)


class Voice:
    """An instrument that takes its channels in turn, so that a bend does not move the note that still rings."""

    def __init__(self, score, program, channels, gain):
        self.score, self.program, self.channels, self.gain = score, program, channels, gain
        self.turn = 0
        for channel in channels:
            score.program(channel, program)
            for number, value in (101, 0), (100, 0), (6, BEND_RANGE), (38, 0), (101, 127), (100, 127):
                score.control(channel, number, value)

    def play(self, beat, length, pitch, velocity, curve=()):
        """A note at a pitch (60 is middle C, fractions allowed). `curve`: (beats from its start, semitones from its
        pitch), joined by straight lines; the first and last hold before and after."""
        channel = self.channels[self.turn % len(self.channels)]
        self.turn += 1
        key = max(0, min(127, round(pitch)))
        offset = pitch - key
        self.score.bend(channel, beat, offset + (curve[0][1] if curve else 0))
        for (start, low), (end, high) in zip(curve, curve[1:]):
            steps = max(1, round(self.score.seconds(end - start) / BEND_STEP)) if low != high else 1
            for step in range(1, steps + 1):
                share = step / steps
                self.score.bend(channel, beat + start + (end - start) * share, offset + low + (high - low) * share)
        self.score.note(channel, beat, length, key, velocity * self.gain)
