"""Sections of a volume read once each, and worked on by all cores with results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from napari_advseg.volume.volume import Array, Cut, Volume

Item = TypeVar("Item")
Result = TypeVar("Result")

SLAB_BYTES = 1 << 28


def read_sections(volume: Volume) -> Iterator[Array]:
    """Every section of a volume of axes (c,) (z,) y, x, first channel; a chunk is read once."""
    channel = (0,) * volume.axes.count("c")
    if "z" not in volume.axes:
        yield np.asarray(volume.array[(*channel, ...)])
        return
    depth, count = _slab_depth(volume), volume.size("z")
    for first in range(0, count, depth):
        yield from np.asarray(volume.array[(*channel, slice(first, min(first + depth, count)))])


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` of every item, in the order of the items, while threads work ahead.

    Items are drawn in the calling thread, as not every file may be read from two, and only a few
    ahead, so memory stays bounded. Closing the iterator drops what has not begun.
    """
    workers = os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers)
    running: deque[Future[Result]] = deque()
    try:
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) > 2 * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _slab_depth(volume: Volume) -> int:
    source = volume.array
    while isinstance(source, Cut):
        source = source.array
    chunks = getattr(source, "chunks", None) or (1,) * len(volume.axes)
    section = max(1, volume.dtype.itemsize * volume.shape[-2] * volume.shape[-1])
    return max(1, min(int(chunks[volume.axes.index("z")]), SLAB_BYTES // section))
