#!/usr/bin/env bash
# napari's own reader opens an OME-Zarr image until somebody adds labels to it.
#
# A good guess: labels stored inside their image, at the place the standard has for them, change
# nothing for a reader that knows only images.
# What happens: the reader looks for groups inside the folder first and takes the first one; "labels"
# is then the only group, holds no array itself, and opening ends with "No arrays found". Before, the
# same folder opened as levels of an image, without scale and unit though they are in the file.
# Why it matters here: a result handed over the standard's way makes the image unreadable by drag and
# drop for those without another reader; so another must be offered first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq napari==0.9.2 ome-zarr==0.18.0 zarr==3.1.6 numpy==2.4.6
export NAPARI_CONFIG="$work/settings.yaml"
venv/bin/python - <<'PY'
import warnings
from importlib.metadata import version

import numpy as np
from napari_builtins.io import napari_get_reader
from ome_zarr.writer import write_image, write_labels

print("napari", version("napari"), "ome-zarr", version("ome-zarr"))
warnings.simplefilter("ignore")

path, size = "stack.zarr", {"z": 40.0, "y": 4.0, "x": 4.0}
image = np.zeros((4, 32, 32), np.uint8)
write_image(image, path, axes="zyx", scale_factors=(2,), scale=size)
((levels, *rest),) = napari_get_reader(path)(path)
print("without labels: levels", [level.shape for level in levels], "and about them", rest)
assert [level.shape for level in levels] == [(4, 32, 32), (4, 16, 16)]
assert not any(rest), "the reader gives scale or units now"

labels = image.astype(np.uint32)
write_labels(labels, path, name="cells", axes="zyx", scale_factors=(2,), scaler=None, scale=size)
try:
    napari_get_reader(path)(path)
except ValueError as refusal:
    print("with labels:", refusal)
    assert "No arrays found" in str(refusal)
else:
    raise AssertionError("an image with labels is opened now")

inner = f"{path}/labels/cells"
((levels, *_),) = napari_get_reader(inner)(inner)
print("the labels by themselves: levels", [level.shape for level in levels])
PY
