#!/usr/bin/env bash
# A webknossos layer of 64 x 48 x 32 voxels is a zarr array of 1024 x 1024 x 1024.
#
# A good guess: a layer in zarr's format has the shape of what was written, and a reader of zarr
# needs nothing else to show it.
# What happens: the array is rounded up to whole shards of 1,024 voxels, counted from the corner of
# the dataset and not of the layer; a side of 1,100 becomes 2,048. The true box, the voxel size, the
# order of axes (c, x, y, z) and whether these are ids or grey values stand only in a JSON file one
# or two folders up.
# Why it matters here: opened as plain zarr, a cut-out of 98,304 ids is an image of 4 GiB, empty but
# for a corner, transposed, and shares and scores count the emptiness as background.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq webknossos==4.3.3 tensorstore==0.1.84 numpy==2.4.6
venv/bin/python -W ignore - <<'PY'
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tensorstore
import webknossos

print("webknossos", version("webknossos"), "tensorstore", version("tensorstore"))


def write(name, size, corner=(10, 0, 0)):
    """The layer's box by its JSON file and the zarr array that holds it."""
    dataset = webknossos.Dataset(name, voxel_size=(4, 4, 40))
    box = webknossos.BoundingBox(corner, size)
    layer = dataset.add_layer("cells", webknossos.SEGMENTATION_CATEGORY, dtype="uint32", bounding_box=box)
    layer.add_mag(1).write(np.ones(size, np.uint32), absolute_offset=corner)
    (stated,) = json.loads(Path(name, "datasource-properties.json").read_text())["dataLayers"]
    store = {"driver": "file", "path": f"{name}/cells/1"}
    array = tensorstore.open({"driver": "zarr3", "kvstore": store}).result()
    print(f"{name}: {stated['boundingBox']}, {stated['category']}; zarr {array.domain.labels} {array.shape}")
    return stated, array


stated, array = write("small", (64, 48, 32))
assert stated["boundingBox"] == {"topLeft": [10, 0, 0], "width": 64, "height": 48, "depth": 32}
assert array.shape == (1, 1024, 1024, 1024), "the array has the layer's size now"
assert array.domain.labels == ("c", "x", "y", "z")
near = np.argwhere(array[0, :80, :60, :40].read().result())
print("ids lie from", near[0].tolist(), "to", near[-1].tolist())
assert near[0].tolist() == [10, 0, 0] and near[-1].tolist() == [73, 47, 31]
assert set(json.loads(Path("small/cells/1/zarr.json").read_text()).get("attributes", {})) == set()
assert write("long", (1100, 4, 4))[1].shape == (1, 2048, 1024, 1024)
PY
