"""Every stroke in a labels layer on its way to the project: paint, fill, polygons, undo, redo, and other data.

napari says what was painted (`events.paint`), but not what was undone: undo and redo of a followed layer pass through
here. What a plugin writes into the array without saying so is found when the project is closed.
"""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Qt, QTimer, Signal

from napari_advseg import project as projects
from napari_advseg.gui import results
from napari_advseg.napari_io import IN_MEMORY_BYTES, OURS, layer_to_volume, placed_of
from napari_advseg.project import Annotated, Project
from napari_advseg.proofreading import journal
from napari_advseg.proofreading.records import Edit, Grid, Patch, masked, pointed
from napari_advseg.proofreading.saver import News, Saver, Source, TakenOver, Unwritten, Written
from napari_advseg.volume.canvas import Canvas
from napari_advseg.volume.files import read
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.lazy import LazyArray

RETRY_EVERY_MS = 5000
AXES = {2: "yx", 3: "zyx", 4: "tzyx", 5: "tczyx"}
PLACE_EVENTS = ("name", "scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


class Bell(QObject):
    """Carries news to the Qt thread. It has no parent: a thread may ring after the window has gone."""

    told = Signal(object)
    kept = Signal(object, object)  # a labels layer and the folder that keeps it
    went_back = Signal(object, object)  # a labels layer and what it shows from now on


class Autosave(QObject):
    """Follows the labels layers of one window while a project is open."""

    changed = Signal()
    taken_over = Signal()

    def __init__(self, viewer: Any, project: Project, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._project = project
        self._followed: dict[Labels, _Followed] = {}
        self._bell = Bell()
        self._bell.told.connect(self._hear, Qt.ConnectionType.QueuedConnection)
        self._bell.kept.connect(self._note, Qt.ConnectionType.QueuedConnection)
        self._bell.went_back.connect(self._show_instead, Qt.ConnectionType.QueuedConnection)
        self.problem = ""
        self.saved_at = time.monotonic()
        self.saver = Saver(
            project.session, self._bell.told.emit, lambda: project.is_ours, project.release
        )
        self._again = QTimer(self)
        self._again.setInterval(RETRY_EVERY_MS)
        self._again.timeout.connect(lambda: self.saver.do(_nothing))

    @property
    def waiting(self) -> int:
        """Edits that are not on disk yet."""
        return self.saver.waiting

    def keeps(self, layer: Any) -> bool:
        """Whether a layer is an annotation of the project."""
        return layer in self._followed and self._followed[layer].is_kept

    def follow(self, layer: Any, *, at_once: bool) -> None:
        """Keep what is done in a layer from now on.

        `at_once`: what is in it now is nowhere else, so all of it is written; else that waits for the first edit.
        """
        if layer in self._followed or not can_be_edited(layer):
            return
        self._followed[layer] = _Followed(layer, self._took, self._changed, self._moved)
        if at_once:
            self._keep(layer, is_new=True)

    def adopt(self, layer: Any, place: Path, *, is_stale: bool) -> None:
        """Go on with an annotation that the project has; `is_stale`: it may have been edited before now."""
        if self.place_in_use(place):
            self.follow(layer, at_once=True)
            return
        self._followed[layer] = _Followed(layer, self._took, self._changed, self._moved, place)
        self._keep(layer, is_new=False, is_stale=is_stale)

    def place_in_use(self, place: Path) -> bool:
        """Whether another layer shows that annotation: this one is a copy of it."""
        return any(followed.place == place for followed in self._followed.values())

    def let_go(self, layer: Any) -> None:
        """The user deleted a layer: what was painted stays in the project, marked as removed."""
        followed = self._followed.pop(layer, None)
        if followed is None:
            return
        followed.release()
        if followed.is_kept:
            self.saver.do(partial(followed.describe, removed=projects.now()))
            self.saver.stop_keeping(layer)

    def go_back(self, layer: Any, place: Path, session: str) -> None:
        """Leave out what a session did to an annotation; its files are set aside."""

        def leave_out() -> None:
            journal.leave_out(place, session)
            stored = journal.look(place)
            labels: LazyArray | None = None
            if stored is not None:
                left = stored.array(self._followed[layer].beneath())
                labels = left[...] if left.nbytes <= IN_MEMORY_BYTES else left
            self._bell.went_back.emit(layer, labels)

        self.saver.do(leave_out)

    def layers_by_place(self) -> dict[Path, Any]:
        """The layers that show annotations, by their folders."""
        return {f.place: layer for layer, f in self._followed.items() if f.place is not None}

    def finish(self) -> None:
        """Follow nothing any more; all is put in order on a thread and the project closed."""
        self._again.stop()
        for followed in self._followed.values():
            followed.release()
            if followed.is_kept:
                self.saver.do(followed.describe)
        self.saver.finish()

    def _keep(self, layer: Any, *, is_new: bool, is_stale: bool = False) -> None:
        followed = self._followed[layer]
        followed.is_kept = True
        followed.image = self._image_of(layer)
        source = Source(
            partial(self._placed, followed),
            followed.live,
            followed.frame,
            followed.beneath,
        )
        self.saver.keep(layer, source, is_new=is_new, is_stale=is_stale)
        self.changed.emit()

    def _placed(self, followed: _Followed) -> Path:
        """The folder that keeps a layer, made where there is none yet; on the saver's thread."""
        if followed.place is None:
            place = self._project.place_for_annotation(str(followed.layer.name))
            followed.made = projects.now()
            followed.place = place
        followed.describe()
        self._bell.kept.emit(followed.layer, followed.place)
        return followed.place

    def _took(self, layer: Any, atoms: Sequence[Any], *, is_undone: bool) -> None:
        """Something was painted, or taken back."""
        if not self._followed[layer].is_kept:
            self._keep(layer, is_new=True)
        self.saver.edit(layer, partial(as_edit, atoms, is_undone=is_undone))
        self.changed.emit()

    def _changed(self, layer: Any) -> None:
        """The layer has got other data."""
        if not can_be_edited(layer):
            return
        if self._followed[layer].is_kept:
            self.saver.replace(layer)
        else:
            self._keep(layer, is_new=True)
        self.changed.emit()

    def _moved(self, layer: Any) -> None:
        """The layer has got another name or place."""
        if self._followed[layer].is_kept:
            self.saver.do(self._followed[layer].describe)

    def _note(self, layer: Any, place: Path) -> None:
        """Let the layer say where it is kept, for this project and for other windows."""
        ours = dict(layer.metadata.get(OURS) or {})
        said = {"project": str(self._project.folder), "annotation": place.name}
        layer.metadata = {**layer.metadata, OURS: {**ours, **said}}
        self.changed.emit()

    def _show_instead(self, layer: Any, labels: LazyArray | None) -> None:
        """Show what is left of an annotation; where nothing is, it is empty."""
        if layer not in self._followed:
            return
        if labels is None:
            layer.data = np.zeros_like(layer.data)
            return
        self._followed[layer].is_quiet = True
        layer.data = labels
        self._followed[layer].is_quiet = False

    def _hear(self, news: News) -> None:
        match news:
            case Written():
                self.problem = ""
                self.saved_at = time.monotonic()
                self._again.stop()
            case Unwritten(why):
                self.problem = why
                self._again.start()
            case TakenOver():
                self._again.stop()
                self.taken_over.emit()
        self.changed.emit()

    def _image_of(self, layer: Any) -> str:
        """The image that a labels layer was made for: the topmost one of the same size."""
        shape = _shape(layer)
        for other in reversed(self._viewer.layers):
            if isinstance(other, Image) and _shape(other)[: len(shape)] == shape:
                return str(other.name)
        return ""


class _Followed:
    """A labels layer whose edits are taken to the project."""

    def __init__(
        self,
        layer: Any,
        took: Callable[..., None],
        changed: Callable[[Any], None],
        moved: Callable[[Any], None],
        place: Path | None = None,
    ) -> None:
        self.layer = layer
        self.place = place
        self.made = ""
        self.image = ""
        self.is_kept = False
        self.is_quiet = False
        self._took = took
        self._changed = changed
        self._moved = moved
        self._entry: Annotated | None = None
        layer.events.paint.connect(self._paint)
        layer.events.data.connect(self._replace)
        for name in PLACE_EVENTS:
            emitter = getattr(layer.events, name, None)
            if emitter is not None:
                emitter.connect(self._move)
        # napari's keys and buttons call these on the layer, so they are put before its own.
        layer.undo = self._undo
        layer.redo = self._redo
        if hasattr(layer, "_abort_stroke"):
            layer._abort_stroke = self._abort  # noqa: SLF001 - the only sign of a stroke given up

    def release(self) -> None:
        """Follow the layer no longer."""
        for name in ("undo", "redo", "_abort_stroke"):
            self.layer.__dict__.pop(name, None)
        self.layer.events.paint.disconnect(self._paint)
        self.layer.events.data.disconnect(self._replace)
        for name in PLACE_EVENTS:
            emitter = getattr(self.layer.events, name, None)
            if emitter is not None:
                emitter.disconnect(self._move)

    def live(self) -> LazyArray:
        """The array that is painted on."""
        array: LazyArray = self.layer.data
        return array

    def frame(self) -> Frame:
        """Where the array lies, as far as a file can say it; layer.json says all of it."""
        return frame_of(self.layer)

    def beneath(self) -> LazyArray | None:
        """What the layer began as, where that is in a file."""
        source = self._source
        return read(source).array if source else None

    def describe(self, *, removed: str = "") -> None:
        """Write what is known of the layer into the project, where it is new; on the saver's thread."""
        if self.place is None:
            return
        if self._entry is None:
            with contextlib.suppress(projects.UnreadableProject):
                self._entry = projects.annotation_at(self.place)
        entry = self._described(removed)
        if entry != self._entry:
            projects.save_annotation(self.place, entry)
            self._entry = entry

    @property
    def _source(self) -> str:
        path = (self.layer.metadata or {}).get("path")
        return str(path) if path else ""

    def _described(self, removed: str) -> Annotated:
        _, attributes, _ = self.layer.as_layer_data_tuple()
        ours = self.layer.metadata.get(OURS) or {}
        said = {name: ours[name] for name in ("axes", "kind", "history") if name in ours}
        before = self._entry
        return Annotated(
            name=str(self.layer.name),
            image=self.image or (before.image if before else ""),
            source=projects.absolute(self._source) if self._source else "",
            placed=placed_of(attributes),
            metadata=said,
            made=self.made or (before.made if before else projects.now()),
            removed=removed,
        )

    def _paint(self, event: Any) -> None:
        self._took(self.layer, list(event.value), is_undone=False)

    def _replace(self, _event: Any) -> None:
        if not self.is_quiet:
            self._changed(self.layer)

    def _move(self, _event: Any) -> None:
        self._moved(self.layer)

    def _undo(self) -> None:
        atoms = _newest(self.layer, "_undo_history")
        type(self.layer).undo(self.layer)
        if atoms:
            self._took(self.layer, atoms, is_undone=True)

    def _redo(self) -> None:
        atoms = _newest(self.layer, "_redo_history")
        type(self.layer).redo(self.layer)
        if atoms:
            self._took(self.layer, atoms[::-1], is_undone=False)

    def _abort(self) -> None:
        atoms = list(self.layer._staged_history)  # noqa: SLF001
        type(self.layer)._abort_stroke(self.layer)  # noqa: SLF001
        if atoms and self.is_kept:
            self._took(self.layer, atoms, is_undone=True)


def can_be_edited(layer: Any) -> bool:
    """Whether a user can paint in a layer whose strokes are nowhere else."""
    return (
        isinstance(layer, Labels)
        and not layer.multiscale
        and layer.ndim in AXES
        and not results.is_ours(layer)
        and not isinstance(layer.data, Canvas)
    )


def as_edit(atoms: Sequence[Any], grid: Grid, *, is_undone: bool) -> Edit | None:
    """The edit that napari's list of atoms stands for; None where they change nothing."""
    edit = Edit(tuple(_patch(grid, atom) for atom in atoms))
    if not edit.voxels:
        return None
    return edit.reverted() if is_undone else edit


def _patch(grid: Grid, atom: Any) -> Patch:
    """One atom: a window with a mask, or places one by one."""
    if not hasattr(atom, "slice_key"):
        places, old, new = atom
        return pointed(grid, places, old, new)
    spans = (one.indices(length) for one, length in zip(atom.slice_key, grid.shape, strict=True))
    window = tuple(slice(start, stop) for start, stop, _ in spans)
    return masked(grid, window, atom.mask, atom.old_values, atom.new_value)


def frame_of(layer: Any) -> Frame:
    """Where a labels layer lies; without a rotation, and with usual axes where its own cannot be told."""
    axes = AXES[layer.ndim]
    try:
        frame = layer_to_volume(*layer.as_layer_data_tuple()).frame
        if frame.axes in ("".join(map(str, layer.axis_labels)), axes):
            return frame
    except ValueError:
        pass
    scale = tuple(abs(float(step)) or 1.0 for step in layer.scale)
    return Frame(axes, scale, (), tuple(map(float, layer.translate)), str(layer.name))


def _shape(layer: Any) -> tuple[int, ...]:
    data = layer.data[0] if layer.multiscale else layer.data
    return tuple(map(int, np.shape(data) if isinstance(data, np.ndarray) else data.shape))


def _newest(layer: Any, name: str) -> list[Any]:
    """The step that undo or redo is about to take."""
    steps = getattr(layer, name, ())
    return list(steps[-1]) if steps else []


def _nothing() -> None:
    """The saver tries again what failed before whatever it is asked to do."""


__all__ = ["Autosave", "as_edit", "can_be_edited", "frame_of"]
