"""Scores: how far labels are from the truth."""

from __future__ import annotations

from napari_advseg.scoring.contingency import tabulate
from napari_advseg.scoring.instances import Score, score, scored_table
from napari_advseg.scoring.live import LiveScore

__all__ = ["LiveScore", "Score", "score", "scored_table", "tabulate"]
