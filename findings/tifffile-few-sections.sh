#!/usr/bin/env bash
# A stack of three or four sections becomes one colour picture twice: in tifffile and scikit-image.
#
# A good guess: tifffile.imwrite(stack) writes a page a section, whatever their number, and where
# it does not, photometric="minisblack" makes every reader give the stack back.
# What happens: a first axis of length 3 or 4 is taken for red, green, blue and alpha planes, for
# 8 bits as for 16, integers and floats; only 2 or 5 sections are pages. tifffile reads the stack
# back, Pillow opens one picture, of four sections with transparency. As "minisblack" Pillow sees the
# pages, but scikit-image still moves such an axis to the end: rows of three-coloured pixels.
# Why it matters here: cut-outs for training are often three or four sections deep. The fourth is
# lost as alpha or three become one grey, and the shape fits no label stack any more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq tifffile==2026.3.3 scikit-image==0.26.0 pillow==12.1.0 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
import skimage.io
import tifffile
from PIL import Image

print(*(f"{name} {version(name)}" for name in ("tifffile", "scikit-image", "pillow")))

for dtype in ("uint8", "uint16", "int32", "float32"):
    kinds = []
    for sections in (2, 3, 4, 5):
        tifffile.imwrite("stack.tif", np.zeros((sections, 20, 24), dtype))
        with tifffile.TiffFile("stack.tif") as tiff:
            kinds.append((len(tiff.pages), tiff.pages[0].photometric.name))
    print(f"{dtype}: pages and colours of 2, 3, 4, 5 sections: {kinds}")
    assert kinds == [(2, "MINISBLACK"), (1, "RGB"), (1, "RGB"), (5, "MINISBLACK")]


def seen(stack, **options):
    tifffile.imwrite("stack.tif", stack, **options)
    assert np.array_equal(tifffile.imread("stack.tif"), stack)
    with Image.open("stack.tif") as picture:
        return picture.mode, picture.n_frames, skimage.io.imread("stack.tif").shape


for sections, mode in ((3, "RGB"), (4, "RGBA"), (5, "L")):
    stack = np.zeros((sections, 20, 24), np.uint8)
    stack[1:] = 1
    plain, pages = seen(stack), seen(stack, photometric="minisblack")
    shape = (20, 24, sections) if sections < 5 else stack.shape
    print(f"{stack.shape}: Pillow's mode and frames, scikit-image's shape: {plain}; as minisblack: {pages}")
    assert plain == (mode, 1 if sections < 5 else 5, shape), "few sections are pages now"
    assert pages == ("L", sections, shape), "scikit-image keeps sections apart now"
PY
