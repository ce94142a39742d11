"""A lazy array that remembers what was read last: what is on screen is read again after every edit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_advseg.volume.arrays.kept import Kept
from napari_advseg.volume.arrays.lazy import Array, Derived, LazyArray, Window, overlap

MOST_BYTES = 1 << 28
SIDE = 256

Place = tuple[int, ...]


class Recent(Derived):
    """`array`, of which the pages read last are kept, up to `most` bytes.

    A page is a chunk of the array, or an equal part of it where it is longer than 256 along an axis: of a section
    stored as one chunk only what lies around an object is kept, through all sections. What is larger than `most` is
    read past the pages.

    Threads may share it. It must not change.
    """

    def __init__(self, array: LazyArray, most: int = MOST_BYTES) -> None:
        self.array = array
        self._page = _page_of(self.chunks, self.shape)
        self._kept: Kept[Place] = Kept(most)

    def read(self, window: Window) -> Array:
        spans = [
            range(one.start // n, -(-one.stop // n))
            for one, n in zip(window, self._page, strict=True)
        ]
        pages = math.prod(map(len, spans))
        if pages * math.prod(self._page) * self.dtype.itemsize > self._kept.most or not pages:
            return np.asarray(self.array[window])
        asked = ((place, self._kept.get(place)) for place in itertools.product(*spans))
        known = {place: page for place, page in asked if page is not None}
        for missing in _boxes(spans, known.keys()):
            known |= self._fetched(missing)
        found = np.empty([one.stop - one.start for one in window], self.dtype)
        for place, page in known.items():
            begins = (k * n for k, n in zip(place, self._page, strict=True))
            spots = (slice(first, first + n) for first, n in zip(begins, page.shape, strict=True))
            here, there = zip(*map(overlap, spots, window), strict=True)
            found[there] = page[here]
        return found

    def _fetched(self, spans: list[range]) -> dict[Place, Array]:
        """A box of pages, read at once and kept from now on."""
        window = tuple(
            slice(span.start * n, min(length, span.stop * n))
            for span, n, length in zip(spans, self._page, self.shape, strict=True)
        )
        whole = np.asarray(self.array[window])
        fetched = {}
        for place in itertools.product(*spans):
            inside = tuple(
                slice((k - span.start) * n, (k - span.start + 1) * n)
                for k, span, n in zip(place, spans, self._page, strict=True)
            )
            fetched[place] = whole[inside].copy()  # else each page would hold on to all of them
            self._kept.add(place, fetched[place])
        return fetched


def _page_of(chunks: Any, shape: tuple[int, ...]) -> Place:
    """Lengths of a page: of a chunk, in equal parts where it is longer than 256; without chunks planes are cut."""
    if not chunks or len(chunks) != len(shape) or not all(isinstance(n, int) for n in chunks):
        chunks = (*(1,) * (len(shape) - 2), *shape[-2:])
    lengths = [max(1, min(int(n), length)) for n, length in zip(chunks, shape, strict=True)]
    return tuple(-(-n // -(-n // SIDE)) for n in lengths)


def _boxes(spans: list[range], known: Any) -> Iterator[list[range]]:
    """Boxes around the pages of `spans` that are not known: one for each run of planes that miss the same."""
    first, *others = spans
    runs: list[tuple[range, list[range]]] = []
    for k in first:
        missing = [at for at in itertools.product([k], *others) if at not in known]
        if not missing:
            continue
        _, *axes = zip(*missing, strict=True)
        box = [range(min(axis), max(axis) + 1) for axis in axes]
        if runs and runs[-1][0].stop == k and runs[-1][1] == box:
            runs[-1] = range(runs[-1][0].start, k + 1), box
        else:
            runs.append((range(k, k + 1), box))
    for run, box in runs:
        yield [run, *box]
