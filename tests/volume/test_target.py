"""Sections that go into memory or into a file make the same volume."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg import drain
from napari_advseg.progress import Saving
from napari_advseg.volume.formats.target import MEMORY, Target, blank
from napari_advseg.volume.frame import Frame

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3, (1.0, 2.0, 3.0), "cells", ("made",))
STACK = np.arange(3 * 20 * 24, dtype=np.int32).reshape(3, 20, 24)


def filled(target, like, stack=STACK):
    def fill(keep):
        for index, section in enumerate(stack):
            keep(index, section)
        yield Saving("nothing")
        return len(stack)

    reports = []
    volume, count = drain(target.filled(like, "labels", fill), reports.append)
    assert count == len(stack)
    return volume, [report.what for report in reports]


@pytest.mark.parametrize("name", ["a.ome.zarr", "a.tif"])
@pytest.mark.parametrize("axes", ["zyx", "yx"])
def test_a_file_holds_what_memory_holds(tmp_path, name, axes):
    frame = FRAME if axes == "zyx" else FRAME.without("z")
    stack = STACK if axes == "zyx" else STACK[:1]
    like = blank(frame, stack.shape[-len(axes) :], np.int32, "labels")
    kept, said = filled(MEMORY, like, stack)
    written, said_of_file = filled(Target(tmp_path / name), like, stack)
    np.testing.assert_array_equal(kept.numpy(), stack.reshape(kept.shape))
    np.testing.assert_array_equal(written.numpy(), kept.numpy())
    assert (kept.frame, kept.kind) == (frame, "labels")
    assert (written.frame.scale, written.frame.translate) == (frame.scale, frame.translate)
    assert (said, said_of_file) == (["nothing"], ["nothing", "labels"])


@pytest.mark.parametrize("path", [None, "a.ome.zarr"])
def test_synthetic_voxels_stay_marked(tmp_path, path):
    mask = (STACK % 5 == 0).astype(np.uint8)
    like = blank(FRAME, STACK.shape, np.int32, "labels", mask)
    target = MEMORY if path is None else Target(tmp_path / path)
    volume, _ = filled(target, like)
    np.testing.assert_array_equal(np.asarray(volume.synthetic[...]), mask)


def test_what_is_there_is_replaced_only_where_that_is_asked_for(tmp_path):
    like = blank(FRAME, STACK.shape, np.int32, "labels")
    target = Target(tmp_path / "a.tif")
    filled(target, like)
    with pytest.raises(ValueError, match="already exists"):
        filled(target, like, STACK + 1)
    volume, _ = filled(Target(tmp_path / "a.tif", overwrite=True), like, STACK + 1)
    np.testing.assert_array_equal(volume.numpy(), STACK + 1)


def test_a_blank_volume_takes_no_memory():
    like = blank(FRAME, (10**6, 10**5, 10**5), np.uint8, "image")
    assert like.shape == (10**6, 10**5, 10**5)
    assert like.array.strides == (0, 0, 0)
