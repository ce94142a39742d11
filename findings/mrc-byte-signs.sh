#!/usr/bin/env bash
# Three readers of MRC disagree on the sign of bytes, and none minds the stamp that settles it.
#
# A good guess: mode 0 is one byte a pixel, and readers agree on what 200 means: the standard of
# 2014 says signed, and IMOD stamps its files at byte 152 with flags at 156, bit 0 clear: unsigned.
# What happens: mrcfile and ncempy always answer signed (200 reads as -56), rosettasciio always
# unsigned (-56 reads as 200), with the stamp for signed, the stamp for unsigned and without one.
# Why it matters here: tomograms and sections of 8 bits from IMOD exist in both kinds. Read with the
# wrong sign, the bright half of the grey values falls below the dark half, and edges appear there.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq mrcfile==1.5.4 ncempy==1.16 rosettasciio==0.15.0 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version
from pathlib import Path

import mrcfile
import numpy as np
from ncempy.io.mrc import mrcReader
from rsciio.mrc import file_reader

print(*(f"{name} {version(name)}" for name in ("mrcfile", "ncempy", "rosettasciio")))


def write(path, flags):
    mrcfile.write(path, np.full((4, 6, 8), -56, np.int8), voxel_size=4.0)
    if flags is not None:
        header = bytearray(Path(path).read_bytes())
        header[152:160] = b"IMOD" + flags.to_bytes(4, "little")
        Path(path).write_bytes(header)


def first(path):
    return {
        "mrcfile": int(mrcfile.read(path).flat[0]),
        "ncempy": int(mrcReader(path)["data"].flat[0]),
        "rosettasciio": int(np.asarray(file_reader(path)[0]["data"]).flat[0]),
    }


for name, flags, right in (("plain", None, -56), ("signed", 1, -56), ("unsigned", 0, 200)):
    write(f"{name}.mrc", flags)
    values = first(f"{name}.mrc")
    print(f"{name}: right {right}, read as {values}")
    assert values == {"mrcfile": -56, "ncempy": -56, "rosettasciio": 200}, "the stamp is minded now"
PY
