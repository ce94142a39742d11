"""What a proofreader does, as values: one step of editing, and the undoing and redoing of steps."""

from __future__ import annotations

import dataclasses
import json
import struct
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np

from napari_advseg.proofreading.store.records import KINDS, Damaged, Edit, Grid, Patch, write
from napari_advseg.volume.arrays.lazy import Array

Operation = Literal[
    "merge",
    "split",
    "paint",
    "erase",
    "delete",
    "fill",
    "new",
    "mark",
    "unmark",
    "review",
    "unreview",
]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
Point = tuple[int, ...]
Box = tuple[tuple[int, int], ...]
LENGTH = struct.Struct("<I")


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """One edit of labels.

    Attributes:
        operation: what was done.
        ids: the labels it is about, the one that is kept or made first.
        renames: whole objects that get another label, (old, new) in their order; no voxel of them is touched.
        patches: voxels that get other labels, after the renames.
        points: a voxel of each label in `ids` before the step, as far as known: where it is looked for in other labels.
        box: (begin, end) along each axis around what changes, or of what is reviewed; None where it may be anywhere.
        time: when, ISO 8601 in UTC.
        author: who.
        reason: why, in words.
    """

    kind: ClassVar[int] = 16
    operation: Operation
    ids: tuple[int, ...]
    renames: tuple[tuple[int, int], ...] = ()
    patches: tuple[Patch, ...] = ()
    points: tuple[Point, ...] = ()
    box: Box | None = None
    time: str = ""
    author: str = ""
    reason: str = ""

    @property
    def voxels(self) -> int:
        """How many voxels were painted; those of renamed objects do not count."""
        return sum(patch.voxels for patch in self.patches)

    @property
    def labels(self) -> frozenset[int]:
        """All labels that voxels or objects get."""
        painted = {one for patch in self.patches for one in _distinct(patch.new)}
        return frozenset(painted | {new for _, new in self.renames})

    @property
    def touched(self) -> frozenset[int]:
        """All labels that voxels or objects lose or get, without 0."""
        before = {one for patch in self.patches for one in _distinct(patch.old)}
        return (self.labels | before | {old for old, _ in self.renames}) - {0}

    def signed(self, author: str, reason: str = "") -> Step:
        """The same step, done by somebody now, where it does not say by whom and when."""
        return dataclasses.replace(
            self,
            time=self.time or now(),
            author=self.author or author,
            reason=reason or self.reason,
        )

    def apply(self, array: Any) -> None:
        """Change plain labels in place, plane by plane."""
        for old, new in self.renames:
            for place in np.ndindex(*array.shape[:-2]):
                plane = array[place]
                array[place] = np.where(plane == old, new, plane)
        write(self.patches, array)

    def to_json(self) -> dict[str, Any]:
        """All but the voxels, as plain JSON."""
        fields = dataclasses.asdict(dataclasses.replace(self, patches=()))
        del fields["patches"]
        return {**fields, "voxels": self.voxels}

    def to_bytes(self) -> bytes:
        text = json.dumps(self.to_json()).encode()
        return LENGTH.pack(len(text)) + text + Edit(self.patches).to_bytes()

    @classmethod
    def from_bytes(cls, payload: bytes, grid: Grid) -> Self:
        text, rest = _text(payload)
        try:
            return cls(
                operation=_known(text["operation"]),
                ids=tuple(map(int, text["ids"])),
                renames=tuple((int(old), int(new)) for old, new in text["renames"]),
                patches=Edit.from_bytes(rest, grid).patches,
                points=tuple(tuple(map(int, point)) for point in text["points"]),
                box=_box(text["box"]),
                time=str(text["time"]),
                author=str(text["author"]),
                reason=str(text["reason"]),
            )
        except (KeyError, TypeError, ValueError) as fault:
            raise Damaged(f"A step cannot be read ({fault}).") from fault


@dataclasses.dataclass(frozen=True)
class Turn:
    """The last step was taken back, or (`again`) the step that was taken back last was done again."""

    kind: ClassVar[int] = 17
    again: bool
    time: str = ""
    author: str = ""

    def apply(self, array: Any) -> None:
        """Nothing: what it means follows from the steps before it."""

    def to_bytes(self) -> bytes:
        text = json.dumps(dataclasses.asdict(self)).encode()
        return LENGTH.pack(len(text)) + text

    @classmethod
    def from_bytes(cls, payload: bytes, grid: Grid) -> Self:  # noqa: ARG003 - as all records
        text, _ = _text(payload)
        try:
            return cls(bool(text["again"]), str(text["time"]), str(text["author"]))
        except KeyError as fault:
            raise Damaged(f"An undo cannot be read ({fault}).") from fault


@dataclasses.dataclass(frozen=True)
class Note:
    """Something to remember that changes no label: a proposal that was rejected, an object that was looked at.

    Attributes:
        about: what kind of note it is.
        content: plain JSON.
    """

    kind: ClassVar[int] = 128
    about: str
    content: dict[str, Any]
    time: str = ""
    author: str = ""

    def apply(self, array: Any) -> None:
        """Nothing: no label changes."""

    def to_bytes(self) -> bytes:
        text = json.dumps(dataclasses.asdict(self)).encode()
        return LENGTH.pack(len(text)) + text

    @classmethod
    def from_bytes(cls, payload: bytes, grid: Grid) -> Self:  # noqa: ARG003 - as all records
        text, _ = _text(payload)
        try:
            return cls(
                str(text["about"]), dict(text["content"]), str(text["time"]), str(text["author"])
            )
        except (KeyError, TypeError, ValueError) as fault:
            raise Damaged(f"A note cannot be read ({fault}).") from fault


KINDS[Note.kind] = Note
KINDS[Step.kind] = Step
KINDS[Turn.kind] = Turn


def now() -> str:
    """This moment, ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _distinct(labels: Array) -> list[int]:
    """All different labels; one that is kept once for all is not looked for."""
    whole = labels[:1] if labels.size and labels.strides == (0,) else np.unique(labels)
    return [int(one) for one in whole]


def _text(payload: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON that a record begins with, and what follows."""
    try:
        (length,) = LENGTH.unpack_from(payload)
        text = json.loads(payload[LENGTH.size : LENGTH.size + length])
    except (struct.error, ValueError) as fault:
        raise Damaged(f"A record cannot be read ({fault}).") from fault
    if not isinstance(text, dict):
        raise Damaged("A record cannot be read (it names no fields).")
    return text, payload[LENGTH.size + length :]


def _known(operation: Any) -> Operation:
    if operation not in OPERATIONS:
        raise ValueError(f"{operation!r} is no operation")
    found: Operation = operation
    return found


def _box(spans: Any) -> Box | None:
    return None if spans is None else tuple((int(begin), int(end)) for begin, end in spans)
