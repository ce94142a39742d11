"""What the camera shows of an image: a part of one section, handed to the child to be segmented first."""

from __future__ import annotations

import dataclasses
from typing import Any

from napari_advseg.gui.viewer import window
from napari_advseg.napari_io import layer_axes
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.units import ratio
from napari_advseg.volume.volume import Volume

Span = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Look:
    """Where a viewer looks at an image: a section, and from where to where along y and x, in its pixels."""

    section: int
    rows: Span
    columns: Span


def look_at(viewer: Any, layer: Any, volume: Volume) -> Look:
    """Where the viewer looks at this layer, whose volume is `volume`; whole sections in 3D."""
    place = _Place(viewer, volume.frame, _letters(layer))
    at = place.pixels("z", viewer.dims.point[place.axis("z")]) if "z" in volume.axes else 0.0
    section = min(max(0, round(at)), volume.size("z") - 1)
    rows, columns = (place.seen(axis, volume.size(axis)) for axis in "yx")
    return Look(section, rows, columns)


class _Place:
    """Axes of a volume in a viewer: which of its own they are, and world coordinates in pixels."""

    def __init__(self, viewer: Any, frame: Frame, letters: str) -> None:
        self._viewer = viewer
        self._frame = frame
        self._first: int = viewer.dims.ndim - len(letters)
        self._letters = letters

    def axis(self, letter: str) -> int:
        """The viewer's axis."""
        return self._first + self._letters.index(letter)

    def pixels(self, letter: str, world: float) -> float:
        """A world coordinate along this axis as a place in the volume."""
        at = self._frame.axes.index(letter)
        here = world * in_own_units(self._viewer, self._frame, letter, self.axis(letter))
        return (here - self._frame.translate[at]) / self._frame.scale[at]

    def seen(self, letter: str, length: int) -> Span:
        """From where to where the camera shows this axis; all of it where it is not on screen."""
        dims = self._viewer.dims
        whole = (-0.5, length - 0.5)
        if dims.ndisplay != 2 or self._viewer.grid.enabled:
            return whole
        displayed = list(dims.displayed)
        if self.axis(letter) not in displayed:
            return whole
        camera = window.camera(self._viewer)
        k = displayed.index(self.axis(letter))
        half = window.canvas_size(self._viewer)[1 - k] / camera.zoom / 2
        ends = (camera.center[k - 2] - half, camera.center[k - 2] + half)
        low, high = (self.pixels(letter, end) for end in ends)
        return min(low, high), max(low, high)


def in_own_units(viewer: Any, frame: Frame, letter: str, axis: int) -> float:
    """How many units of the frame a unit of the viewer's axis is: layers may measure in other units than the first."""
    units = getattr(viewer.dims, "units", None)
    if not units or axis >= len(units):
        return 1.0
    return ratio(str(units[axis]), frame.units[frame.axes.index(letter)]) or 1.0


def _letters(layer: Any) -> str:
    """The letters of the layer's axes in the viewer's order."""
    _, attributes, _ = layer.as_layer_data_tuple()
    return layer_axes(attributes, layer.ndim)
