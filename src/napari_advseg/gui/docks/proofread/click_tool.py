"""The proofreader's hand: clicks on the canvas in the mode that is on, and the banner that says what they do."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_advseg.gui.docks.proofread.mode_bar import BRUSHES, WORDS, Banner, ModeBar
from napari_advseg.gui.viewer import results, window
from napari_advseg.gui.viewer.proof_layer import ProofLayer
from napari_advseg.proofreading.editing.modes import ON_CLICK
from napari_advseg.proofreading.state import LOOK, Proofreading
from napari_advseg.proofreading.store.steps import Point, Step

PYRAMID = "napari cannot paint on a pyramid; use the other modes, or open the labels without it"
ENTER = "Enter does it, Escape drops it"
STILL_PX = 4


class ClickTool(QObject):
    """Emits `changed` when there is a click more, or the mode is another."""

    changed = Signal()

    def __init__(self, viewer: Any, bar: ModeBar, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._bar = viewer, bar
        self._state: Proofreading | None = None
        self._layer: ProofLayer | None = None
        self.banner = Banner(viewer)
        bar.turned.connect(self._turn)
        viewer.mouse_drag_callbacks.append(self._press)
        viewer.layers.selection.events.active.connect(self.say)

    def take(self, state: Proofreading | None, layer: ProofLayer | None) -> None:
        """Work on these labels from now on, or on none."""
        self._state, self._layer = state, layer
        why = PYRAMID if layer is not None and layer.layer.multiscale else ""
        for name in BRUSHES:
            self._bar.refuse(name, why)
        self._bar.offer(is_on=layer is not None)
        self.say()

    def leave(self) -> None:
        """Watch the canvas no longer."""
        if self._press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._press)

    def click(self, point: Point, *, is_next: bool = False) -> None:
        """Take a place in the mode that is on; `is_next` begins the seeds of another part."""
        if self._state is not None and self._state.click(point, is_next=is_next):
            self.changed.emit()

    def say(self, *_: object) -> None:
        """Name the mode on the canvas, and what came of the clicks so far."""
        if self._state is None or self._layer is None:
            self.banner.say(LOOK)
            return
        layer = self._layer.layer
        is_other = self._viewer.layers.selection.active is not layer
        said = f"select the layer '{layer.name}' to go on" if is_other else ""
        self.banner.say(self._state.mode, words_of(self._state), is_other=said)

    def _turn(self, mode: str) -> None:
        """Another mode: napari's brush where it is one of brushes, and what was clicked is forgotten."""
        if self._state is None or self._layer is None:
            return
        self._state.turn(mode)
        self.changed.emit()
        if self._layer.is_there:
            layer = self._layer.layer
            self._viewer.layers.selection.active = layer
            if mode in BRUSHES:  # napari has no brush in a layer that is hidden
                results.set_visible(self._viewer, layer, visible=True)
            layer.mode = BRUSHES.get(mode, "pan_zoom")
            if mode == "paint":
                layer.selected_label = self._label()

    def _label(self) -> int:
        """What the brush paints at first: the label in the middle of the view, else a new one."""
        if self._state is None or self._layer is None:
            return 1
        proof = self._state.proof
        centre = window.camera(self._viewer).center[-2:]
        point = self._layer.point_at((*self._viewer.dims.point[:-2], *centre))
        return (proof.labels.at(point) if point else 0) or proof.fresh()

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
        if point is not None and self._state is not None and self._layer is not None:
            self._layer.layer.selected_label = self._state.proof.labels.at(point)


def words_of(state: Proofreading) -> str:
    """What came of the clicks so far; empty before the first."""
    if not state.clicks:
        return ""
    if state.pending is not None:
        return f"{said_of(state.pending)} · {ENTER}"
    if not ON_CLICK[state.mode].is_enough(state.clicks):
        return f"{len(state.clicks)} clicked · {WORDS[state.mode].banner}"
    return "…"


def said_of(step: Step) -> str:
    """A step in words: "merge 12 and 14"."""
    ids = " and ".join(map(str, step.ids[:3])) + (" …" if len(step.ids) > 3 else "")
    voxels = f"{step.voxels:,} voxels" if step.voxels else ""
    return ", ".join(filter(None, (f"{step.operation} {ids}".strip(), voxels)))
