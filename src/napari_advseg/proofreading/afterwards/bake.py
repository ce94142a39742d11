"""Labels with all edits in a file of their own: whole, or not at all."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections import Counter
from pathlib import Path

from napari_advseg.progress import BlockDone, Phase, Reports, Saved
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.store.steps import Step
from napari_advseg.volume.formats.files import create
from napari_advseg.volume.refusals import Unwritable
from napari_advseg.volume.volume import Volume


def bake(proof: Proof, path: str | os.PathLike[str], *, overwrite: bool = False) -> Reports[Path]:
    """The path of a new file with the labels as they are: OME-Zarr with its pyramid and 64-bit ids, or TIFF.

    Reports sections. The file appears when it is complete; the labels that are proofread stay as they are.

    Raises:
        Unwritable: the path is that of the labels themselves, taken, or cannot be written; ids do not fit a TIFF.
    """
    target = Path(path)
    if proof.base.source and _is_inside(target, Path(proof.base.source)):
        raise Unwritable(
            f"'{target}' is what is being proofread, and its journal lies on it; choose another name."
        )
    volume = proof.volume
    placed = dataclasses.replace(volume, frame=volume.frame.after(describe_steps(proof.steps)))
    yield from write_whole(placed, target, "bake", overwrite=overwrite)
    yield Saved(str(target), "labels")
    return target


def write_whole(
    volume: Volume, target: Path, phase: str, *, overwrite: bool = False
) -> Reports[None]:
    """Labels in a file that appears when it is complete; reports sections under the name of a phase.

    Raises:
        Unwritable: the path is taken, or cannot be written.
    """
    count = volume.size("z")
    yield Phase(phase, count)
    with create(
        target, volume.shape, volume.dtype, volume.frame, overwrite=overwrite, kind="labels"
    ) as writer:
        try:
            for index in range(count):
                writer.write(index, volume.section(index))
                yield BlockDone(phase, index + 1, count)
            writer.finish()
        except BaseException:
            shutil.rmtree(writer.partial, ignore_errors=True)
            raise


def describe_steps(steps: list[Step]) -> str:
    """A line of history: "proofread: 12 merge, 3 split"."""
    counts = Counter(step.operation for step in steps)
    return "proofread: " + (", ".join(f"{n} {name}" for name, n in counts.items()) or "no edit")


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve() == folder.resolve() or folder.resolve() in path.resolve().parents
