#!/usr/bin/env bash
# Looking into an N5 folder with zarr 3 turns it into an empty zarr group.
#
# A good guess: zarr read N5 for years; where version 3 does so no more, zarr.open(path) refuses the
# folder, as it does with mode="r", and reading changes nothing.
# What happens: the default mode is "a", which creates what it does not find. zarr.open and
# zarr.open_group return an empty group and leave a zarr.json beside the N5 attributes; from then on
# mode="r" finds that group as well, instead of refusing. zarr.open_array refuses in every mode.
# Why it matters here: a tool that tries formats in turn alters a colleague's data on first sight,
# and every later look reports "empty" where voxels are. Nothing but mode="r" may be used to try.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq zarr==3.1.6 tensorstore==0.1.84 numpy==2.4.6
venv/bin/python - <<'PY'
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tensorstore
import zarr

print("zarr", version("zarr"), "tensorstore", version("tensorstore"))
warnings.simplefilter("ignore")
folder = Path("stack.n5")
spec = {"driver": "n5", "kvstore": {"driver": "file", "path": str(folder)}}
metadata = {"dimensions": [8, 6, 4], "blockSize": [8, 6, 4], "dataType": "uint16", "compression": {"type": "raw"}}
array = tensorstore.open(spec | {"metadata": metadata}, create=True).result()
array[...] = np.arange(192, dtype=np.uint16).reshape(8, 6, 4)


def answer(opener, **options):
    try:
        return f"{type(opener(folder, **options)).__name__}"
    except (zarr.errors.GroupNotFoundError, zarr.errors.ArrayNotFoundError) as refusal:
        return type(refusal).__name__


def files():
    return sorted(path.name for path in folder.iterdir())


before = files()
assert answer(zarr.open, mode="r") == "GroupNotFoundError"
assert answer(zarr.open_array) == "ArrayNotFoundError"
assert files() == before
for opener in (zarr.open, zarr.open_group):
    found = answer(opener)
    print(f"{opener.__name__}(folder): {found}; before {before}, after {files()}")
    assert found == "Group" and set(files()) - set(before) == {"zarr.json"}, "nothing is written now"
    print("then with mode='r':", answer(zarr.open, mode="r"))
    assert len(zarr.open(folder, mode="r")) == 0
    (folder / "zarr.json").unlink()
assert int(tensorstore.open(spec).result().read().result().max()) == 191
PY
