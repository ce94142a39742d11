"""What an empty viewer offers: a sample to try, and a tour of four steps, each of which ends when it has happened."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import napari
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QDockWidget, QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_advseg.gui.kit.panel import Toned, note
from napari_advseg.gui.kit.preferences import remember, remembered
from napari_advseg.gui.kit.ring import Marked
from napari_advseg.gui.opened import session_of
from napari_advseg.gui.viewer import sample_layers, window
from napari_advseg.gui.viewer.results import is_ours
from napari_advseg.napari_io import LayerData

NAME = "napari-advseg tour"
PLUGIN = "napari-advseg"
MINUTES = 2
OFFER = "Nothing is open yet. Drop a file on the window, or try the synthetic sample."
MAKING = "The sample is being made …"
OVER = (
    "<b>That was the tour.</b> The new layer is yours to correct. The Score dock compares it with the labels of the "
    "sample and lists every error; “?” explains each dock."
)

Happened = Literal["image", "painted", "trained", "result"]


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of the tour.

    Attributes:
        dock: the dock whose control is to be pressed; empty for the one that shows the tour.
        happened: what ends the step.
    """

    title: str
    words: str
    dock: str
    happened: Happened


STEPS = (
    Step(
        "Open an image",
        "Press “Open the sample”: an image of synthetic tissue, with labels that give every cell a colour.",
        "",
        "image",
    ),
    Step(
        "Annotate",
        "Labels say which cell a pixel belongs to; a model learns from them. Press the marked control and paint over "
        "a cell. Ctrl+Z takes it back.",
        "Annotate",
        "painted",
    ),
    Step(
        "Train",
        f"Press Start: a model learns from image and labels, for {MINUTES} minutes at most. Cancel ends it earlier and "
        "keeps what was learnt.",
        "Train",
        "trained",
    ),
    Step(
        "Segment",
        "Press Segment: the model finds the cells in all sections. They come as a new labels layer.",
        "Segment",
        "result",
    ),
)


class Tour(QObject):
    """Where a viewer stands: offering, at a step, at the end, or quiet. One of its own in each viewer."""

    changed = Signal()

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(window.main_window(napari_viewer))
        self.setObjectName(NAME)
        self._viewer = napari_viewer
        self._session = session_of(napari_viewer)
        self._marked = Marked("guide", 3.0)
        self._is_dismissed = remembered().tour_dismissed
        self.is_making = False
        self.number: int | None = None  # of the step; len(STEPS) at the end
        events = napari_viewer.layers.events
        events.inserted.connect(self._layer_came)
        events.removed.connect(self._layers_went)
        self._session.trained.connect(lambda _folder: self._happen("trained"))
        for layer in napari_viewer.layers:
            self._watch(layer)

    @property
    def offers(self) -> bool:
        """Whether the sample and the tour are offered."""
        return self.number is None and not self._is_dismissed and not self._viewer.layers

    @property
    def step(self) -> Step | None:
        """The step that is being taken."""
        is_on = self.number is not None and self.number < len(STEPS)
        return STEPS[self.number] if is_on and self.number is not None else None

    def begin(self) -> None:
        """Take the first step; an image that is open counts."""
        self._enter(0)

    def skip(self) -> None:
        """Go on without what the step asks for."""
        if self.number is not None:
            self._enter(self.number + 1)

    def end(self) -> None:
        """Be quiet again."""
        self.number = None
        self._mark(None)
        self.changed.emit()

    def dismiss(self) -> None:
        """Offer nothing any more, in this viewer and in those to come."""
        self._is_dismissed = True
        self._session.background(partial(remember, tour_dismissed=True)).failed.connect(
            window.show_error
        )
        self.end()

    def open_sample(self) -> None:
        """Make the sample on a thread and add its layers."""
        self.is_making = True
        self.changed.emit()
        task = self._session.background(sample_layers.neuropil)
        task.done.connect(self._add_sample)
        task.failed.connect(self._fail)

    def _add_sample(self, layers: Sequence[LayerData]) -> None:
        self.is_making = False
        for layer in layers:
            self._viewer.add_layer(Layer.create(*layer))
        self.changed.emit()

    def _fail(self, text: str) -> None:
        self.is_making = False
        self.changed.emit()
        window.show_error(text)

    def _enter(self, number: int) -> None:
        self.number = number
        step = self.step
        if step is not None and step.happened == "image" and self._has_image():
            self._enter(number + 1)
            return
        self._mark(step)
        self.changed.emit()

    def _has_image(self) -> bool:
        return any(isinstance(layer, Image) for layer in self._viewer.layers)

    def _layer_came(self, event: Any) -> None:
        self._watch(event.value)
        if isinstance(event.value, Image):
            self._happen("image")
        elif isinstance(event.value, Labels) and not is_ours(event.value):
            self._happen("result")
        self.changed.emit()

    def _layers_went(self, _event: Any) -> None:
        self.changed.emit()

    def _watch(self, layer: Layer) -> None:
        if isinstance(layer, Labels):
            layer.events.paint.connect(lambda _event: self._happen("painted"))

    def _happen(self, what: Happened) -> None:
        """Something has happened: if it is what the step asks for, go on, after the others have heard of it."""
        if self.step is not None and self.step.happened == what and self.number is not None:
            QTimer.singleShot(0, partial(self._leave, self.number))

    def _leave(self, number: int) -> None:
        if self.number == number:
            self._enter(number + 1)

    def _mark(self, step: Step | None) -> None:
        """Bring the step's dock to the front and put a ring around its control."""
        if step is None or not step.dock:
            self._marked.mark(None)
            return
        dock = dock_named(self._viewer, step.dock)
        bring_to_front(dock)
        show = getattr(dock, "tour_stop", None)
        self._marked.mark(show() if show is not None else None)


class Guide(QFrame):
    """The note at the top of a dock; not there while there is nothing to say."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.tour = tour_of(viewer)
        self.setObjectName("guide")
        self.words: Toned = note()
        self.sample = _button("Open the sample", "Synthetic tissue with exact labels, made here")
        self.start = _button(
            "Show me round", "A tour of four steps: open, annotate, train, segment"
        )
        self.never = _button("Do not offer again", "Leave this note away from now on")
        self.skip = _button("Skip", "Go on to the next step")
        self.stop = _button(
            "End the tour", "Leave the tour; it can be begun anew in an empty viewer"
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(4)
        column.addWidget(self.words)
        for buttons in ((self.sample, self.start), (self.skip, self.stop, self.never)):
            row = QHBoxLayout()
            for button in buttons:
                row.addWidget(button)
            column.addLayout(row)
        self.setStyleSheet("#guide { border: 1px solid palette(highlight); border-radius: 4px; }")
        for button, act in self._acts().items():
            button.clicked.connect(act)
        self.tour.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Say where the tour stands."""
        tour, step = self.tour, self.tour.step
        is_first = step is not None and step.happened == "image"
        self.words.setText(self._words())
        self.setVisible(bool(self.words.text()))
        self.sample.setVisible(tour.offers or is_first)
        self.sample.setEnabled(not tour.is_making)
        self.sample.setToolTip(MAKING if tour.is_making else "Synthetic tissue with exact labels")
        self.start.setVisible(tour.offers)
        self.never.setVisible(tour.offers)
        self.skip.setVisible(step is not None)
        self.stop.setVisible(tour.number is not None)

    def _acts(self) -> dict[QPushButton, Callable[[], None]]:
        tour = self.tour
        return {
            self.sample: tour.open_sample,
            self.start: tour.begin,
            self.never: tour.dismiss,
            self.skip: tour.skip,
            self.stop: tour.end,
        }

    def _words(self) -> str:
        tour, step = self.tour, self.tour.step
        if tour.is_making:
            return MAKING
        if step is not None and tour.number is not None:
            head = f"<b>Step {tour.number + 1} of {len(STEPS)}: {step.title}.</b>"
            return f"{head} {step.words}"
        if tour.number is not None:
            return OVER
        return OFFER if tour.offers else ""


def tour_of(viewer: Any) -> Tour:
    """The tour of a viewer, made when its first dock opens; it goes with the viewer's window."""
    viewer = window.unwrapped(viewer)
    host = window.main_window(viewer)
    return host.findChild(Tour, NAME) or Tour(viewer)


def dock_named(viewer: Any, name: str) -> QWidget | None:
    """The dock of this name, opened where it is not open yet."""
    host = window.main_window(viewer)
    found = [
        one for one in host.findChildren(QWidget) if getattr(one, "kind", None) == name.lower()
    ]
    docked = [one for one in found if one.parent() is not None]
    if docked:
        return docked[-1]
    return viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]


def bring_to_front(dock: QWidget | None) -> None:
    """Show the tab that a dock is in."""
    place = dock.parentWidget() if dock is not None else None
    while place is not None and not isinstance(place, QDockWidget):
        place = place.parentWidget()
    if place is not None:
        place.show()
        place.raise_()


def _button(words: str, about: str) -> QPushButton:
    button = QPushButton(words)
    button.setToolTip(about)
    return button
