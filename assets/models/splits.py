#!/usr/bin/env python3
"""Lists of the excerpts for the trainings of gamaka's own model: who trains, who validates, who is kept for the test.

    python3 assets/models/splits.py EXCERPTS SOUNDTRACKS

EXCERPTS is what assets/models/excerpts.py wrote, SOUNDTRACKS what assets/fetch_soundtracks.py did. Beside
EXCERPTS/manifest.csv, by which the model that comes with gamaka is trained, these are written, with another column `split`:

    soundtracks.csv       the soundtracks alone train: what does the other music buy?
    fold-1.csv ...        the soundtracks that SOUNDTRACKS/fold-1.csv tests are tested; what else the manifest tests trains

A sum of two tracks is left out where it trains and the other track does not.
"""

import argparse
import csv
import os
import sys
from pathlib import Path


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows):
    new = path.with_name(path.name + ".new")
    with open(new, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    os.replace(new, path)


def other_label(row):
    """The label of the track that was mixed in, if one was."""
    words = row["alteration"].split(" ", 2)
    if words[:2] != ["sum", "with"]:
        return None
    collection, label = words[2].split("/")[:2]
    return collection, label


def with_split(rows, split_of):
    """The rows with a part for each, a function of (collection, label, the manifest's part)."""
    known = {tuple(row["source"].split("/")[:2]): row["split"] for row in rows}
    result = []
    for row in rows:
        own = tuple(row["source"].split("/")[:2])
        part = split_of(*own, row["split"])
        other = other_label(row)
        if part == "train" and other and split_of(*other, known.get(other, "train")) != "train":
            continue
        result.append(row | {"split": part})
    return result


def main():
    parser = argparse.ArgumentParser(description="Write lists of excerpts with other splits.")
    parser.add_argument("excerpts", type=Path, metavar="EXCERPTS")
    parser.add_argument("soundtracks", type=Path, metavar="SOUNDTRACKS")
    args = parser.parse_args()
    rows = read(args.excerpts / "manifest.csv")
    soundtracks = args.soundtracks.name
    lists = {
        "soundtracks": [row for row in rows if row["source"].startswith(f"{soundtracks}/") or row["split"] != "train"]
    }
    for fold in sorted(args.soundtracks.glob("fold-*.csv")):
        tested = {row["label"] for row in read(fold) if row["split"] == "test"}

        def part(collection, label, before):
            if collection == soundtracks and label in tested:
                return "test"
            return "validation" if before == "validation" else "train"

        lists[fold.stem] = with_split(rows, part)
    for name, chosen in lists.items():
        write(args.excerpts / f"{name}.csv", chosen)
        parts = [sum(row["split"] == part for row in chosen) for part in ("train", "validation", "test")]
        print(f"{name}.csv: {parts[0]} excerpts train, {parts[1]} validate, {parts[2]} are kept for the test")


if __name__ == "__main__":
    try:
        main()
    except (OSError, KeyError, ValueError) as error:
        sys.exit(f"splits: {error}")
