"""Compares gamaka with PyTorch and librosa on this machine: `python compare.py [--rounds 5] [--json FILE]`.

Each round runs `gamaka bench`, then peers.py. A ratio is taken within its round; the table shows the median and the
spread over the rounds.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
GAMAKA = FOLDER.parents[1] / "target" / "release" / "gamaka"
REFERENCES = {1: ("reference", "networks"), 4: ("reference_x4", "networks-x4")}
"""By scale of the channels: the networks' name in gamaka's JSON, and their name for `--only`."""

Json = dict[str, Any]


class Missing(Exception):
    """Why a figure is not there."""


class Failed(Exception):
    """Why a program gave no figures."""


def run_json(command: list[str]) -> Json:
    """The JSON document that a command prints; passes its words on. Raises Failed if there is none."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Failed(f"it cannot be started: {error.strerror}") from None
    sys.stderr.write(done.stderr)
    if done.returncode != 0:
        # A signal, such as that of a system out of memory, has a negative code and no words.
        last_words = done.stderr.strip().splitlines()[-1:]
        raise Failed(": ".join([f"it ended with code {done.returncode}", *last_words]))
    try:
        document: Json = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise Failed(f"it printed no JSON: {error}") from None
    return document


def lookup(document: Any, *keys: str) -> Any:
    """The value at the end of the keys. Raises Missing with the reason that the document gives, if it does."""
    for key in keys:
        if "error" in document:
            raise Missing(document["error"])
        if key not in document:
            raise Missing(f"there is no {key!r} among {', '.join(document)}")
        document = document[key]
        if document is None:
            raise Missing(f"gamaka could not measure {key}; its reason is above")
    return document


@dataclass
class Comparison:
    """The figures of one round; `reference` is the name of our networks' table."""

    ours: Json
    theirs: Json
    reference: str

    def our(self, network: str, figure: str) -> float:
        """A figure of a network of ours."""
        value: float = lookup(self.ours, self.reference, network, figure)
        return value

    def their(self, network: str, figure: str) -> float:
        """A figure of a network of PyTorch's."""
        value: float = lookup(self.theirs, "networks", network, figure)
        return value

    def within(self, network: str) -> float:
        """Our ICKAN's step, in steps of another network of ours."""
        return self.our("ickan", "step_ms") / self.our(network, "step_ms")

    def between(self, theirs: str, ours: str) -> float:
        """Their step, in steps of the same network of ours."""
        counts = self.their(theirs, "params"), self.our(ours, "params")
        # Widths for equal parameters are rounded; more apart is another network.
        if abs(counts[0] / counts[1] - 1) > 0.02:
            raise Missing(f"{theirs} has {counts[0]:,} parameters, gamaka's {ours} {counts[1]:,}")
        return self.their(theirs, "step_ms") / self.our(ours, "step_ms")

    def mel(self) -> float:
        """Speed of the engine that gamaka picks by itself, in speeds of librosa."""
        engine = "cpu" if lookup(self.ours, "adapter", "class") == "software" else "gpu"
        ours: float = lookup(self.ours, "mel", f"{engine}_x_realtime")
        theirs: float = lookup(self.theirs, "mel", "librosa_x_realtime")
        return ours / theirs


def collect(values: Callable[[Comparison], float], rounds: list[Comparison]) -> list[float]:
    """The values of the rounds that have one. Raises Missing if none has."""
    found: list[float] = []
    reasons: list[Missing] = []
    for comparison in rounds:
        try:
            found.append(values(comparison))
        except Missing as reason:
            reasons.append(reason)
    if not found:
        raise reasons[0]
    return found


def spread(values: list[float]) -> Json:
    """Median and ends."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "rounds": len(values)}


def fastest_kan(rounds: list[Comparison]) -> str:
    """The name of PyTorch's KAN network with the lowest median step, kan_efficient if none was measured."""

    def median_step(name: str) -> float:
        try:
            return statistics.median(collect(lambda comparison: comparison.their(name, "step_ms"), rounds))
        except Missing:
            return math.inf

    networks = {name for comparison in rounds for name in comparison.theirs.get("networks", {})}
    return min((name for name in networks if name.startswith("kan_")), key=median_step, default="kan_efficient")


def ratios(rounds: list[Comparison]) -> dict[str, Json]:
    """By label: the median, least and greatest ratio and the number of rounds, or the `error`."""
    fastest = fastest_kan(rounds)
    labels: dict[str, Callable[[Comparison], float]] = {
        "ICKAN step / equal-parameter conv step, ours": lambda c: c.within("conv_equal_params"),
        "ICKAN step / same-channel conv step, ours": lambda c: c.within("conv_same_channels"),
        "PyTorch kan_efficient step / our ICKAN step": lambda c: c.between("kan_efficient", "ickan"),
        "PyTorch kan_cox_de_boor step / our ICKAN step": lambda c: c.between("kan_cox_de_boor", "ickan"),
        f"fastest PyTorch KAN step ({fastest}) / our ICKAN step": lambda c: c.between(fastest, "ickan"),
        "PyTorch same-channel conv step / ours": lambda c: c.between("conv_same_channels", "conv_same_channels"),
        "PyTorch equal-parameter conv step / ours": lambda c: c.between("conv_equal_params", "conv_equal_params"),
        "our mel's speed / librosa's": Comparison.mel,
    }
    table = {}
    for label, ratio in labels.items():
        try:
            table[label] = spread(collect(ratio, rounds))
        except Missing as reason:
            table[label] = {"error": str(reason)}
    return table


def print_ratios(table: dict[str, Json]) -> None:
    """Prints what `ratios` gives, for people."""
    for label, row in table.items():
        if "error" in row:
            print(f"{label:70} {row['error']}")
        else:
            print(f"{label:70} {row['median']:8.2f}  ({row['min']:.2f} to {row['max']:.2f}, rounds: {row['rounds']})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gamaka", default=str(GAMAKA), help="the program (default: target/release/gamaka)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: 5)")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each peer in a round (default: 3)")
    parser.add_argument("--scale", type=int, choices=list(REFERENCES), default=1, help="multiplies the channels")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="PyTorch's device (default: CUDA where it is)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the ratios and every round's figures")
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.repeats) < 1:
        parser.error("--rounds and --repeats are at least 1")
    if arguments.json and not arguments.json.parent.is_dir():
        parser.error(f"{arguments.json.parent} is not a folder")

    reference, networks = REFERENCES[arguments.scale]
    ours_command = [arguments.gamaka, "bench", "--only", f"{networks},mel", "--json"]
    theirs_command = [sys.executable, str(FOLDER / "peers.py"), "--json"]
    theirs_command += ["--scale", str(arguments.scale), "--repeats", str(arguments.repeats)]
    theirs_command += ["--device", arguments.device] if arguments.device else []
    rounds: list[Comparison] = []
    for number in range(1, arguments.rounds + 1):
        print(f"round {number} of {arguments.rounds}", file=sys.stderr)
        try:
            ours = run_json(ours_command)
        except Failed as reason:
            sys.exit(
                f"{arguments.gamaka} gave no figures: {reason}\n"
                "Build gamaka with `cargo build --release`, or name the program with --gamaka."
            )
        try:
            theirs = run_json(theirs_command)
        except Failed as reason:
            theirs = {"error": f"peers.py gave no figures: {reason}"}
        rounds.append(Comparison(ours, theirs, reference))

    table = ratios(rounds)
    print_ratios(table)
    if arguments.json:
        document = {"ratios": table, "rounds": [asdict(comparison) for comparison in rounds]}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
