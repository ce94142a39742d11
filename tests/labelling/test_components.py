"""Components of a stack: those of scipy, grown in all three directions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from stack_phantom import one_to_one, stack_phantom

from napari_advseg import drain, label
from napari_advseg.labelling.stack import stack_map
from napari_advseg.progress import BlockDone, Phase
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

MAPS = arrays(np.uint8, (4, 5, 6), elements=st.sampled_from([0, 255]))


@given(MAPS, st.sampled_from([1, 2]), st.integers(0, 6))
@settings(deadline=None, max_examples=40)
def test_they_are_those_of_scipy(interior_map, connectivity, minimum):
    neighbours = ndimage.generate_binary_structure(3, 1 if connectivity == 1 else 3)
    expected, _ = ndimage.label(interior_map > 0, neighbours)
    sizes = np.bincount(expected.ravel())
    expected[sizes[expected] < minimum] = 0
    found = drain(
        label(
            interior_map,
            across_sections="components",
            connectivity=connectivity,
            minimum_size=minimum,
            thin=False,
        )
    ).numpy()
    assert one_to_one(found, expected)
    np.testing.assert_array_equal(found == 0, expected == 0)


@pytest.mark.parametrize(
    ("place", "shared"), [((0, 0, 1), "side"), ((0, 1, 1), "edge"), ((1, 1, 1), "corner")]
)
def test_voxels_touch_by_sides_alone_or_by_edges_and_corners_too(place, shared):
    interior_map = np.zeros((2, 4, 5), np.float32)
    interior_map[0, 0, 0] = interior_map[place] = 1
    chosen = {"across_sections": "components", "thin": False, "minimum_size": 0}
    by_sides, by_all = (
        drain(label(interior_map, connectivity=connectivity, **chosen)).numpy().max()
        for connectivity in (1, 2)
    )
    assert (by_sides, by_all) == (1 if shared == "side" else 2, 1)


def test_a_phantom_without_gaps_comes_back_whole():
    interior_map, truth = stack_phantom(0)
    found = drain(label(interior_map, across_sections="components", threshold=0.6)).numpy()
    inside = interior_map > 0.6
    kept = np.isin(truth.numpy(), truth.numpy()[inside])
    assert (found > 0).all()
    assert one_to_one(found[inside & kept], ndimage.label(inside)[0][inside & kept])


def test_a_hole_in_the_wall_joins_as_no_gap_is_closed():
    interior_map = np.ones((3, 9, 9), np.float32)
    interior_map[:, :, 4] = 0
    closed = drain(label(interior_map, across_sections="components")).numpy()
    interior_map[1, 4, 4] = 1
    open_ = drain(label(interior_map, across_sections="components")).numpy()
    assert (closed.max(), open_.max()) == (2, 1)


def test_walls_are_grown_away_across_sections():
    interior_map = np.zeros((3, 4, 4), np.float32)
    interior_map[0] = 1
    found = drain(label(interior_map, across_sections="components")).numpy()
    assert (found == 1).all()


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_without_interior_all_is_0(value):
    interior_map = np.full((3, 4, 4), value, np.float32)
    assert not drain(label(interior_map, across_sections="components")).numpy().any()


def test_all_interior_is_one_object():
    assert (drain(label(np.ones((3, 4, 4)), across_sections="components")).numpy() == 1).all()


def test_a_section_without_data_stays_0_and_parts_the_stack():
    interior_map = np.ones((3, 4, 4), np.float32)
    interior_map[1] = np.nan
    found = drain(label(interior_map, across_sections="components")).numpy()
    assert [section.max() for section in found] == [1, 0, 2]


def test_stages_are_reported():
    reports = []
    drain(label(np.ones((2, 4, 4)), across_sections="components"), reports.append)
    assert [r.name for r in reports if isinstance(r, Phase)] == ["read", "components", "label"]
    assert reports[-1] == BlockDone("label", 2, 2)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(stack_map, "BYTES_A_VOXEL", 10**12)
    with pytest.raises(
        ValueError, match="Labels of 2 x 4 x 4 voxels made in one piece need about 32 TB"
    ):
        drain(label(np.ones((2, 4, 4)), across_sections="components"))


def test_the_frame_is_kept_and_says_how():
    frame = Frame("czyx", (1.0, 40.0, 4.0, 6.0), ("", *["nanometer"] * 3))
    found = drain(label(Volume(np.ones((1, 2, 4, 4)), frame), across_sections="components"))
    assert found.frame.scale == (40.0, 4.0, 6.0)
    assert found.frame.history == ("labelled above 0.81 as connected parts",)
