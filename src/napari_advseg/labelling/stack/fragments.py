"""Fragments and the tree in which they join: labels at any threshold by a table, voxels untouched.

Light enough for the viewer's process.
"""

from __future__ import annotations

import dataclasses
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.labelling.stack.merge_tree import MergeTree
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.volume.arrays.lazy import Derived, LazyArray, Window
from napari_advseg.volume.formats.files import create, read
from napari_advseg.volume.refusals import DAMAGE, Unreadable, denied, reason
from napari_advseg.volume.volume import Array, Volume

ENDING = "-fragments.ome.zarr"
TREE = "merge_tree.npz"
LABELS = (".ome.zarr", ".ome.tiff", ".ome.tif", ".zarr", ".tiff", ".tif")


@dataclasses.dataclass(frozen=True, eq=False)
class Fragments:
    """A stack cut into fragments 1..K, and what joins them.

    Attributes:
        volume: ids of the fragments, in memory or on disk; 0 belongs to none.
        tree: their merges and sizes.
        threshold: at which the labels beside it were made.
        minimum_size: objects of fewer voxels go on along the tree.
    """

    volume: Volume
    tree: MergeTree
    threshold: float
    minimum_size: int = 0

    def lut(self, threshold: float | None = None) -> npt.NDArray[np.int32]:
        """The object 1..N of each fragment at a threshold, shape (K + 1,); `MergeTree.lut`."""
        chosen = self.threshold if threshold is None else threshold
        return self.tree.lut(chosen, self.minimum_size)

    def relabelled(self, threshold: float | None = None) -> Volume:
        """Labels at a threshold; a voxel is looked up only when it is read."""
        chosen = self.threshold if threshold is None else threshold
        array = Relabelled(self.volume.array, self.lut(chosen))
        return Volume(array, self.volume.frame.after(f"joined below {chosen:g}"), kind="labels")


@dataclasses.dataclass(frozen=True, eq=False)
class Relabelled(Derived):
    """Another array of ids, seen through a table."""

    array: LazyArray
    table: npt.NDArray[np.int32]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.table.dtype

    def read(self, window: Window) -> Array:
        ids = np.asarray(self.array[window])
        if ids.size and not 0 <= ids.min() <= ids.max() < len(self.table):
            raise Unreadable(
                f"Fragment {ids.max()} is not among the {len(self.table) - 1} of the merge tree; label again."
            )
        found: Array = self.table[ids]
        return found


def fragments_beside(labels: str | os.PathLike[str]) -> Path:
    """Where the fragments of labels go: labels.ome.zarr -> labels-fragments.ome.zarr."""
    path = Path(labels)
    if path.name.endswith(ENDING):
        return path
    suffix = next((ending for ending in LABELS if path.name.endswith(ending)), path.suffix)
    return path.with_name(path.name.removesuffix(suffix) + ENDING)


def save_fragments(fragments: Fragments, path: Path, *, overwrite: bool = False) -> Reports[Path]:
    """Write fragments and tree as one OME-Zarr store, which appears when it is complete.

    Raises:
        Unwritable: the path is taken, or the disk is full.
    """
    volume = fragments.volume
    count = volume.size("z")
    yield Phase("fragments", count)
    with create(
        path, volume.shape, np.int32, volume.frame, overwrite=overwrite, kind="labels"
    ) as writer:
        for k, section in enumerate(volume.sections()):
            writer.write(k, section)
            yield BlockDone("fragments", k + 1, count)
        try:
            with (writer.partial / TREE).open("wb") as file:
                np.savez(
                    file,
                    pairs=fragments.tree.pairs,
                    heights=fragments.tree.heights,
                    sizes=fragments.tree.sizes,
                    threshold=np.float64(fragments.threshold),
                    minimum_size=np.int64(fragments.minimum_size),
                )
        except OSError as fault:
            raise denied(fault, path) from fault
        return writer.finish()


def open_fragments(path: str | os.PathLike[str]) -> Fragments:
    """The fragments beside labels, or in the store `path` itself; voxels stay on disk.

    Raises:
        Unreadable: there are none, or they are damaged.
    """
    store = fragments_beside(path)
    if not (store / TREE).is_file():
        raise Unreadable(
            f"There are no fragments at '{store}'. Label with volume=agglomerated and "
            "agglomeration.keep=true."
        )
    try:
        with (store / TREE).open("rb") as file, np.load(file, allow_pickle=False) as found:
            tree = MergeTree(found["pairs"], found["heights"], found["sizes"])
            threshold, minimum = float(found["threshold"]), int(found["minimum_size"])
    except (*DAMAGE, zipfile.BadZipFile) as fault:
        raise _damaged(store, reason(fault)) from fault
    if not _is_sound(tree):
        raise _damaged(store, "its tables do not belong together")
    return Fragments(read(store), tree, threshold, minimum)


def _damaged(store: Path, why: str) -> Unreadable:
    return Unreadable(f"'{store / TREE}' is damaged ({why}); label again.")


def _is_sound(tree: MergeTree) -> bool:
    pairs, heights, sizes = tree.pairs, tree.heights, tree.sizes
    shapes = pairs.ndim == 2 and pairs.shape[1:] == (2,) and heights.shape == pairs.shape[:1]
    kinds = pairs.dtype == sizes.dtype == np.int64 and heights.dtype == np.float64
    if not (shapes and kinds and sizes.ndim == 1 and len(sizes)):
        return False
    inside = not pairs.size or (pairs.min() > 0 and pairs.max() < len(sizes))
    ascending = np.isfinite(heights).all() and (np.diff(heights) >= 0).all()
    return bool(inside and sizes.min() >= 0 and ascending)
