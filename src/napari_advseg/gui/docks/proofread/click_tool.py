"""The proofreader's hand: clicks on the canvas in the mode that is on, and the banner that says what they do."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_advseg.gui.docks.proofread.mode_bar import BRUSHES, LOOK, WORDS, Banner, ModeBar
from napari_advseg.gui.docks.proofread.open_labels import OpenLabels
from napari_advseg.gui.viewer import results, window
from napari_advseg.gui.viewer.proof_layer import ProofLayer
from napari_advseg.proofreading.editing import modes
from napari_advseg.proofreading.editing.modes import Click
from napari_advseg.proofreading.store.steps import Point, Step

PYRAMID = "napari cannot paint on a pyramid; use the other modes, or open the labels without it"
ENTER = "Enter does it, Escape drops it"
STILL_PX = 4


class ClickTool(QObject):
    """Emits `turned` when the mode is another, and `clicked` when there is a click more."""

    turned = Signal()
    clicked = Signal()

    def __init__(self, viewer: Any, bar: ModeBar, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._bar = viewer, bar
        self._opened: OpenLabels | None = None
        self._layer: ProofLayer | None = None
        self._step: Step | None = None
        self.banner = Banner(viewer)
        self.clicks: list[Click] = []
        bar.turned.connect(self._turn)
        viewer.mouse_drag_callbacks.append(self._press)
        viewer.layers.selection.events.active.connect(self.say)

    def take(self, opened: OpenLabels | None, layer: ProofLayer | None) -> None:
        """Work on these labels from now on, or on none."""
        self._opened, self._layer = opened, layer
        why = PYRAMID if layer is not None and layer.layer.multiscale else ""
        for name in BRUSHES:
            self._bar.refuse(name, why)
        self._bar.offer(is_on=layer is not None)

    def leave(self) -> None:
        """Watch the canvas no longer."""
        if self._press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._press)

    def click(self, point: Point, *, is_next: bool = False) -> None:
        """Take a place in the mode that is on; `is_next` begins the seeds of another part."""
        mode = self._bar.mode
        if self._opened is None or mode in (LOOK, *BRUSHES):
            return
        before = [] if mode in ("new", "fill") else self.clicks
        colour = before[-1].colour if before else 0
        self.clicks = [*before, Click(point, colour + (is_next and bool(before)))]
        self._step = None
        self.clicked.emit()
        self.say()

    def drop(self) -> None:
        """Forget what was clicked."""
        self.clicks, self._step = [], None
        self.say()

    def show_step(self, step: Step | None) -> None:
        """Say what the clicks stand for."""
        self._step = step
        self.say()

    def say(self, *_: object) -> None:
        """Name the mode on the canvas, and what came of the clicks so far."""
        if self._layer is None:
            self.banner.say(LOOK)
            return
        layer = self._layer.layer
        is_other = self._viewer.layers.selection.active is not layer
        said = f"select the layer '{layer.name}' to go on" if is_other else ""
        self.banner.say(self._bar.mode, self._state(), is_other=said)

    def _state(self) -> str:
        """What came of the clicks so far; empty before the first."""
        if not self.clicks:
            return ""
        if self._step is not None:
            return f"{said_of(self._step)} · {ENTER}"
        if not modes.is_enough(self._bar.mode, self.clicks):
            return f"{len(self.clicks)} clicked · {WORDS[self._bar.mode].banner}"
        return "…"

    def _turn(self, mode: str) -> None:
        """Another mode: napari's brush where it is one of brushes, and what was clicked is forgotten."""
        self.drop()
        self.turned.emit()
        if self._layer is not None and self._layer.is_there:
            layer = self._layer.layer
            self._viewer.layers.selection.active = layer
            if mode in BRUSHES:  # napari has no brush in a layer that is hidden
                results.set_visible(self._viewer, layer, visible=True)
            layer.mode = BRUSHES.get(mode, "pan_zoom")
            if mode == "paint":
                layer.selected_label = self._label()
        self.say()

    def _label(self) -> int:
        """What the brush paints at first: the label in the middle of the view, else a new one."""
        if self._opened is None or self._layer is None:
            return 1
        centre = window.camera(self._viewer).center[-2:]
        point = self._layer.point_at((*self._viewer.dims.point[:-2], *centre))
        return (self._opened.proof.labels.at(point) if point else 0) or self._opened.proof.fresh()

    def _press(self, _viewer: Any, event: Any) -> Iterator[None]:
        """A click, told from a drag that moves the image."""
        if self._layer is None or event.button != 1:
            return
        has_shift = "Shift" in event.modifiers
        if self._bar.mode == "paint" and has_shift:
            self._pick(self._layer.point_under(event))
            return
        begun, moved = np.asarray(event.pos), 0.0
        yield
        while event.type == "mouse_move":
            moved = max(moved, float(np.abs(np.asarray(event.pos) - begun).max()))
            yield
        point = self._layer.point_under(event) if self._layer and moved < STILL_PX else None
        if point is not None:
            self.click(point, is_next=has_shift)

    def _pick(self, point: Point | None) -> None:
        """Paint with the label of a place."""
        if point is not None and self._opened is not None and self._layer is not None:
            self._layer.layer.selected_label = self._opened.proof.labels.at(point)


def said_of(step: Step) -> str:
    """A step in words: "merge 12 and 14"."""
    ids = " and ".join(map(str, step.ids[:3])) + (" …" if len(step.ids) > 3 else "")
    voxels = f"{step.voxels:,} voxels" if step.voxels else ""
    return ", ".join(filter(None, (f"{step.operation} {ids}".strip(), voxels)))
