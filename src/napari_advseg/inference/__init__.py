"""Models at work: a volume in, its interior map, its classes or its painted pixels out."""

from napari_advseg.inference.predict import predict, ready

__all__ = ["predict", "ready"]
