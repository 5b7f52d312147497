"""Writes the tables of docs/performance.md from the documents of run.sh: `python3 tables.py [--check]`.

A table stands between the lines <!-- table NAME --> and <!-- end -->, and has a column, or a group of them, for each
document docs/bench-*.json. Needs Python's standard library alone.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
TABLE = re.compile(r"(<!-- table (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
ABSENT = "-"

NETWORKS = {
    "ickan": "ICKAN",
    "conv_same_channels": "conv, same channels",
    "conv_equal_params": "conv, equal parameters",
}
PEERS = {
    "kan_closed_form": ("KAN, closed form", "ickan"),
    "conv_same_channels": ("conv, same channels", "conv_same_channels"),
    "conv_equal_params": ("conv, equal parameters", "conv_equal_params"),
}
"""By PyTorch's name of a network: ours for readers, and gamaka's name of it."""
WAYS = {"": "eager", "_compiled": "compiled", "_graph": "CUDA graph", "_compiled_graph": "compiled, CUDA graph"}
RUNS = {
    "peers": ("reference", ""),
    "peers-tf32": ("reference", ", TF32"),
    "peers-x4": ("reference_x4", ", 4 x channels"),
    "peers-x4-tf32": ("reference_x4", ", 4 x channels, TF32"),
}
"""By step: gamaka's table of the same networks, and words."""
STEPS = ["doctor", "tests", "kernels", "networks", "dispatch", "networks-x4", "mel", "embed", "start", "tune", "networks-tuned", *RUNS]

Json = dict[str, Any]


class Run:
    """A document of run.sh."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.document: Json = json.loads(path.read_text())
        self.steps: dict[str, Json] = {step["name"]: step for step in self.document["steps"]}
        self.name = self.document["adapter"].split(" (")[0] or path.stem.removeprefix("bench-")
        self.bench: Json = {}
        """What `gamaka bench` measured, of all steps together."""
        for name in self.steps:
            if name not in ("doctor", "tests") and not name.startswith("peers"):
                self.bench |= self.result(name)

    def result(self, step: str) -> Json:
        """What a step gave; empty if nothing."""
        return self.steps.get(step, {}).get("result") or {}

    @property
    def is_gpu(self) -> bool:
        """Whether the adapter is no software driver."""
        return bool(self.bench.get("adapter", {}).get("class", "software") != "software")

    def network(self, table: str, name: str) -> Json:
        """gamaka's figures of a network; empty if there are none."""
        return self.bench.get(table, {}).get(name) or {}

    def kernels(self) -> tuple[list[Json], list[Json]]:
        """Those of the ICKAN's training step on 50 clips, and the lone convolutions."""
        step: list[Json] = []
        lone: list[Json] = []
        for kernel in self.bench.get("kernels", []):
            batch = re.search(r"batch (\d+)", kernel["name"])
            (lone if batch and batch[1] != "50" else step).append(kernel)
        return step, lone


def spread(row: Json, key: str, decimals: int, factor: float = 1.0) -> str:
    """A median with its ends in brackets."""
    if key not in row:
        return ABSENT
    values = [factor * row[key + end] for end in ("", "_min", "_max") if key + end in row]
    words = [f"{value:.{decimals}f}" for value in values]
    return f"{words[0]} ({words[1]} to {words[2]})" if len(words) == 3 else words[0]


def ms(row: Json, key: str) -> str:
    """Milliseconds with three digits or so."""
    value = row.get(key, 0)
    return spread(row, key, 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Of Markdown."""
    if not rows:
        return "None of this has been measured yet.\n"
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def machines(runs: list[Run]) -> str:
    """What was measured, with what, and what of it failed."""

    def kernels(run: Run) -> str:
        cases = run.result("doctor").get("kernels", [])
        return f"{sum(case['passed'] for case in cases)} of {len(cases)}" if cases else ABSENT

    def tests(run: Run) -> str:
        counts = run.result("tests")
        failures = ", ".join(f"`{name}`" for name in counts.get("failures", []))
        return f"{counts['passed']} passed, {counts['failed']} failed {failures}".strip() if counts else ABSENT

    def torch(run: Run) -> str:
        peers = run.result("peers")
        return f"{peers['torch']} on {peers['device']}" if peers else ABSENT

    def lost(run: Run) -> str:
        said = [f"{s['name']} {s['outcome']} ({s['why']})" for s in run.steps.values() if s["outcome"] != "ok"]
        absent = [step for step in STEPS if step not in run.steps]
        said += [f"{', '.join(absent)} not run"] if absent else []
        said += [] if run.document["finished"] else ["the run was cut off"]
        return "; ".join(said) or "none"

    rows: dict[str, Callable[[Run], str]] = {
        "adapter": lambda run: run.document["adapter"],
        "driver": lambda run: run.document["driver"],
        "processor": lambda run: f"{run.document['machine']['cores']} cores, {run.document['machine']['cpu']}",
        "date, commit": lambda run: f"{run.document['date'][:10]}, {run.document['commit']}",
        "to note": lambda run: run.document["note"] or ABSENT,
        "cases of kernels that agree with their CPU twins": kernels,
        "GPU tests": tests,
        "PyTorch": torch,
        "missing": lost,
    }
    head = ["", *(f"[{run.name}]({run.path.name})" for run in runs)]
    text = table(head, [[what, *map(cell, runs)] for what, cell in rows.items()])
    if not any(run.is_gpu for run in runs):
        text = "**No real GPU has been timed yet: no document of one is here.**\n\n" + text
    return text


def targets(runs: list[Run]) -> str:
    """What was aimed at."""

    def ratio(reference: str, network: str) -> Callable[[Run], str]:
        return lambda run: spread(run.network(reference, network), "first_step_ratio", 2)

    def forward(run: Run) -> str:
        for kernel in run.kernels()[1][:1]:
            shape = kernel["name"].split(", batch")[0].removeprefix("kan_conv_forward ")
            return f"{kernel['gflops']:.1f}, {100 * kernel['share']:.0f} % ({shape})"
        return ABSENT

    def memory(reference: str) -> Callable[[Run], str]:
        def cell(run: Run) -> str:
            ickan, conv = (run.network(reference, name) for name in ("ickan", "conv_same_channels"))
            return f"{ickan['peak_bytes'] / conv['peak_bytes']:.2f}" if ickan and conv else ABSENT

        return cell

    rows: list[tuple[str, str, Callable[[Run], str]]] = [
        ("ICKAN step / equal-parameter conv step", "<= 1.0 (0.8)", ratio("reference", "conv_equal_params")),
        ("ICKAN step / same-channel conv step", "<= 8 (5)", ratio("reference", "conv_same_channels")),
        (
            "ICKAN step / equal-parameter conv step, 4 x channels",
            "<= 1.0 (0.7) on a real GPU",
            ratio("reference_x4", "conv_equal_params"),
        ),
        (
            "ICKAN step / same-channel conv step, 4 x channels",
            "<= 6 (3) on a real GPU",
            ratio("reference_x4", "conv_same_channels"),
        ),
        ("`kan_conv` forward, GFLOP/s, share of the ceiling", ">= 15 on lavapipe", forward),
        (
            "compiling every kernel of the ICKAN's step, nothing cached, s",
            "<= 10",
            lambda run: spread(run.bench, "jit_ms", 1, 1e-3),
        ),
        ("first embedding, nothing cached, s", "", lambda run: spread(run.bench, "cold_start_ms", 1, 1e-3)),
        ("host, a dispatch, us", "<= 2", lambda run: spread(run.bench, "dispatch_us", 2)),
        (
            "host and device, a dispatch that waits for the one before, us",
            "",
            lambda run: spread(run.bench.get("dispatch", {}), "dependent_us", 2),
        ),
        (
            "host and device, an independent dispatch, us",
            "",
            lambda run: spread(run.bench.get("dispatch", {}), "independent_us", 2),
        ),
        ("device memory / same-channel conv's", "<= 1.2", memory("reference")),
        ("the same at 4 x channels", "<= 1.2", memory("reference_x4")),
        (
            "30 s wav files to embeddings, 3 s segments, a second",
            ">= 20",
            lambda run: spread(run.bench, "embed_clips_per_s", 0),
        ),
        ("mel, kernels, x real time", "", lambda run: spread(run.bench.get("mel", {}), "gpu_x_realtime", 0)),
        (
            "mel, realfft on all cores, x real time",
            "",
            lambda run: spread(run.bench.get("mel", {}), "cpu_x_realtime", 0),
        ),
    ]
    head = ["what (`gamaka bench`)", "must (superb)", *(run.name for run in runs)]
    return table(head, [[what, must, *map(cell, runs)] for what, must, cell in rows])


def networks(runs: list[Run]) -> str:
    """Training steps and forward passes."""
    head = ["network", "parameters", "MFLOP a clip forward"]
    for run in runs:
        head += [f"{run.name}: step, ms", "forward, ms", "device memory, MiB"]
    rows = []
    for reference, suffix in (("reference", ""), ("reference_x4", ", 4 x channels")):
        for name, words in NETWORKS.items():
            figures = [run.network(reference, name) for run in runs]
            known = next(filter(None, figures), {})
            row = [words + suffix]
            row += [f"{known['params']:,}", f"{known['flops'] / 1e6:.0f}"] if known else [ABSENT] * 2
            for f in figures:
                row += [ms(f, "step_ms"), ms(f, "forward_ms"), f"{f['peak_bytes'] / 2**20:.0f}" if f else ABSENT]
            rows.append(row)
    return table(head, rows)


def kernels(runs: list[Run]) -> str:
    """The ICKAN's training step, kernel by kernel: those of half a percent or more on some adapter."""
    head = ["kernel"]
    for run in runs:
        head += [f"{run.name}: times", "ms each", "GFLOP/s", "share of the ceiling"]
    steps = [{kernel["name"]: kernel for kernel in run.kernels()[0]} for run in runs]

    def matters(name: str) -> bool:
        return any(
            name in step
            and step[name]["ms"] * step[name]["count"] >= 0.005 * sum(k["ms"] * k["count"] for k in step.values())
            for step in steps
        )

    rows = []
    for name in filter(matters, dict.fromkeys(name for step in steps for name in step)):
        row = [name]
        for kernel in (step.get(name) for step in steps):
            if kernel:
                rate = f"{kernel['gflops']:.1f}" if kernel["gflops"] else ""
                row += [str(kernel["count"]), ms(kernel, "ms"), rate, f"{100 * kernel['share']:.0f} %"]
            else:
                row += [ABSENT] * 4
        rows.append(row)
    ceilings = [run.bench.get("ceilings") for run in runs]
    words = [
        f"{run.name} {c['fma_gflops']:,.0f} GFLOP/s of multiply-adds and {c['copy_gbps']:,.1f} GB/s of a copy"
        for run, c in zip(runs, ceilings)
        if c
    ]
    return table(head, rows) + (f"\nThe ceilings: {'; '.join(words)}.\n" if words else "")


def peers(runs: list[Run]) -> str:
    """PyTorch's networks, and their steps in steps of ours in the same run."""
    head = ["network in PyTorch"]
    for run in runs:
        head += [f"{run.name}: step, ms", "forward, ms", "step / ours"]
    rows = []
    for step, (reference, words) in RUNS.items():
        for name, (network, ours) in PEERS.items():
            for way, how in WAYS.items():
                figures = [run.result(step).get("networks", {}).get(name + way) for run in runs]
                if not any(figures):
                    continue
                row = [f"{network}{words}: {how}"]
                for run, theirs in zip(runs, figures):
                    our_ms = run.network(reference, ours).get("step_ms")
                    if not theirs:
                        row += [ABSENT] * 3
                    elif "error" in theirs:
                        row += ["failed", ABSENT, ABSENT]
                    else:
                        ratio = f"{theirs['step_ms'] / our_ms:.2f}" if our_ms else ABSENT
                        row += [ms(theirs, "step_ms"), ms(theirs, "forward_ms"), ratio]
                rows.append(row)
    return table(head, rows)


TABLES = {"machines": machines, "targets": targets, "networks": networks, "kernels": kernels, "peers": peers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, default=PAGE, help="the page (default: docs/performance.md)")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a table is not that of the documents"
    )
    arguments = parser.parse_args()
    runs = [Run(path) for path in sorted(arguments.page.parent.glob("bench-*.json"))]
    # GPUs first.
    runs.sort(key=lambda run: not run.is_gpu)
    old = arguments.page.read_text()
    new = TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]](runs)}\n{found[3]}", old)
    if arguments.check and new != old:
        sys.exit(f"{arguments.page.name} differs from its documents; run benches/gpu/tables.py")
    if not arguments.check:
        arguments.page.write_text(new)


if __name__ == "__main__":
    main()
