"""Where the viewer looks: a jump to a box, at a zoom that shows what is around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_advseg.gui.viewer import window

SHARE = 0.4  # of the canvas that a box takes up


def jump(viewer: Any, low: Sequence[float], high: Sequence[float], point: Sequence[float]) -> None:
    """Centre a box from `low` to `high` (world coordinates along the last axes) and zoom to it.

    Along axes that are not on screen the viewer goes to `point`, but stays where it is inside the box.
    """
    dims, camera = viewer.dims, window.camera(viewer)
    spans = {
        axis: sorted(ends)
        for axis, ends in enumerate(zip(low, high, strict=True), start=dims.ndim - len(point))
    }
    for axis, (first, last) in spans.items():
        if axis not in dims.displayed and not first <= dims.point[axis] <= last:
            dims.set_point(axis, point[axis - dims.ndim])
    middles = [
        sum(spans[axis]) / 2 if axis in spans else dims.point[axis] for axis in dims.displayed
    ]
    camera.center = (*(0.0,) * (3 - len(middles)), *middles)
    longest = max(spans[axis][1] - spans[axis][0] for axis in dims.displayed if axis in spans)
    camera.zoom = SHARE * min(window.canvas_size(viewer)) / longest
