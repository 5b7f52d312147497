#!/usr/bin/env python3
"""How the embeddings of a model's training files vary, for `unknown` in own genres (src/fewshot/whitening.rs).

    gamaka embed FILES... --per file -o vectors.npz
    python3 assets/models/whitening.py gamaka.safetensors vectors.npz [vectors.npz ...] -o gamaka.whitening

FILES are the training files of EXCERPTS/manifest.csv. Written are the model's own centre and the inverse square root of the
covariance about it, of which a fifth is its mean variance in every direction: little-endian 32-bit numbers, [1 + width, width].
"""

import argparse
import json
import struct
from pathlib import Path

import numpy as np

SHRINK = 0.2


def centre_of(model):
    """The mean embedding of the training files, from the metadata of a model file."""
    data = Path(model).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    return np.array(json.loads(metadata["gamaka"])["centre"], dtype=np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("vectors", nargs="+")
    parser.add_argument("-o", "--output", required=True)
    args = parser.parse_args()
    centre = centre_of(args.model)
    vectors = np.concatenate([np.load(path)["embedding"] for path in args.vectors]).astype(np.float64)
    less = vectors - centre
    covariance = less.T @ less / len(less)
    width = len(centre)
    variance = np.trace(covariance) / width
    values, directions = np.linalg.eigh((1 - SHRINK) * covariance + SHRINK * variance * np.eye(width))
    root = (directions * values**-0.5) @ directions.T
    np.concatenate([centre[None], root]).astype("<f4").tofile(args.output)
    print(f"{args.output}: {len(vectors)} embeddings of {width} values")


if __name__ == "__main__":
    main()
