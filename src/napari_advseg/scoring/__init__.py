"""Scores: how far labels are from the truth."""

from __future__ import annotations

from napari_advseg.scoring.measures.instances import Score, score, scored_table
from napari_advseg.scoring.measures.live import LiveScore
from napari_advseg.scoring.table.contingency import tabulate

__all__ = ["LiveScore", "Score", "score", "scored_table", "tabulate"]
