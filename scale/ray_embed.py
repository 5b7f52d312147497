#!/usr/bin/env python3
"""Embeds the files of a manifest on a Ray cluster: one table at the end, every row of the manifest in it.

Each task runs `gamaka embed --manifest FILE --shard I/N` on one shard. A shard that is there is left alone, one that was cut
off goes on, and one whose worker dies runs again: the same command goes on after whatever stopped it. The manifest, the music, the
model and the output must have the same paths on every node.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray

LINES_PER_SHARD = 1000
SECONDS_BETWEEN_TRIES = 2.0
WRONG_USAGE = 2
ABOUT = b"gamaka"


@dataclass(frozen=True)
class Work:
    """What all shards have in common."""

    gamaka: str
    manifest: str
    folder: str
    shards: int
    flags: list[str]
    tries: int

    def part(self, shard: int) -> Path:
        width = len(str(self.shards))
        return Path(self.folder) / f"part-{shard:0{width}}-of-{self.shards}.parquet"

    def command(self, shard: int) -> list[str]:
        place = ["--shard", f"{shard}/{self.shards}", "-o", str(self.part(shard))]
        return [self.gamaka, "embed", "--manifest", self.manifest, *place, *self.flags, "--quiet"]


def die_with_parent() -> None:
    """Lets the kernel end this process when the Ray worker that began it dies, so that two never write one shard."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def embed_shard(row: dict[str, Any]) -> dict[str, Any]:
    """Runs one shard, on whichever node Ray has chosen. Returns where, and why it failed, if it did."""
    work = Work(**json.loads(row["work"]))
    shard = int(row["shard"])
    node = ray.get_runtime_context().get_node_id()
    error = ""
    for attempt in range(work.tries):
        if attempt > 0:
            time.sleep(SECONDS_BETWEEN_TRIES * attempt)
        try:
            done = subprocess.run(
                work.command(shard), capture_output=True, text=True, errors="replace",
                preexec_fn=die_with_parent, check=False,
            )
        except OSError as reason:
            error = f"{work.gamaka} does not start on this node ({reason}): install it there, or give its path by --gamaka"
            break
        if done.returncode == 0:
            return {"shard": shard, "node": node, "error": ""}
        said = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
        error = said[-1]
        if done.returncode == WRONG_USAGE:
            break
    return {"shard": shard, "node": node, "error": error}


def run_shards(work: Work, cpus: float, gpus: float) -> tuple[list[str], int]:
    """Runs all shards. Returns what failed, in sentences, and the number of nodes that took part."""
    text = json.dumps(asdict(work))
    rows = [{"shard": shard, "work": text} for shard in range(work.shards)]
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    tasks = ray.data.from_items(rows, override_num_blocks=work.shards).map(
        embed_shard, num_cpus=cpus, num_gpus=gpus, max_retries=work.tries
    )
    failed: list[str] = []
    nodes: set[str] = set()
    for done, row in enumerate(tasks.iter_rows(), start=1):
        nodes.add(row["node"])
        if row["error"]:
            failed.append(f"shard {row['shard']}: {row['error']}")
        print(f"{done} of {work.shards} shards", file=sys.stderr)
    return failed, len(nodes)


def gather(work: Work, output: Path) -> tuple[int, int, int]:
    """Writes one table of all shards, shard by shard, whole or not at all. Returns how many rows it has, of how many files,
    and how many have an error. A row of the manifest that is not there, or in two shards, is an error."""
    rows = errors = files = 0
    seen = [np.empty(0, np.int64)]
    abouts = [pq.read_metadata(work.part(shard)).metadata[ABOUT] for shard in range(work.shards)]
    about = hashlib.sha256(b"\n".join(abouts)).hexdigest()
    if output.exists() and about_of(output) != about.encode():
        raise ValueError("it is there already, of another model or manifest: move it away, and the same command goes on")
    unfinished = output.with_name(f".{output.name}.partial")
    try:
        schema = pq.read_schema(work.part(0)).with_metadata({ABOUT: about})
        with pq.ParquetWriter(unfinished, schema, compression="snappy") as writer:
            for shard in range(work.shards):
                files += json.loads(abouts[shard])["files"]
                with pq.ParquetFile(work.part(shard)) as part:
                    for group in range(part.num_row_groups):
                        table: pa.Table = part.read_row_group(group)
                        numbers = table["row"].to_numpy()
                        if (numbers % work.shards != shard).any():
                            raise ValueError(f"{work.part(shard)} holds rows of another shard: delete it and run again")
                        # A file's segments may lie in two row groups.
                        seen.append(np.unique(numbers))
                        rows += table.num_rows
                        errors += table.num_rows - table["error"].null_count
                        writer.write_table(table.replace_schema_metadata(schema.metadata))
        found = np.unique(np.concatenate(seen))
        if len(found) != files or (files and found[-1] != files - 1):
            raise ValueError(f"{len(found)} of the manifest's {files} rows are in the shards: delete {work.folder} and run again")
        os.replace(unfinished, output)
    finally:
        unfinished.unlink(missing_ok=True)
    return rows, files, errors


def about_of(table: Path) -> bytes | None:
    """What a table says of itself that this program wrote; nothing if it is of others."""
    try:
        return (pq.read_metadata(table).metadata or {}).get(ABOUT)
    except (OSError, pa.ArrowException):
        return None


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Embeds the files of a manifest on a Ray cluster: one table, every row of the manifest in it.",
        epilog="The same command goes on after whatever stopped it.",
    )
    parser.add_argument("--manifest", required=True, type=Path, help="CSV file with a column path, or a path in each line")
    parser.add_argument("-o", "--output", required=True, type=Path, help="the table: a name that ends in .parquet")
    parser.add_argument("--shards", type=int, help="parts of the work [default: one for each 1000 lines of the manifest]")
    parser.add_argument("--folder", type=Path, help="where the shards' tables go [default: OUTPUT.shards]")
    parser.add_argument("--address", help="the cluster, for example auto [default: RAY_ADDRESS, else this machine alone]")
    parser.add_argument("--gamaka", default="gamaka", help="the program, the same on every node [default: gamaka]")
    parser.add_argument("--cpus", type=float, default=1, help="CPUs of a task [default: 1]")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs of a task, also parts of one [default: 0]")
    parser.add_argument("--tries", type=int, default=3, help="how often a shard is tried, and its worker replaced [default: 3]")
    parser.add_argument("--model", type=Path, help="as for gamaka embed")
    parser.add_argument("--per", choices=["file", "segment"], help="as for gamaka embed")
    parser.add_argument("--hop", help="as for gamaka embed")
    parser.add_argument("--engine", choices=["auto", "gpu", "cpu"], help="as for gamaka embed")
    parser.add_argument("--device", help="as for gamaka embed")
    args = parser.parse_args()
    if args.output.suffix.lower() != ".parquet":
        parser.error(f"{args.output}: the name must end in .parquet")
    if not args.output.absolute().parent.is_dir():
        parser.error(f"{args.output}: make its folder first")
    if args.output.is_dir() or args.output.absolute() == args.manifest.absolute():
        parser.error(f"{args.output}: is a folder or the manifest: choose another name for the output")
    if args.output.exists() and about_of(args.output) is None:
        parser.error(f"{args.output}: is there already and was not written by gamaka: choose another name")
    if not args.manifest.is_file():
        parser.error(f"{args.manifest}: there is no such file")
    for name in ["shards", "tries"]:
        if getattr(args, name) is not None and getattr(args, name) < 1:
            parser.error(f"--{name} must be 1 or more")
    if args.cpus < 0 or args.gpus < 0:
        parser.error("--cpus and --gpus must not be negative")
    return args


def plan(args: argparse.Namespace) -> Work:
    """What is to be done. Paths are made whole, for tasks run elsewhere."""
    manifest = args.manifest.absolute()
    folder = args.folder or args.output.with_name(args.output.name + ".shards")
    folder.mkdir(exist_ok=True)
    shards = args.shards
    if shards is None:
        with open(manifest, "rb") as lines:
            shards = max(1, -(-sum(1 for _ in lines) // LINES_PER_SHARD))
    flags: list[str] = []
    for name in ["model", "per", "hop", "engine", "device"]:
        value = getattr(args, name)
        if value is not None:
            whole = name == "model" and str(value) != "included"
            flags += [f"--{name}", str(value.absolute() if whole else value)]
    # What is only on the PATH of this process is named whole; a worker may have another.
    gamaka = shutil.which(args.gamaka)
    gamaka = str(Path(gamaka).absolute()) if gamaka else args.gamaka
    return Work(gamaka, str(manifest), str(folder.absolute()), shards, flags, args.tries)


def main() -> int:
    args = arguments()
    work = plan(args)
    ray.init(address=args.address, log_to_driver=False, logging_level="error")
    try:
        failed, nodes = run_shards(work, args.cpus, args.gpus)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        print(f"ray_embed: the cluster failed ({reason[-1]}); the same command goes on", file=sys.stderr)
        return 1
    finally:
        ray.shutdown()
    if failed:
        print(f"ray_embed: {len(failed)} of {work.shards} shards failed; mend it, and the same command goes on:", file=sys.stderr)
        print("\n".join(f"  {line}" for line in failed), file=sys.stderr)
        return 1
    try:
        rows, files, errors = gather(work, args.output)
    except (OSError, ValueError, pa.ArrowException) as error:
        print(f"ray_embed: {args.output} is not written: {error}", file=sys.stderr)
        return 1
    print(f"{args.output}: {rows} rows of {files} files, {errors} with an error, from {work.shards} shards on {nodes} nodes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
