"""Tiling then blending is the identity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_advseg.inference.blend import Blender
from napari_advseg.inference.tiles import Tile, TileGrid, along

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


def test_a_tile_reads_its_part_and_the_halo_up_to_the_border():
    """Of a section of 40 x 60; the numbers are those of the definition."""
    rows, columns = np.ones(8, np.float32), np.ones(16, np.float32)
    inner = Tile((40, 60), 4, top=12, left=20, rows=rows, columns=columns)
    assert inner.counts == (slice(12, 20), slice(20, 36))
    assert inner.reads == (slice(8, 24), slice(16, 40))
    assert inner.inside == (slice(4, 12), slice(4, 20))
    assert inner.side == 24
    corner = Tile((40, 60), 4, top=32, left=44, rows=rows, columns=columns)
    assert corner.reads == (slice(28, 40), slice(40, 60))
    first = Tile((40, 60), 4, top=0, left=0, rows=rows, columns=columns)
    assert first.reads == (slice(0, 12), slice(0, 20))
    assert first.inside == (slice(0, 8), slice(0, 16))


@settings(max_examples=60, deadline=None)
@given(GRIDS)
def test_what_is_read_reaches_the_halo_beyond_what_counts_and_no_further(case):
    grid = grid_of(case)
    for tile in grid:
        for read, counts, length in zip(tile.reads, tile.counts, grid.shape, strict=True):
            assert read.start == max(0, counts.start - grid.halo)
            assert read.stop == min(length, counts.stop + grid.halo)


def test_neighbouring_parts_fade_into_each_other_over_the_overlap():
    parts = along(20, tile=12, halo=2, overlap=2)
    assert [start for start, _ in parts] == [0, 6, 12]
    first, middle, last = (weights.tolist() for _, weights in parts)
    assert first == [1] * 6 + [0.75, 0.25]
    assert middle == [0.25, 0.75] + [1] * 4 + [0.75, 0.25]
    assert last == [0.25, 0.75] + [1] * 6


def test_a_tile_without_room_for_its_context_is_refused_with_the_least_size():
    with pytest.raises(
        ValueError, match="Tile 64 is smaller than twice the context 48; choose at least 112"
    ):
        TileGrid.over((160, 160), 64, 40, 16)


def test_a_section_that_is_no_multiple_of_the_stride_is_refused():
    with pytest.raises(ValueError, match="pad it first"):
        TileGrid((100, 100), 64, 0, 16)
