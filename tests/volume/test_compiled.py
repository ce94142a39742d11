"""Kernels run wherever the package is installed."""

import os
import subprocess
import sys

from napari_advseg.volume import compiled as room


def test_without_a_place_for_a_cache_kernels_still_compile(monkeypatch):
    def njit(**options):
        if "cache" in options:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(room, "njit", njit)
    assert room.compiled(abs)(-3) == 3


def test_the_rooms_reach_no_torch_qt_or_napari():
    heavy = "{'torch', 'qtpy', 'napari', 'magicgui'}"
    code = (
        "import sys, napari_advseg.scoring, napari_advseg.labelling, napari_advseg.samples, "
        f"napari_advseg.tuning; sys.exit(bool({heavy} & set(sys.modules)))"
    )
    path = os.pathsep.join(sys.path)
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": path})
