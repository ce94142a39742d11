"""What is known of a volume before it is complete: the plan it is written to, and a log of the
sections done.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_advseg.disk.lock import holder_of, this_process, write_holder
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.refusals import Unreadable
from napari_advseg.volume.volume import Kind

Version = Literal["0.4", "0.5"]


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything that is known of a volume before its first section."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    frame: Frame
    kind: Kind
    version: Version

    @property
    def zarr_format(self) -> Literal[2, 3]:
        return 3 if self.version == "0.5" else 2

    @property
    def total(self) -> int:
        return self._length("t") * self._length("z")

    @property
    def section_shape(self) -> tuple[int, ...]:
        return tuple(
            n for n, axis in zip(self.shape, self.frame.axes, strict=True) if axis not in "tz"
        )

    def key(self, index: int) -> tuple[int | slice, ...]:
        """Where section `index` lies in the array."""
        place = {"t": index // self._length("z"), "z": index % self._length("z")}
        return tuple(place.get(axis, slice(None)) for axis in self.frame.axes)

    def record(self) -> dict[str, Any]:
        """The plan as JSON, without names and history."""
        return {
            "shape": list(self.shape),
            "dtype": self.dtype.str,
            "axes": self.frame.axes,
            "scale": list(self.frame.scale),
            "units": list(self.frame.units),
            "translate": list(self.frame.translate),
            "kind": self.kind,
            "version": self.version,
            "total": self.total,
        }

    def _length(self, axis: str) -> int:
        return self.shape[self.frame.axes.index(axis)] if axis in self.frame.axes else 1


class Log:
    """Which sections of a partial store are done, and who is writing it."""

    HEADER = "partial.json"
    DONE = "sections.log"
    OWNER = "owner.json"

    def __init__(self, folder: Path, plan: dict[str, Any], done: set[int]) -> None:
        self.folder = folder
        self.plan = plan
        self.done = done

    @property
    def total(self) -> int:
        return int(self.plan["total"])

    @classmethod
    def start(cls, folder: Path, plan: Plan) -> Log:
        """A new log in an empty folder, owned by this process."""
        log = cls(folder, plan.record(), set())
        log.claim()
        (folder / cls.DONE).touch()
        (folder / cls.HEADER).write_text(json.dumps(log.plan), encoding="utf-8")
        return log

    @classmethod
    def read(cls, folder: Path) -> Log:
        """The log of an earlier process; a line that was cut short does not count."""
        try:
            plan = json.loads((folder / cls.HEADER).read_text(encoding="utf-8"))
            lines = (folder / cls.DONE).read_text(encoding="ascii").split("\n")[:-1]
            return cls(folder, plan, {int(line) for line in lines} & set(range(int(plan["total"]))))
        except (ValueError, KeyError, TypeError, OSError) as fault:
            raise Unreadable(
                f"'{folder}' is an unfinished write with a damaged log; delete it."
            ) from fault

    def add(self, index: int) -> None:
        """Note a section as done, on disk."""
        with (self.folder / self.DONE).open("r+", encoding="ascii") as file:
            file.seek(0, os.SEEK_END)
            file.write(f"{index}\n")
            file.flush()
            os.fsync(file.fileno())
        self.done.add(index)

    def check(self) -> None:
        """Nothing, where the store is still there: zarr would make a folder that vanished anew.

        Raises:
            OSError: it is gone, with the drive it was on for example.
        """
        (self.folder / self.HEADER).stat()

    def mend(self) -> None:
        """Cut off a line that was not finished, so that the next one does not join it."""
        with (self.folder / self.DONE).open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)

    def claim(self) -> None:
        """Say that this process writes the store."""
        write_holder(self.folder / self.OWNER, this_process())

    def living_owner(self) -> str | None:
        """Who else is writing the store at this moment; None where its writer has ended."""
        owner = holder_of(self.folder, name=self.OWNER)
        is_other = owner is not None and owner.is_alive and owner.pid != os.getpid()
        return f"process {owner.pid}" if owner and is_other else None

    def release(self) -> None:
        """This process writes no more."""
        (self.folder / self.OWNER).unlink(missing_ok=True)

    def remove(self) -> None:
        """The store is complete and needs no log."""
        for name in (self.OWNER, self.HEADER, self.DONE):
            (self.folder / name).unlink(missing_ok=True)
