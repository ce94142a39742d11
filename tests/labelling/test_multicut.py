"""A multicut comes near the best partition, and its library is loaded by nobody else."""

import subprocess
import sys

import numpy as np
import pytest
from stack_phantom import one_to_one
from test_merge_tree import graph, parts

from napari_advseg.labelling.stack.contacts import Contacts
from napari_advseg.labelling.stack.multicut import multicut


def partitions(count):
    """Every partition of `count` nodes as numbers in the order of first appearance."""
    found = [[0]]
    for _ in range(count - 1):
        found = [[*part, group] for part in found for group in range(max(part) + 2)]
    return np.array(found)


def gain(groups, contacts, threshold):
    """What a partition is worth, by the definition."""
    mean = np.clip(contacts.wall / contacts.area, 1e-3, 1 - 1e-3)
    worth = np.log(threshold / (1 - threshold)) - np.log(mean / (1 - mean))
    within = groups[..., contacts.pairs[:, 0]] == groups[..., contacts.pairs[:, 1]]
    return within @ (contacts.area * worth)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_on_a_tiny_graph_it_is_the_best_of_all_partitions(seed, threshold):
    contacts, _ = graph(seed, nodes=7, density=0.5)
    contacts = Contacts(contacts.pairs - 1, contacts.area, contacts.wall, contacts.spread)
    found = multicut(contacts, 7, threshold)
    best = gain(partitions(7), contacts, threshold).max()
    assert gain(found, contacts, threshold) >= best - 0.02 * abs(best)


def test_it_weighs_all_contacts_and_not_the_next_one_only():
    pairs = np.array([[0, 1], [0, 2], [1, 2]])
    area = np.array([10.0, 30.0, 10.0])
    wall = area * np.array([0.4, 0.9, 0.4])
    contacts = Contacts(pairs, area, wall, np.zeros((3, 0), np.float32))
    found = multicut(contacts, 3, 0.5)
    assert found[0] != found[2]


def test_at_0_all_are_apart_and_at_1_all_that_touch_are_one():
    contacts, _ = graph(2, density=0.1)
    assert len(set(multicut(contacts, 13, 0.0))) == 13
    assert one_to_one(multicut(contacts, 13, 1.0), parts(contacts, 12))


def test_no_contacts_no_joins():
    nothing = np.zeros(0)
    contacts = Contacts(np.zeros((0, 2), np.int64), nothing, nothing, np.zeros((0, 0), np.float32))
    np.testing.assert_array_equal(multicut(contacts, 3, 0.5), [0, 1, 2])


def test_labelling_and_opening_fragments_load_no_library():
    script = (
        "import sys, napari_advseg.labelling, napari_advseg.labelling.stack.fragments; "
        "sys.exit('bioimage_cpp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
