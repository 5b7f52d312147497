#!/usr/bin/env python3
"""Ask a public music tagger what it hears: the targets that gamaka's own model learns from.

    python3 assets/models/teacher.py DATA -o TARGETS.npz --wheel musicnn-0.1.0-py3-none-any.whl

The teacher is musicnn (Pons and Serra 2019, arXiv 1909.06654), trained on the Million Song Dataset to give Last.fm's fifty most
used tags. Its code and weights are on PyPI under the ISC licence: `pip download --no-deps musicnn==0.1.0` fetches the wheel, which
is read and not installed. The network is rebuilt here in PyTorch from its checkpoint, so TensorFlow is not needed. It heard
commercial songs: whatever learns from it has heard them at second hand.

DATA is a folder with manifest.csv (column `path`). Every file is decoded to mono at 16 kHz and cut into windows of --seconds from
one --hop to the next; a rest shorter than a window is left. TARGETS.npz has a row for each window, as `gamaka embed` writes it:
`path` (as in the manifest), `start_s`, `end_s`, and `embedding`: 200 penultimate features, 50 logits of tags, and the first 128
principal components of its pooled features (maximum and mean over time of 753 channels, in turns; the components are those of
training files, and are kept in TARGETS.basis.npz, so that further files get the same).

Needs Python 3.10 or later with numpy and torch, and ffmpeg. Thirty windows a second on two cores, thousands on a GPU. What is done
is kept in TARGETS.npz.parts, a file for every hundred files, and is not done again; the folder is removed at the end.
"""

import argparse
import csv
import os
import struct
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

RATE, N_FFT, HOP, BANDS, FRAMES = 16000, 512, 256, 96, 187
PENULTIMATE, TAGS, POOLED, COMPONENTS = 200, 50, 1506, 128
FILES_A_PART = 100
BASIS_ROWS = 4000


# The checkpoint: TensorFlow's tensor bundle, an index (a LevelDB table of protocol buffers) and the raw values.


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def table_block(data, first, size):
    """(key, value) of one block of the table, whose keys share prefixes."""
    if data[first + size] != 0:
        raise ValueError("a compressed table")
    body = data[first : first + size]
    end = len(body) - 4 - 4 * struct.unpack("<I", body[-4:])[0]
    at, key = 0, b""
    while at < end:
        shared, at = varint(body, at)
        own, at = varint(body, at)
        length, at = varint(body, at)
        key = key[:shared] + body[at : at + own]
        at += own
        yield key, body[at : at + length]
        at += length


def message(data):
    """A protocol buffer's fields: {number: [values]}."""
    fields, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        elif tag & 7 == 5:
            value, at = data[at : at + 4], at + 4
        else:
            raise ValueError("an unknown kind of field")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def read_checkpoint(index, values):
    """{name: array} of the float tensors of a checkpoint, without the optimiser's."""
    footer, at = index[-48:], 0
    for _ in range(2):  # the block of meta data, which is not needed
        _, at = varint(footer, at)
    first, at = varint(footer, at)
    size, at = varint(footer, at)
    tensors = {}
    for _, handle in table_block(index, first, size):
        block_first, at = varint(handle, 0)
        block_size, _ = varint(handle, at)
        for key, entry in table_block(index, block_first, block_size):
            name = key.decode()
            if not name or "Adam" in name or "power" in name:
                continue
            fields = message(entry)
            dims = [message(dim).get(1, [0])[0] for dim in message(fields.get(2, [b""])[0]).get(2, [])]
            offset, length = fields.get(4, [0])[0], fields[5][0]
            tensors[name] = np.frombuffer(values[offset : offset + length], "<f4").reshape(dims).copy()
    return tensors


class Teacher:
    """musicnn: log-mel frames [n, 187, 96] to what it makes of them."""

    def __init__(self, wheel, name, device):
        with zipfile.ZipFile(wheel) as archive:
            index = archive.read(f"musicnn/{name}/.index")
            values = archive.read(f"musicnn/{name}/.data-00000-of-00001")
        self.device = device
        self.weights = {k: torch.tensor(v, device=device) for k, v in read_checkpoint(index, values).items()}
        self.filters = torch.tensor(mel_filters(), device=device)
        self.window = torch.hann_window(N_FFT, device=device)

    def mel(self, samples):
        """Frames of log10(1 + 10000 x) of the mel power spectrum, [frames, 96], as librosa makes them."""
        spectrum = torch.stft(samples, N_FFT, HOP, window=self.window, center=True, pad_mode="constant", return_complex=True)
        return torch.log10(1.0 + 10000.0 * (self.filters @ spectrum.abs().square())).T

    def affine(self, layer):
        """Scale and offset of a batch normalisation by the moments of the training."""
        name = "batch_normalization" + (f"_{layer}" if layer else "")
        beta, gamma, mean, variance = (
            self.weights[f"{name}/{part}"] for part in ("beta", "gamma", "moving_mean", "moving_variance")
        )
        scale = gamma / torch.sqrt(variance + 1e-3)
        return scale, beta - mean * scale

    def normal(self, x, layer):
        """Batch normalisation of channels [n, channels, ...]."""
        scale, offset = (part.reshape(1, -1, *[1] * (x.dim() - 2)) for part in self.affine(layer))
        return x * scale + offset

    def kernel(self, layer):
        name = "conv2d" + (f"_{layer}" if layer else "")
        return self.weights[f"{name}/kernel"], self.weights[f"{name}/bias"]

    def top(self, y, layer):
        """The largest value over the places [n, places, channels, frames] of a convolution, once rectified and normalised.
        Both are monotone, so that only the extremes need them."""
        least, most = torch.aminmax(y, dim=1)
        scale, _ = self.affine(layer)
        return self.normal(F.relu(torch.where(scale[:, None] > 0, most, least)), layer)

    def timbral(self, x, layer):
        """A convolution over time and many bands at once: one over time for each place on the axis of bands."""
        kernel, bias = self.kernel(layer)
        windows = F.pad(x[:, 0], (0, 0, 3, 3)).unfold(2, kernel.shape[1], 1)  # [n, frames, places, bands]
        n, frames, places, bands = windows.shape
        rows = windows.permute(0, 2, 3, 1).reshape(n * places, bands, frames)
        y = F.conv1d(rows, kernel[:, :, 0].permute(2, 1, 0), bias)
        return self.top(y.reshape(n, places, *y.shape[1:]), layer + 1)

    def temporal(self, x, layer):
        """A long convolution over time in each band."""
        kernel, bias = self.kernel(layer)
        length = len(kernel)
        before = (length - 1) // 2
        n, _, frames, bands = x.shape
        rows = F.pad(x[:, 0].transpose(1, 2), (before, length - 1 - before)).reshape(n * bands, 1, -1)
        y = F.conv1d(rows, kernel[:, 0].permute(2, 1, 0), bias)
        return self.top(y.reshape(n, bands, *y.shape[1:]), layer + 1)

    def middle(self, x, layer):
        """A convolution over time of all channels [n, channels, frames]."""
        kernel, bias = self.kernel(layer)
        y = F.conv1d(x, kernel[:, :, 0].permute(2, 1, 0), bias, padding=3)
        return self.normal(F.relu(y), layer + 1)

    @torch.inference_mode()
    def __call__(self, mel):
        """(penultimate [n, 200], logits [n, 50], pooled [n, 1506])"""
        x = self.normal(mel[:, None], 0)
        front = [self.timbral(x, 0), self.timbral(x, 1), *(self.temporal(x, layer) for layer in (2, 3, 4))]
        middle = [torch.cat(front, 1)]  # [n, 561, frames]
        for layer in (5, 6, 7):
            new = self.middle(middle[-1], layer)
            middle.append(new if layer == 5 else new + middle[-1])
        features = torch.cat(middle, 1)  # [n, 753, frames]
        pooled = torch.stack([features.amax(2), features.mean(2)], 2).flatten(1)  # in turns, as it was trained
        dense = self.normal(pooled, 9) @ self.weights["dense/kernel"] + self.weights["dense/bias"]
        penultimate = self.normal(F.relu(dense), 10)
        logits = penultimate @ self.weights["dense_1/kernel"] + self.weights["dense_1/bias"]
        return penultimate, logits, pooled


def mel_filters():
    """librosa's filter bank of 96 bands up to 8 kHz (Slaney's scale and norm), [96, 257]."""
    step = np.log(6.4) / 27
    to_mel = lambda hz: np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1000) / 1000) / step)
    to_hz = lambda mel: np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(step * (mel - 15)))
    edges = to_hz(np.linspace(0, to_mel(np.array(RATE / 2.0)), BANDS + 2))
    bins = np.linspace(0, RATE / 2, N_FFT // 2 + 1)
    up = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    down = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return (np.maximum(0, np.minimum(up, down)) * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def decode(path):
    """Mono samples at 16 kHz; None if ffmpeg cannot."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"]
    done = subprocess.run(command, capture_output=True)
    return np.frombuffer(done.stdout, "<f4").copy() if done.returncode == 0 else None


def hear(teacher, samples, seconds, hop):
    """(starts in seconds, penultimate, logits, pooled) of the windows of a file; None if it is shorter than one."""
    length = len(samples) / RATE
    starts = np.arange(0, length - seconds + 1e-6, hop)
    if len(starts) == 0:
        return None
    mel = teacher.mel(torch.tensor(samples, device=teacher.device))
    mel = F.pad(mel, (0, 0, 0, FRAMES))
    windows = torch.stack([mel[(at := round(s * RATE / HOP)) : at + FRAMES] for s in starts])
    parts = [teacher(batch) for batch in windows.split(8)]
    return (starts, *(torch.cat(kind).cpu().numpy() for kind in zip(*parts)))


def principal_components(pooled):
    """(mean, deviation, components [1506, 128]) of pooled features."""
    mean, deviation = pooled.mean(0), pooled.std(0) + 1e-6
    covariance = np.cov(((pooled - mean) / deviation).T)
    _, vectors = np.linalg.eigh(covariance)
    return mean, deviation, vectors[:, ::-1][:, :COMPONENTS]


def save(to, **arrays):
    """Whole or not at all."""
    new = to.with_name(to.name + ".new")
    with open(new, "wb") as file:
        np.savez_compressed(file, **arrays)
    os.replace(new, to)


def parse_arguments():
    parser = argparse.ArgumentParser(description="Ask musicnn what it hears in the files of a data set.")
    parser.add_argument("data", type=Path, metavar="DATA", help="folder with manifest.csv")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="TARGETS.npz")
    parser.add_argument("--wheel", type=Path, required=True, help="musicnn-0.1.0-py3-none-any.whl")
    parser.add_argument("--weights", default="MSD_musicnn", choices=["MSD_musicnn", "MTT_musicnn"])
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a window (default: 3)")
    parser.add_argument("--hop", type=float, default=3.0, help="from one window to the next (default: 3)")
    parser.add_argument("--basis", type=Path, help="principal components of an earlier run (its TARGETS.basis.npz)")
    args = parser.parse_args()
    if not args.seconds * RATE / HOP - 1 < FRAMES <= args.seconds * RATE / HOP + 1:
        parser.error(f"--seconds must be 3: this teacher hears {FRAMES} frames of 16 ms at a time")
    return args


def main():
    args = parse_arguments()
    with open(args.data / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    paths = [row["path"] for row in rows]
    trains = {row["path"] for row in rows if row.get("split", "train") == "train"}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    teacher = Teacher(args.wheel, args.weights, device)
    parts = args.out.with_name(args.out.name + ".parts")
    parts.mkdir(parents=True, exist_ok=True)
    groups = [paths[k : k + FILES_A_PART] for k in range(0, len(paths), FILES_A_PART)]
    bad = []
    for number, group in enumerate(groups):
        part = parts / f"{number:05}.npz"
        if part.exists() and list(np.load(part)["files"]) == group:
            continue
        rows = {name: [] for name in ("path", "start_s", "penultimate", "logits", "pooled")}
        with ThreadPoolExecutor(2) as pool:
            for path, samples in zip(group, pool.map(lambda p: decode(args.data / p), group)):
                heard = None if samples is None else hear(teacher, samples, args.seconds, args.hop)
                if heard is None:
                    bad.append(path)
                    continue
                rows["path"].append(np.full(len(heard[0]), path))
                for name, values in zip(("start_s", "penultimate", "logits", "pooled"), heard):
                    rows[name].append(values.astype(np.float16) if name == "pooled" else values)
        save(part, files=np.array(group), **{name: np.concatenate(v) if v else np.zeros(0) for name, v in rows.items()})
        print(f"\r{min((number + 1) * FILES_A_PART, len(paths))} of {len(paths)} files", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    whole = [np.load(parts / f"{number:05}.npz") for number in range(len(groups))]
    whole = [part for part in whole if len(part["path"])]
    if not whole:
        sys.exit(f"teacher: no file of {args.data} could be heard")
    basis_path = args.out.with_suffix(".basis.npz")
    if args.basis:
        known = np.load(args.basis)
        basis = known["mean"], known["deviation"], known["components"]
    else:
        heard = [part["pooled"][np.isin(part["path"], list(trains))] for part in whole]
        heard = np.concatenate(heard)
        basis = principal_components(heard[:: max(1, len(heard) // BASIS_ROWS)].astype(np.float64))
    save(basis_path, mean=basis[0], deviation=basis[1], components=basis[2])
    pooled = [((part["pooled"].astype(np.float64) - basis[0]) / basis[1]) @ basis[2] for part in whole]
    join = lambda name: np.concatenate([part[name] for part in whole])
    vectors = np.concatenate([join("penultimate"), join("logits"), np.concatenate(pooled)], 1).astype(np.float32)
    starts = join("start_s")
    save(args.out, path=join("path"), start_s=starts, end_s=starts + args.seconds, embedding=vectors)
    for file in parts.iterdir():
        file.unlink()
    parts.rmdir()
    print(f"{len(starts)} windows of {len(paths) - len(bad)} files", file=sys.stderr)
    for path in bad:
        print(f"left out: {args.data / path} cannot be decoded, or is shorter than {args.seconds} s", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("teacher: interrupted; the same command goes on")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        sys.exit(f"teacher: {error}")
