"""The layer of labels under proofreading: it shows them as they are, and hands on what napari's brushes paint in it."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_advseg.gui.viewer import camera, results, strokes, turns, window
from napari_advseg.gui.viewer.strokes import Stroke
from napari_advseg.proofreading.store.overlay import Edited
from napari_advseg.proofreading.store.records import Grid
from napari_advseg.proofreading.store.steps import Point, Step
from napari_advseg.volume.arrays.lazy import Array, Level, Window, Windowed
from napari_advseg.volume.arrays.overlaid import Overlaid

NAME = "{} (proofread)"
REACH = 96


class Sheet(Overlaid):
    """Labels under proofreading that napari may write into: a stroke lies on them until the journal has it."""

    def read(self, window: Window) -> Array:
        """Where nothing is painted as the labels give it, which is a copy already."""
        if self._tiles:
            return super().read(window)
        found: Array = self.array[window]
        return found

    def wipe(self) -> None:
        """Forget the stroke."""
        self._tiles.clear()


class ProofLayer(QObject):
    """A layer on labels under proofreading, in the viewer in place of the one they come from until `take_away`."""

    painted = Signal(object)  # what napari's brushes have painted, as an Edit
    removed = Signal()

    def __init__(
        self, viewer: Any, labels: Edited, coarser: Sequence[Windowed], source: Any
    ) -> None:
        """`source` is the layer that the labels come from: the new one lies where it lies, and it is hidden."""
        super().__init__(window.main_window(viewer))
        self._viewer, self._source = viewer, source
        self._was_editable = source.editable
        self._target: tuple[Point, ...] = ()
        self.sheet = Sheet(labels)
        data: Any = [Level(one) for one in (self.sheet, *coarser)] if coarser else self.sheet
        attributes = {
            "name": NAME.format(source.name),
            "scale": source.scale,
            "translate": source.translate,
            "units": source.units,
            "axis_labels": source.axis_labels,
            "opacity": source.opacity,
            "multiscale": bool(coarser),
        }
        self.layer: Any = results.made_of((data, attributes, "labels"))
        self._strokes: list[Stroke] = []
        # Timers of its own, which end with it when the window closes.
        self._soon, self._gone, self._jumping = (QTimer(self) for _ in range(3))
        # The camera moves in a turn of its own: drawing another place takes as long as drawing what was done here.
        self._jumping.setInterval(turns.BETWEEN_MS)
        for timer, do in (
            (self._soon, self._hand_on),
            (self._gone, self.removed.emit),
            (self._jumping, self._jump),
        ):
            timer.setSingleShot(True)
            timer.timeout.connect(do)
        self._leave = strokes.follow(self.layer, self._hear)
        results.add(viewer, self.layer)
        source.visible = source.editable = False
        viewer.layers.selection.active = self.layer
        viewer.layers.events.removed.connect(self._look)

    @property
    def is_there(self) -> bool:
        """Whether the layer is still in the viewer."""
        return self.layer in self._viewer.layers

    @property
    def shown(self) -> tuple[float, ...]:
        """The place on screen, in voxels."""
        point = self._viewer.dims.point[-self.layer.ndim :]
        return tuple(map(float, self.layer.world_to_data(point)))

    @property
    def section(self) -> int:
        """The section on screen, the nearest where it shows none."""
        count = self.sheet.shape[0] if self.layer.ndim > 2 else 1
        return min(count - 1, max(0, round(self.shown[0]))) if self.layer.ndim > 2 else 0

    @property
    def window(self) -> Window:
        """All of the section on screen."""
        plane = tuple(slice(0, length) for length in self.sheet.shape[-2:])
        return plane if self.layer.ndim == 2 else (slice(self.section, self.section + 1), *plane)

    def go_to(self, points: Sequence[Point]) -> None:
        """Show these voxels, in a turn of its own; the last that was asked for counts."""
        self._target = tuple(points)
        self._jumping.start()

    def point_at(self, world: Sequence[float]) -> Point | None:
        """The voxel at a place of the viewer; None outside."""
        place = self.layer.world_to_data(world[-self.layer.ndim :])
        point = tuple(int(np.floor(k + 0.5)) for k in place)
        inside = all(0 <= k < length for k, length in zip(point, self.sheet.shape, strict=True))
        return point if inside else None

    def point_under(self, event: Any) -> Point | None:
        """The voxel under the mouse; in 3D the first of an object that its ray meets."""
        if len(event.dims_displayed) < 3:
            return self.point_at(event.position)
        ray = self.layer.get_ray_intersections(
            event.position, event.view_direction, event.dims_displayed, world=True
        )
        if any(end is None for end in ray):
            return None
        begin, end = (np.asarray(one, float) for one in ray)
        count = 2 * int(np.ceil(np.abs(end - begin).max())) + 1
        last = np.array(self.sheet.shape) - 1
        for place in np.linspace(begin, end, count):
            point = tuple(np.clip(np.floor(place + 0.5), 0, last).astype(int).tolist())
            if int(self.sheet[point]):
                return point
        return None

    def redraw(self, step: Step) -> None:
        """Show what a step has changed: its box, or the section on screen where it may be anywhere."""
        if not step.renames and not step.patches:
            return  # nothing that is seen
        if step.renames or step.box is None:
            self.redraw_all()
        else:
            window.redraw(self.layer, [slice(*span) for span in step.box], self.shown)

    def redraw_all(self) -> None:
        """Show what is on screen anew."""
        self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    def take_away(self) -> None:
        """Remove the layer, and show the one it stands for."""
        self._viewer.layers.events.removed.disconnect(self._look)
        self._leave()
        if self.is_there:
            results.take_away(self._viewer, self.layer)
        if self._source in self._viewer.layers:
            self._source.editable = self._was_editable
            self._source.visible = True
        self.deleteLater()

    def _jump(self) -> None:
        if not self._target:
            return
        points = np.array(self._target, float)
        low, high = points.min(0), points.max(0)
        low[-2:] -= REACH
        high[-2:] += REACH
        world = [self.layer.data_to_world(one) for one in (low, high, points[0])]
        camera.jump(self._viewer, *world)

    def _hear(self, stroke: Stroke) -> None:
        """napari tells of a stroke before it has written the last of it."""
        self._strokes.append(stroke)
        self._soon.start()

    def _hand_on(self) -> None:
        heard, self._strokes = self._strokes, []
        window.forget_history(self.layer)
        self.sheet.wipe()
        for stroke in heard:
            edit = stroke.edit(Grid(self.sheet.shape, self.sheet.dtype))
            if edit is not None:
                self.painted.emit(edit)
        self.redraw_all()

    def _look(self, _event: object = None) -> None:
        if isalive(self) and not self.is_there:
            self._gone.start()


__all__ = ["NAME", "ProofLayer", "Sheet"]
