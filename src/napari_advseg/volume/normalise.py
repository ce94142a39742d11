"""Grey values to [0, 1] by robust percentiles: fitted once, stored with the model, used identically
everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from napari_advseg.settings import Settings, setting
from napari_advseg.settings.examples import NormalisationSettings
from napari_advseg.volume.volume import Array, Volume

SECTIONS = 32
BANDS = 8
VALUES_PER_SECTION = 1 << 17
# A section is read whole up to this many values, in bands of rows above.
WHOLE_SECTION = 1 << 24


class Normaliser(Settings):
    """Maps `low` to 0 and `high` to 1; a plain JSON object with `model_dump(mode="json")`.

    An instance is a function: array -> float32 array of the same shape, finite everywhere.
    """

    low: float = setting(0.0, "Low", "This grey value becomes 0.")
    high: float = setting(1.0, "High", "This grey value becomes 1.")
    fill: float = setting(0.0, "Fill", "This grey value stands in for NaN and infinity.")
    clip: bool = setting(default=False, title="Clip", description="Clip to [0, 1] after scaling.")
    kind: Literal["percentiles", "range", "constant"] = setting(
        "percentiles",
        "Kind",
        "How the values were found: by percentiles, by the full range where those coincide, or "
        "from an image of "
        "one single value.",
    )

    @classmethod
    def fit(
        cls,
        volumes: Volume | Sequence[Volume],
        settings: NormalisationSettings | None = None,
        sections: Sequence[int] | range | Sequence[Sequence[int]] | None = None,
    ) -> Self:
        """The normaliser of a volume, or of some of its sections, from an evenly spaced
        sample of at most 4 million
        values; the same volume always gives the same one. For several volumes there is a list of
        sections for each.

        Raises:
            ValueError: no section is named, or the sample holds no finite value.
        """
        chosen = settings or NormalisationSettings()
        places = _spread(volumes, sections)
        values = np.concatenate([_sample(volume, index) for volume, index in places])
        values = values[np.isfinite(values)]
        if not values.size:
            raise ValueError(
                f"The image '{places[0][0].frame.name}' holds no finite value; check that the right "
                "file was chosen."
            )
        low, high, fill = (float(v) for v in np.percentile(values, [chosen.low, chosen.high, 50]))
        kind: Literal["percentiles", "range", "constant"] = "percentiles"
        if not _apart(low, high):
            low, high, kind = float(values.min()), float(values.max()), "range"
        if not _apart(low, high):
            high, kind = low + max(1.0, abs(low)), "constant"
        return cls(low=low, high=high, fill=fill, clip=chosen.clip, kind=kind)

    def __call__(self, array: Array) -> npt.NDArray[np.float32]:
        """The array scaled, float32; NaN and infinity become the fill value."""
        given = np.asarray(array)
        wide = np.float32 if given.dtype.itemsize <= 2 or given.dtype == np.float32 else np.float64
        values: npt.NDArray[Any] = given.astype(wide)
        if given.dtype.kind == "f":
            values[~np.isfinite(values)] = self.fill
        low, high = wide(self.low), wide(self.high)
        values -= low
        values /= high - low
        if self.clip:
            np.clip(values, 0, 1, out=values)
        return values.astype(np.float32, copy=False)

    @staticmethod
    def finite(array: Array) -> npt.NDArray[np.bool_] | None:
        """Where the array is a number, bool of the same shape; None where it is one everywhere."""
        given = np.asarray(array)
        if given.dtype.kind != "f":
            return None
        mask: npt.NDArray[np.bool_] = np.isfinite(given)
        return None if mask.all() else mask


def _apart(low: float, high: float) -> bool:
    """Whether two grey values differ by enough to divide by it in 32 bit."""
    return math.isfinite(high - low) and bool(np.float32(high) > np.float32(low))


def _spread(
    volumes: Volume | Sequence[Volume], sections: Sequence[int] | Sequence[Sequence[int]] | None
) -> list[tuple[Volume, int]]:
    """At most 32 of the sections, evenly spaced, the first and the last among them."""
    several = [volumes] if isinstance(volumes, Volume) else volumes
    chosen: Any = [sections] if isinstance(volumes, Volume) else sections
    if sections is None:
        chosen = [range(one.size("z")) for one in several]
    wanted = [(volume, index) for volume, own in zip(several, chosen, strict=True) for index in own]
    if not wanted:
        raise ValueError("No section is left to take the grey values from; choose at least one.")
    if len(wanted) <= SECTIONS:
        return wanted
    return [wanted[k * (len(wanted) - 1) // (SECTIONS - 1)] for k in range(SECTIONS)]


def _sample(volume: Volume, index: int) -> npt.NDArray[np.float64]:
    """Evenly spaced values of a section."""
    bands = [band.ravel() for band in _bands(volume, index)]
    values = np.concatenate(bands) if len(bands) > 1 else bands[0]
    # An odd step visits all columns of an image of even width.
    step = max(1, -(-values.size // VALUES_PER_SECTION)) | 1
    return values[::step].astype(np.float64)


def _bands(volume: Volume, index: int) -> Iterator[Array]:
    """A section whole or, where it is large, eight bands of rows spread over it."""
    others = math.prod(
        n for n, axis in zip(volume.shape, volume.axes, strict=True) if axis not in "zy"
    )
    height = volume.size("y")
    rows = min(height, max(1, WHOLE_SECTION // max(1, others) // BANDS))
    starts = (
        [0]
        if rows * BANDS >= height
        else [k * (height - rows) // (BANDS - 1) for k in range(BANDS)]
    )
    rows = height if len(starts) == 1 else rows
    for start in starts:
        key = {"z": index, "y": slice(start, start + rows)}
        yield np.asarray(volume.array[tuple(key.get(axis, slice(None)) for axis in volume.axes)])
