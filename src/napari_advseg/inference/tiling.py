"""Sections through networks in tiles: as large as memory allows, and smaller where it turns out not to suffice."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from itertools import islice

import numpy as np
import psutil
import torch

from napari_advseg.families.family import Footprint
from napari_advseg.inference import device as devices
from napari_advseg.inference.blend import Blender
from napari_advseg.inference.fitting import Map
from napari_advseg.inference.prepared import Prepared
from napari_advseg.inference.tiles import Tile, TileGrid
from napari_advseg.progress import BlockDone, Reports, Warned

MEMORY_SHARE = 0.5
SMALLEST_TILE = 64
SEAM_OVERLAP = 32
VOXELS = 4_000_000
"""Largest tile of a volume: larger ones gain nothing, and a run is cancelled between tiles."""
SLAB_SHARE = 0.25

Compute = Callable[[Map], Map]
"""The maps (k, ...) of planes (c, ...) whose sides are multiples of the stride."""


class Tiling:
    """How one model's sections are divided; what it has learnt of memory holds for all that come after."""

    def __init__(self, ready: Prepared, footprint: Footprint) -> None:
        self._device, self._settings = ready.device, ready.settings
        self._is_volume = ready.family.dimensions == 3
        self.footprint = footprint
        self.stride = footprint.stride
        self.halo = footprint.context if self._settings.halo is None else self._settings.halo
        self.side = self._settings.tile
        self.depth = self._settings.depth
        self._largest: int | None = None

    @property
    def sections_around(self) -> int:
        """Sections before and behind a slab that are computed and thrown away, as the halo around a tile."""
        return -(-self.halo * self.footprint.depth_stride // self.stride)

    def grid(self, shape: tuple[int, ...]) -> TileGrid:
        """The tiles for a padded section (y, x), or a slab (z, y, x), of this shape."""
        overlap = SEAM_OVERLAP if self.footprint.is_blended else 0
        tile = self._settings.tile or self._affordable(max(shape[-2:]), math.prod(shape[:-2]))
        self.side = min(tile, self._largest or tile)
        height, width = shape[-2:]
        return TileGrid.over((height, width), tile, self.halo, self.stride, overlap)

    def through(
        self, compute: Compute, planes: Map, channels: int, index: int, count: int
    ) -> Reports[Map]:
        """What `compute` makes of planes (c, ...) of any size, blended, (`channels`, ...).

        BlockDone counts the tiles of section `index` of `count`.
        """
        height, width = planes.shape[-2:]
        planes = padded(planes, self.stride)
        grid = self.grid(planes.shape[1:])
        blender = Blender((channels, *planes.shape[1:]))
        waiting = deque(grid)
        total, done = len(grid), 0
        while waiting:
            tile = waiting.popleft()
            parts = self._parts(tile)
            if len(parts) > 1:
                waiting.extendleft(reversed(parts))
                total += len(parts) - 1
                continue
            output = self._tried(compute, planes, tile)
            if output is None:
                yield Warned(self._shrink(tile))
                waiting.appendleft(tile)
                continue
            blender.add(tile, output)
            done += 1
            yield BlockDone("predict", index * total + done, count * total)
        return blender.section[..., :height, :width]

    def seam(self, compute: Compute, planes: Map) -> float | None:
        """How far two neighbouring tiles differ on average where they overlap; None where there are no two."""
        planes = padded(planes, self.stride)
        pair = list(islice(self.grid(planes.shape[1:]), 2))
        if len(pair) < 2:
            return None
        sections = np.full((2, *planes.shape[1:]), np.nan, np.float32)
        for section, tile in zip(sections, pair, strict=True):
            output = self._tried(compute, planes, tile)
            if output is None:
                return None
            section[(..., *tile.counts)] = output[(0, ..., *tile.inside)]
        return float(np.nanmean(np.abs(sections[0] - sections[1])))

    def slab_depth(self, count: int, height: int, width: int, channels: int) -> int:
        """How many of `count` sections are read at once: a tile is as deep, and all `channels` fit memory."""
        if self._settings.depth is not None:
            return self._settings.depth
        memory = MEMORY_SHARE * devices.free_memory(self._device) / self.footprint.bytes_per_pixel
        step = self.footprint.depth_stride
        as_cube = (min(memory, VOXELS) * (step / self.stride) ** 2) ** (1 / 3)
        held = SLAB_SHARE * psutil.virtual_memory().available / (4 * channels * height * width)
        least = 2 * self.sections_around + 2 * step
        depth = int(max(min(as_cube, held), least)) // step * step
        self.depth = min(count, depth)
        return depth

    def _affordable(self, longest: int, depth: int) -> int:
        """The largest tile of so many sections that fits memory, at most the whole section."""
        pixels = MEMORY_SHARE * devices.free_memory(self._device) / self.footprint.bytes_per_pixel
        if self._is_volume:
            pixels = min(pixels, VOXELS) / depth
        least = 2 * self.halo + 4 * self.stride
        return int(min(longest, max(pixels**0.5, least)))

    def _parts(self, tile: Tile) -> list[Tile]:
        """The tile, or its quarters where it is larger than what memory has sufficed for."""
        most = max(self._largest or tile.side, SMALLEST_TILE)
        return tile.quarters(self.stride) if tile.side > most else [tile]

    def _tried(self, compute: Compute, planes: Map, tile: Tile) -> Map | None:
        """What is made of what the tile reads, None where memory does not suffice."""
        try:
            return compute(planes[(..., *tile.reads)])
        except RuntimeError as error:
            if not devices.is_out_of_memory(error):
                raise
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _shrink(self, tile: Tile) -> str:
        side = tile.side
        if side <= max(SMALLEST_TILE, 2 * self.halo + self.stride):
            raise ValueError(
                f"Memory does not suffice for a tile of {side} px on {self._device}; close other programs, or choose "
                "device cpu or a smaller model."
            )
        self._largest = side // 2
        return f"Memory did not suffice for a tile of {side} px; going on with half of it."


def padded(planes: Map, stride: int) -> Map:
    """Planes (..., y, x) reflected below and to the right until both sides are multiples of `stride`."""
    missing = [(0, -side % stride) for side in planes.shape[-2:]]
    if not any(after for _, after in missing):
        return planes
    around = [*[(0, 0)] * (planes.ndim - 2), *missing]
    return np.pad(planes, around, mode="reflect" if min(planes.shape[-2:]) > 1 else "edge")
