"""Contacts of fragments: as counted one side after the other, and as a library finds them."""

import bioimage_cpp.graph
import numpy as np
import pytest
from bioimage_cpp.graph.features import affinity_features
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.labelling.stack.contacts import STEPS, ContactCounter, weighed_by_overlap


def counted(fragments, evidence, anisotropy=1.0):
    counter = ContactCounter(anisotropy, spread=True)
    for section, walls in zip(fragments, evidence, strict=True):
        counter.add(section, walls)
    return counter.contacts()


def stack(seed, ids=9, shape=(4, 7, 6)):
    rng = np.random.default_rng(seed)
    return rng.integers(0, ids, shape).astype(np.int32), rng.integers(0, 256, shape).astype(
        np.uint8
    )


@given(st.integers(0, 2**31), st.sampled_from([1.0, 0.5, 12.5]))
@settings(deadline=None, max_examples=25)
def test_every_side_between_two_fragments_counts_once(seed, anisotropy):
    fragments, evidence = stack(seed)
    expected = {}
    for axis, side in ((0, 1.0), (1, anisotropy), (2, anisotropy)):
        ids, walls = np.moveaxis(fragments, axis, 0), np.moveaxis(evidence, axis, 0)
        pairs = zip(ids[1:].flat, ids[:-1].flat, walls[1:].flat, walls[:-1].flat, strict=True)
        for one, other, wall, beside in pairs:
            if one != other and one > 0 and other > 0:
                sums = expected.setdefault((min(one, other), max(one, other)), [0.0, 0.0])
                sums[0] += side
                sums[1] += side * max(wall, beside) / 255
    found = counted(fragments, evidence, anisotropy)
    assert [tuple(pair) for pair in found.pairs] == sorted(expected)
    np.testing.assert_allclose(found.area, [expected[tuple(pair)][0] for pair in found.pairs])
    np.testing.assert_allclose(found.wall, [expected[tuple(pair)][1] for pair in found.pairs])
    np.testing.assert_allclose(found.spread.sum(axis=1), found.area, rtol=1e-5)
    middles = (np.arange(STEPS) + 0.5) / STEPS
    assert np.allclose(found.spread @ middles, found.wall, atol=found.area.max() / STEPS)


def test_a_library_finds_the_same_graph_and_the_same_means():
    fragments, evidence = stack(3, ids=2000, shape=(6, 40, 40))
    fragments += 1
    found = counted(fragments, evidence)
    graph = bioimage_cpp.graph.region_adjacency_graph(fragments)
    np.testing.assert_array_equal(graph.uv_ids(), found.pairs)
    sides = np.zeros((3, *evidence.shape), np.float32)
    for axis in range(3):
        at = [slice(None)] * 3
        at[axis] = slice(None, -1)
        moved = np.moveaxis(evidence, axis, 0)
        highest = np.maximum(moved[1:], moved[:-1])
        sides[(axis, *at)] = np.moveaxis(highest, 0, axis) / 255
    means = affinity_features(graph, fragments, sides, [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
    np.testing.assert_allclose(found.wall / found.area, means[:, 0], rtol=1e-5)
    np.testing.assert_allclose(found.area, means[:, 1])


def test_ids_up_to_32_bits_are_kept_apart():
    fragments = np.array([[[2**31 - 1, 1, 2**31 - 2]]], np.int64)
    found = counted(fragments, np.zeros(fragments.shape, np.uint8))
    np.testing.assert_array_equal(found.pairs, [[1, 2**31 - 2], [1, 2**31 - 1]])


@pytest.mark.parametrize("value", [0, 5])
def test_one_fragment_or_none_touches_nothing(value):
    fragments = np.full((2, 3, 3), value, np.int32)
    assert len(counted(fragments, np.zeros(fragments.shape, np.uint8))) == 0


def test_a_grazing_overlap_of_sections_counts_as_a_wall():
    fragments = np.zeros((2, 1, 8), np.int32)
    fragments[0, 0, :4], fragments[0, 0, 4:], fragments[1, 0] = 1, 2, 3
    fragments[1, 0, 5:] = 4
    found = counted(fragments, np.full(fragments.shape, 51, np.uint8))
    weighed = weighed_by_overlap(found, np.bincount(fragments.ravel()), np.array([2, 4]))
    shares = {(1, 3): 4 / 20**0.5, (2, 3): 1 / 20**0.5, (2, 4): 3 / 12**0.5}
    for (one, other), before, after in zip(
        found.pairs, found.wall / found.area, weighed.wall / weighed.area, strict=True
    ):
        assert before == pytest.approx(0.2)
        assert after == pytest.approx(1 - 0.8 * shares.get((one, other), 1.0))
    np.testing.assert_allclose(weighed.spread.sum(axis=1), weighed.area, rtol=1e-6)
