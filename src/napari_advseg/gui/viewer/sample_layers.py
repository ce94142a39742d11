"""File > Open Sample: synthetic neuropil with its exact truth as layers; needs no Qt."""

from __future__ import annotations

from napari_advseg.napari_io import LayerData, volume_to_layer
from napari_advseg.samples import SAMPLES


def neuropil() -> list[LayerData]:
    """A few small sections."""
    return layers_of("neuropil")


def neuropil_3d() -> list[LayerData]:
    """An anisotropic stack with one section missing."""
    return layers_of("neuropil-3d")


def neuropil_2d() -> list[LayerData]:
    """One large section."""
    return layers_of("neuropil-2d")


def layers_of(name: str) -> list[LayerData]:
    """Image and labels of a sample."""
    image, labels = SAMPLES[name][1]()
    return [volume_to_layer(image, "image"), volume_to_layer(labels, "labels")]
