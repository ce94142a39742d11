#!/usr/bin/env bash
# npy2bdv stores a voxel size that the geometry of the same file contradicts, and 16 bits as signed.
#
# A good guess: append_view(stack, voxel_size_xyz=(4, 4, 40)) gives a BigDataViewer file in which a
# section is ten times as thick as a pixel is wide, and uint16 goes in as uint16.
# What happens: the size is written into <voxelSize> alone; the registration, by which the viewer
# places voxels, stays the identity unless "calibration" repeats the size. An affine beside it works
# on voxels then, not on nm. In the HDF5 file uint16 stands as int16: 40000 reads as -25536.
# Why it matters here: a reader that trusts the affine sees cubes, one that trusts both scales twice
# where a file repeats the size; and bright pixels are the darkest ones for a plain HDF5 reader.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq npy2bdv==1.1.0 h5py==3.16.0 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version
from xml.etree import ElementTree

import h5py
import npy2bdv
import numpy as np

print("npy2bdv", version("npy2bdv"), "h5py", version("h5py"))
shift = np.eye(4)[:3]
shift[0, 3] = 100.0


def write(name, **options):
    writer = npy2bdv.BdvWriter(f"{name}.h5")
    writer.append_view(np.full((4, 6, 8), 40000, np.uint16), voxel_size_xyz=(4, 4, 40), voxel_units="nm", **options)
    writer.write_xml()
    writer.close()
    root = ElementTree.parse(f"{name}.xml").getroot()
    placed = np.eye(4)
    for affine in root.iterfind(".//ViewTransform/affine"):
        placed = placed @ np.vstack([np.array(affine.text.split(), float).reshape(3, 4), [0, 0, 0, 1]])
    size = [float(number) for number in root.findtext(".//voxelSize/size").split()]
    print(f"{name}: <voxelSize> {size}, placed by {np.diag(placed)[:3].tolist()}, moved by {placed[0, 3]} in x")
    return size, np.diag(placed)[:3].tolist(), placed[0, 3]


assert write("size") == ([4, 4, 40], [1, 1, 1], 0), "the size reaches the registration now"
assert write("shifted", m_affine=shift, name_affine="shift") == ([4, 4, 40], [1, 1, 1], 100)
assert write("repeated", calibration=(4, 4, 40)) == ([4, 4, 40], [4, 4, 40], 0)
with h5py.File("size.h5") as file:
    cells = file["t00000/s00/0/cells"]
    print("stored type", cells.dtype, "first value", cells[0, 0, 0])
    assert cells.dtype == "int16" and cells[0, 0, 0] == 40000 - 65536, "stored unsigned now"
PY
