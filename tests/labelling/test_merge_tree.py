"""One tree answers for every threshold: cuts of it are nested, and they are average linkage."""

import bioimage_cpp.graph
import numpy as np
import pytest
from bioimage_cpp.graph.agglomeration import EdgeWeightedClusterPolicy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from stack_phantom import one_to_one, refines

from napari_advseg.labelling.stack.contacts import STEPS, Contacts
from napari_advseg.labelling.stack.merge_tree import MergeTree, grouped_tree, merge_tree


def graph(seed, nodes=12, density=0.3):
    """Random contacts of fragments 1..nodes and their sizes."""
    rng = np.random.default_rng(seed)
    pairs = np.argwhere(np.triu(rng.random((nodes, nodes)) < density, 1)) + 1
    spread = rng.integers(0, 4, (len(pairs), STEPS)).astype(np.float32)
    spread[:, 0] += 1
    area = spread.sum(axis=1, dtype=np.float64)
    wall = area * rng.random(len(pairs))
    sizes = np.concatenate([[7], rng.integers(1, 30, nodes)])
    return Contacts(pairs, area, wall, spread), sizes


def joined_by_hand(contacts, nodes, threshold):
    """Groups by average linkage, every pair compared anew after each merge."""
    groups = np.arange(nodes + 1)
    while True:
        means = {}
        for (one, other), area, wall in zip(
            contacts.pairs, contacts.area, contacts.wall, strict=True
        ):
            key = tuple(sorted((groups[one], groups[other])))
            if key[0] != key[1]:
                sums = means.setdefault(key, [0.0, 0.0])
                sums[0] += wall
                sums[1] += area
        best = min(means, key=lambda key: means[key][0] / means[key][1], default=None)
        if best is None or means[best][0] / means[best][1] >= threshold:
            return groups
        groups[groups == best[1]] = best[0]


def parts(contacts, nodes):
    ones = np.ones(len(contacts.pairs))
    matrix = coo_array((ones, tuple(contacts.pairs.T)), shape=(nodes + 1, nodes + 1))
    return connected_components(matrix, directed=False)[1]


@given(st.integers(0, 2**31), st.floats(0, 1))
@settings(deadline=None, max_examples=40)
def test_a_cut_is_average_linkage_done_by_hand(seed, threshold):
    contacts, sizes = graph(seed)
    table = merge_tree(contacts, sizes).lut(threshold)
    assert table[0] == 0
    assert one_to_one(table[1:], joined_by_hand(contacts, 12, threshold)[1:])


@given(st.integers(0, 2**31), st.sampled_from([None, 0.0, 0.25, 0.5, 1.0]))
@settings(deadline=None, max_examples=40)
def test_at_0_all_are_apart_and_at_1_all_that_touch_are_one(seed, quantile):
    contacts, sizes = graph(seed, density=0.1)
    tree = merge_tree(contacts, sizes, quantile)
    np.testing.assert_array_equal(tree.lut(0.0), np.arange(13))
    assert one_to_one(tree.lut(1.0)[1:], parts(contacts, 12)[1:])
    assert (np.diff(tree.heights) >= 0).all()
    assert (tree.heights >= 0).all()
    assert (tree.heights <= 1).all()


@given(st.integers(0, 2**31), st.floats(0, 1), st.floats(0, 1), st.integers(0, 60))
@settings(deadline=None, max_examples=60)
def test_a_higher_threshold_only_joins(seed, one, other, minimum):
    tree = merge_tree(*graph(seed))
    low, high = tree.lut(min(one, other), minimum), tree.lut(max(one, other), minimum)
    assert refines(low, high)


@given(st.integers(0, 2**31), st.floats(0, 1), st.integers(1, 200))
@settings(deadline=None, max_examples=60)
def test_no_object_is_too_small_and_only_whole_parts_vanish(seed, threshold, minimum):
    contacts, sizes = graph(seed, density=0.15)
    tree = merge_tree(contacts, sizes)
    table = tree.lut(threshold, minimum)
    whole = np.bincount(table, sizes)
    assert (whole[1:] >= minimum).all()
    part = parts(contacts, 12)
    whole_parts = np.bincount(part[1:], sizes[1:], minlength=part.max() + 1)
    np.testing.assert_array_equal(table[1:] == 0, whole_parts[part[1:]] < minimum)
    assert refines(tree.lut(threshold)[table > 0], table[table > 0])
    assert sorted(set(table[table > 0])) == list(range(1, table.max() + 1))


def test_a_library_finds_the_same_clusters():
    contacts, sizes = graph(5, nodes=300, density=0.03)
    tree = merge_tree(contacts, sizes)
    outside = bioimage_cpp.graph.UndirectedGraph(301)
    outside.insert_edges(contacts.pairs.astype(np.uint64))
    for clusters in (250, 100, 10):
        found = EdgeWeightedClusterPolicy(
            num_clusters_stop=clusters + 1, size_regularizer=0.0
        ).optimize(outside, contacts.wall / contacts.area, edge_sizes=contacts.area)
        table = tree.lut(tree.heights[300 - clusters])
        assert table.max() == clusters
        assert one_to_one(table[1:], found[1:])


def test_a_quantile_looks_past_a_wall_with_a_hole():
    spread = np.zeros((2, STEPS), np.float32)
    spread[0, [1, 30]] = 10, 20  # a third of the contact is open
    spread[1, 20] = 30
    area = np.array([30.0, 30.0])
    middles = (np.arange(STEPS) + 0.5) / STEPS
    contacts = Contacts(np.array([[1, 2], [2, 3]]), area, spread @ middles, spread)
    sizes = np.ones(4, np.int64)
    np.testing.assert_array_equal(merge_tree(contacts, sizes).pairs[0], [2, 3])
    np.testing.assert_array_equal(merge_tree(contacts, sizes, 0.25).pairs[0], [1, 2])
    assert merge_tree(contacts, sizes, 0.25).heights[0] == pytest.approx(1.75 / STEPS)
    assert merge_tree(contacts, sizes, 0.0).heights[0] == pytest.approx(1 / STEPS)


def test_groups_join_first_and_then_stay_apart():
    contacts, sizes = graph(8)
    whole = merge_tree(contacts, sizes)
    groups = whole.lut(0.5)
    tree = grouped_tree(contacts, sizes, groups)
    for threshold in (0.01, 0.5, 0.99):
        assert one_to_one(tree.lut(threshold)[1:], groups[1:])
    np.testing.assert_array_equal(tree.lut(0), np.arange(13))
    assert one_to_one(tree.lut(1)[1:], whole.lut(1)[1:])


def test_fragments_without_a_voxel_have_no_number():
    tree = MergeTree(np.array([[1, 3]]), np.array([0.2]), np.array([0, 0, 4, 5, 0]))
    np.testing.assert_array_equal(tree.lut(0.0), [0, 0, 1, 2, 0])
    np.testing.assert_array_equal(tree.lut(0.0, 5), [0, 0, 0, 1, 0])


@pytest.mark.parametrize("sizes", [[0], [5], [0, 3]])
def test_a_tree_without_merges(sizes):
    nothing = np.zeros(0)
    contacts = Contacts(np.zeros((0, 2), np.int64), nothing, nothing, np.zeros((0, 0), np.float32))
    table = merge_tree(contacts, np.array(sizes)).lut(0.7)
    np.testing.assert_array_equal(table, range(len(sizes)))
