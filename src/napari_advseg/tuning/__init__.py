"""Thresholds of the labelling chosen on annotated sections."""

from __future__ import annotations

from napari_advseg.tuning.grid import STEPS, Grid
from napari_advseg.tuning.search import choose_thresholds, search_grid, tune
from napari_advseg.tuning.tuned import Cell, Tuned, Values, Work

__all__ = [
    "STEPS",
    "Cell",
    "Grid",
    "Tuned",
    "Values",
    "Work",
    "choose_thresholds",
    "search_grid",
    "tune",
]
