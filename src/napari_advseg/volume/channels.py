"""One channel of an image that has several: chosen, or the mean of all."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np

from napari_advseg.volume.arrays.lazy import Array, LazyArray, Window, Windowed, in_native, native
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
    array = _Channel(volume.array, at, None if channel == "mean" else channel)
    frame = volume.frame.without("c").after(what)
    return Volume(array, frame, kind=volume.kind, synthetic=volume.synthetic)


@dataclasses.dataclass(frozen=True, eq=False)
class _Channel(Windowed):
    """One place along `axis`, or the mean of all where `place` is None; the axis is gone."""

    array: LazyArray
    axis: int
    place: int | None

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.array.shape[: self.axis], *self.array.shape[self.axis + 1 :])

    @property
    def dtype(self) -> np.dtype[Any]:
        return native(self.array.dtype)

    @property
    def chunks(self) -> Any:
        """Those of the other axes."""
        chunks = getattr(self.array, "chunks", None)
        return chunks and (*chunks[: self.axis], *chunks[self.axis + 1 :])

    def read(self, window: Window) -> Array:
        one = slice(None) if self.place is None else slice(self.place, self.place + 1)
        keys = (*window[: self.axis], one, *window[self.axis :])
        found = in_native(self.array[keys])
        if self.place is not None:
            return found.squeeze(self.axis)
        mean: Array = found.mean(
            self.axis, dtype=np.float64 if found.dtype.itemsize > 2 else np.float32
        )
        if found.dtype.kind in "iu":
            mean = np.rint(mean)
        return mean.astype(found.dtype)
