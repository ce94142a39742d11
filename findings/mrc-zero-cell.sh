#!/usr/bin/env bash
# An MRC file without a cell has pixels of 0, of 1/n or of 0 nm, depending on the reader.
#
# A good guess: a cell of zeros, which writers leave where nothing is known, is told as "unknown".
# What happens: mrcfile answers 0; ncempy answers 1 divided by the number of pixels along each axis
# (0.125 A for 8 pixels), so two crops of one image differ in scale; rosettasciio answers scale 0 with
# the unit nm. No reader says that the size is missing.
# Why it matters here: an image must be opened in pixels then, and the numbers of all three, being
# no sizes, must not reach the scale of a layer or a table of areas.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq mrcfile==1.5.4 ncempy==1.16 rosettasciio==0.15.0 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version

import mrcfile
import numpy as np
from ncempy.io.mrc import mrcReader
from rsciio.mrc import file_reader

print(*(f"{name} {version(name)}" for name in ("mrcfile", "ncempy", "rosettasciio")))

for shape in ((4, 6, 8), (4, 6, 16)):
    mrcfile.write("unknown.mrc", np.zeros(shape, np.int16), overwrite=True)  # no voxel_size given
    with mrcfile.open("unknown.mrc") as mrc:
        assert mrc.header.cella.tolist() == (0.0, 0.0, 0.0)
        own = mrc.voxel_size.tolist()
    guessed = mrcReader("unknown.mrc")["voxelSize"].tolist()
    axes = [(axis["scale"], axis["units"]) for axis in file_reader("unknown.mrc")[0]["axes"]]
    print(f"{shape}: mrcfile {own}, ncempy {guessed}, rosettasciio {axes}")
    assert own == (0.0, 0.0, 0.0)
    assert np.allclose(guessed, [1 / length for length in shape]), "ncempy guesses otherwise now"
    assert axes[1:] == [(0.0, "nm"), (0.0, "nm")], "rosettasciio answers otherwise now"
PY
