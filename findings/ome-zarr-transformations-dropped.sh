#!/usr/bin/env bash
# ome-zarr writes voxels of size 1 without a unit where both were given the standard's own way.
#
# A good guess: write_image takes axes as the dictionaries of the standard, with their units, and
# coordinate_transformations for every level, as it did for years and as its signature still says.
# What happens: the units are dropped from the dictionaries, the transformations are not written at
# all, and the metadata say scale 1, 1, 1. Only scale= and axes_units= are minded. A warning calls
# the argument deprecated, not ignored; for the units there is none.
# Why it matters here: sections 40 nm apart with pixels of 4 nm become cubes without a unit, so every
# volume, distance and 3D flooding computed from the file is wrong by a factor of ten in depth.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq ome-zarr==0.18.0 zarr==3.1.6 numpy==2.4.6
venv/bin/python - <<'PY'
import json
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ome_zarr.writer import write_image

print("ome-zarr", version("ome-zarr"), "zarr", version("zarr"))

image = np.zeros((8, 32, 32), np.uint8)
axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
size = {"z": 40.0, "y": 4.0, "x": 4.0}


def written(path):
    (image,) = json.loads(Path(path, "zarr.json").read_text())["attributes"]["ome"]["multiscales"]
    scale = image["datasets"][0]["coordinateTransformations"][0]["scale"]
    return scale, [axis.get("unit") for axis in image["axes"]]


transformations = [[{"type": "scale", "scale": [40.0, 4.0, 4.0]}]]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    write_image(image, "standard.zarr", axes=axes, scale_factors=(), coordinate_transformations=transformations)
print("warned:", [str(warning.message)[:90] for warning in caught])
print("coordinate_transformations and axes with units:", *written("standard.zarr"))
assert written("standard.zarr") == ([1.0, 1.0, 1.0], [None] * 3), "what was given is written now"
assert not any("ignored" in str(w.message) or "unit" in str(w.message) for w in caught)

write_image(image, "mixed.zarr", axes=axes, scale_factors=(), scale=size)
print("scale= and axes with units:", *written("mixed.zarr"))
assert written("mixed.zarr") == ([40.0, 4.0, 4.0], [None] * 3)

write_image(image, "own.zarr", axes="zyx", scale_factors=(), scale=size, axes_units=dict.fromkeys("zyx", "nanometer"))
print("scale= and axes_units=:", *written("own.zarr"))
assert written("own.zarr") == ([40.0, 4.0, 4.0], ["nanometer"] * 3)
PY
