"""Where a volume goes that is made section by section: into memory, or into a file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from napari_advseg.progress import Reports, Saving
from napari_advseg.volume.arrays.lazy import Array, LazyArray
from napari_advseg.volume.formats.files import create, read, write_mask
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.synthetic_voxels import MARK, is_marked, marked
from napari_advseg.volume.volume import Kind, Volume

Result = TypeVar("Result")
Keep = Callable[[int, Array], object]


def blank(
    frame: Frame, shape: tuple[int, ...], dtype: Any, kind: Kind, synthetic: LazyArray | None = None
) -> Volume:
    """A volume of zeros that takes no memory: what is to be made, before it is."""
    zeros = np.broadcast_to(np.zeros((), dtype), shape)
    is_said = synthetic is None or is_marked(frame)
    return Volume(zeros, frame if is_said else frame.after(MARK), kind=kind, synthetic=synthetic)


@dataclasses.dataclass(frozen=True)
class Target:
    """A file (.tif or .ome.zarr) that a volume goes to, or, without a path, memory."""

    path: str | os.PathLike[str] | None = None
    overwrite: bool = False

    def filled(
        self, like: Volume, what: str, fill: Callable[[Keep], Reports[Result]]
    ) -> Reports[tuple[Volume, Result]]:
        """A volume like a blank one of axes (z) y x, whose sections `fill` hands over, and what `fill` returns.

        The mask of its synthetic voxels is written beside a file first.
        """
        if self.path is None:
            stack = np.zeros((like.size("z"), *like.shape[-2:]), like.dtype)
            found = yield from fill(stack.__setitem__)
            array = stack if "z" in like.axes else stack[0]
            return marked(Volume(array, like.frame, kind=like.kind), like.synthetic), found
        write_mask(like, self.path, overwrite=self.overwrite)
        with create(
            self.path, like.shape, like.dtype, like.frame, kind=like.kind, overwrite=self.overwrite
        ) as writer:
            found = yield from fill(writer.write)
            yield Saving(what)
            writer.finish()
        return read(self.path), found


MEMORY = Target()
