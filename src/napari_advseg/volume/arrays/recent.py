"""A lazy array that remembers what was read last: what is on screen is read again after every edit."""

from __future__ import annotations

import itertools
import math
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_advseg.volume.arrays.lazy import Array, LazyArray, Window, Windowed, native

MOST_BYTES = 1 << 28
SIDE = 256

Place = tuple[int, ...]


class Recent(Windowed):
    """`source`, of which the pages read last are kept, up to `most` bytes.

    A page is a chunk of the source, or an equal part of it where it is longer than 256 along an axis: of a section
    stored as one chunk only what lies around an object is kept, through all sections. What is larger than `most` is
    read past the pages.

    Threads may share it. The source must not change.
    """

    def __init__(self, source: LazyArray, most: int = MOST_BYTES) -> None:
        self._source = source
        self._most = most
        self._page = _page_of(getattr(source, "chunks", None), source.shape)
        self._kept: OrderedDict[Place, Array] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(length) for length in self._source.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return native(self._source.dtype)

    @property
    def chunks(self) -> Any:
        """Those of the source."""
        return getattr(self._source, "chunks", None)

    def read(self, window: Window) -> Array:
        spans = [
            range(one.start // n, -(-one.stop // n))
            for one, n in zip(window, self._page, strict=True)
        ]
        pages = math.prod(map(len, spans))
        if pages * math.prod(self._page) * self.dtype.itemsize > self._most or not pages:
            return np.asarray(self._source[window])
        known = self._known(spans)
        for missing in _boxes(spans, known.keys()):
            known |= self._fetched(missing)
        found = np.empty([one.stop - one.start for one in window], self.dtype)
        for place, page in known.items():
            pairs = [
                _shared(k * n, length, one)
                for k, n, length, one in zip(place, self._page, page.shape, window, strict=True)
            ]
            found[tuple(there for _, there in pairs)] = page[tuple(here for here, _ in pairs)]
        return found

    def _known(self, spans: list[range]) -> dict[Place, Array]:
        """The pages that are kept, which become the last ones to go."""
        with self._lock:
            known = {at: self._kept[at] for at in itertools.product(*spans) if at in self._kept}
            for place in known:
                self._kept.move_to_end(place)
        return known

    def _fetched(self, spans: list[range]) -> dict[Place, Array]:
        """A box of pages, read at once and kept from now on."""
        window = tuple(
            slice(span.start * n, min(length, span.stop * n))
            for span, n, length in zip(spans, self._page, self.shape, strict=True)
        )
        whole = np.asarray(self._source[window])
        fetched = {}
        for place in itertools.product(*spans):
            inside = tuple(
                slice((k - span.start) * n, (k - span.start + 1) * n)
                for k, span, n in zip(place, spans, self._page, strict=True)
            )
            fetched[place] = whole[inside].copy()  # else each page would hold on to all of them
        with self._lock:
            for place, page in fetched.items():
                before = self._kept.pop(place, None)  # another thread may have read it too
                self._bytes += page.nbytes - (0 if before is None else before.nbytes)
                self._kept[place] = page
            while self._bytes > self._most:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= gone.nbytes
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


def _shared(begin: int, length: int, window: slice) -> tuple[slice, slice]:
    """What a page and a window have in common along an axis: inside the page, and inside the window."""
    first, end = max(begin, window.start), min(begin + length, window.stop)
    return slice(first - begin, end - begin), slice(first - window.start, end - window.start)
