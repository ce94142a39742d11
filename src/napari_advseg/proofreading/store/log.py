"""One journal file: a heading, then records, each with its length and a check; it is only ever appended to.

What a kill leaves of the last record is not read. Damage in the middle is passed over, and said.
"""

from __future__ import annotations

import dataclasses
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.proofreading.store.records import KINDS, NOTES_FROM, Damaged, Grid, Record
from napari_advseg.volume.refusals import Unreadable, reason

FORMAT = 1
MAGIC = b"advsegJ\x01"
MARK = b"\x93EDT"
HEAD = struct.Struct("<4sQIB")  # mark, bytes of payload, check, kind
HEADER_BYTES = 1 << 20
LOG = re.compile(r"edits-(\d{6,})\.journal")


@dataclasses.dataclass(frozen=True, eq=False)
class Log:
    """One journal as it was found.

    Attributes:
        session: who wrote it.
        sound: how many records stand before the first that cannot be read.
        about: what else its heading says.
        damaged: records in the middle that cannot be read and are passed over.
        is_torn: whether it ends inside a record, which was never complete.
    """

    path: Path
    number: int
    grid: Grid
    session: str
    records: tuple[Record, ...]
    damaged: int = 0
    is_torn: bool = False
    sound: int = 0
    about: dict[str, Any] = dataclasses.field(default_factory=dict)


def logs_in(folder: Path) -> list[Log]:
    """The journals in a folder whose headings were finished, oldest first.

    Raises:
        Unreadable: as `read_log`.
    """
    paths = numbered(folder, LOG)
    return [log for number in sorted(paths) if (log := read_log(paths[number])) is not None]


def read_log(path: Path) -> Log | None:
    """A journal with all its whole records; None where not even its heading was finished.

    Raises:
        Unreadable: it was written by a newer version.
    """
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise Unreadable(f"'{path}' cannot be read: {reason(fault)}.") from fault
    heading, at = _heading(path, content)
    if heading is None:
        return None
    grid = Grid(tuple(heading["shape"]), np.dtype(heading["dtype"]))
    records: list[Record] = []
    damaged, is_torn, sound = 0, False, -1
    while at < len(content) and not is_torn:
        piece = _piece(content, at)
        if piece is None:
            at = _after_damage(content, at)
            is_torn = at < 0
            damaged += not is_torn
            sound = len(records) if sound < 0 else sound
            continue
        kind, payload, at = piece
        try:
            record = _record(path, kind, payload, grid)
        except Damaged:
            damaged += 1
            sound = len(records) if sound < 0 else sound
        else:
            records += [record] if record is not None else []
    number = int(LOG.fullmatch(path.name)[1])  # type: ignore[index] # only such names are looked for
    return Log(
        path,
        number,
        grid,
        str(heading["session"]),
        tuple(records),
        damaged,
        is_torn,
        len(records) if sound < 0 else sound,
        heading.get("about", {}),
    )


def heading_of(grid: Grid, session: str, about: dict[str, Any]) -> bytes:
    """What a journal begins with."""
    heading = {
        "format": FORMAT,
        "shape": list(grid.shape),
        "dtype": grid.dtype.str,
        "session": session,
        "about": about,
    }
    text = json.dumps(heading).encode()
    return MAGIC + struct.pack("<II", len(text), zlib.crc32(text)) + text


def framed(record: Record) -> bytes:
    """A record as it is appended."""
    payload = record.to_bytes()
    return HEAD.pack(MARK, len(payload), _check(record.kind, payload), record.kind) + payload


def numbered(folder: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
    """Paths in a folder whose names fit, by the number in them."""
    if not folder.is_dir():
        return {}
    named = ((pattern.fullmatch(path.name), path) for path in folder.iterdir())
    return {int(match[1]): path for match, path in named if match}


def _check(kind: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(HEAD.pack(MARK, len(payload), 0, kind)))


def _piece(content: bytes, at: int) -> tuple[int, bytes, int] | None:
    """Kind and payload of the record at a place, and where the next one begins; None where it is not whole."""
    if at + HEAD.size > len(content):
        return None
    mark, length, check, kind = HEAD.unpack_from(content, at)
    end = at + HEAD.size + length
    if mark != MARK or end > len(content):
        return None
    payload = content[at + HEAD.size : end]
    return (kind, payload, end) if check == _check(kind, payload) else None


def _after_damage(content: bytes, at: int) -> int:
    """Where the next whole record begins; -1 where there is none: the record at `at` was never finished."""
    while (at := content.find(MARK, at + 1)) >= 0:
        if _piece(content, at) is not None:
            return at
    return -1


def _record(path: Path, kind: int, payload: bytes, grid: Grid) -> Record | None:
    """The record; None for a note that this version does not know."""
    if kind not in KINDS and kind < NOTES_FROM:
        raise Unreadable(
            f"'{path}' holds edits that this napari-advseg does not know (kind {kind}); install a newer one."
        )
    return KINDS[kind].from_bytes(payload, grid) if kind in KINDS else None


def _heading(path: Path, content: bytes) -> tuple[dict[str, Any] | None, int]:
    """What a journal says of itself, and where its records begin."""
    start = len(MAGIC) + 8
    if len(content) < start:
        return None, 0
    length, check = struct.unpack_from("<II", content, len(MAGIC))
    text = content[start : start + length]
    if not content.startswith(MAGIC) or length > HEADER_BYTES or zlib.crc32(text) != check:
        return None, 0
    heading: dict[str, Any] = json.loads(text)
    if heading["format"] > FORMAT:
        raise Unreadable(
            f"'{path}' has format {heading['format']}, this napari-advseg reads up to {FORMAT}; "
            "install a newer one."
        )
    return heading, start + length
