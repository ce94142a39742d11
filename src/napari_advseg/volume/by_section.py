"""Sections of a volume read once each, and worked on by all cores with results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from napari_advseg.volume.volume import Array, Volume

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_sections(volume: Volume) -> Iterator[Array]:
    """Every section (y, x) of a volume of axes (c,) (z,) y, x, first channel; a chunk is read once."""
    has_channel = "c" in volume.axes
    return (section[0] if has_channel else section for section in volume.sections())


def read_pairs(one: Volume, other: Volume) -> Iterator[tuple[Array, Array]]:
    """Every section of one volume with that of the other at the same place."""
    return zip(read_sections(one), read_sections(other), strict=True)


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` of every item, in the order of the items, while threads work ahead.

    Items are drawn in the calling thread, as not every file may be read from two, and only a few
    ahead, so memory stays bounded. Closing the iterator drops what has not begun.
    """
    workers = cores()
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


def cores() -> int:
    """Processor cores that this process may use; a container or a batch system may grant few."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
