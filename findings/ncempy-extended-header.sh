#!/usr/bin/env bash
# ncempy gives sections of an MRC file a depth of 1 A as soon as there is an extended header.
#
# A good guess: the voxel size is cella / m in the main header; an extended header holds notes on
# each section and changes nothing of it.
# What happens: with any extended header, whatever its stated kind (the old blank, SERI of SerialEM,
# MRCO), the block is taken for FEI's record of a tilt series, its words for angles and stage places,
# and z becomes 1 while x and y stay. Nothing tells that the value was not in the file.
# Why it matters here: microscopes write such headers, processing programs strip them; so one and the
# same stack has sections of 40 A or of 1 A depending on whether it was saved again.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq mrcfile==1.5.4 ncempy==1.16 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version

import mrcfile
import numpy as np
from ncempy.io.mrc import mrcReader

print("ncempy", version("ncempy"), "mrcfile", version("mrcfile"))


def write(path, kind):
    with mrcfile.new(path) as mrc:
        mrc.set_data(np.zeros((4, 6, 8), np.int16))
        mrc.voxel_size = (4.0, 4.0, 40.0)
        if kind is not None:
            mrc.set_extended_header(np.zeros(1024, "V1"))
            mrc.header.exttyp = kind


for name, kind in (("without", None), ("blank", b"    "), ("SerialEM", b"SERI"), ("MRCO", b"MRCO")):
    path = f"{name}.mrc"
    write(path, kind)
    with mrcfile.open(path) as mrc:
        stated = mrc.voxel_size.tolist()[::-1]
    found = mrcReader(path)
    print(f"{name}: mrcfile {stated}, ncempy {found['voxelSize'].tolist()}, FEI record: {'FEIinfo' in found}")
    assert stated == (40.0, 4.0, 4.0)
    assert found["voxelSize"].tolist() == [40.0 if kind is None else 1.0, 4.0, 4.0], "z is kept now"
PY
