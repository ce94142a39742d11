"""`score`: labels or class maps compared with the truth."""

from napari_advseg.cli.score.command import score

__all__ = ["score"]
