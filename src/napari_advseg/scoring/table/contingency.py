"""The one contingency table behind every instance score: how many pixels carry each pair of ids."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cached_property
from queue import SimpleQueue

import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.table.pair import paired
from napari_advseg.scoring.table.tally import Counts, Ids, Tally
from napari_advseg.scoring.table.windows import window_pairs
from napari_advseg.volume.volume import Array, Volume


@dataclasses.dataclass(frozen=True, eq=False)
class Contingency:
    """Pairs of ids that occur together, each once, with the number of pixels that carry them.

    Attributes:
        predicted: predicted id of each pair, shape (pairs,), uint64.
        truth: true id of each pair, shape (pairs,), uint64.
        counts: pixels of each pair, shape (pairs,), int64, all positive.
    """

    predicted: Ids
    truth: Ids
    counts: Counts

    @staticmethod
    def empty() -> Contingency:
        """The table of no pixels."""
        return Contingency(*Tally().pairs())

    @property
    def total(self) -> int:
        """Number of pixels counted."""
        return int(self.counts.sum())

    @property
    def unlabelled(self) -> int:
        """Number of pixels whose predicted id is 0."""
        return int(self.counts[self.predicted == 0].sum())

    def labelled(self) -> Contingency:
        """The table without the pixels whose predicted id is 0; the same one if there are none."""
        return self.where(self.predicted != 0) if self.unlabelled else self

    def where(self, chosen: npt.NDArray[np.bool_]) -> Contingency:
        """The table of the chosen pairs alone."""
        return Contingency(self.predicted[chosen], self.truth[chosen], self.counts[chosen])

    def in_order(self) -> Contingency:
        """The same table sorted by predicted id, then by true id."""
        order = np.lexsort((self.truth, self.predicted))
        return Contingency(self.predicted[order], self.truth[order], self.counts[order])

    @cached_property
    def predicted_totals(self) -> Counts:
        """Pixels of each predicted id, one number an id, in no order that means anything."""
        return _totals(self.predicted, self.counts)

    @cached_property
    def truth_totals(self) -> Counts:
        """Pixels of each true id, one number an id, in no order that means anything."""
        return _totals(self.truth, self.counts)

    def predicted_sizes(self) -> npt.NDArray[np.float64]:
        """For each pair: the pixels its predicted id has in the whole table."""
        return sizes(self.predicted, self.counts)

    def truth_sizes(self) -> npt.NDArray[np.float64]:
        """For each pair: the pixels its true id has in the whole table."""
        return sizes(self.truth, self.counts)


def tabulate(labels: Volume | Array, truth: Volume | Array) -> Contingency:
    """Every pair of ids of two whole volumes with its count, sorted; nothing is left out.

    One pass on all cores, window by window: each thread holds a table and one window of a few
    megabytes (a chunk, where chunks on disk are larger), never a copy of the volume. Windows are
    read in the calling thread, as not every file may be read from two.

    Args:
        labels: predicted ids of shape (y, x) or (z, y, x), in memory or on disk.
        truth: true ids on the same voxels.

    Raises:
        ValueError: shapes or voxel sizes differ, or an array holds no ids (`as_ids`).
    """
    pair = paired(labels, truth)
    dtype = np.promote_types(*(_id_type(volume.dtype) for volume in pair))
    workers = os.cpu_count() or 1
    idle: SimpleQueue[Tally] = SimpleQueue()
    for _ in range(workers):
        idle.put(Tally(dtype))

    def count(window: tuple[Array, Array]) -> None:
        tally = idle.get()
        try:
            _counted(tally, *window)
        finally:
            idle.put(tally)

    _spread(count, window_pairs(*pair), workers)
    return merged(Contingency(*idle.get().pairs()) for _ in range(workers)).in_order()


def contingency(
    predicted: Array, truth: Array, keep: npt.NDArray[np.bool_] | None = None
) -> Contingency:
    """Pairs of ids and their counts over two label arrays of one shape, where `keep` is True
    (everywhere if None), in one thread and in no order that means anything.

    Ids go up to 64 bit.

    Raises:
        ValueError: the shapes differ, or an array holds no ids (`as_ids`).
    """
    if predicted.shape != truth.shape:
        raise ValueError(
            f"Labels of shape {predicted.shape} and truth of shape {truth.shape} differ; "
            "crop one of them."
        )
    tally = Tally(np.promote_types(_id_type(predicted.dtype), _id_type(truth.dtype)))
    _counted(tally, predicted, truth, keep)
    return Contingency(*tally.pairs())


def merged(tables: Iterable[Contingency]) -> Contingency:
    """One table over all the pixels of several, in no order that means anything.

    They are drawn one by one, so that no more than one needs to be held.
    """
    tally = Tally()
    for table in tables:
        tally.include(table.predicted, table.truth, table.counts)
    return Contingency(*tally.pairs())


def sizes(ids: Ids, counts: Counts) -> npt.NDArray[np.float64]:
    """For each pair: the sum of `counts` over all pairs with the same id."""
    _, group = np.unique(ids, return_inverse=True)
    return np.bincount(group, weights=counts).astype(np.float64)[group]


def as_ids(labels: Array, what: str) -> Array:
    """Label ids as a C-ordered array of uint32 or uint64, without a copy where they are that
    already.

    Whole numbers stored as floats are ids as long as the type does not round them; so are True and
    False, as 1 and 0.

    Raises:
        ValueError: a negative or fractional value, NaN, a float too large to be exact, or a type
            that holds no numbers.
    """
    kind = labels.dtype.kind
    if kind not in "biuf":
        raise ValueError(
            f"{what} of type {labels.dtype} hold no ids; store them as unsigned integers."
        )
    if kind == "f":
        return _whole(labels, what)
    if kind == "i" and labels.size and int(labels.min()) < 0:
        raise ValueError(
            f"{what} hold the negative id {int(labels.min())}; "
            "ids are 0 or positive, renumber them."
        )
    target = _id_type(labels.dtype)
    plain = np.ascontiguousarray(labels)
    if plain.dtype.itemsize == target.itemsize and plain.dtype.isnative:
        return plain.view(target)
    return plain.astype(target)


def _totals(ids: Ids, counts: Counts) -> Counts:
    tally = Tally()
    tally.include(ids, np.zeros_like(ids), counts)
    return tally.pairs()[2]


def _whole(labels: Array, what: str) -> Array:
    exact = 2 ** (np.finfo(labels.dtype).nmant + 1)
    wrong = ~((labels >= 0) & (labels < float(exact)) & (np.floor(labels) == labels))
    if wrong.any():
        raise ValueError(
            f"{what} of type {labels.dtype} hold {labels[wrong][0]}, which is no id; "
            f"give whole numbers, 0 or positive, and below {exact} (this type rounds larger ones)."
        )
    return np.ascontiguousarray(labels, dtype=np.uint64)


def _id_type(dtype: np.dtype[np.generic]) -> np.dtype[np.unsignedinteger]:
    """uint32 where every id of that type fits into it, else uint64."""
    wide = dtype.kind == "f" or dtype.itemsize == 8
    return np.dtype(np.uint64 if wide else np.uint32)


def _counted(
    tally: Tally, labels: Array, truth: Array, keep: npt.NDArray[np.bool_] | None = None
) -> None:
    a, b = (
        as_ids(array, what).reshape(-1).astype(tally.dtype, copy=False)
        for array, what in ((labels, "Labels"), (truth, "Truth"))
    )
    tally.count(a, b, None if keep is None else np.ascontiguousarray(keep).reshape(-1))


def _spread(
    work: Callable[[tuple[Array, Array]], None],
    items: Iterable[tuple[Array, Array]],
    workers: int,
) -> None:
    """`work` of every item in threads, with one item more at hand than threads."""
    running: set[Future[None]] = set()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            running.add(pool.submit(work, item))
            if len(running) > workers:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                _raise_first(done)
        _raise_first(running)


def _raise_first(futures: Iterable[Future[None]]) -> None:
    for future in futures:
        future.result()
