"""What was read last is remembered in pages, and no more than asked for is kept."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_advseg.volume.arrays.lazy import Windowed
from napari_advseg.volume.arrays.recent import Recent


class Counted(Windowed):
    """An array in chunks that remembers which voxels were read, and in how many readings."""

    def __init__(self, array, chunks=None):
        self.array = array
        self.chunks = chunks
        self.reads = []

    @property
    def shape(self):
        return self.array.shape

    @property
    def dtype(self):
        return self.array.dtype

    def read(self, window):
        self.reads.append(tuple((one.start, one.stop) for one in window))
        return self.array[window]


def numbered(*shape):
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


spans = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda ends: slice(*sorted(ends)))
windows = st.lists(st.tuples(spans, spans, spans), max_size=8)


@given(
    st.lists(st.integers(1, 6), min_size=3, max_size=3),
    windows,
    st.sampled_from([0, 100, 400, 10_000]),
)
def test_it_reads_like_its_source_whatever_the_chunks(chunks, windows, most):
    array = numbered(7, 9, 8)
    recent = Recent(Counted(array, tuple(chunks)), most=most)
    for window in windows:
        np.testing.assert_array_equal(recent[window], array[window])
        assert (
            sum(page.nbytes for page in recent._kept._arrays.values())
            == recent._kept.nbytes
            <= most
        )


@pytest.mark.parametrize("shape", [(5,), (9, 9), (3, 4, 9, 9)])
def test_any_number_of_axes(shape):
    array = numbered(*shape)
    np.testing.assert_array_equal(Recent(Counted(array, (2,) * len(shape)))[...], array)


@pytest.mark.parametrize("chunks", [None, (1, 1), ((2, 2), (9,), (9,)), (0, 9, 9)])
def test_without_chunks_of_one_size_sections_are_kept(chunks):
    source = Counted(numbered(4, 9, 9), chunks)
    recent = Recent(source)
    recent[2, 3, 4]
    recent[2]
    assert source.reads == [((2, 3), (0, 9), (0, 9))]


def test_nothing_is_read_twice_as_a_window_grows_along_an_object():
    source = Counted(numbered(40, 16, 16), (1, 16, 16))
    recent = Recent(source)
    for reach in (2, 5, 10, 30):
        recent[max(0, 20 - reach) : 20 + reach, 3:6, 3:6]
    sections = [z for (first, end), *_ in source.reads for z in range(first, end)]
    assert sorted(sections) == list(range(40))
    assert len(source.reads) == 1 + 2 * 3  # one reading at each end


def test_of_a_long_chunk_only_the_parts_around_are_kept():
    source = Counted(np.zeros((3, 1000, 1000), np.uint8), (1, 1000, 1000))
    recent = Recent(source)
    recent[:, 10:20, 510:520]
    assert source.reads == [((0, 3), (0, 250), (500, 750))]
    assert recent._kept.nbytes == 3 * 250 * 250


def test_what_was_used_last_stays_longest():
    source = Counted(np.zeros((4, 10, 10), np.uint8))
    recent = Recent(source, most=250)
    for z in (0, 0, 1, 0):
        recent[z]
    assert len(source.reads) == 2
    recent[2]  # the third does not fit beside them: section 1 goes
    recent[0]
    assert len(source.reads) == 3
    recent[1]
    assert len(source.reads) == 4


def test_what_is_larger_than_may_be_kept_is_read_as_it_is():
    source = Counted(np.zeros((4, 10, 10), np.uint8))
    recent = Recent(source, most=250)
    recent[0]
    recent[:]
    assert source.reads[-1] == ((0, 4), (0, 10), (0, 10))
    recent[0]
    assert len(source.reads) == 2


def test_what_was_read_may_be_written_into():
    recent = Recent(np.zeros((2, 3, 3), np.uint8))
    recent[0][:] = 1
    assert not recent[0].any()


def test_threads_share_it():
    array = numbered(20, 40, 40)
    recent = Recent(Counted(array, (1, 8, 8)), most=6000)
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(200):
            z, y, x = rng.integers(0, 20, 3)
            window = np.s_[z : z + 3, y : y + 9, x : x + 9]
            if not np.array_equal(recent[window], array[window]):
                wrong.append(window)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong
    assert sum(page.nbytes for page in recent._kept._arrays.values()) == recent._kept.nbytes
