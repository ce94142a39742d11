"""Files that appear whole or not at all, whenever the program is killed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to: it takes its name at the end; after an error it goes and `path` stays."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        yield partial
        with partial.open("rb+") as file:
            sync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a kill leaves the old file or the new one, never a part.

    Raises:
        ValueError: the folder cannot be written to, or the disk is full; the old file is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with appearing(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise ValueError(
            f"Cannot write {path}: {error.strerror or error} ({len(content)} bytes needed). "
            "Free some space or choose another folder; what was saved before is untouched."
        ) from error


def replace_folder(partial: Path, path: Path) -> None:
    """Give a complete folder its name; an older one of that name is removed only afterwards."""
    older = path.with_name(path.name + ".older")
    if path.exists():
        if older.exists():
            shutil.rmtree(older)
        path.rename(older)
    partial.rename(path)
    if older.exists():
        shutil.rmtree(older)


def sync(descriptor: int) -> None:
    """Wait until what was written to an open file is on the disk."""
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can be asked for that."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Wait until everything below a folder is on the disk."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            with (Path(parent) / name).open("rb+") as file:
                sync(file.fileno())
        sync_folder(Path(parent))
