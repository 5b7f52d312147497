"""What the scripts that render data sets share: programs and sound fonts, MIDI to an Ogg file, manifests, many clips.

render_corpus.py, render_world.py and render_instruments.py import this; it does nothing of its own.
"""

import argparse
import array
import csv
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SAMPLE_RATE = 22050
SOUND_FONTS = {
    "FluidR3_GM": ("/usr/share/sounds/sf2/FluidR3_GM.sf2", "fluid-soundfont-gm"),
    "TimGM6mb": ("/usr/share/sounds/sf2/TimGM6mb.sf2", "timgm6mb-soundfont"),
    "MuseScore_General": ("/usr/share/sounds/sf3/MuseScore_General_Lite.sf3", "musescore-general-soundfont-small"),
}
# Further ones, for larger sets: what draws from SOUND_FONTS stays the same. CC-BY-SA-4.0, and public domain.
MORE_SOUND_FONTS = {
    "OPL-3_FM_128M": ("/usr/share/sounds/sf2/OPL-3_FM_128M.sf2", "opl3-soundfont"),
    "sf_GMbank": ("/usr/share/sounds/sf2/sf_GMbank.sf2", "csound-soundfont"),
}
ALL_SOUND_FONTS = {**SOUND_FONTS, **MORE_SOUND_FONTS}
SYNTHESIS_PROGRAMS = {"fluidsynth": "fluidsynth", "ffmpeg": "ffmpeg", "oggenc": "vorbis-tools"}
NOTES = ["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"]
DRUM_CHANNEL = 9


class RenderError(Exception):
    """A failure with a sentence that names the clip and, where known, the mend."""


@dataclass(frozen=True)
class Room:
    """How a clip was taken: reverberation (0 to 1), tone (dB at 200 Hz and 3 kHz) and level (RMS, full scale 1)."""

    reverb: float
    size: float
    bass: float
    treble: float
    level: float


def draw_room(rng):
    return Room(
        reverb=rng.uniform(0, 0.6),
        size=rng.uniform(0.1, 0.8),
        bass=rng.uniform(-8, 8),
        treble=rng.uniform(-8, 8),
        level=10 ** (rng.uniform(-26, -16) / 20),
    )


def run(command, **options):
    try:
        done = subprocess.run([str(c) for c in command], capture_output=True, timeout=600, **options)
    except subprocess.TimeoutExpired:
        raise RenderError(f"{command[0]} did not end within ten minutes: is the machine very busy?")
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise RenderError(f"{command[0]} failed: {said[-500:]}")
    return done.stdout


def render_midi(midi, soundfont, room, start, seconds, bitrate, target):
    """Plays a MIDI file (its bytes) and writes `seconds` of it, from `start` seconds on, as mono Ogg Vorbis."""
    with tempfile.TemporaryDirectory() as folder:
        source, wav, ogg = (Path(folder) / f"clip.{end}" for end in ("mid", "wav", "ogg"))
        source.write_bytes(midi)
        run(["fluidsynth", "-niq", "-g", "0.4", "-r", "44100", "-o", f"synth.reverb.level={room.reverb:.2f}",
             "-o", f"synth.reverb.room-size={room.size:.2f}", "-o", "synth.chorus.active=0",
             "-o", "synth.dynamic-sample-loading=1", "-F", wav, ALL_SOUND_FONTS[soundfont][0], source])
        tone = f"bass=g={room.bass:.1f}:f=200,treble=g={room.treble:.1f}:f=3000"
        raw = run(["ffmpeg", "-v", "error", "-ss", f"{start:.3f}", "-t", seconds, "-i", wav, "-f", "f32le",
                   "-af", f"aresample=osf=flt,pan=mono|c0=0.5*c0+0.5*c1,{tone},aresample={SAMPLE_RATE}", "-"])
        samples = array.array("f", raw)
        if sys.byteorder == "big":
            samples.byteswap()
        length = len(samples) / SAMPLE_RATE
        rms = math.sqrt(sum(s * s for s in samples) / max(1, len(samples)))
        if length < 0.99 * seconds or rms < 1e-4:
            raise RenderError(f"{length:.2f} s at RMS {rms:.2g}: too short or silent")
        gain = min(room.level / rms, 0.8 / max(map(abs, samples)))
        pcm = struct.pack(f"<{len(samples)}h", *(round(32767 * gain * s) for s in samples))
        run(["oggenc", "-Q", "-r", "-B", "16", "-C", "1", "-R", SAMPLE_RATE, "--managed", "-b", bitrate,
             "--serial", "1", "-o", ogg, "-"], input=pcm)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        shutil.copyfile(ogg, part)
        os.replace(part, target)


def is_rendered(target, row, known):
    """Whether the file is there and the manifest's row for it (`known`) says all that `row` says."""
    return target.exists() and all(known.get(name) == str(value) for name, value in row.items())


def check_tools(programs, soundfonts=SOUND_FONTS):
    lacking = [package for program, package in programs.items() if not shutil.which(program)]
    lacking += [ALL_SOUND_FONTS[name][1] for name in soundfonts if not Path(ALL_SOUND_FONTS[name][0]).exists()]
    if lacking:
        raise RenderError(f"missing on this machine; install with: apt-get install {' '.join(lacking)}")


def read_manifest(path):
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def write_manifest(path, columns, rows):
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: row["path"]))
    os.replace(part, path)


def render_all(work, jobs, save):
    """Renders clips, `jobs` at once. `work`: (name for a message, function that renders and returns the row of the
    manifest); `save` is given the rows so far every 100 clips and at the end."""
    rows, failures = [], []

    def one(item):
        name, render = item
        try:
            rows.append(render())
        except RenderError as error:
            failures.append(f"{name}: {error}")

    with ThreadPoolExecutor(jobs) as pool:
        for done, _ in enumerate(pool.map(one, work), 1):
            print(f"\r{done}/{len(work)} clips", end="", file=sys.stderr, flush=True)
            if done % 100 == 0:
                save(rows[:])
    save(rows)
    print(file=sys.stderr)
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        raise RenderError(f"{len(failures)} of {len(work)} clips failed")


def argument_parser(description, clips, seconds, bitrate):
    """The arguments that render_world.py and render_instruments.py share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, help="folder to write (made if missing)")
    parser.add_argument("--clips", type=int, default=clips, metavar="N", help=f"clips a class (default {clips})")
    parser.add_argument("--seconds", type=float, default=seconds, metavar="S",
                        help=f"length of a clip (default {seconds:g})")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--bitrate", type=int, default=bitrate, metavar="KBPS",
                        help=f"Vorbis bit rate, 16 to 80 (default {bitrate})")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="clips at once")
    parser.add_argument("--list", action="store_true", help="print the classes, and stop")
    return parser


def parse(parser, classes):
    """The arguments, with those of `argument_parser` and --only checked."""
    args = parser.parse_args()
    args.only = args.only.split(",") if args.only else list(classes)
    unknown = [name for name in args.only if name not in classes]
    if unknown:
        parser.error(f"no class is called {', '.join(unknown)}; --list shows them")
    if not args.list and args.out is None:
        parser.error("--out DIR is needed")
    if args.clips < 1 or args.jobs < 1 or not 0.5 <= args.seconds <= 600 or not 16 <= args.bitrate <= 80:
        parser.error("clips and jobs start at 1, seconds lie in 0.5..600, bit rate in 16..80")
    return args
