"""Writes the digits dataset: data/LABEL/INDEX.png, 1,797 scans of 8 x 8 pixels.

The scans come with scikit-learn (UCI "Optical Recognition of Handwritten Digits"), nothing is downloaded.
A pixel has 17 levels, 0 to 16; they are spread over the 256 levels of a grey PNG and come back exactly.
Files that are there already, with the same bytes, are left alone.
"""

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits


def encode(scan):
    """The PNG bytes of one 8 x 8 scan of levels 0 to 16."""
    png = io.BytesIO()
    grey = np.rint(scan * (255 / 16)).astype(np.uint8)
    # Uncompressed, so that the bytes do not depend on the zlib that Pillow was built with.
    Image.fromarray(grey).save(png, "PNG", compress_level=0)
    return png.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="data", type=Path)
    folder = parser.parse_args().folder
    digits = load_digits()
    for label in digits.target_names:
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
    written = 0
    for index, (scan, label) in enumerate(zip(digits.images, digits.target)):
        path = folder / str(label) / f"{index:04d}.png"
        png = encode(scan)
        if path.exists() and path.read_bytes() == png:
            continue
        path.write_bytes(png)
        written += 1
    print(f"{folder}: {len(digits.images)} scans, {written} written")


if __name__ == "__main__":
    main()
