"""Tiles become a section again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_advseg.inference.tiles import Tile

Map = npt.NDArray[np.float32]


class Blender:
    """Collects the tiles of one section; in place, and complete once every tile was added."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """`shape` is that of the blended map, (..., y, x)."""
        self.section: Map = np.zeros(shape, np.float32)

    def add(self, tile: Tile, output: Map) -> None:
        """Add a tile's whole output (..., y, x), halo included; only the part that counts is taken."""
        part = output[(..., *tile.inside)]
        alone = tile.rows.min() == 1 and tile.columns.min() == 1
        self.section[(..., *tile.counts)] += part if alone else part * tile.window
