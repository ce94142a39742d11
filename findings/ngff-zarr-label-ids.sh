#!/usr/bin/env bash
# ngff-zarr fills the smaller levels of a segmentation with objects that do not exist.
#
# A good guess: levels made from an array of integer ids hold ids of that array; or the library asks
# which kind of image it is given.
# What happens: the default method smooths, whatever the type, and rounds: between the neighbours 50
# and 900 lie 475 and a dozen more ids, and of the id 2^24 + 1 only the rounded 2^24 remains, a new
# object. Averaging is no better. ITKWASM_LABEL_IMAGE keeps the ids, where it is asked for by name.
# Why it matters here: viewers and tables that use a coarse level count invented objects along every
# contact, and a click there selects what nobody drew.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq ngff-zarr==0.50.0 numpy==2.4.6
venv/bin/python - <<'PY'
import warnings
from importlib.metadata import version

import numpy as np
from ngff_zarr import Methods, to_multiscales, to_ngff_image

print("ngff-zarr", version("ngff-zarr"))
warnings.simplefilter("ignore")


def invented(largest, **options):
    labels = np.zeros((8, 64, 64), np.uint32)
    labels[:, :31, :31], labels[:, :31, 31:], labels[:, 31:, 31:] = 3, 50, largest
    image = to_ngff_image(labels, dims=("z", "y", "x"), scale={"z": 40.0, "y": 4.0, "x": 4.0})
    levels = to_multiscales(image, scale_factors=[2], cache=False, **options)
    coarse = np.unique(np.asarray(levels.images[1].data))
    new = sorted(set(coarse.tolist()) - set(np.unique(labels).tolist()))
    print(f"largest id {largest}, {levels.method.value}: {len(new)} invented, kept {largest in coarse}: {new[:8]}")
    return len(new), largest in coarse


for largest in (900, 2**24 + 1):
    default, averaged = invented(largest), invented(largest, method=Methods.ITKWASM_BIN_SHRINK)
    assert default[0] >= 10, "the default keeps ids now"
    assert averaged[0] > 0
    assert invented(largest, method=Methods.ITKWASM_LABEL_IMAGE) == (0, True)
assert default[1] is False
PY
