"""Scores: how far labels are from the truth."""

from __future__ import annotations

from napari_advseg.scoring.instances import Score, score

__all__ = ["Score", "score"]
