#!/usr/bin/env bash
# cc3d tells the contacts of a Fiji stack under ids that do not occur in it.
#
# A good guess: one rule for the whole library: connected_components, dust, each and statistics all
# refuse labels in big-endian order with an error.
# What happens: contacts and region_graph take them and read the bytes the wrong way round: the pair
# 3 and 7 comes back as 768 and 1792. The number of contacts and their areas are right, so nothing
# looks odd until the ids are used.
# Why it matters here: ImageJ stores stacks big-endian and tifffile.memmap keeps that order; a table
# of contacts made from them points to no object, or with many objects to the wrong ones.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq connected-components-3d==4.1.1 tifffile==2026.3.3 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version

import cc3d
import numpy as np
import tifffile

print("cc3d", version("connected-components-3d"), "tifffile", version("tifffile"))

labels = np.array([[[3, 3, 7, 7, 5]] * 5] * 6, np.uint16)
tifffile.imwrite("labels.tif", labels, imagej=True, byteorder=">")  # as Fiji writes
stored = tifffile.memmap("labels.tif", mode="r")
print("stored as", stored.dtype.str, "ids", np.unique(stored).tolist())
assert stored.dtype.str == ">u2" and np.array_equal(stored, labels)

native, swapped = cc3d.contacts(labels, connectivity=6), cc3d.contacts(stored, connectivity=6)
print("contacts of native labels ", native)
print("contacts of the Fiji stack", swapped)
print("region graph of the Fiji stack", sorted(cc3d.region_graph(stored, connectivity=6)))
assert native == {(3, 7): 30.0, (5, 7): 30.0}
assert swapped == {(768, 1792): 30.0, (1280, 1792): 30.0}, "the byte order is minded now"
assert cc3d.region_graph(stored, connectivity=6) == set(swapped)

for name in ("connected_components", "statistics", "dust"):
    try:
        getattr(cc3d, name)(stored, **({"threshold": 2} if name == "dust" else {}))
    except (TypeError, ValueError) as refusal:
        print(f"{name} refuses: {type(refusal).__name__}: {str(refusal)[:60]}")
    else:
        raise AssertionError(f"{name} takes big-endian labels now")
PY
