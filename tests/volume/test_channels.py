"""One channel of several: chosen or the mean, lazy, and where it was."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.volume.channel_choice import one_channel
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

COLOURS = Volume(
    np.random.default_rng(0).integers(0, 255, (3, 4, 8, 9), np.uint8),
    Frame("czyx", (1, 40, 4, 6), ("", *("nanometer",) * 3), (0, 80, 0, 8)),
)


@pytest.mark.parametrize("channel", [0, 2, "mean"])
def test_one_channel_of_a_colour_stack(channel):
    one = one_channel(COLOURS, channel)
    stack = COLOURS.numpy()
    wanted = np.rint(stack.mean(0)).astype(np.uint8) if channel == "mean" else stack[channel]
    np.testing.assert_array_equal(one.numpy(), wanted)
    np.testing.assert_array_equal(one.section(3), wanted[3])
    assert (one.axes, one.frame.scale, one.frame.translate) == ("zyx", (40, 4, 6), (80, 0, 8))
    assert "channel" in one.frame.history[-1]
    assert one.dtype == np.uint8


def test_the_mean_of_equal_channels_is_each_of_them():
    grey = np.random.default_rng(1).random((8, 9)).astype(np.float32)
    rgb = Volume(np.stack([grey] * 3), Frame("cyx"))
    np.testing.assert_allclose(one_channel(rgb, "mean").numpy(), grey, rtol=1e-6)


def test_an_image_without_channels_is_left_alone():
    plain = Volume(np.zeros((4, 4)), Frame("yx"))
    assert all(one_channel(plain, channel) is plain for channel in (None, 0, "mean"))
    assert one_channel(COLOURS, None) is COLOURS


@pytest.mark.parametrize(("axes", "shape"), [("cyx", (3, 4, 4)), ("yx", (4, 4))])
def test_a_channel_that_is_not_there_is_refused(axes, shape):
    with pytest.raises(ValueError, match="not .*3"):
        one_channel(Volume(np.zeros(shape), Frame(axes)), 3)
