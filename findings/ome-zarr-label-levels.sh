#!/usr/bin/env bash
# Smaller levels of ome-zarr's labels lie beside those of the image, and there are more than asked.
#
# A good guess: write_labels(scale_factors=(2,)) writes two levels, and a voxel of the smaller one
# shows the ids at the place its translation names, as the image's levels do.
# What happens: five levels are written, whatever scale_factors says, because a deprecated default of
# another argument (scaler) wins; write_image minds it. Each coarse voxel takes the id of the last
# fine voxel of its block while the translation names the middle: half a fine pixel off at factor 2,
# 7.5 at factor 16. The image's levels are centred.
# Why it matters here: labels drawn or scored at a coarse level are shifted against the image along
# every scaled axis; scores must come from level 0, and scaler=None gives the levels asked for.
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
import zarr
from ome_zarr.writer import write_image, write_labels

print("ome-zarr", version("ome-zarr"), "zarr", version("zarr"))
warnings.simplefilter("ignore")


def levels(path):
    (image,) = json.loads(Path(path, "zarr.json").read_text())["attributes"]["ome"]["multiscales"]
    return {
        level["path"]: level["coordinateTransformations"][1]["translation"][-1]
        for level in image["datasets"]
    }


ramp = np.broadcast_to(np.arange(64, dtype=np.uint32), (2, 64, 64))  # the id is the column
write_image(ramp.astype(np.float32), "stack.zarr", axes="zyx", scale_factors=(2,))
write_labels(ramp, "stack.zarr", name="cells", axes="zyx", scale_factors=(2,))
write_labels(ramp, "stack.zarr", name="asked", axes="zyx", scale_factors=(2,), scaler=None)
counts = {path: len(levels(path)) for path in ("stack.zarr", "stack.zarr/labels/cells", "stack.zarr/labels/asked")}
print("levels written for scale_factors=(2,):", counts)
assert list(counts.values()) == [2, 5, 2], "scale_factors is minded now"

for level, (path, translation) in enumerate(levels("stack.zarr/labels/cells").items()):
    factor = 2**level
    ids = zarr.open_array(f"stack.zarr/labels/cells/{path}", mode="r")[0, 0]
    places = translation + factor * np.arange(ids.size)
    print(f"{path}: first ids {ids[:3].tolist()} at columns {places[:3].tolist()}")
    assert np.all(ids - places == (factor - 1) / 2), "labels lie where they are said to lie now"
grey = zarr.open_array("stack.zarr/s1", mode="r")[0, 0, 1:-1]
print("image s1:", grey[:3].tolist(), "at columns", [2.5, 4.5, 6.5])
assert np.allclose(grey, 0.5 + 2 * np.arange(1, 31), atol=0.01)
PY
