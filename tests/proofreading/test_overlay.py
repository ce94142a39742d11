"""Labels over a base: what is read is what was edited, and nothing else of the base is touched."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import HIGH, Proof, open_proof
from napari_advseg.proofreading.store.identity import identity
from napari_advseg.proofreading.store.overlay import Edited
from napari_advseg.proofreading.store.records import Grid, masked
from napari_advseg.volume.arrays.lazy import Windowed
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

IDS = np.array([0, 1, 2, 2**32 + 2, 2**63 + 2], np.uint64)


class Counted(Windowed):
    """An array whose chunks are counted as they are read."""

    def __init__(self, array, chunks):
        self.array, self.chunks = array, chunks
        self.seen = []

    shape = property(lambda self: tuple(self.array.shape))
    dtype = property(lambda self: np.dtype(self.array.dtype))

    def read(self, window):
        spans = (
            range(one.start // n, -(-one.stop // n))
            for one, n in zip(window, self.chunks, strict=True)
        )
        self.seen += list(np.ndindex(*map(len, spans)))
        return np.asarray(self.array[window])


def patch(array, window, label):
    return masked(Grid(array.shape, np.dtype(np.uint64)), window, None, array[window].copy(), label)


@st.composite
def windows(draw, shape):
    ends = [sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    return tuple(slice(a, b) for a, b in ends)


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_any_window_is_that_of_a_plain_array_and_all_can_be_taken_back(data):
    shape = data.draw(st.sampled_from([(5, 9), (3, 9, 70), (2, 9, 6, 5)]))
    array = IDS[np.random.default_rng(0).integers(0, len(IDS), shape)]
    labels, plain, done = Edited(array.copy()), array.copy(), []
    for _ in range(data.draw(st.integers(1, 6))):
        window = data.draw(windows(shape))
        if data.draw(st.booleans()):
            label = int(data.draw(st.sampled_from(IDS)))
            done.append(labels.paint(patch(plain, window, label)))
            plain[window] = label
        else:
            old, new = (int(one) for one in data.draw(st.permutations(IDS[1:].tolist()))[:2])
            done.append(labels.rename(old, new))
            plain[plain == old] = new
        window = data.draw(windows(shape))
        np.testing.assert_array_equal(labels[window], plain[window])
        np.testing.assert_array_equal(labels[...], plain)
    for one in reversed(done):
        labels.put_back(one)
    np.testing.assert_array_equal(labels[...], array)
    np.testing.assert_array_equal(labels.base, array)


def test_more_labels_than_16_bits_count_are_painted_and_taken_back():
    many = np.arange(1, 70_001, dtype=np.uint64).reshape(2, 140, 250)
    labels = Edited(np.zeros(many.shape, np.uint32))
    grid = Grid(many.shape, np.dtype(np.uint64))
    for k, section in enumerate(many):
        window = (slice(k, k + 1), slice(0, 140), slice(0, 250))
        painted = masked(
            grid, window, None, np.zeros((1, 140, 250), np.uint64), section.reshape(-1)
        )
        done = labels.paint(painted)
    np.testing.assert_array_equal(labels[...], many)
    labels.put_back(done)
    np.testing.assert_array_equal(labels[...], many * (np.arange(2) == 0)[:, None, None])


def test_an_id_that_was_joined_can_be_painted_again_and_stays_apart():
    labels = Edited(np.array([[1, 2, 3]], np.uint32))
    first = labels.rename(2, 1)
    again = labels.paint(patch(np.array([[1, 1, 3]]), (slice(0, 1), slice(2, 3)), 2))
    assert labels[...].tolist() == [[1, 1, 2]]
    joined = labels.rename(1, 2)
    assert labels[...].tolist() == [[2, 2, 2]]
    for one in (joined, again, first):
        labels.put_back(one)
    assert labels[...].tolist() == [[1, 2, 3]]


@given(st.data())
@settings(deadline=None, max_examples=20)
def test_a_coarser_level_shows_the_same_edits(data):
    plain = IDS[np.random.default_rng(1).integers(0, len(IDS), (5, 71, 66))]
    labels = Edited(plain.copy())
    coarse = labels.level(plain[:, ::2, ::2].copy())
    for _ in range(3):
        window = data.draw(windows(plain.shape))
        labels.paint(patch(plain, window, 9))
        plain[window] = 9
    labels.rename(2, 1)
    plain[plain == 2] = 1
    window = data.draw(windows(coarse.shape))
    np.testing.assert_array_equal(coarse[window], plain[:, ::2, ::2][window])


def test_a_level_of_something_else_is_refused():
    with pytest.raises(ValueError, match="levels of one pyramid"):
        Edited(np.zeros((3, 4, 5), int)).level(np.zeros((4, 5), int))


def test_zero_is_no_object():
    with pytest.raises(ValueError, match="no object"):
        Edited(np.zeros((4, 5), int)).rename(0, 3)


@pytest.fixture
def huge(tmp_path):
    """10^9 voxels on disk, of which only a few chunks were ever written."""
    array = zarr.create_array(
        tmp_path / "huge.zarr", shape=(1000, 1000, 1000), chunks=(10, 100, 100), dtype=np.uint32
    )
    array[500:510, 400:500, 400:500] = 7
    array[500:510, 400:500, 500:600] = 8
    return Counted(array, (10, 100, 100))


def test_a_store_of_a_billion_voxels_is_edited_without_reading_it(huge, tmp_path):
    volume = Volume(huge, Frame("zyx", (40.0, 4.0, 6.0)), kind="labels")
    proof = open_proof(volume, tmp_path / "huge.proofreading")
    assert len(huge.seen) <= 64  # the fingerprint
    huge.seen.clear()
    here, there = (505, 450, 450), (505, 450, 550)
    proof.do(edits.merge(proof, points=[here, there]))
    assert len(huge.seen) == 2
    huge.seen.clear()
    section = proof.labels[505]
    assert len(huge.seen) == 100
    assert (section[400:500, 400:600] == 7).all()
    huge.seen.clear()
    step = edits.split(proof, [[here], [there]])
    assert step.ids == (7, HIGH)
    proof.do(step)
    proof.do(edits.delete(proof, points=[there]))
    assert len(huge.seen) < 400  # of 100,000
    huge.seen.clear()
    while proof.undo():
        pass
    assert proof.labels.at(there) == 8
    assert len(huge.seen) == 1
    proof.close()
    huge.seen.clear()
    again = open_proof(volume, tmp_path / "huge.proofreading")
    assert len(again.steps) == 0
    assert again.can_redo == 3
    assert len(huge.seen) <= 64
    again.close()


def test_fingerprints_tell_labels_apart_and_not_their_files():
    array = np.arange(4 * 300 * 1000, dtype=np.uint32).reshape(4, 300, 1000)
    assert identity(array) == identity(np.asfortranarray(array).astype(">u4"))
    for other in (array + 1, array[:3], array.astype(np.uint64)):
        assert identity(other) != identity(array)
    small = np.zeros((3, 4), np.int8)
    one = small.copy()
    one[2, 3] = -1
    assert identity(one) != identity(small)


def test_ten_thousand_merges_are_looked_up_at_once():
    array = np.arange(20_000, dtype=np.uint32).reshape(1, 100, 200)
    labels = Edited(array)
    for one in range(1, 20_000, 2):
        labels.rename(one, one - 1)
    np.testing.assert_array_equal(labels[...], array // 2 * 2)


def test_new_labels_are_above_all_there_were():
    proof = Proof(Volume(np.array([[1, 5]], np.uint8), Frame("yx")))
    assert proof.fresh() == 6
    proof.do(edits.paint(proof, (slice(0, 1), slice(0, 1)), None, 2**40))
    proof.undo()
    assert proof.fresh() == 2**40 + 1
