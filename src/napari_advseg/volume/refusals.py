"""What reading and writing refuse: each error names the file, the cause and the remedy."""

from __future__ import annotations

import errno
import struct
import zlib
from pathlib import Path

import psutil

LARGE = 1 << 28

# What decoders of foreign bytes raise: RuntimeError covers the errors of imagecodecs and numcodecs.
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class Unreadable(ValueError):
    """The file cannot be read, or not in only one way."""


class Incomplete(Unreadable):
    """The file was never finished; `done` of `total` sections are there."""

    def __init__(self, message: str, done: int, total: int) -> None:
        super().__init__(message)
        self.done = done
        self.total = total


class MissingChunk(Unreadable):
    """A piece of the array is not on disk."""


class CorruptChunk(Unreadable):
    """A piece of the array is on disk but cannot be decoded."""


class Unwritable(ValueError):
    """The output cannot be written there, or not without loss."""


def reason(fault: BaseException) -> str:
    """What went wrong, in the words of the error or, where it has none, its kind."""
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    return str(fault).split("\n", 1)[0].rstrip(".") or type(fault).__name__


def denied(fault: OSError, path: Path) -> Unwritable:
    """The refusal that belongs to an error of the operating system while writing `path`."""
    remedies = {
        errno.ENOSPC: "free some space or choose another folder",
        errno.EDQUOT: "free some of your quota or choose another folder",
        errno.EROFS: "choose a folder that may be written",
        errno.EACCES: "choose a folder that may be written",
        errno.EPERM: "choose a folder that may be written",
        errno.ENOENT: "make its folder or choose another",
        errno.ENAMETOOLONG: "choose a shorter name",
    }
    remedy = remedies.get(fault.errno or 0, "choose another folder")
    return Unwritable(f"'{path}' cannot be written: {reason(fault)}; {remedy}.")


def amount(count: float) -> str:
    """A number of bytes for people: "4.4 TB"."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:.3g} {unit}"
        count /= 1000
    raise AssertionError


def afford(count: int, what: str) -> None:
    """Nothing, where `count` bytes fit into free memory.

    Raises:
        Unreadable: they do not.
    """
    if count <= LARGE:
        return
    free = psutil.virtual_memory().available
    if count > free:
        raise Unreadable(
            f"{what} needs {amount(count)} of memory and {amount(free)} are free; read it "
            "section by section."
        )
