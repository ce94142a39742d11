#!/usr/bin/env bash
# The seeded watershed of bioimage-cpp gives a flat stretch whole to one seed.
#
# A good guess: seeds share a plateau, each taking what lies nearer to it, as in scikit-image's
# watershed. The documentation leaves only the order within one grey level open.
# What happens: on a plane of one grey value the first seed keeps its own pixel and the other gets
# all the rest, in 2D and in 3D. Heights are put into 65,536 levels between the least and the
# greatest value, so one hot pixel makes a plateau of a sound map.
# Why it matters here: boundary maps are flat at 0 inside objects and at 1 in walls; objects that
# meet on such a stretch lose half of their thickness, and a saturated pixel can undo a section.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq bioimage-cpp==0.10.0 scikit-image==0.26.0 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
import skimage.segmentation
from bioimage_cpp.segmentation import watershed

print("bioimage-cpp", version("bioimage-cpp"), "scikit-image", version("scikit-image"))


def sizes(heights, seeds, flood):
    return np.bincount(flood(heights, seeds).ravel(), minlength=3)[1:].tolist()


for shape in [(5, 21), (5, 5, 21)]:
    seeds = np.zeros(shape, np.uint32)
    middle = (2,) * (len(shape) - 1)
    seeds[*middle, 0], seeds[*middle, -1] = 1, 2
    flat = np.zeros(shape, np.float32)
    ours, theirs = sizes(flat, seeds, watershed), sizes(flat, seeds, skimage.segmentation.watershed)
    print(f"flat {shape}: bioimage-cpp {ours}, scikit-image {theirs}")
    assert min(ours) == 1, "the plateau is shared now"
    assert min(theirs) > 0.45 * flat.size

heights = np.broadcast_to(np.minimum(np.arange(21), 20 - np.arange(21)), (5, 21)).astype(np.float32)
seeds = np.zeros((5, 21), np.uint32)
seeds[2, 0], seeds[2, -1] = 1, 2
hot = heights.copy()
hot[0, 10] = 1e7
sound, spoilt = sizes(heights, seeds, watershed), sizes(hot, seeds, watershed)
exact = sizes(hot, seeds, skimage.segmentation.watershed)
print(f"a ridge between two seeds: {sound}; with one pixel of 1e7: {spoilt}, scikit-image {exact}")
assert min(sound) == 50 and min(exact) == 50
assert min(spoilt) == 1, "one hot pixel no longer flattens the map"
PY
