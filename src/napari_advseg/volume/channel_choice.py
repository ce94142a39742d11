"""One channel of an image that has several: chosen, or the mean of all."""

from __future__ import annotations

import dataclasses
from typing import Literal

from napari_advseg.volume.arrays.lazy import OneChannel
from napari_advseg.volume.volume import Volume

Channel = int | Literal["mean"] | None


def one_channel(volume: Volume, channel: Channel) -> Volume:
    """The volume with one channel, lazy, as a volume without channel axis; unchanged where `channel` is None.

    Whole numbers stay whole: the mean of colours is rounded.

    Raises:
        ValueError: there is no such channel.
    """
    if channel is None or "c" not in volume.axes:
        if channel not in (None, 0, "mean"):
            raise ValueError(f"The image has one channel, not a channel {channel}.")
        return volume
    count = volume.size("c")
    if channel != "mean" and not 0 <= channel < count:
        raise ValueError(f"The image has the channels 0 to {count - 1}, not {channel}.")
    at = volume.axes.index("c")
    what = "mean of the channels" if channel == "mean" else f"channel {channel}"
    array = OneChannel(volume.array, at, None if channel == "mean" else channel)
    frame = volume.frame.without("c").after(what)
    return dataclasses.replace(volume, array=array, frame=frame, source=None)
