#!/usr/bin/env bash
# napari draws layers of two units in one place and picks in another.
#
# A good guess: since a viewer with an image in angstrom and labels in nm lays one over the other, a
# place in the viewer's world means the same for drawing and for reading a value.
# What happens: the viewer's unit is that of the first layer, and extents, like the drawing, are
# converted to it: labels of 19 steps of 4 nm end at 760 A. But world_to_data and get_value divide by
# the layer's own scale without converting, so the object seen at 80 A is found at 8 A, and at 80 A is
# nothing. No warning is given when the second layer is added.
# Why it matters here: a click picks or paints an object ten times farther away. Whoever reads the
# cursor has to convert, and a layer added to an image should take the image's unit.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq napari==0.9.2 numpy==2.4.6
export NAPARI_CONFIG="$work/settings.yaml"
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
from napari.components import ViewerModel

print("napari", version("napari"))

viewer = ViewerModel()
viewer.add_image(np.zeros((10, 10)), scale=(40, 40), units="angstrom")
ids = np.zeros((20, 20), np.uint32)
ids[2, 2] = 7
labels = viewer.add_labels(ids, scale=(4, 4), units="nm")

extent = viewer.layers.extent
print("the viewer's unit:", extent.units[0], "end of all layers:", extent.world[1].tolist())
assert str(extent.units[0]) == "angstrom" and extent.world[1].tolist() == [760.0, 760.0]

seen = 2 * 4 * 10.0  # the voxel (2, 2) of 4 nm, in angstrom
for place in (seen, seen / 10):
    index, value = labels.world_to_data((place, place)), labels.get_value((place, place), world=True)
    print(f"at {place} {extent.units[0]}: voxel {index.tolist()}, id {value}")
assert labels.get_value((seen, seen), world=True) is None, "picking converts now"
assert labels.get_value((seen / 10, seen / 10), world=True) == 7
assert labels.world_to_data((seen, seen)).tolist() == [20.0, 20.0]
PY
