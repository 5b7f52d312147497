"""Times the networks of `gamaka bench` in PyTorch, and librosa's mel-spectrogram: `python peers.py [--json]`."""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
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

KAN_CONVS: dict[str, tuple[Conv, bool]] = {
    "kan_efficient": (UnfoldedKanConv, False),
    "kan_cox_de_boor": (cox_de_boor_conv, False),
    "kan_closed_form": (closed_form_conv, False),
    "kan_closed_form_compiled": (closed_form_conv, True),
    "kan_rbf": (rbf_conv, False),
    "kan_rbf_compiled": (rbf_conv, True),
}
"""By name: what builds the convolution, and whether torch.compile takes the network."""

Result = dict[str, Any]


def median_ms(run: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Median time of a call, after a warm-up (in which torch.compile compiles)."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    times = []
    for _ in range(1 + repeats):
        wait()
        start = time.perf_counter()
        run()
        wait()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def time_network(conv: Conv, channels: list[int], compiled: bool, device: torch.device, repeats: int) -> Result:
    """Times a training step and a forward pass over one episode's clips."""
    network = embedding_network(conv, channels).to(device)
    # Compiled in place, so that the optimizer sees the same parameters.
    if compiled:
        network.compile()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    clips = torch.randn(WAY * (SHOT + QUERY), 1, BANDS, FRAMES, device=device)

    def step() -> None:
        optimizer.zero_grad()
        episode_loss(network(clips)).backward()
        optimizer.step()

    def forward() -> None:
        with torch.no_grad():
            network(clips)

    return {
        "step_ms": median_ms(step, device, repeats),
        "forward_ms": median_ms(forward, device, repeats),
        "params": parameter_count(network),
    }


def time_layer(conv: Conv, scale: int, compiled: bool, device: torch.device, repeats: int) -> Result:
    """Times a convolution forward; its FLOP are those of the dense form, two for each multiply-add."""
    inputs, outputs = (scale * channels for channels in LAYER_CHANNELS)
    layer = conv(inputs, outputs).to(device)
    if compiled:
        layer.compile()
    x = torch.randn(LAYER_CLIPS, inputs, LAYER_SIZE, LAYER_SIZE, device=device)

    def forward() -> None:
        with torch.no_grad():
            layer(x)

    slots = 1 if conv is plain_conv else SLOTS
    flop = 2 * slots * inputs * outputs * TAPS * LAYER_CLIPS * (LAYER_SIZE // STRIDE) ** 2
    ms = median_ms(forward, device, repeats)
    return {"forward_ms": ms, "gflops": flop / ms / 1e6}


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

    return {"librosa_x_realtime": seconds * 1e3 / median_ms(mel, torch.device("cpu"), repeats)}


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


def measure_all(device: torch.device, scale: int, repeats: int) -> Result:
    """Times everything, one after the other."""
    channels = [scale * c for c in REFERENCE_CHANNELS]
    networks: dict[str, tuple[Conv, list[int], bool]] = {
        "conv_same_channels": (plain_conv, channels, False),
        "conv_equal_params": (plain_conv, equal_parameter_channels(channels), False),
    }
    networks |= {name: (conv, channels, compiled) for name, (conv, compiled) in KAN_CONVS.items()}
    layers = {"conv": (plain_conv, False)} | KAN_CONVS
    on_cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if on_cuda else "cpu",
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "networks": {
            name: attempt(time_network, conv, wide, compiled, device, repeats)
            for name, (conv, wide, compiled) in networks.items()
        },
        "layer": {
            name: attempt(time_layer, conv, scale, compiled, device, repeats)
            for name, (conv, compiled) in layers.items()
        },
        "mel": attempt(time_mel, repeats),
    }


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
        return ", ".join(formats[key].format(value) for key, value in row.items())

    for part in ("networks", "layer"):
        print(f"\n{part}")
        for name, row in results[part].items():
            print(f"  {name:26} {words(row)}")
    print(f"\nmel\n  {words(results['mel'])}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--scale", type=int, default=1, help="multiplies the channels (default: 1)")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each, after a warm-up (default: 5)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    if min(arguments.scale, arguments.repeats) < 1:
        parser.error("--scale and --repeats are at least 1")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("PyTorch finds no CUDA device here; use --device cpu")

    torch.set_num_threads(os.cpu_count() or 1)
    # All in f32, as gamaka computes; the fastest of cuDNN's ways.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(1)
    check_splines()
    results = measure_all(torch.device(arguments.device), arguments.scale, arguments.repeats)
    if arguments.json:
        print(json.dumps(results))
    else:
        print_table(results)


if __name__ == "__main__":
    main()
