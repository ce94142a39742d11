"""Candidates: found once, read section by section, and sorted by whatever signal is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg import drain
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.finding.candidates import SIGNALS, entropy, find
from napari_advseg.proofreading.finding.proposals import propose
from napari_advseg.proofreading.finding.queue import (
    by_evidence,
    by_uncertainty,
    ranked,
    reject,
    still,
)
from napari_advseg.volume.arrays.lazy import Windowed
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3)
SIDE = 16


class Watched(Windowed):
    """An array that notes how much is read at once."""

    def __init__(self, array):
        self.array, self.most = array, 0

    @property
    def shape(self):
        return self.array.shape

    @property
    def dtype(self):
        return self.array.dtype

    def read(self, window):
        found = self.array[window]
        self.most = max(self.most, found.size)
        return found


def cells(sections=2):
    """Squares of 16 pixels, three by four, with walls of two pixels between them."""
    ids = np.arange(1, 13).reshape(1, 3, 4)
    labels = ids.repeat(SIDE, 1).repeat(SIDE, 2).repeat(sections, 0)
    interior_map = np.full(labels.shape, 0.95, np.float32)
    for axis in (1, 2):
        wall = np.isin(np.arange(labels.shape[axis]) % SIDE, (0, SIDE - 1))
        interior_map[(slice(None),) * axis + (wall,)] = 0.05
    return labels, interior_map


def proof_of(labels):
    return Proof(Volume(labels, FRAME, kind="labels"))


def unsure():
    """Cells 2 and 3 with a wall that may be one, and cells 6 and 7 in one that is divided by such a wall."""
    labels, interior_map = cells()
    labels[labels == 7] = 6
    for rows in (slice(0, SIDE), slice(SIDE, 2 * SIDE)):
        interior_map[:, rows, 2 * SIDE - 1 : 2 * SIDE + 1] = 0.45
    return labels, interior_map


@given(share=st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_entropy_is_that_of_a_choice_between_two(share):
    found = float(entropy(np.float32(share)))
    assert 0 <= found <= 1
    assert found == pytest.approx(float(entropy(np.float32(1 - share))), abs=1e-3)
    assert (found > 0.99) == (abs(share - 0.5) < 0.058) or 0.05 < abs(share - 0.5) < 0.07


def test_the_least_sure_walls_come_first_by_uncertainty():
    labels, interior_map = unsure()
    found = drain(by_uncertainty(proof_of(labels), interior_map))
    first = {(one.action, one.labels) for one in found[:3]}
    assert ("merge", (2, 3)) in first
    assert ("split", (6,)) in first
    assert {one.source for one in found} == {"uncertainty"}


@given(seed=st.integers(0, 50), rows=st.integers(0, 2), columns=st.integers(0, 2))
@settings(max_examples=10, deadline=None)
def test_the_contact_that_looks_false_comes_first_by_the_critic(seed, rows, columns):
    labels, interior_map = cells()
    at = np.array(
        [rows * SIDE + 8, columns * SIDE + SIDE]
    )  # between a cell and its right neighbour
    verdict = np.random.default_rng(seed).uniform(0, 0.2, labels.shape).astype(np.float32)
    verdict[:, at[0] - 8 : at[0] + 8, at[1] - 3 : at[1] + 3] = 0.9
    proof = proof_of(labels)
    items = ranked(proof, drain(find(proof, interior_map, verdict)), "critic")
    assert items[0].labels == (4 * rows + columns + 1, 4 * rows + columns + 2)


def test_all_orders_sort_the_same_places_and_the_mix_lies_between():
    labels, interior_map = unsure()
    verdict = np.random.default_rng(0).random(labels.shape).astype(np.float32)
    proof = proof_of(labels)
    found = drain(find(proof, interior_map, verdict))
    orders = {order: ranked(proof, found, order) for order in (*SIGNALS, "mix")}
    keys = [sorted(str(one.key) for one in items) for items in orders.values()]
    assert all(own == keys[0] for own in keys)
    place = {order: {str(i.key): k for k, i in enumerate(own)} for order, own in orders.items()}
    best = str(orders["mix"][0].key)
    assert np.mean([place[order][best] for order in SIGNALS]) <= len(found) / 3
    assert all(0 < one.worth <= 1 for one in orders["mix"])


def test_without_a_critic_its_order_is_refused_and_the_mix_is_of_the_others():
    labels, interior_map = unsure()
    proof = proof_of(labels)
    found = drain(find(proof, interior_map))
    with pytest.raises(ValueError, match="No critic has judged these places; give the model"):
        ranked(proof, found, "critic")
    assert len(ranked(proof, found, "mix")) == len(found)
    assert ranked(proof, [], "critic") == ranked(proof, [], "mix") == []


def test_volumes_are_read_section_by_section():
    labels, interior_map = (Watched(one) for one in cells(sections=6))
    verdict = Watched(np.zeros(labels.shape, np.float32))
    proof = proof_of(labels)
    drain(find(proof, interior_map, verdict))
    section = labels.shape[1] * labels.shape[2]
    assert max(one.most for one in (labels, interior_map, verdict)) == section


def test_maps_of_another_shape_are_refused():
    labels, interior_map = cells()
    with pytest.raises(ValueError, match="does not lie on labels"):
        drain(find(proof_of(labels), interior_map, interior_map[:, 1:]))


def test_an_item_follows_the_labels_until_it_is_settled():
    labels, interior_map = cells()
    proof = proof_of(labels)
    items = drain(by_evidence(proof, interior_map))
    pair = next(one for one in items if one.labels == (1, 2))
    other = next(one for one in items if one.labels == (2, 3))
    assert still(proof, pair) == pair
    proof.do(edits.merge(proof, ids=pair.labels, points=pair.points))
    assert still(proof, pair) is None
    assert still(proof, other).labels == (1, 3)
    proof.do(edits.mark(proof, ids=[3]))
    assert still(proof, other) is None
    proof.undo()
    proof.undo()
    assert still(proof, pair) == pair
    proof.do(edits.delete(proof, ids=[1]))
    reject(proof, other)
    assert other not in drain(by_evidence(proof, interior_map))


def test_items_follow_objects_that_0_divides_too():
    labels, interior_map = cells()
    labels[:, :, ::SIDE] = labels[:, ::SIDE] = 0
    proof = proof_of(labels)
    items = {one.labels: one for one in drain(by_evidence(proof, interior_map))}
    proof.do(propose(proof, items[1, 2], interior_map).step)
    assert still(proof, items[1, 2]) is None
    now = still(proof, items[2, 3])
    assert now.labels == (1, 3)
    proof.do(propose(proof, now, interior_map).step)
    assert proof.labels.at((0, 8, 40)) == proof.labels.at((0, 8, 8))


def test_a_split_is_settled_once_its_seeds_are_apart():
    labels, interior_map = unsure()
    proof = proof_of(labels)
    item = next(one for one in drain(by_evidence(proof, interior_map)) if one.action == "split")
    assert still(proof, item) == item
    proof.do(edits.split(proof, [[point] for point in item.points], interior_map))
    assert still(proof, item) is None
    proof.undo()
    assert still(proof, item) == item
