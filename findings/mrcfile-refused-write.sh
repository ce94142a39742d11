#!/usr/bin/env bash
# A write that mrcfile refuses has already emptied the file that stood there.
#
# A good guess: MRC has no mode for 32-bit integers, so mrcfile.write refuses labels with an error
# before it opens the file, and the old one is untouched, as with every check of an argument.
# What happens: with overwrite=True the file is opened, and so cut to nothing, before the type is
# looked at; int32, int64, uint32, bool and float64 are refused, and a blank header is all that is
# left of the old image in each case.
# Why it matters here: int32 and int64 are what labels have everywhere. One save of the wrong array
# over an image destroys the image; the type must be checked before the call, or the write go to a
# new name first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq mrcfile==1.5.4 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version
from pathlib import Path

import mrcfile
import numpy as np

print("mrcfile", version("mrcfile"))
old = Path("image.mrc")


def save(array):
    try:
        mrcfile.write(old, array, overwrite=True)
    except ValueError as refusal:
        return str(refusal)
    return "written"


for dtype in ("int32", "int64", "uint32", "bool", "float64"):
    mrcfile.write(old, np.ones((4, 6, 8), np.int16), overwrite=True)
    before = old.stat().st_size
    answer = save(np.ones((4, 6, 8), dtype))
    print(f"{dtype}: {answer!r}; bytes before {before}, after {old.stat().st_size}")
    assert answer != "written", f"{dtype} has a mode now"
    assert before == 1024 + 2 * 4 * 6 * 8
    assert old.stat().st_size <= 1024, "a refused write leaves the old file alone now"
assert save(np.ones((4, 6, 8), np.uint16)) == "written"
PY
