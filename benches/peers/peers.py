"""Times the networks of `gamaka bench` in PyTorch, and librosa's mel-spectrogram: `python peers.py [--json]`."""

import argparse
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from networks import (
    QUERY,
    REFERENCE_CHANNELS,
    SHOT,
    SLOTS,
    STRIDE,
    TAPS,
    WAY,
    Conv,
    UnfoldedKanConv,
    check_splines,
    closed_form_conv,
    cox_de_boor_conv,
    embedding_network,
    episode_loss,
    equal_parameter_channels,
    parameter_count,
    plain_conv,
    rbf_conv,
)

BANDS, FRAMES = 64, 128

LAYER_CLIPS, LAYER_SIZE = 25, 64
LAYER_CHANNELS = (16, 32)

CONVS: dict[str, Conv] = {
    "conv_same_channels": plain_conv,
    "conv_equal_params": plain_conv,
    "kan_efficient": UnfoldedKanConv,
    "kan_cox_de_boor": cox_de_boor_conv,
    "kan_closed_form": closed_form_conv,
    "kan_rbf": rbf_conv,
}
"""By a network's name: what builds its convolutions."""
COMPILED, GRAPH = "_compiled", "_graph"
"""What a name ends with if torch.compile takes the network, and if a CUDA graph replays what is timed."""
KAN_NETWORKS = [
    "kan_efficient",
    "kan_cox_de_boor",
    "kan_closed_form",
    "kan_closed_form_compiled",
    "kan_rbf",
    "kan_rbf_compiled",
]
NETWORKS = ["conv_same_channels", "conv_equal_params", *KAN_NETWORKS]
"""What is timed unless --networks says otherwise."""
PARTS = ["networks", "layer", "mel"]

Result = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A network and how PyTorch runs it."""

    name: str
    conv: Conv
    compiled: bool = False
    graph: bool = False

    @classmethod
    def named(cls, name: str) -> "Peer":
        """Of a name such as kan_rbf_compiled_graph. Raises ValueError if it is none."""
        eager_or_compiled = name.removesuffix(GRAPH)
        network = eager_or_compiled.removesuffix(COMPILED)
        if network not in CONVS:
            raise ValueError(
                f"no network {name!r}: there are {', '.join(CONVS)}, "
                f"each also with {COMPILED}, {GRAPH} or both at its end"
            )
        return cls(name, CONVS[network], network != eager_or_compiled, eager_or_compiled != name)

    def channels(self, scale: int) -> list[int]:
        """Output channels of the layers."""
        channels = [scale * c for c in REFERENCE_CHANNELS]
        return equal_parameter_channels(channels) if self.name.startswith("conv_equal_params") else channels


def timed(what: str, run: Callable[[], object], device: torch.device, repeats: int) -> Result:
    """Median, least and greatest time of a call from its start to the end of its work, by the host's clock.

    On CUDA also the median by the device's events, which sees neither the launch of the first kernel nor the
    host's waking up. Calls before the first that counts let torch.compile compile and a GPU's clock rise.
    """

    def once() -> tuple[float, float]:
        if device.type != "cuda":
            start = time.perf_counter()
            run()
            return 1e3 * (time.perf_counter() - start), math.nan
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize(device)
        start = time.perf_counter()
        first.record()
        run()
        last.record()
        torch.cuda.synchronize(device)
        return 1e3 * (time.perf_counter() - start), first.elapsed_time(last)

    for _ in range(10 if device.type == "cuda" else 1):
        once()
    times, event_times = zip(*(once() for _ in range(repeats)))
    row = {f"{what}_ms": statistics.median(times), f"{what}_ms_min": min(times), f"{what}_ms_max": max(times)}
    if device.type == "cuda":
        row[f"{what}_event_ms"] = statistics.median(event_times)
    return row


def captured(run: Callable[[], object], device: torch.device) -> Callable[[], object]:
    """The same work as a CUDA graph, whose replay costs one launch. It must run a few times before, elsewhere."""
    if device.type != "cuda":
        raise RuntimeError("CUDA graphs need a CUDA device")
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(5):
            run()
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def time_network(peer: Peer, scale: int, device: torch.device, repeats: int) -> Result:
    """Times a training step and a forward pass over one episode's clips."""
    network = embedding_network(peer.conv, peer.channels(scale)).to(device)
    # Compiled in place, so that the optimizer sees the same parameters.
    if peer.compiled:
        network.compile()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True, capturable=peer.graph)
    clips = torch.randn(WAY * (SHOT + QUERY), 1, BANDS, FRAMES, device=device)

    def step() -> None:
        optimizer.zero_grad()
        episode_loss(network(clips)).backward()
        optimizer.step()

    def forward() -> None:
        with torch.no_grad():
            network(clips)

    def prepared(run: Callable[[], object]) -> Callable[[], object]:
        return captured(run, device) if peer.graph else run

    return {
        **timed("step", prepared(step), device, repeats),
        **timed("forward", prepared(forward), device, repeats),
        "params": parameter_count(network),
    }


def time_layer(peer: Peer, scale: int, device: torch.device, repeats: int) -> Result:
    """Times a convolution forward; its FLOP are those of the dense form, two for each multiply-add."""
    inputs, outputs = (scale * channels for channels in LAYER_CHANNELS)
    layer = peer.conv(inputs, outputs).to(device)
    if peer.compiled:
        layer.compile()
    x = torch.randn(LAYER_CLIPS, inputs, LAYER_SIZE, LAYER_SIZE, device=device)

    def forward() -> None:
        with torch.no_grad():
            layer(x)

    slots = 1 if peer.conv is plain_conv else SLOTS
    flop = 2 * slots * inputs * outputs * TAPS * LAYER_CLIPS * (LAYER_SIZE // STRIDE) ** 2
    row = timed("forward", forward, device, repeats)
    return row | {"gflops": flop / row["forward_ms"] / 1e6}


def time_mel(repeats: int) -> Result:
    """Times librosa's mel-spectrogram of a minute of noise, with the numbers of gamaka's own preset."""
    # Here, so that its absence costs nothing else.
    import librosa
    import numpy

    sample_rate, seconds = 22050, 60
    noise = numpy.random.default_rng(1).standard_normal(seconds * sample_rate, dtype=numpy.float32)

    def mel() -> None:
        librosa.feature.melspectrogram(
            y=noise, sr=sample_rate, n_fft=1024, hop_length=512, n_mels=64, fmin=30.0, fmax=10000.0
        )

    return {"librosa_x_realtime": seconds * 1e3 / timed("mel", mel, torch.device("cpu"), repeats)["mel_ms"]}


def attempt(measure: Callable[..., Result], *arguments: object) -> Result:
    """The measurement, or its `error`: a peer without its compiler or its memory must not cost the others."""
    try:
        return measure(*arguments)
    except Exception as error:
        lines = str(error).strip().splitlines()
        return {"error": ": ".join([type(error).__name__, *lines[:1]])}
    finally:
        torch._dynamo.reset()
        torch.cuda.empty_cache()


def measure_all(arguments: argparse.Namespace, keep: Callable[[Result], None]) -> Result:
    """Times everything, one after the other, and hands what there is to `keep` after each."""
    device = torch.device(arguments.device)
    results: Result = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "scale": arguments.scale,
        "tf32": arguments.tf32,
    }
    results |= {part: {} for part in arguments.parts}
    keep(results)
    more = arguments.scale, device, arguments.repeats
    if "networks" in arguments.parts:
        for peer in arguments.networks:
            results["networks"][peer.name] = attempt(time_network, peer, *more)
            keep(results)
    if "layer" in arguments.parts:
        for peer in [Peer("conv", plain_conv), *map(Peer.named, KAN_NETWORKS)]:
            results["layer"][peer.name] = attempt(time_layer, peer, *more)
            keep(results)
    if "mel" in arguments.parts:
        results["mel"] = attempt(time_mel, arguments.repeats)
        keep(results)
    return results


def print_table(results: Result) -> None:
    """Prints what `measure_all` gives, for people."""
    print(f"PyTorch {results['torch']} on {results['device']}, {results['threads']} threads")
    formats = {
        "step_ms": "step {:,.1f} ms",
        "forward_ms": "forward {:,.1f} ms",
        "params": "{:,} parameters",
        "gflops": "{:,.1f} GFLOP/s",
        "librosa_x_realtime": "librosa {:,.0f} x real time",
        "error": "{}",
    }

    def words(row: Result) -> str:
        return ", ".join(words.format(row[key]) for key, words in formats.items() if key in row)

    for part in ("networks", "layer"):
        if part in results:
            print(f"\n{part}")
        for name, row in results.get(part, {}).items():
            print(f"  {name:33} {words(row)}")
    if "mel" in results:
        print(f"\nmel\n  {words(results['mel'])}")


def listed(one: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Reads a list that commas separate, for argparse."""

    def read(text: str) -> list[Any]:
        try:
            return [one(word) for word in text.split(",")]
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def part(name: str) -> str:
    """A part of that name. Raises ValueError if there is none."""
    if name not in PARTS:
        raise ValueError(f"no part {name!r}: there are {', '.join(PARTS)}")
    return name


def write_whole(path: Path, results: Result) -> None:
    """Replaces a file, which is whole at any time."""
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(results))
    new.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--scale", type=int, default=1, help="multiplies the channels (default: 1)")
    parser.add_argument(
        "--repeats", type=int, help="timed runs of each, after a warm-up (default: 100 on CUDA, 5 on a CPU)"
    )
    parser.add_argument("--tf32", action="store_true", help="let CUDA round products to TF32 (default: all in f32)")
    parser.add_argument("--parts", type=listed(part), default=PARTS, help="separated by commas (default: all)")
    parser.add_argument(
        "--networks",
        type=listed(Peer.named),
        default=[Peer.named(name) for name in NETWORKS],
        help=f"separated by commas: {', '.join(CONVS)}, each also with {COMPILED}, {GRAPH} or both at its end",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write the document after each measurement too")
    arguments = parser.parse_args()
    if arguments.repeats is None:
        arguments.repeats = 100 if arguments.device == "cuda" else 5
    if min(arguments.scale, arguments.repeats) < 1:
        parser.error("--scale and --repeats are at least 1")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("PyTorch finds no CUDA device here; use --device cpu")

    torch.set_num_threads(os.cpu_count() or 1)
    torch.backends.cudnn.allow_tf32 = arguments.tf32
    torch.backends.cuda.matmul.allow_tf32 = arguments.tf32
    # The fastest of cuDNN's ways.
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(1)
    check_splines()
    keep = arguments.keep
    results = measure_all(arguments, lambda results: write_whole(keep, results) if keep else None)
    if arguments.json:
        print(json.dumps(results))
    else:
        print_table(results)


if __name__ == "__main__":
    main()
