#!/usr/bin/env python3
"""Measures a personal library beside its peers, in one run: scan and bliss-audio, similar and NumPy, classify cold.

See README.md. Figures go to stdout as they come and to --json at the end.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENDINGS = {".aac", ".aiff", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav"}


def run(command, fresh=False, **keywords):
    """Runs a command; gives its seconds, its peak of resident memory in MiB, and what it printed."""
    environment = dict(os.environ)
    if fresh:  # nothing compiled is found on the disk
        environment |= {"MESA_SHADER_CACHE_DISABLE": "true", "__GL_SHADER_DISK_CACHE": "0"}
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=out, env=environment, **keywords)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        printed = out.read().decode()
    if child.returncode:
        sys.exit(f"{' '.join(map(str, command))}: ended with code {child.returncode}")
    return seconds, usage.ru_maxrss / 1024, printed


def choose(music, count):
    """`count` audio files below a folder, the same ones every time."""
    files = sorted(p for p in music.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
    if len(files) < count:
        sys.exit(f"{music}: has {len(files)} audio files, and {count} are wanted: name another folder, or give --files")
    random.Random(1).shuffle(files)
    return files[:count]


def link(files, folder):
    folder.mkdir()
    for number, file in enumerate(files):
        (folder / f"{number:05}{file.suffix}").symlink_to(file.resolve())
    return folder


def scan(gamaka, files, work, name):
    library = work / f"{name}.sqlite"
    folder = link(files, work / name)
    command = [gamaka, "library", "scan", folder, "--library", library, "--json", "--quiet"]
    seconds, peak, printed = run(command)
    found = json.loads(printed)
    return {
        "files": len(files), "heard": found["heard"], "failed": len(found["failed"]), "seconds": round(seconds, 2),
        "files_per_s": round(len(files) / seconds, 2), "peak_mib": round(peak),
    }, library


def bliss(peer, files, work):
    names = work / "names"
    names.write_text("".join(f"{file.resolve()}\n" for file in files))
    seconds, peak, printed = run([peer, names])
    found = json.loads(printed)
    return {
        "files": len(files), "analysed": found["analysed"], "seconds": round(seconds, 2),
        "files_per_s": round(len(files) / seconds, 2), "peak_mib": round(peak),
    }


def similar(gamaka, rounds):
    """Milliseconds of a search over a million embeddings, in turns with NumPy's product and partition."""
    import numpy

    rows, width, found = 1_000_000, 64, 20
    generator = numpy.random.default_rng(1)
    embeddings = generator.standard_normal((rows, width), dtype=numpy.float32)
    embeddings /= numpy.linalg.norm(embeddings, axis=1, keepdims=True)

    def product(query):
        cosine = embeddings @ query
        nearest = numpy.argpartition(-cosine, found)[:found]
        return nearest[numpy.argsort(-cosine[nearest])]

    ours, theirs, ready = [], [], []
    for _ in range(rounds):
        _, _, printed = run([gamaka, "bench", "--only", "similar", "--json"])
        figures = json.loads(printed)["similar"]
        ours.append(figures["search_ms"])
        ready.append(figures["ready_ms"])
        times = []
        for query in embeddings[:11]:
            start = time.perf_counter()
            product(query)
            times.append(1e3 * (time.perf_counter() - start))
        theirs.append(statistics.median(times[1:]))
    return {"rows": rows, "width": width, "gamaka_ms": ours, "gamaka_ready_ms": ready, "numpy_ms": theirs,
            "numpy": numpy.__version__}


def classify(gamaka, library, files, mp3, rounds):
    """Seconds to classify one file by the library's own genres, from the start of the program, no shader on disk."""
    for genre, examples in {"one": files[:3], "two": files[3:6]}.items():
        run([gamaka, "genre", "add", genre, *examples, "--library", library, "--quiet"])
    times = [run([gamaka, "classify", mp3, "--library", library], fresh=True)[0] for _ in range(rounds)]
    return {"file": mp3.name, "seconds": [round(t, 2) for t in times]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path, help="a folder with enough audio files, best of thirty seconds")
    parser.add_argument("--files", type=int, default=1000, help="files to scan [default: 1000]")
    parser.add_argument("--rounds", type=int, default=1, help="scans of either side, in turns [default: 1]")
    parser.add_argument("--mp3", type=Path, help="a file of three minutes to classify")
    parser.add_argument("--gamaka", type=Path, default=ROOT / "target/release/gamaka")
    parser.add_argument("--bliss", type=Path, default=HERE / "bliss/target/release/bliss-peer")
    parser.add_argument("--only", default="scan,similar,classify", help="parts, separated by commas")
    parser.add_argument("--json", type=Path, help="where the figures go")
    args = parser.parse_args()
    parts = args.only.split(",")
    figures = {"cores": os.cpu_count()}

    def tell(name, value):
        figures.setdefault(name, []).append(value)
        print(f"{name}: {json.dumps(value)}", flush=True)

    with tempfile.TemporaryDirectory(prefix="gamaka-bench-") as work:
        work = Path(work)
        library = None
        if "scan" in parts or "classify" in parts:
            files = choose(args.music, args.files)
        if "scan" in parts:
            found, _ = scan(args.gamaka, files[: args.files // 4], work, "quarter")
            tell("scan_of_a_quarter", found)
            for number in range(args.rounds):
                tell("bliss", bliss(args.bliss, files, work))
                found, library = scan(args.gamaka, files, work, f"all-{number}")
                tell("scan", found)
        if "similar" in parts:
            tell("similar", similar(args.gamaka, max(3, args.rounds)))
        if "classify" in parts:
            if library is None:
                _, library = scan(args.gamaka, files[:10], work, "few")
            tell("classify", classify(args.gamaka, library, files, args.mp3 or files[-1], max(3, args.rounds)))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


main()
