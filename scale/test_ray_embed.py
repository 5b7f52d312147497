"""A local Ray cluster of two nodes embeds twenty clips and two files that are none, and loses a worker on the way.

Run by `make ray-test`, which sets GAMAKA to the program.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import pyarrow.parquet as pq
import ray
from ray.cluster_utils import Cluster

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parent / "assets" / "corpus"
GAMAKA = os.environ.get("GAMAKA", str(HERE.parent / "target" / "debug" / "gamaka"))
CLIPS = 20
SHARDS = 4
# Smaller ones Ray does not take.
OBJECT_STORE = 80 * 1024 * 1024


def parents_of(folder: Path) -> list[tuple[int, int]]:
    """Processes that write tables into the folder, and their parents, the workers."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            status = (entry / "stat").read_text()
        except OSError:
            continue
        if entry.name.isdigit() and b"embed" in words and any(os.fsencode(folder) in word for word in words):
            # The name of the program, in parentheses, may hold anything.
            found.append((int(entry.name), int(status.rpartition(")")[2].split()[1])))
    return found


class RayEmbed(unittest.TestCase):
    cluster: Cluster

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": OBJECT_STORE})
        cls.cluster.add_node(num_cpus=1, object_store_memory=OBJECT_STORE)
        cls.cluster.wait_for_nodes()

    @classmethod
    def tearDownClass(cls) -> None:
        ray.shutdown()
        cls.cluster.shutdown()

    def setUp(self) -> None:
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)
        self.output = self.home / "table.parquet"
        self.folder = self.home / "table.parquet.shards"
        self.paths = [str(path) for path in sorted(CORPUS.glob("*/*-000.ogg"))[:CLIPS]]
        self.paths[7:7] = ["no_such_file.ogg"]
        self.paths += ["text.ogg"]
        (self.home / "text.ogg").write_text("no audio\n")
        self.manifest = self.home / "manifest.csv"
        self.manifest.write_text("path\n" + "".join(f"{path}\n" for path in self.paths))

    def start(self, *more: str) -> subprocess.Popen[str]:
        words = [sys.executable, str(HERE / "ray_embed.py"), "--manifest", str(self.manifest), "-o", str(self.output)]
        words += ["--gamaka", GAMAKA, "--shards", str(SHARDS), "--address", self.cluster.address, *more]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ends(self, started: subprocess.Popen[str], code: int) -> str:
        out, err = started.communicate(timeout=300)
        self.assertEqual(started.returncode, code, f"{out}\n{err}")
        self.assertNotIn("Traceback", err)
        return out if code == 0 else err

    def test_every_row_is_there_once_though_a_worker_is_killed(self) -> None:
        started = self.start()
        while not (processes := parents_of(self.folder)):
            self.assertIsNone(started.poll(), "it ended before it embedded")
            time.sleep(0.02)
        process, worker = processes[0]
        os.kill(worker, signal.SIGKILL)
        said = self.ends(started, 0)
        self.assertFalse(Path(f"/proc/{process}").exists(), "the program outlived its worker")
        self.assertIn(f"{len(self.paths)} rows of {len(self.paths)} files, 2 with an error, from {SHARDS} shards on 2 nodes", said)
        table = pq.read_table(self.output).to_pandas().sort_values("row")
        self.assertEqual(list(table["row"]), list(range(len(self.paths))))
        self.assertEqual(list(table["path"]), self.paths)
        bad = table["path"].isin(["no_such_file.ogg", "text.ogg"])
        self.assertTrue(table[bad]["error"].notna().all() and table[bad]["embedding"].isna().all())
        self.assertTrue(table[~bad]["error"].isna().all())
        self.assertEqual({len(vector) for vector in table[~bad]["embedding"]}, {128})
        self.assertEqual(table["model"].nunique(), 1)

        # The same command again does nothing, and makes again what is gone.
        parts = sorted(self.folder.glob("*.parquet"))
        self.assertEqual(len(parts), SHARDS)
        times = [part.stat().st_mtime_ns for part in parts]
        before = self.output.read_bytes()
        parts[1].unlink()
        self.output.unlink()
        self.ends(self.start(), 0)
        again = [part.stat().st_mtime_ns for part in parts]
        self.assertEqual([a == b for a, b in zip(times, again)], [True, False, True, True])
        self.assertEqual(self.output.read_bytes(), before)
        self.assertEqual({path.name for path in self.home.iterdir()}, {"manifest.csv", "text.ogg", "table.parquet", "table.parquet.shards"})

        # Another manifest is not mixed with it.
        self.manifest.write_text("path\ntext.ogg\n")
        said = self.ends(self.start(), 1)
        self.assertIn(f"{SHARDS} of {SHARDS} shards failed", said)
        self.assertIn("is there already, and was made with another model, other rows", said)
        self.assertEqual(self.output.read_bytes(), before)

    def test_what_will_not_do_is_told_in_a_sentence(self) -> None:
        said = self.ends(self.start("--gamaka", "/no/such/gamaka"), 1)
        self.assertIn("/no/such/gamaka does not start on this node", said)
        said = self.ends(self.start("--model", str(self.home / "text.ogg")), 1)
        self.assertIn("text.ogg", said)
        self.output.write_text("notes of mine")
        self.assertIn("was not written by gamaka", self.ends(self.start(), 2))
        self.assertEqual(self.output.read_text(), "notes of mine")
        self.output = self.home / "table.csv"
        self.assertIn("must end in .parquet", self.ends(self.start(), 2))
        self.assertIn("--shards must be 1 or more", self.ends(self.start("-o", str(self.home / "a.parquet"), "--shards", "0"), 2))
        self.manifest.unlink()
        self.assertIn("there is no such file", self.ends(self.start("-o", str(self.home / "a.parquet")), 2))


if __name__ == "__main__":
    unittest.main()
