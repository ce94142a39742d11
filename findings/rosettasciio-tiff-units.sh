#!/usr/bin/env bash
# rosettasciio's TIFF reader keeps the number of a pixel size and loses its unit.
#
# A good guess: a reader that knows ImageJ's files gives their size and unit, and OME-TIFF's too.
# What happens: only the word "micron" is known. "nm", "um" and "A" come back as the bare number, so
# 4 nm and 4 um are both 4.0 without a unit, and the distance of sections never has one. OME sizes
# are not read at all: 1.0. The same library's own TIFFs keep "nm", in tags of another program.
# Why it matters here: electron micrographs are in nm. A scale without a unit is taken for pixels or
# for the unit of the neighbour; so TIFFs must not go through this library, though DM3 does.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq rosettasciio==0.15.0 tifffile==2026.3.3 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
import tifffile
from rsciio.tiff import file_reader

print("rosettasciio", version("rosettasciio"), "tifffile", version("tifffile"))
stack = np.zeros((5, 20, 24), np.uint16)


def axes(path):
    return [(axis["scale"], axis["units"]) for axis in file_reader(path)[0]["axes"]]


for unit in ("nm", "um", "A", "micron"):
    metadata = {"axes": "ZYX", "spacing": 40, "unit": unit}
    tifffile.imwrite("stack.tif", stack, imagej=True, resolution=(0.25, 0.25), metadata=metadata)
    with tifffile.TiffFile("stack.tif") as tiff:
        assert tiff.imagej_metadata["unit"] == unit
    print(f"ImageJ, {unit}: {axes('stack.tif')}")
    known = "µm" if unit == "micron" else None
    assert axes("stack.tif") == [(40, None), (4.0, known), (4.0, known)], "more units are known now"

sizes = {f"PhysicalSize{axis}": size for axis, size in zip("XYZ", (4, 4, 40))}
units = {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
tifffile.imwrite("stack.ome.tif", stack, metadata={"axes": "ZYX"} | sizes | units)
print("OME, nm:", axes("stack.ome.tif"))
assert axes("stack.ome.tif") == [(1.0, None)] * 3, "OME sizes are read now"
PY
