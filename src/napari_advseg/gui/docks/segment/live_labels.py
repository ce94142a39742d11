"""Live labels: the interior map of what is on screen, labelled anew with every slider, in layers of our own."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import QObject, Signal

from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.docks.segment import joining
from napari_advseg.gui.docks.segment.segmenting import Result, View, ViewRequest
from napari_advseg.gui.kit.latest import Latest
from napari_advseg.gui.kit.preview import Relabeller, Wish, section_on_screen, words_of
from napari_advseg.gui.viewer import results, window
from napari_advseg.napari_io import LayerData, volume_to_layer
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.arrays.lazy import Level
from napari_advseg.volume.formats.files import levels, read
from napari_advseg.volume.volume import Volume

PREVIEW = "Preview (section on screen)"
INTERIOR = "Interior map"

Source = View | Result


class LiveLabels(QObject):
    """Labels of a view, or of the section on screen of a result; `said` tells what they show."""

    said = Signal(str)
    failed = Signal(str)

    def __init__(self, viewer: Any, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._labels = results.OwnLayer(viewer, PREVIEW)
        self._interior: Layer | None = None
        self._wants_interior = False
        self._relabeller, self._joiner = Relabeller(), joining.Joiner()
        self._latest = Latest(session, self)
        self._latest.done.connect(self._show)
        self._latest.failed.connect(self.failed)
        self._settings = LabellingSettings()
        self.source: Source | None = None
        self.is_on = False

    @property
    def layer(self) -> Layer | None:
        """The layer of the labels, where it is shown."""
        return self._labels.layer

    @property
    def interior_map(self) -> Layer | None:
        """The layer of the interior map, where it is shown."""
        is_there = self._interior is not None and self._interior in self._viewer.layers
        return self._interior if is_there else None

    def take(self, source: Source | None) -> None:
        """Show another view or result from now on, or none; labels stay until the next ones are there."""
        self._latest.forget()
        if source is None or _classes(source) or _classes(self.source):
            self.turn_off()
        self.source = source
        self.show_interior(is_on=self._wants_interior)

    def shows(self, view_request: ViewRequest) -> bool:
        """Whether the source is a view that shows what a request of the view would."""
        return isinstance(self.source, View) and self.source.shows(view_request)

    def is_of_other_model(self, model: str) -> bool:
        """Whether the source is a view that another model made."""
        return isinstance(self.source, View) and self.source.view_request.recipe.model != model

    def label(self, settings: LabellingSettings) -> None:
        """Label the source with these settings; the newest wins."""
        self.is_on = True
        self._settings = settings
        classes = _classes(self.source)
        if classes is not None:
            self._show(classes)
        elif self.source is not None:
            self._latest.ask(self._work(self.source, settings))

    def turn_off(self) -> None:
        """Take the labels away."""
        self.is_on = False
        self._latest.forget()
        self._labels.remove()
        self.said.emit("")

    def show_interior(self, *, is_on: bool) -> None:
        """Show or hide the interior map that the labels are made of."""
        self._wants_interior = is_on
        if self.interior_map is not None:
            results.take_away(self._viewer, self.interior_map)
        self._interior = None
        if is_on and self.source is not None and self.source.map_path:
            task = self._session.background(partial(interior_layer, self.source))
            task.done.connect(partial(self._add_interior, self.source))
            task.failed.connect(self.failed)

    def _work(self, source: Source, settings: LabellingSettings) -> Callable[[], LayerData]:
        if isinstance(source, View):
            return partial(self._relabeller.label, Wish(source.map_path, 0, settings))
        index = section_on_screen(self._viewer, source.frame, source.sections)
        if source.fragments and settings.across_sections == "agglomerated":
            return partial(self._joiner.label, source.fragments, index, settings)
        return partial(self._relabeller.label, Wish(source.map_path, index, settings))

    def _show(self, layer: LayerData) -> None:
        if not self.is_on or self.source is None or not window.is_open(self._viewer):
            return
        self._labels.show(layer)
        if isinstance(self.source, View):
            found = "" if self.source.classes else words_of(layer)
            runs = joining.ALONE if self._settings.across_sections != "sections" and found else ""
            self.said.emit(f"{found or 'Classes'}{self.source.words()}{runs}")
        else:
            caveat = joining.caveat(self.source, self._settings)
            self.said.emit(f"{words_of(layer)}{caveat}")

    def _add_interior(self, source: Source, layer: Layer) -> None:
        is_late = source is not self.source or not self._wants_interior
        if is_late or self.interior_map is not None or not window.is_open(self._viewer):
            return
        self._interior = results.add_own(self._viewer, layer, below=self.layer)


def _classes(source: Source | None) -> LayerData | None:
    """The classes of a view, as a layer."""
    return source.classes if isinstance(source, View) else None


def interior_layer(source: Source) -> Layer:
    """The interior map of a view or a result as a layer; that of a result lazy, with its pyramid."""
    if isinstance(source, View):
        found = read(source.map_path)
        data, attributes, kind = volume_to_layer(Volume(found.numpy(), found.frame), "image")
    else:
        pyramid = [Level(level.array) for level in levels(source.map_path)]
        _, attributes, kind = volume_to_layer(read(source.map_path), "image")
        data = pyramid if len(pyramid) > 1 else pyramid[0].array
        attributes["multiscale"] = len(pyramid) > 1
    shown = {"name": INTERIOR, "contrast_limits": (0.0, 1.0), "colormap": "gray"}
    return results.made_of((data, {**attributes, **shown}, kind))
