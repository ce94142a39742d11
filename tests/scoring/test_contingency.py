"""The table counts every pair of ids exactly, whatever the arrays are made of."""

import threading

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_advseg.scoring.table.contingency import as_ids, contingency, merged, tabulate
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

label_maps = arrays(np.uint32, (7, 9), elements=st.integers(0, 5))


def counted(table):
    return dict(
        zip(
            zip(table.predicted.tolist(), table.truth.tolist(), strict=True),
            table.counts,
            strict=True,
        )
    )


def by_hand(predicted, truth):
    pairs = {}
    for pair in zip(predicted.ravel().tolist(), truth.ravel().tolist(), strict=True):
        pairs[pair] = pairs.get(pair, 0) + 1
    return pairs


@given(label_maps, label_maps)
@settings(deadline=None, max_examples=30)
def test_every_pair_is_counted(predicted, truth):
    assert counted(contingency(predicted, truth)) == by_hand(predicted, truth)


def runs(rng, shape, ids, longest):
    """Flat labels in runs of random length, as rows of cells have them."""
    lengths = rng.integers(1, longest + 1, np.prod(shape))
    flat = np.repeat(rng.integers(0, ids, len(lengths)), lengths)[: np.prod(shape)]
    return flat.reshape(shape).astype(np.uint32)


@pytest.mark.parametrize("longest", [1, 7, 5000])
@pytest.mark.parametrize("masked", [False, True])
def test_runs_of_any_length_are_counted(longest, masked):
    rng = np.random.default_rng(longest)
    predicted, truth = runs(rng, (130, 127), 9, longest), runs(rng, (130, 127), 5, longest)
    keep = runs(rng, (130, 127), 2, longest).astype(bool) if masked else None
    chosen = slice(None) if keep is None else keep
    assert counted(contingency(predicted, truth, keep)) == by_hand(predicted[chosen], truth[chosen])


@given(label_maps, label_maps, arrays(np.bool_, (7, 9)))
@settings(deadline=None, max_examples=30)
def test_only_kept_pixels_are_counted(predicted, truth, keep):
    assert counted(contingency(predicted, truth, keep)) == by_hand(predicted[keep], truth[keep])


@given(label_maps, label_maps)
@settings(deadline=None, max_examples=20)
def test_tables_of_the_parts_make_the_table_of_the_whole(predicted, truth):
    parts = [contingency(predicted[:3], truth[:3]), contingency(predicted[3:], truth[3:])]
    assert counted(merged(parts)) == by_hand(predicted, truth)


def test_no_table_makes_an_empty_table():
    assert merged([]).total == 0


def test_more_pairs_than_the_first_table_holds():
    rng = np.random.default_rng(0)
    predicted, truth = rng.integers(0, 2000, (2, 300, 300), dtype=np.uint32)
    assert counted(contingency(predicted, truth)) == by_hand(predicted, truth)


def test_ids_that_are_equal_modulo_2_to_the_32_stay_apart():
    ids = np.array([7, 7 + 2**32, 7 + 2**33, 7 + 2**63, 0, 2**32, 2**63], np.uint64)
    small = np.arange(7, dtype=np.uint8)
    for one, other in ((ids, small), (small, ids), (ids, ids)):
        assert counted(contingency(one, other)) == by_hand(one, other)
        assert counted(tabulate(one[None], other[None])) == by_hand(one, other)


def test_ids_use_all_64_bits():
    ids = np.array([0, 1, 2**33, 2**63 + 5, 2**64 - 1], np.uint64)
    assert counted(contingency(ids, ids[::-1])) == by_hand(ids, ids[::-1])


@pytest.mark.parametrize(
    "odd",
    [
        lambda ids: ids.astype(np.int8),
        lambda ids: ids.astype(np.int64),
        lambda ids: ids.astype(">u4"),
        lambda ids: ids.astype(">i8"),
        lambda ids: ids.astype(np.float16),
        lambda ids: ids.astype(np.float32),
        lambda ids: ids.astype(np.longdouble),
        np.asfortranarray,
        lambda ids: np.repeat(ids, 2, axis=1)[:, ::2],
        lambda ids: ids[::-1, ::-1].copy()[::-1, ::-1],
    ],
)
def test_type_order_and_stride_do_not_matter(odd):
    rng = np.random.default_rng(1)
    predicted, truth = rng.integers(0, 9, (2, 8, 6), dtype=np.uint32)
    assert counted(contingency(odd(predicted), truth)) == by_hand(predicted, truth)
    assert counted(tabulate(odd(predicted), odd(truth))) == by_hand(predicted, truth)


def test_a_mask_counts_as_ids_0_and_1():
    mask = np.array([[True, False], [True, True]])
    assert counted(contingency(mask, mask)) == {(1, 1): 3, (0, 0): 1}


@pytest.mark.parametrize("kind", ["i1", "i8", ">i4", "f2", "f4", "f8"])
def test_a_negative_id_is_refused_in_every_type(kind):
    ids = np.array([[3, 1], [-2, 1]], kind)
    with pytest.raises(ValueError, match=r"Truth .*hold .*-2.*; .*0 or positive"):
        contingency(np.ones((2, 2), int), ids)
    with pytest.raises(ValueError, match=r"Labels .*hold .*-2.*; .*0 or positive"):
        tabulate(ids, np.ones((2, 2), int))


@pytest.mark.parametrize("wrong", [-1, 0.5, np.nan, np.inf, -2.0, 1e30])
def test_what_is_no_id_is_named(wrong):
    with pytest.raises(ValueError, match=r"Labels .*hold .*; .*0 or positive"):
        as_ids(np.array([1, wrong]), "Labels")


@pytest.mark.parametrize(("kind", "first"), [("f2", 2**11), ("f4", 2**24), ("f8", 2**53)])
def test_floats_that_may_have_been_rounded_are_refused(kind, first):
    ids = np.array([first - 1, 1]).astype(kind)
    np.testing.assert_array_equal(as_ids(ids, "Labels"), [first - 1, 1])
    with pytest.raises(ValueError, match=f"below {first} .*rounds"):
        as_ids(np.array([first, 1]).astype(kind), "Labels")


def test_colours_are_refused():
    with pytest.raises(ValueError, match="hold no ids"):
        as_ids(np.array([1j]), "Labels")


def test_both_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        contingency(np.zeros((2, 3), int), np.zeros((3, 2), int))


class TestWholeVolumes:
    """One table over arrays and files of any grid, in parallel."""

    def stacks(self, shape=(9, 40, 33)):
        rng = np.random.default_rng(2)
        return runs(rng, shape, 9, 20), runs(rng, shape, 5, 30)

    def stored(self, folder, array, chunks):
        store = zarr.create_array(folder, shape=array.shape, chunks=chunks, dtype=array.dtype)
        store[:] = array
        return Counting(store)

    @pytest.mark.parametrize("shape", [(40, 33), (1, 40, 33), (9, 40, 33), (3, 1, 1), (1, 1, 7)])
    def test_arrays_are_counted_whole(self, shape):
        labels, truth = self.stacks(shape)
        table = tabulate(labels, truth)
        assert counted(table) == by_hand(labels, truth)
        order = list(zip(table.predicted.tolist(), table.truth.tolist(), strict=True))
        assert order == sorted(order)

    @pytest.mark.parametrize("window", [1, 200, 3000])
    def test_small_windows_make_the_same_table(self, monkeypatch, window):
        monkeypatch.setattr("napari_advseg.scoring.table.windows.WINDOW_BYTES", window)
        labels, truth = self.stacks()
        assert counted(tabulate(labels, truth)) == by_hand(labels, truth)

    @pytest.mark.parametrize("grids", [((2, 16, 33), (4, 8, 11)), ((9, 7, 5), (1, 40, 33))])
    @pytest.mark.parametrize("window", [1, 10_000_000])
    def test_chunks_of_any_grid_are_covered(self, tmp_path, monkeypatch, grids, window):
        monkeypatch.setattr("napari_advseg.scoring.table.windows.WINDOW_BYTES", window)
        labels, truth = self.stacks()
        stored = [
            Volume(self.stored(tmp_path / name, array, chunks), Frame("zyx"))
            for name, array, chunks in zip("ab", (labels, truth), grids, strict=True)
        ]
        assert counted(tabulate(*stored)) == by_hand(labels, truth)

    def test_a_chunk_is_read_once_in_the_calling_thread(self, tmp_path, monkeypatch):
        monkeypatch.setattr("napari_advseg.scoring.table.windows.WINDOW_BYTES", 1)
        labels, truth = self.stacks()
        store = self.stored(tmp_path / "a", labels, (4, 16, 33))
        assert counted(tabulate(Volume(store, Frame("zyx")), truth)) == by_hand(labels, truth)
        assert len(store.sizes) == 3 * 3
        assert max(store.sizes) <= 4 * 16 * 33
        assert store.threads == {threading.get_ident()}

    def test_a_section_may_come_as_a_stack_of_one(self):
        labels, truth = self.stacks((20, 30))
        assert counted(tabulate(labels[None], truth)) == by_hand(labels, truth)

    def test_an_empty_stack_makes_an_empty_table(self):
        assert tabulate(np.zeros((0, 4, 4), int), np.zeros((0, 4, 4), int)).total == 0

    def test_both_shapes_are_named(self):
        with pytest.raises(ValueError, match=r"\(2, 3, 4\).*\(2, 3, 5\)"):
            tabulate(np.zeros((2, 3, 4), int), np.zeros((2, 3, 5), int))

    def test_both_voxel_sizes_are_named(self):
        array = np.ones((2, 3, 4), int)
        fine, coarse = (
            Volume(array, Frame("zyx", (40.0, size, size), ("nanometer",) * 3))
            for size in (4.0, 8.0)
        )
        with pytest.raises(ValueError, match=r"4\.0.*8\.0.*resample"):
            tabulate(fine, coarse)


class Counting:
    """A lazy array that notes what is read, and by which thread."""

    def __init__(self, source):
        self.source, self.shape = source, source.shape
        self.dtype, self.chunks = source.dtype, source.chunks
        self.sizes, self.threads = [], set()

    def __getitem__(self, key):
        found = self.source[key]
        self.sizes.append(found.size)
        self.threads.add(threading.get_ident())
        return found
