"""How far the annotation of one layer is: counted section by section on a thread, and kept up with every stroke."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_advseg.annotation import shares
from napari_advseg.annotation.shares import Count, Shares
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.docks.annotate.brush_buttons import NO_LAYER
from napari_advseg.gui.kit.comparison import Side, side_of
from napari_advseg.gui.kit.latest import Latest
from napari_advseg.gui.kit.preview import section_on_screen, turn_to
from napari_advseg.gui.viewer import annotation_layer, strokes
from napari_advseg.gui.viewer.strokes import Stroke
from napari_advseg.napari_io import LayerData
from napari_advseg.volume.volume import Volume

AT_ONCE = 4


class Coverage(QObject):
    """Follows one layer at a time.

    Attributes:
        problem: why the layer cannot be painted on; empty where it can.
        side: the layer as a volume, and where it lies; None where there is none, or where it cannot be told.
        shares: what is annotated.
    """

    changed = Signal()
    replaced = Signal()  # the layer has other data
    failed = Signal(str)

    def __init__(self, viewer: Any, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Any = None
        self.problem = NO_LAYER
        self.side: Side | None = None
        self.shares = Shares(1, 1)
        self._counting = Latest(session, self, is_long=True)
        self._counting.done.connect(self._take)
        self._counting.failed.connect(self.failed)
        # napari tells of a stroke before it writes it: a thread that looks at the labels then may see those before.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._tell)
        self._leave: Callable[[], object] = lambda: None

    @property
    def volume(self) -> Volume | None:
        """The labels."""
        return self.side.volume if self.side is not None else None

    @property
    def here(self) -> int:
        """The section on screen."""
        if self.side is None:
            return 0
        return section_on_screen(self._viewer, self.side.volume.frame, self.shares.sections)

    @property
    def words(self) -> str:
        """How far it is, here and in all."""
        if self.side is None:
            return self.problem
        here = self.here
        share = self.shares.of(here)
        where = f"Section {here}: {shares.percent(share)}. " if share is not None else ""
        return f"{where}{self.shares.words}."

    def follow(self, layer: Any) -> None:
        """Look at this layer from now on, or at none."""
        self._counting.forget()
        self._leave()
        self._leave = lambda: None
        self._layer, self.side, self.shares = layer, None, Shares(1, 1)
        self.problem = NO_LAYER
        if layer is not None:
            self._leave = strokes.follow(layer, self._follow_stroke, self.replaced.emit)
            self.problem = annotation_layer.why_not_paint(layer)
            try:
                self.side = side_of(layer)
                volume = self.side.volume
                self.shares = Shares(volume.size("z"), volume.size("y") * volume.size("x"))
            except ValueError as error:
                self.problem = str(error)
        self.changed.emit()
        self.count()

    def go_to(self, section: int) -> None:
        """Show a section."""
        if self.side is not None:
            turn_to(self._viewer, self.side.volume.frame, section)

    def count(self) -> None:
        """Count the next few sections on a thread, those near the one on screen first."""
        if self.side is None:
            return
        here = self.here
        rest = self.shares.uncounted(here)
        if not annotation_layer.is_quick(self._layer):
            rest = [section for section in rest if section == here]
        todo = [(section, self.shares.version(section)) for section in rest[:AT_ONCE]]
        if todo:
            self._counting.ask(partial(_counted, self.side.volume, self.shares, todo))

    def _take(self, found: tuple[Shares, list[tuple[int, Count, int]]]) -> None:
        counted_for, counts = found
        if counted_for is not self.shares:
            return
        for section, count, version in counts:
            self.shares.put(section, count, version)
        self.changed.emit()
        self.count()

    def _follow_stroke(self, stroke: Stroke) -> None:
        for section, before, after in stroke.sections(self._layer.ndim):
            if before is None:
                self.shares.forget(section)
            else:
                self.shares.change(section, before, after)
        self.changed.emit()
        self._soon.start()

    def _tell(self) -> None:
        self.changed.emit()
        self.count()


def hatched(side: Side, section: int) -> LayerData:
    """Stripes over what is not annotated in a section, as layer data."""
    stripes = shares.hatched(side.volume, section)
    data = stripes[None] if "z" in side.volume.axes else stripes
    return data, side.placed((section, 0, 0)), "labels"


def _counted(
    labels: Volume, wanted: Shares, todo: Sequence[tuple[int, int]]
) -> tuple[Shares, list[tuple[int, Count, int]]]:
    """The counts of some sections, with the version of each and the table that they are for."""
    return wanted, [(section, shares.count(labels, section), version) for section, version in todo]
