"""HDF5 datasets as volumes, first of all the layout of CREMI: /volumes/raw with resolution and
offset in nm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from napari_advseg.volume.arrays.lazy import Array, Stored, Window, in_native
from napari_advseg.volume.formats.arrange import Found, arrange, axis_letters
from napari_advseg.volume.formats.attributes import axes_of, place_of
from napari_advseg.volume.formats.zarr_store import CHUNK_BYTES, Missing
from napari_advseg.volume.refusals import DAMAGE, MissingChunk, Unreadable, amount, reason
from napari_advseg.volume.volume import Kind, Volume

USUAL = "volumes/raw"
MOST_NAMES = 1000


def read_hdf5(
    path: Path, inside: str = "", *, axes: str | None = None, missing: Missing = "refuse"
) -> Volume:
    """The dataset `inside`, else /volumes/raw, else the only one; lazy, the file is open only
    while it reads.

    Raises:
        Unreadable: there is no such dataset, or several and none is the usual one, or it
            holds no numbers.
    """
    name = inside.strip("/")
    with _opened(path) as file:
        name = name or _usual(file, path)
        found = _dataset(file, name, path)
        _check(found, path, name, missing)
        attributes = {key: _plain(value) for key, value in found.attrs.items()}
        array = Dataset(path, name, found)
    where = f"{path}::/{name}"
    letters = axis_letters(array.shape, where, axes, axes_of(attributes, array.ndim))
    place = place_of(attributes, letters, where)
    kind: Kind = "labels" if "labels" in name.split("/") and array.dtype.kind in "iu" else "image"
    title = f"{path.stem} {name.rpartition('/')[2]}"
    return arrange(Found(array, letters, where, title, place, kind=kind))


class Dataset(Stored):
    """An HDF5 dataset; every reading opens the file and closes it again, so that others may write
    to it.
    """

    def __init__(self, path: Path, name: str, found: h5py.Dataset) -> None:
        self.path = path
        self.name = name
        super().__init__(found.shape, found.dtype, found.chunks)

    def read(self, window: Window) -> Array:
        with _opened(self.path) as file:
            try:
                return in_native(file[self.name][window])
            except DAMAGE as fault:
                raise Unreadable(
                    f"'{self.path}::/{self.name}' is damaged ({reason(fault)}); copy it again "
                    "from its source."
                ) from fault


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as fault:
        raise Unreadable(
            f"'{path}' is no readable HDF5 file ({reason(fault)}); copy it again from its source."
        ) from fault
    with file:
        yield file


def _usual(file: h5py.File, path: Path) -> str:
    names: list[str] = []

    def note(name: str, item: object) -> bool | None:
        if (
            isinstance(item, h5py.Dataset)
            and len(item.shape or ()) >= 2
            and item.dtype.kind in "biuf"
        ):
            names.append(name)
        return True if len(names) >= MOST_NAMES else None

    file.visititems(note)
    if USUAL in names or len(names) == 1:
        return USUAL if USUAL in names else names[0]
    if not names:
        raise Unreadable(f"'{path}' holds no dataset of numbers with two axes or more.")
    raise Unreadable(
        f"'{path}' holds several datasets: {', '.join(names[:20])}. Choose one, for example "
        f"'{path.name}::/{names[0]}'."
    )


def _dataset(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    """The dataset, reached without leaving this file."""
    at: Any = file
    for part in name.split("/"):
        link = at.get(part, getlink=True) if isinstance(at, h5py.Group) and part in at else None
        if isinstance(link, h5py.ExternalLink):
            raise Unreadable(
                f"'{path}::/{name}' lies in another file, '{link.filename}'; choose that one."
            )
        if link is None:
            raise Unreadable(
                f"'{path}' has no dataset '/{name}'; leave the name out to see what it holds."
            )
        at = at[part]
    if isinstance(at, h5py.Dataset):
        return at
    inner = [f"/{name}/{key}" for key in list(at)[:20]]
    raise Unreadable(
        f"'{path}::/{name}' is a group of {', '.join(inner) or 'nothing'}; choose a dataset."
    )


def _check(found: h5py.Dataset, path: Path, name: str, missing: Missing) -> None:
    """Nothing, where the data is numbers inside this very file, in chunks of sane size, none of
    them missing.
    """
    where = f"{path}::/{name}"
    if found.dtype.kind not in "biuf":
        raise Unreadable(f"'{where}' holds elements of type {found.dtype}; only numbers are read.")
    if found.external or found.is_virtual:
        raise Unreadable(f"'{where}' keeps its data in other files; copy them into one file.")
    if not found.chunks:
        return
    size = math.prod(found.chunks) * found.dtype.itemsize
    if size > CHUNK_BYTES:
        raise Unreadable(
            f"'{where}' has chunks of {amount(size)}; at most {amount(CHUNK_BYTES)} is read."
        )
    wanted = math.prod(
        -(-length // step) for length, step in zip(found.shape, found.chunks, strict=True)
    )
    stored = found.id.get_num_chunks()
    if stored < wanted and missing == "refuse":
        raise MissingChunk(
            f"'{where}' lacks {wanted - stored} of its {wanted} chunks. They may have been "
            "lost or never "
            "written; read it with missing='fill' if they are meant to be empty."
        )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.tolist() if hasattr(value, "tolist") else value
