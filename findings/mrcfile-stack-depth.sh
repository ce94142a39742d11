#!/usr/bin/env bash
# mrcfile multiplies the depth of a voxel by the number of sections once a volume is called a stack.
#
# A good guess: set_image_stack changes what the sections are taken for, not the voxel size.
# What happens: it sets mz to 1 and leaves cella.z alone, which was mz times the voxel; the depth is
# cella.z / mz, so 100 sections of 40 A become 4,000 A each. x and y stay as they are.
# The flag is stored: every reader that divides as the format says sees the same.
# Why it matters here: serial sections are quite rightly called a stack of images. A reader cannot
# trust the depth where mz is 1 and there are more sections; a writer must set it after the call.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq mrcfile==1.5.4 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version

import mrcfile
import numpy as np

print("mrcfile", version("mrcfile"))


def write(path, *steps):
    with mrcfile.new(path) as mrc:
        mrc.set_data(np.zeros((100, 6, 8), np.float32))
        for step in steps:
            step(mrc)
    with mrcfile.open(path) as mrc:
        print(f"{path}: mz {mrc.header.mz}, cella.z {mrc.header.cella.z}, voxel {mrc.voxel_size.tolist()}")
        return mrc.voxel_size.z


def measure(mrc):
    mrc.voxel_size = (4.0, 4.0, 40.0)


def call_stack(mrc):
    mrc.set_image_stack()


assert write("volume.mrc", measure) == 40.0
assert write("called_after.mrc", measure, call_stack) == 4000.0, "the depth is kept now"
assert write("called_before.mrc", call_stack, measure) == 40.0
PY
