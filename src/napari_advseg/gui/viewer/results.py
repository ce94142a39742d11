"""Results as layers: always a new layer or one of our own, never into a layer of the user's."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from napari.utils import CyclicLabelColormap

from napari_advseg.gui.viewer import window
from napari_advseg.gui.viewer.turns import Turns
from napari_advseg.napari_io import LayerData
from napari_advseg.volume.volume import Array

# Told apart by those who see red and green alike too (Okabe and Ito, 2008).
CLASS_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")

_OURS: weakref.WeakSet[Layer] = weakref.WeakSet()
_EXPECTED: weakref.WeakSet[Layer] = weakref.WeakSet()
"""Layers that are in the list already and seen a moment later."""


def add(viewer: Any, made: LayerData | Layer) -> Layer:
    """A new layer on top, whatever has become of the layers it was made from.

    One that a thread has made by `made_of` costs the Qt thread less than its data do.
    """
    return _add_quietly(viewer, made_of(made))


def made_of(made: LayerData | Layer) -> Layer:
    """The layer of layer data."""
    return made if isinstance(made, Layer) else Layer.create(*made)


def is_ours(layer: Layer) -> bool:
    """Whether a layer only shows something of ours, so that no dock offers it as data; a copy of it is the user's."""
    return layer in _OURS


def set_visible(viewer: Any, layer: Layer | None, *, visible: bool) -> None:
    """Show or hide a layer that is still there."""
    if layer is not None and layer in viewer.layers:
        _EXPECTED.discard(layer)
        layer.visible = visible


def take_away(viewer: Any, layer: Layer) -> None:
    """Hide a layer of ours; in later turns remove it from the list and give its memory back."""
    layer.visible = False
    _EXPECTED.discard(layer)
    Turns(viewer, [partial(_drop, viewer, layer), partial(_empty, layer)])


def flat_colours(colours: Sequence[str]) -> CyclicLabelColormap:
    """A colour for each of labels 1, 2, ...; napari's direct colours would be compiled first, for a second."""
    shown = [
        [0.0] * 4,
        *([part / 255 for part in bytes.fromhex(f"{one[1:]}ff")] for one in colours),
    ]
    return CyclicLabelColormap(colors=np.array(shown, np.float32), background_value=0)


def class_colours(highest: int) -> CyclicLabelColormap:
    """A colour for each of classes 1 to `highest`; 0 is transparent."""
    return flat_colours(
        [CLASS_COLOURS[(k - 1) % len(CLASS_COLOURS)] for k in range(1, highest + 1)]
    )


def add_own(viewer: Any, made: LayerData | Layer, *, below: Layer | None = None) -> Layer:
    """A new layer of ours that only shows something, under another or on top; made like those of `add`."""
    layer = made_of(made)
    _OURS.add(layer)
    return _add_quietly(viewer, layer, below)


class OwnLayer:
    """A labels layer that only we write into: made when first shown, used again, gone when the user removes it."""

    def __init__(self, viewer: Any, name: str, **style: Any) -> None:
        self._viewer = viewer
        self._name = name
        self._style = style
        self._layer: Labels | None = None
        self._is_coming = False

    @property
    def layer(self) -> Labels | None:
        """The layer in the list; None where there is none or the user removed it."""
        return self._layer if self._layer in self._viewer.layers else None

    @property
    def is_missed(self) -> bool:
        """Whether it was shown and the user removed it."""
        return self._layer is not None and self._mine is None

    def show(self, layer_data: LayerData, *, below: Layer | None = None) -> None:
        """Show these labels in place of those before, under another layer where one is named."""
        data, attributes, _ = layer_data
        layer = self._mine
        if layer is not None and layer.ndim != data.ndim:
            self.remove()
            layer = None
        if layer is None:
            layer = Labels(
                data, **{**attributes, "name": self._name, "metadata": {}}, **self._style
            )
            layer.editable = False  # so it needs no tools either
            _overlays_off(layer)
            _OURS.add(layer)
            self._layer, self._is_coming = layer, True
            Turns(self._viewer, [partial(self._come, layer, below)])
            return
        _redraw(layer, data)
        _sink(self._viewer, layer, below)
        for name in ("scale", "translate"):
            if name in attributes and list(getattr(layer, name)) != list(attributes[name]):
                setattr(layer, name, attributes[name])

    def remove(self) -> None:
        """Take the layer away."""
        layer, self._layer, self._is_coming = self.layer, None, False
        if layer is not None:
            take_away(self._viewer, layer)

    @property
    def _mine(self) -> Labels | None:
        """The layer, in the list or about to be."""
        return self._layer if self._is_coming else self.layer

    def _come(self, layer: Labels, below: Layer | None) -> None:
        """Add a layer in a turn after the one that made it, unless it has been taken away since."""
        if self._is_coming and layer is self._layer:
            self._is_coming = False
            _add_quietly(self._viewer, layer, below)


def _redraw(layer: Labels, data: Array) -> None:
    """Other labels in a layer of ours; of the same kind they are written into its array, at half the cost."""
    now = layer.data
    if not isinstance(now, np.ndarray) or (now.shape, now.dtype) != (data.shape, data.dtype):
        layer.data = data
        return
    now[...] = data
    layer.refresh(thumbnail=False, highlight=False, extent=False)


def _sink(viewer: Any, layer: Layer, below: Layer | None) -> None:
    """Move a layer under another, where it lies above."""
    layers = viewer.layers
    if below in layers and layer in layers and layers.index(layer) > layers.index(below):
        layers.move(layers.index(layer), layers.index(below))


def _add_quietly(viewer: Any, layer: Layer, below: Layer | None = None) -> Layer:
    """Add a layer and leave the user's own selected: the next brush stroke must not land in another one.

    Adding, drawing and the tools for painting take long enough each to have a turn of the event loop of their own.
    """
    tools = _overlays_off(layer)
    if layer.visible:
        layer.visible = False
        _EXPECTED.add(layer)
    drawn_again = window.undrawn(viewer)
    with window.selection_kept(viewer), window.controls_later(viewer, layer) as make_controls:
        place = viewer.layers.index(below) if below in viewer.layers else len(viewer.layers)
        viewer.layers.insert(place, layer)
    switches = (partial(_switch_on, layer, tool) for tool in tools)
    Turns(viewer, [drawn_again, make_controls, partial(_show, layer), *switches])
    return layer


def _show(layer: Layer) -> None:
    if layer in _EXPECTED:
        _EXPECTED.discard(layer)
        layer.visible = True


def _overlays_off(layer: Layer) -> list[str]:
    """Switch off what napari draws on a layer besides its data, and build only when it is on; the names come back."""
    overlays = window.overlays(layer)
    names = [name for name, overlay in overlays.items() if overlay.visible]
    for name in names:
        overlays[name].visible = False
    return names


def _switch_on(layer: Layer, name: str) -> None:
    window.overlays(layer)[name].visible = True


def _drop(viewer: Any, layer: Layer) -> None:
    if layer in viewer.layers:
        with window.little_garbage():
            viewer.layers.remove(layer)


def _empty(layer: Layer) -> None:
    """Keep no data of a layer that something may still hold."""
    if isinstance(layer.data, np.ndarray) and layer.data.ndim == layer.ndim:
        layer.data = np.zeros((1,) * layer.ndim, layer.dtype)
