"""Sets of images: a folder or a pattern names many files, and files that belong together are told by their names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from napari_advseg.volume.files import HDF5, PNG, TIFF, Source, Unreadable, read
from napari_advseg.volume.volume import Volume
from napari_advseg.volume.zarr_store import Missing

WILD = "*?["
KINDS = (*TIFF, *PNG, *HDF5, ".zarr")


def is_set(source: Source) -> bool:
    """Whether `source` names many files: a plain folder of images, or a path with * in it."""
    if not isinstance(source, str | os.PathLike):
        return False
    path = Path(source)
    return any(sign in path.name for sign in WILD) or (path.is_dir() and bool(_inside(path)))


def files_of(source: Source) -> list[Path]:
    """The image files that `source` names, by name.

    Raises:
        Unreadable: there is none.
    """
    path = Path(str(source))
    wild = any(sign in path.name for sign in WILD)
    found = sorted(path.parent.glob(path.name)) if wild else _inside(path)
    if not found:
        raise Unreadable(f"'{path}' names no image file; check the folder and the pattern.")
    return found


def read_set(source: Source, *, missing: Missing = "refuse") -> list[Volume]:
    """Every image of a folder or pattern, lazy, in the order of their names; a single source is a set of one.

    Raises:
        Unreadable: as `read`, or nothing is there.
    """
    if not is_set(source):
        return [read(source, missing=missing)]
    return [read(file, missing=missing) for file in files_of(source)]


def matched(images: Sequence[Path], labels: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Each image with the labels whose name begins with the image's: a.tif with a_mask.png.

    Raises:
        ValueError: an image has no labels or several, or labels have no image; the first one is named.
    """
    pairs = []
    for image in images:
        own = [one for one in labels if _stem(one).startswith(_stem(image))]
        # "cell1" must not take the labels of "cell10": the longest image name that fits owns them.
        own = [one for one in own if _owner(one, images) == image]
        if len(own) != 1:
            have = "no labels" if not own else f"several labels ({', '.join(o.name for o in own)})"
            raise ValueError(
                f"The image {image.name} has {have}: the name of its labels must begin with "
                f"'{_stem(image)}', and only one may; name them by a pattern (labels/*_mask.png)."
            )
        pairs.append((image, own[0]))
    taken = {label for _, label in pairs}
    for label in labels:
        if label not in taken:
            raise ValueError(f"The labels {label.name} belong to no image; remove them or add it.")
    return pairs


def _owner(label: Path, images: Sequence[Path]) -> Path:
    fitting = [image for image in images if _stem(label).startswith(_stem(image))]
    return max(fitting, key=lambda image: len(_stem(image)))


def _stem(path: Path) -> str:
    return path.name.partition(".")[0]


def _inside(folder: Path) -> list[Path]:
    """Image files of a folder that is none itself."""
    if folder.suffix == ".zarr" or not folder.is_dir() or (folder / "zarr.json").exists():
        return []
    if (folder / ".zgroup").exists() or (folder / ".zarray").exists():
        return []
    return sorted(
        file for file in folder.iterdir() if file.suffix in KINDS and not file.name.startswith(".")
    )
