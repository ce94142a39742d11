"""Every coarser level lies in the middle of what its voxels are the mean of, or on the first of them."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_advseg.volume.formats.pyramid import pyramid
from napari_advseg.volume.formats.unfinished import Plan
from napari_advseg.volume.frame import Frame

NANOMETERS = ("nanometer",) * 3
TILTED = Frame("zyx", (40.0, 4.0, 6.0), NANOMETERS, (80.0, 8.0, 18.0))


def written(folder, array, frame, kind):
    """The frame and the array of each level, the finest first."""
    plan = Plan(array.shape, array.dtype, frame, kind, "0.5")
    frames = pyramid(folder, array, plan)
    coarse = [zarr.open_array(folder / str(k), mode="r")[...] for k in range(1, len(frames))]
    return list(zip(frames, [array, *coarse], strict=True))


def places(frame, shape):
    """Where the middle of every voxel lies, one grid an axis, in the units of the frame."""
    steps = np.indices(shape)
    return [at + k * size for at, k, size in zip(frame.translate, steps, frame.scale, strict=True)]


@pytest.mark.parametrize("axis", [1, 2])
def test_a_coarser_image_shows_at_every_place_what_lies_there(tmp_path, axis):
    """An image that shows its own place, so that any shift is seen as one."""
    shape = (2, 1032, 8) if axis == 1 else (2, 8, 1032)
    ramp = places(TILTED, shape)[axis].astype(np.float32)
    levels = written(tmp_path, ramp, TILTED, "image")
    assert [array.shape[axis] for _, array in levels] == [1032, 516, 258]
    for frame, array in levels:
        np.testing.assert_allclose(array, places(frame, array.shape)[axis], rtol=1e-6)


def test_a_coarser_image_lies_half_a_fine_pixel_further_along_each_halved_axis(tmp_path):
    levels = written(tmp_path, np.zeros((3, 1032, 8), np.uint8), TILTED, "image")
    assert [frame.scale for frame, _ in levels] == [(40, 4, 6), (40, 8, 12), (40, 16, 24)]
    assert [frame.translate for frame, _ in levels] == [(80, 8, 18), (80, 10, 21), (80, 14, 27)]


def test_coarser_labels_are_the_first_of_their_voxels_and_lie_there(tmp_path):
    ids = np.arange(2 * 521 * 7, dtype=np.uint32).reshape(2, 521, 7)
    (_, _), (frame, coarse) = written(tmp_path, ids, TILTED, "labels")
    np.testing.assert_array_equal(coarse, ids[:, ::2, ::2])
    assert (frame.scale, frame.translate) == ((40, 8, 12), (80, 8, 18))


def test_odd_sides_repeat_their_last_pixel(tmp_path):
    image = np.arange(521 * 3, dtype=np.uint16).reshape(521, 3) * 4
    levels = written(tmp_path, image, Frame("yx", (4.0, 6.0), NANOMETERS[:2]), "image")
    last = image[520].tolist()
    assert levels[1][1].shape == (261, 2)
    assert levels[1][1][-1].tolist() == [(last[0] + last[1]) / 2, last[2]]


def test_sections_are_halved_once_their_distance_is_at_most_one_and_a_half_pixels(tmp_path):
    image = np.zeros((4, 1040, 4), np.float32)
    image[2:] = 1
    levels = written(tmp_path, image, Frame("zyx", (10.0, 4.0, 4.0), NANOMETERS), "image")
    assert [array.shape[0] for _, array in levels] == [4, 4, 2]
    assert levels[2][0].scale == (20, 16, 16)
    assert levels[2][0].translate == (5, 6, 6)
    assert levels[2][1][:, 0, 0].tolist() == [0, 1]
