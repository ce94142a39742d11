"""What a preparation on a thread is told and tells: whether to give up, and how far it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from napari_advseg.progress import Report


@dataclasses.dataclass(frozen=True)
class Cancellable:
    """Called, it says whether to give up; `tell` takes reports."""

    is_over: Callable[[], bool]
    tell: Callable[[Report], object]

    def __call__(self) -> bool:
        return self.is_over()
