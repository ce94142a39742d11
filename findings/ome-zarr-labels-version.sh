#!/usr/bin/env bash
# An image with labels written by ome-zarr is not valid for ome-zarr-models.
#
# A good guess: what the reference writer stores, the standard's own models read: both name version
# 0.5 of the same standard.
# What happens: the group "labels" lists its members without the version that the standard asks for
# in every group, so the models refuse the labels of the image with "version: Field required", while
# the same image without labels and the labels image by itself are both accepted.
# Why it matters here: a program that checks files before it opens them refuses segmentations written
# by the most used Python writer; who writes labels through it must add the version afterwards.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq ome-zarr==0.18.0 ome-zarr-models==1.7 zarr==3.1.6 numpy==2.4.6
venv/bin/python - <<'PY'
import warnings
from importlib.metadata import version

import numpy as np
import zarr
from ome_zarr.writer import write_image, write_labels
from ome_zarr_models.v05 import Image, ImageLabel
from pydantic import ValidationError

print("ome-zarr", version("ome-zarr"), "ome-zarr-models", version("ome-zarr-models"))
warnings.simplefilter("ignore")

write_image(np.zeros((4, 32, 32), np.uint8), "stack.zarr", axes="zyx", scale_factors=())
group = zarr.open_group("stack.zarr", mode="r+")
assert Image.from_zarr(group).labels is None
print("without labels: accepted")

write_labels(np.ones((4, 32, 32), np.uint32), "stack.zarr", name="cells", axes="zyx", scale_factors=(), scaler=None)
print("the group labels holds:", dict(group["labels"].attrs))
print("the labels by themselves:", ImageLabel.from_zarr(group["labels/cells"]).attributes.ome.version)
assert dict(group["labels"].attrs) == {"ome": {"labels": ["cells"]}}, "the version is written now"


def labels(group):
    return Image.from_zarr(group).labels


try:
    print(labels(group))
except ValidationError as refusal:
    (error,) = refusal.errors()
    print("with labels:", error["loc"], error["msg"])
    assert error["type"] == "missing" and error["loc"][-1] == "version"
else:
    raise AssertionError("the image with labels is accepted now")

group["labels"].attrs["ome"] = {"version": "0.5", "labels": ["cells"]}
print("with the version added:", labels(zarr.open_group("stack.zarr", mode="r")).attributes.ome.labels)
PY
