"""The pictures of the demo show what they claim."""

from __future__ import annotations

import numpy as np

from napari_advseg.cli.demo import coloured, errors, over, side_by_side

RED, BLUE = (255, 50, 50), (60, 90, 255)


def test_errors_mark_merged_red_and_split_blue_and_nothing_where_all_is_right():
    truth = np.array([[1, 1, 1, 2, 2, 3, 3, 3]])
    assert not errors(truth * 10, truth).any()
    merged = errors(np.array([[5, 5, 5, 5, 5, 6, 6, 6]]), truth)
    assert [tuple(pixel) for pixel in merged[0, 3:5]] == [RED, RED]
    assert not merged[0, :3].any()
    split = errors(np.array([[1, 1, 9, 2, 2, 3, 3, 3]]), truth)
    assert tuple(split[0, 2]) == BLUE
    assert split.any(-1).sum() == 1


def test_colours_are_black_for_0_only_and_differ_between_neighbours():
    colours = coloured(np.arange(50).reshape(5, 10))
    assert not colours[0, 0].any()
    assert colours.reshape(-1, 3)[1:].any(-1).all()
    assert len(np.unique(colours.reshape(-1, 3), axis=0)) > 40


def test_a_picture_has_four_panels_of_one_size():
    image = np.full((64, 48), 100, np.uint8)
    labels = np.ones((64, 48), int)
    picture = side_by_side(image, labels, labels)
    assert picture.width > 4 * 48
    grey = np.repeat(image[..., None], 3, -1)
    np.testing.assert_array_equal(over(grey, np.zeros_like(grey)), grey)
