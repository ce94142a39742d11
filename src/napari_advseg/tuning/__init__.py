"""Thresholds of the labelling chosen on annotated sections."""

from __future__ import annotations

from napari_advseg.tuning.search import STEPS, choose_thresholds
from napari_advseg.tuning.tuned import Cell, Tuned, Values, Work

__all__ = ["STEPS", "Cell", "Tuned", "Values", "Work", "choose_thresholds"]
