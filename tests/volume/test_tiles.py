"""Tiling then blending is the identity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_advseg.volume.blend import Blender
from napari_advseg.volume.tiles import TileGrid

GRIDS = st.fixed_dictionaries(
    {
        "stride": st.sampled_from([1, 4, 16]),
        "rows": st.integers(1, 12),
        "columns": st.integers(1, 12),
        "halo": st.integers(0, 2),
        "overlap": st.integers(0, 2),
        "more": st.integers(1, 5),
        "quartered": st.booleans(),
    }
)


def grid_of(case):
    stride = case["stride"]
    halo, overlap = case["halo"] * stride, case["overlap"] * stride
    shape = (case["rows"] * stride, case["columns"] * stride)
    tile = 2 * halo + overlap + case["more"] * stride
    assume(case["more"] >= case["overlap"])
    return TileGrid.over(shape, tile, halo, stride, overlap)


@settings(max_examples=60, deadline=None)
@given(GRIDS)
def test_tiling_then_blending_is_the_identity(case):
    grid = grid_of(case)
    image = np.random.default_rng(0).random(grid.shape, dtype=np.float32)
    blender = Blender(grid.shape)
    for tile in grid:
        for part in tile.quarters(grid.stride) if case["quartered"] else [tile]:
            blender.add(part, image[part.reads])
    tolerance = 0 if not grid.overlap else 1e-6
    np.testing.assert_allclose(blender.section, image, atol=tolerance, rtol=0)


@settings(max_examples=60, deadline=None)
@given(GRIDS)
def test_weights_sum_to_one_and_reads_are_aligned(case):
    grid = grid_of(case)
    total = np.zeros(grid.shape)
    tiles = list(grid)
    for tile in tiles:
        total[tile.counts] += tile.window
        assert all(part.start % grid.stride == 0 for part in tile.reads)
        assert all((part.stop - part.start) % grid.stride == 0 for part in tile.reads)
        assert tile.side <= max(grid.tile, 0) + 0 or max(grid.shape) <= grid.tile
    assert len(tiles) == len(grid)
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_a_tile_without_room_for_its_context_is_refused_with_the_least_size():
    with pytest.raises(
        ValueError, match="Tile 64 is smaller than twice the context 48; choose at least 112"
    ):
        TileGrid.over((160, 160), 64, 40, 16)


def test_a_section_that_is_no_multiple_of_the_stride_is_refused():
    with pytest.raises(ValueError, match="pad it first"):
        TileGrid((100, 100), 64, 0, 16)
