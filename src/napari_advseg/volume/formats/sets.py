"""Sets of images: a folder or a pattern names many files, and files that belong together are told by their names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from napari_advseg.volume.formats.files import HDF5, PNG, TIFF, Source, Unreadable, read
from napari_advseg.volume.formats.zarr_store import Missing
from napari_advseg.volume.synthetic_voxels import ENDINGS, bare, is_mask
from napari_advseg.volume.volume import Volume

WILD = "*?["
KINDS = (*TIFF, *PNG, *HDF5, ".zarr")


def is_set(source: Source) -> bool:
    """Whether `source` names many files: a plain folder of images, or a path with * in it."""
    if not isinstance(source, str | os.PathLike):
        return False
    path = Path(source)
    return _is_pattern(path) or (path.is_dir() and bool(_inside(path)))


def files_of(source: Source) -> list[Path]:
    """The image files that `source` names, by name; a single file names itself.

    Raises:
        Unreadable: there is none.
    """
    path = Path(str(source))
    found = sorted(path.parent.glob(path.name)) if _is_pattern(path) else _inside(path)
    found = [file for file in found if not is_mask(file)]
    if path.is_file() or (path.is_dir() and path.suffix == ".zarr"):
        found = [path]
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


def matched(
    images: Sequence[Path], labels: Sequence[Path], what: tuple[str, str] = ("image", "labels")
) -> list[tuple[Path, Path]]:
    """Each image with the labels whose name begins with the image's: a.tif with a_mask.png.

    Names count up to their first dot, or whole where that does not tell the images apart.

    Raises:
        ValueError: an image has no labels or several, or labels have no image; the first one is named. `what` says
            what the two sides are called.
    """
    one, other = what
    name = _short if len(set(map(_short, images))) == len(images) else bare
    # "cell1" must not take the labels of "cell10": the longest image name that fits owns them.
    owners = {label: _owner(name(label), map(name, images)) for label in labels}
    pairs = []
    for image in images:
        own = [label for label in labels if owners[label] == name(image)]
        if len(own) != 1:
            have = f"no {other}" if not own else f"several {other} ({_listed(own)})"
            raise ValueError(
                f"The {one} {image.name} has {have}: the name of its {other} must begin with "
                f"'{name(image)}', and only one may; name them by a pattern (masks/*_mask.png)."
            )
        pairs.append((image, own[0]))
    lonely = next((label for label in labels if owners[label] is None), None)
    if lonely is not None:
        raise ValueError(f"{lonely.name} belongs to no {one}; remove it or add the {one}.")
    return pairs


def outputs(files: Sequence[Path], out: str) -> list[Path]:
    """Where what is made of each file goes: a TIFF of its name in the folder `out`, or as a pattern says.

    The * of a pattern (labels/*.ome.zarr) stands for the name of the file.

    Raises:
        ValueError: `out` names a single file, or two of the files have one name.
    """
    place = Path(out)
    is_pattern = place.name.count("*") == 1
    if not is_pattern and (place.is_file() or place.name.endswith(ENDINGS)):
        raise ValueError(
            f"'{place}' names one file for {len(files)} images; name a folder, or a pattern with one "
            f"* for their names ({place.parent / '*.tif'})."
        )
    folder, pattern = (place.parent, place.name) if is_pattern else (place, "*.tif")
    found: dict[Path, Path] = {}
    for file in files:
        target = folder / pattern.replace("*", bare(file))
        if target in found:
            raise ValueError(
                f"{found[target].name} and {file.name} would both go to {target}; choose one of "
                "them by a pattern."
            )
        found[target] = file
    return list(found)


def _short(path: Path) -> str:
    return path.name.partition(".")[0]


def _owner(label: str, images: Iterable[str]) -> str | None:
    return max((image for image in images if label.startswith(image)), key=len, default=None)


def _listed(files: Sequence[Path]) -> str:
    return ", ".join(file.name for file in files)


def _is_pattern(path: Path) -> bool:
    """Whether the name stands for many; a file may have such a name too."""
    return any(sign in path.name for sign in WILD) and not path.exists()


def _inside(folder: Path) -> list[Path]:
    """Image files of a folder that is none itself."""
    if folder.suffix == ".zarr" or not folder.is_dir() or (folder / "zarr.json").exists():
        return []
    if (folder / ".zgroup").exists() or (folder / ".zarray").exists():
        return []
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in KINDS and not file.name.startswith(".") and not is_mask(file)
    )
