#!/usr/bin/env bash
# A segmentation that cloud-volume wrote to disk is all zeros for tensorstore.
#
# A good guess: both read and write neuroglancer's precomputed format, so one opens what the other
# stored; where chunks cannot be found, that is an error.
# What happens: cloud-volume compresses by default and ends the names of chunks on a local disk in
# .gz, which stands for a header of a web server and is not in "info". tensorstore looks for the bare
# names, takes missing chunks for background, and returns zeros of the right shape, silently. With
# compress=False the same ids come through; the format allows missing chunks, so neither is wrong.
# Why it matters here: an empty result looks like a model that found nothing. A layer without any
# chunk under its plain names must be refused.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq cloud-volume==12.15.2 tensorstore==0.1.84 numpy==2.4.6
venv/bin/python -W ignore - <<'PY'
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tensorstore
from cloudvolume import CloudVolume

print("cloud-volume", version("cloud-volume"), "tensorstore", version("tensorstore"))

ids = np.arange(1, 193, dtype=np.uint64).reshape(8, 6, 4)
info = CloudVolume.create_new_info(
    num_channels=1, layer_type="segmentation", data_type="uint64", encoding="raw",
    resolution=(4, 4, 40), voxel_offset=(0, 0, 0), volume_size=ids.shape, chunk_size=ids.shape,
)


def through_both(name, **options):
    folder = Path(name).absolute()
    volume = CloudVolume(folder.as_uri(), info=info, progress=False, **options)
    volume.commit_info()
    volume[:, :, :] = ids
    assert np.array_equal(np.asarray(volume[:, :, :])[..., 0], ids)
    store = {"driver": "file", "path": f"{folder}/"}
    read = tensorstore.open({"driver": "neuroglancer_precomputed", "kvstore": store}, open=True).result()
    (chunk,) = (path.name for path in (folder / "4_4_40").iterdir())
    largest = int(read.read().result().max())
    print(f"{name}: chunk {chunk}, tensorstore reads shape {read.shape}, largest id {largest} of {ids.max()}")
    return chunk, largest


assert through_both("default") == ("0-8_0-6_0-4.gz", 0), "the default layer is read now"
assert through_both("plain", compress=False) == ("0-8_0-6_0-4", 192)
PY
