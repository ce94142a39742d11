"""Every stroke in a labels layer on its way to the project: paint, fill, polygons, undo, redo, and other data.

What a plugin writes into the array without saying so is found when the project is closed.
"""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_advseg import project as projects
from napari_advseg.gui.compute.news import News
from napari_advseg.gui.viewer import results, strokes
from napari_advseg.gui.viewer.proof_layer import Sheet
from napari_advseg.gui.viewer.strokes import Stroke
from napari_advseg.napari_io import IN_MEMORY_BYTES, OURS, layer_to_volume, placed_of
from napari_advseg.project import Annotated, Project
from napari_advseg.proofreading.store import journal
from napari_advseg.proofreading.store.saver import (
    Outcome,
    Saver,
    Source,
    TakenOver,
    Unwritten,
    Written,
)
from napari_advseg.volume.arrays.lazy import LazyArray
from napari_advseg.volume.formats.canvas import Canvas
from napari_advseg.volume.formats.files import read
from napari_advseg.volume.frame import Frame

RETRY_EVERY_MS = 5000
KEPT_METADATA = ("axes", "kind", "history")
AXES = {2: "yx", 3: "zyx", 4: "tzyx", 5: "tczyx"}
PLACE_EVENTS = ("name", "scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


class Autosave(QObject):
    """Follows the labels layers of one window while a project is open."""

    changed = Signal()
    taken_over = Signal()

    def __init__(self, viewer: Any, project: Project, parent: QObject) -> None:
        super().__init__(parent)
        self._layers = viewer.layers
        self._project = project
        self._followers: dict[Labels, Follower] = {}
        self._outcomes = News(self._hear)
        self._placed = News(self._note)
        self._left = News(self._show_instead)
        self.removed: dict[Path, str] = {}
        self._gone: dict[Kept, str] = {}
        self.problem = ""
        self.saved_at = time.monotonic()
        self.saver = Saver(
            project.session, self._outcomes.tell, lambda: project.is_ours, project.release
        )
        self.ending = Ending(self.saver)
        self._again = QTimer(self)
        self._again.setInterval(RETRY_EVERY_MS)
        self._again.timeout.connect(lambda: self.saver.do(_nothing))

    @property
    def waiting(self) -> int:
        """Edits that are not on disk yet."""
        return self.saver.waiting

    def keeps(self, layer: Any) -> bool:
        """Whether a layer is an annotation of the project."""
        return layer in self._followers and self._followers[layer].is_kept

    def follow(self, layer: Any, *, at_once: bool) -> None:
        """Keep what is done in a layer from now on.

        `at_once`: what is in it now is nowhere else, so all of it is written; else that waits for the first edit.
        """
        if layer in self._followers or not can_be_edited(layer):
            return
        self._followers[layer] = self.ending.with_it(Follower(layer, self))
        if at_once:
            self._keep(layer, is_new=True)

    def adopt(self, layer: Any, place: Path, *, is_stale: bool) -> None:
        """Go on with an annotation that the project has; `is_stale`: it may have been edited before now.

        A copy of a layer that is followed already becomes an annotation of its own.
        """
        if any(follower.kept.place == place for follower in self._followers.values()):
            self.follow(layer, at_once=True)
            return
        self.removed.pop(place, None)
        self._followers[layer] = self.ending.with_it(Follower(layer, self, place))
        self._keep(layer, is_new=False, is_stale=is_stale)

    def let_go(self, layer: Any) -> None:
        """The user deleted a layer: what was painted stays in the project, marked as removed."""
        follower = self._followers.pop(layer, None)
        if follower is None:
            return
        follower.release()
        if follower.is_kept:
            self.saver.do(partial(follower.kept.describe, removed=projects.now()))
            self.saver.stop_keeping(follower.kept)
            self._gone[follower.kept] = str(layer.name)
            self._note(follower.kept)

    def go_back(self, session: str) -> None:
        """Leave out what a session did to the annotations; its files are set aside."""
        for follower in self._followers.values():
            if follower.is_kept:
                self.saver.do(partial(_left_out, follower.kept, session, self._left))

    def finish(self) -> None:
        """Follow nothing any more; all is put in order on a thread and the project closed."""
        self._again.stop()
        self.ending.soon()

    def took(self, layer: Any, stroke: Stroke) -> None:
        """Something was painted, or taken back."""
        if not self._followers[layer].is_kept:
            self._keep(layer, is_new=True)
        self.saver.edit(self._followers[layer].kept, stroke.edit)
        self.changed.emit()

    def replaced(self, layer: Any) -> None:
        """The layer has got other data."""
        if not can_be_edited(layer):
            return
        if self._followers[layer].is_kept:
            self.saver.replace(self._followers[layer].kept)
        else:
            self._keep(layer, is_new=True)
        self.changed.emit()

    def _keep(self, layer: Any, *, is_new: bool, is_stale: bool = False) -> None:
        follower = self._followers[layer]
        follower.is_kept = True
        kept = follower.kept
        kept.image = kept.image or self._image_of(layer)
        place = partial(kept.placed, self._project, self._placed)
        source = Source(place, lambda: kept.data, lambda: kept.frame, kept.beneath)
        self.saver.keep(kept, source, is_new=is_new, is_stale=is_stale)
        self.changed.emit()

    def _note(self, kept: Kept) -> None:
        """Let the layer say where it is kept, for this project and for other windows."""
        if kept.place is None:
            return
        if kept in self._gone:
            self.removed[kept.place] = self._gone.pop(kept)
        layer = self._layer_of(kept)
        if layer is not None:
            ours = dict(layer.metadata.get(OURS) or {})
            said = {"project": str(self._project.folder), "annotation": kept.place.name}
            layer.metadata = {**layer.metadata, OURS: {**ours, **said}}
            self.changed.emit()

    def _show_instead(self, left: tuple[Kept, LazyArray | None]) -> None:
        """Show what is left of an annotation; where nothing is, it is empty."""
        kept, labels = left
        layer = self._layer_of(kept)
        if layer is None:
            return
        if labels is None:
            layer.data = np.zeros_like(layer.data)
        else:
            with self._followers[layer].quietly():
                layer.data = labels

    def _layer_of(self, kept: Kept) -> Any:
        return next((layer for layer, one in self._followers.items() if one.kept is kept), None)

    def _hear(self, outcome: Outcome) -> None:
        match outcome:
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
        for other in reversed(self._layers):
            if isinstance(other, Image) and _shape(other)[: len(shape)] == shape:
                return str(other.name)
        return ""


class Ending:
    """How autosave ends, also where its window has gone already: it holds nothing that leads to that."""

    def __init__(self, saver: Saver) -> None:
        self._saver = saver
        self._followers: weakref.WeakSet[Follower] = weakref.WeakSet()

    def with_it(self, follower: Follower) -> Follower:
        """What ends too."""
        self._followers.add(follower)
        return follower

    def soon(self, *_: object) -> None:
        """Follow nothing any more; all is put in order on a thread."""
        for follower in list(self._followers):
            follower.release()
        self._saver.finish()


class Kept:
    """What is known of a followed layer. It outlives the window and so holds nothing that leads to it.

    Attributes:
        place: the folder that keeps it; None before there is one.
        data: the array that is painted on.
        frame: where it lies, as far as a file can say it; layer.json says all of it.
        image: the image that it was made for.
    """

    def __init__(self, layer: Any, place: Path | None) -> None:
        self.place = place
        self.image = ""
        self._made = ""
        self._entry: Annotated | None = None
        self.look_at(layer)

    def look_at(self, layer: Any) -> None:
        """Take note of how the layer is now."""
        _, attributes, _ = layer.as_layer_data_tuple()
        ours = layer.metadata.get(OURS) or {}
        self.data: LazyArray = layer.data
        self.frame = frame_of(layer)
        self._name = str(layer.name)
        self._source = str(layer.metadata.get("path") or "")
        self._placed = placed_of(attributes)
        self._metadata = {name: ours[name] for name in KEPT_METADATA if name in ours}

    def placed(self, project: Project, news: News) -> Path:
        """The folder that keeps the layer, found where there is none yet; on the saver's thread."""
        if self.place is None:
            self.place = project.place_for_annotation(self._name)
            self._made = projects.now()
        self.describe()
        news.tell(self)
        return self.place

    def beneath(self) -> LazyArray | None:
        """What the layer began as, where that is in a file."""
        return read(self._source).array if self._source else None

    def describe(self, *, removed: str = "") -> None:
        """Write what is known into the project, where it is new; on the saver's thread."""
        if self.place is None:
            return
        if self._entry is None:
            with contextlib.suppress(projects.UnreadableProject):
                self._entry = projects.annotation_at(self.place)
        before = self._entry
        entry = Annotated(
            name=self._name,
            image=self.image or (before.image if before else ""),
            source=projects.absolute(self._source) if self._source else "",
            placed=self._placed,
            metadata=self._metadata,
            made=self._made or (before.made if before else projects.now()),
            removed=removed,
        )
        if entry != before:
            projects.save_annotation(self.place, entry)
            self._entry = entry


class Follower:
    """Hears what is done in a labels layer and hands it to its owner."""

    def __init__(self, layer: Any, owner: Autosave, place: Path | None = None) -> None:
        self.kept = Kept(layer, place)
        self.is_kept = False
        self._is_quiet = False
        self._layer = layer
        self._owner = owner
        self._leave = strokes.follow(layer, self._take, self._replace)
        for emitter in self._place_events():
            emitter.connect(self._move)

    def release(self) -> None:
        """Hear the layer no longer."""
        self._leave()
        for emitter in self._place_events():
            emitter.disconnect(self._move)

    @contextlib.contextmanager
    def quietly(self) -> Iterator[None]:
        """Other data that come now are in the project already."""
        self._is_quiet = True
        yield
        self._is_quiet = False

    def _place_events(self) -> list[Any]:
        found = (getattr(self._layer.events, name, None) for name in PLACE_EVENTS)
        return [emitter for emitter in found if emitter is not None]

    def _take(self, stroke: Stroke) -> None:
        """A stroke given up is only in what was copied meanwhile."""
        if stroke.how != "given up" or self.is_kept:
            self._owner.took(self._layer, stroke)

    def _replace(self) -> None:
        self.kept.look_at(self._layer)
        if not self._is_quiet:
            self._owner.replaced(self._layer)

    def _move(self, _event: Any) -> None:
        self.kept.look_at(self._layer)
        if self.is_kept:
            self._owner.saver.do(self.kept.describe)


def can_be_edited(layer: Any) -> bool:
    """Whether a user can paint in a layer whose strokes are nowhere else."""
    return (
        isinstance(layer, Labels)
        and not layer.multiscale
        and layer.ndim in AXES
        and not results.is_ours(layer)
        and not isinstance(layer.data, Canvas | Sheet)
    )


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


def _left_out(kept: Kept, session: str, news: News) -> None:
    """Set the files of a session aside; on the saver's thread."""
    if kept.place is None:
        return
    journal.leave_out(kept.place, session)
    stored = journal.look(kept.place)
    labels: LazyArray | None = None
    if stored is not None:
        left = stored.array(kept.beneath() if stored.base is None else None)
        labels = left[...] if left.nbytes <= IN_MEMORY_BYTES else left
    news.tell((kept, labels))


def _nothing() -> None:
    """The saver tries again what failed before whatever it is asked to do."""


__all__ = ["Autosave", "can_be_edited", "frame_of"]
