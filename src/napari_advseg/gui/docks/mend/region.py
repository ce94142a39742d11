"""The region to fill: a labels layer that is chosen, or made on the image with the brush in hand."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from typing import Any

from napari.layers import Labels
from psygnal import Signal
from qtpy.compat import isalive
from qtpy.QtWidgets import QPushButton

from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.docks.mend import mending
from napari_advseg.gui.kit.panel import LayerChoice
from napari_advseg.gui.viewer import annotation_layer, results
from napari_advseg.napari_io import LayerData
from napari_advseg.volume.volume import Volume

NOT_FINITE = "where the image is not finite"
NEW = "New layer to paint the region"
NEW_ABOUT = "An empty labels layer on the image, with the brush in hand: paint folds, stains, missing parts."
NO_IMAGE_TO_PAINT = "Choose an image first: the layer gets its size and place."
BRUSH_PX = 20


class RegionChoice(LayerChoice):
    """The layer, and the button `new` that makes one; `made` comes when it is there, `failed` when it cannot be."""

    made = Signal()
    failed = Signal(str)

    def __init__(self, viewer: Any, session: Session) -> None:
        super().__init__(viewer, Labels, NOT_FINITE)
        self._session = session
        self._image: tuple[str, Volume] | None = None
        self._is_own = False
        self._made: Labels | None = None
        self.new = QPushButton(NEW)
        self.new.clicked.connect(self.make)
        self.native.activated.connect(self._keep)
        viewer.layers.selection.events.active.connect(self._take_selected)

    def offer(self, name: str, image: Volume | None) -> None:
        """Have this image to make a layer on, or none."""
        self._image = (name, image) if image is not None else None
        self.new.setEnabled(image is not None)
        self.new.setToolTip(NEW_ABOUT if image is not None else NO_IMAGE_TO_PAINT)

    def make(self) -> None:
        """A new labels layer on the image, chosen as the region and ready to be painted on."""
        if self._image is None:
            return
        name, image = f"{self._image[0]} to fill", self._image[1]
        is_large = annotation_layer.is_large(image)
        place = mending.place_for_region(name, self._session.project) if is_large else None
        self.new.setEnabled(False)
        task = self._session.background(partial(mending.new_region, image, name, place))
        task.done.connect(self._add)
        task.failed.connect(self.failed.emit)

    def hide_made(self) -> None:
        """Hide the layer that was made here: it covers what was filled."""
        results.set_visible(self._viewer, self._made, visible=False)

    def stop(self) -> None:
        """Take no notice any more of what is selected."""
        self._viewer.layers.selection.events.active.disconnect(self._take_selected)

    def _add(self, layer_data: LayerData) -> None:
        if not isalive(self.native):
            return
        layer = results.add(self._viewer, layer_data)
        self.refill()
        self.choose(layer)
        self._is_own, self._made = True, layer
        layer.events.visible.connect(self._take_brush)
        self._take_brush()
        self.made.emit()

    def _take_brush(self, _event: object = None) -> None:
        """Take the brush once the new layer is shown: napari gives none to a layer that is hidden."""
        layer = self.layer if isalive(self.native) else None
        if layer is not None and layer.visible:
            layer.events.visible.disconnect(self._take_brush)
            self._viewer.layers.selection.active = layer
            layer.brush_size = BRUSH_PX
            layer.selected_label = 1
            layer.mode = "paint"

    def _take_selected(self, *_: object) -> None:
        """A labels layer that the user selects while looking at this is the region, unless one was chosen."""
        if not isalive(self.native):
            return
        layer = self._viewer.layers.selection.active
        is_offered = layer is not None and layer in self.choices
        if is_offered and self.native.isVisible() and not self._is_own:
            self.choose(layer)

    def _keep(self, *_: object) -> None:
        self._is_own = True
