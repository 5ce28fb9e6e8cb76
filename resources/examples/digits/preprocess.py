"""Turns the PNG scans of each part of the split into one NumPy file: features/train.npz, features/test.npz.

`x` holds one row of 64 levels (0 to 16) a scan, `y` its label, `files` where it came from.
"""

import json
import os
from pathlib import Path

import numpy as np
from PIL import Image


def default_split(dataset):
    """Outside Slipway: every fifth scan of each label is for testing."""
    split = {"train": [], "test": []}
    for label in sorted(folder for folder in dataset.iterdir() if folder.is_dir()):
        for index, path in enumerate(sorted(label.glob("*.png"))):
            split["test" if index % 5 == 0 else "train"].append(path.relative_to(dataset).as_posix())
    return split


def read_scan(path):
    """The 64 levels of one scan, the exact inverse of what make_data.py writes."""
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"), dtype=np.float32)
    if grey.shape != (8, 8):
        raise SystemExit(f"{path}: a scan has 8 x 8 pixels, this image has {grey.shape[1]} x {grey.shape[0]}")
    return np.rint(grey * (16 / 255)).reshape(64)


def main():
    dataset = Path(os.environ.get("SLIPWAY_DATASET", "data"))
    features = Path(os.environ.get("SLIPWAY_OUTPUT", "runs")) / "features"
    split_file = os.environ.get("SLIPWAY_SPLIT")
    split = json.loads(Path(split_file).read_text("utf-8")) if split_file else default_split(dataset)
    features.mkdir(parents=True, exist_ok=True)
    for part in ("train", "test"):
        files = sorted(split[part])
        x = np.stack([read_scan(dataset / file) for file in files])
        y = np.array([int(file.split("/")[0]) for file in files], dtype=np.int64)
        np.savez(features / f"{part}.npz", x=x, y=y, files=np.array(files))
        print(f"{part}: {len(files)} scans, of each label {np.bincount(y, minlength=10).tolist()}")


if __name__ == "__main__":
    main()
