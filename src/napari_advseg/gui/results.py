"""Results as layers: always a new layer or our own preview, never into a layer of the user's."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels, Layer

from napari_advseg.napari_io import LayerData
from napari_advseg.volume.volume import Array

MARK = "napari_advseg_preview"


def add(viewer: Any, layer_data: LayerData) -> Layer:
    """A new layer on top, whatever has become of the layers it was made from."""
    return _add_quietly(viewer, Layer.create(*layer_data))


def show_preview(viewer: Any, layer_data: LayerData, name: str) -> None:
    """Put labels into the preview layer, which is made where there is none."""
    data, attributes, _ = layer_data
    layer = preview_of(viewer)
    if layer is None:
        layer = Labels(data, **{**attributes, "name": name, "metadata": {MARK: True}})
        layer.editable = False
        _add_quietly(viewer, layer)
        return
    _redraw(layer, data)
    if list(layer.translate) != list(attributes["translate"]):
        layer.translate = attributes["translate"]


def preview_of(viewer: Any) -> Labels | None:
    """The preview layer of a viewer, None where there is none or the user removed it."""
    return next((layer for layer in viewer.layers if layer.metadata.get(MARK)), None)


def remove_preview(viewer: Any) -> None:
    """Take the preview away."""
    layer = preview_of(viewer)
    if layer is not None:
        viewer.layers.remove(layer)


def set_visible(viewer: Any, layer: Layer | None, *, visible: bool) -> None:
    """Show or hide a layer that is still there."""
    if layer is not None and layer in viewer.layers:
        layer.visible = visible


def _redraw(layer: Labels, data: Array) -> None:
    """Other labels in a layer of ours; of the same kind they are written into its array, at half the cost."""
    if (layer.data.shape, layer.data.dtype) != (data.shape, data.dtype):
        layer.data = data
        return
    layer.data[...] = data
    layer.refresh(thumbnail=False, highlight=False, extent=False)


def _add_quietly(viewer: Any, layer: Layer) -> Layer:
    """Add a layer and leave the user's own selected: the next brush stroke must not land in another one."""
    active = viewer.layers.selection.active
    viewer.add_layer(layer)
    if active is not None:
        viewer.layers.selection.active = active
    return layer
