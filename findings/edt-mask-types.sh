#!/usr/bin/env bash
# edt answers 0 everywhere for half-precision and big-endian masks.
#
# A good guess: a type that a distance transform cannot take is refused, or converted; float32 and
# all native integers give the distances.
# What happens: float16 arrays, and arrays whose bytes are in the other order, come back as zeros of
# the right shape, without an error or a warning. ImageJ writes its stacks big-endian, and a
# memory map of them, by tifffile for one, keeps that order.
# Why it matters here: a map predicted at half precision, or labels read from Fiji's file, have no
# distance anywhere: no seed is found, no wall is grown away, and the result is merely empty.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq edt==3.1.2 tifffile==2026.3.3 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version

import edt
import numpy as np
import tifffile

print("edt", version("edt"), "tifffile", version("tifffile"))

mask = np.ones((7, 7, 7), np.uint8)
mask[0] = 0
right = [0, 1, 2, 3, 4, 5, 6]
for dtype in ("bool", "uint16", "int16", "float32", "float16", ">u2", ">u4", ">f4"):
    found = edt.edt(mask.astype(dtype))[:, 3, 3].tolist()
    print(f"{dtype:8} {found}")
    wrong = dtype == "float16" or dtype[0] == ">"
    assert found == ([0] * 7 if wrong else right), f"{dtype} is treated otherwise now"

tifffile.imwrite("stack.tif", mask.astype(np.uint16), imagej=True, byteorder=">")  # as Fiji writes
labels = tifffile.memmap("stack.tif", mode="r")
print(f"a stack in Fiji's byte order is mapped as {labels.dtype.str}: greatest distance {edt.edt(labels).max()}")
assert labels.dtype.str == ">u2" and np.array_equal(labels, mask)
assert edt.edt(labels).max() == 0
assert edt.edt(labels.astype("u2")).max() == 6
PY
