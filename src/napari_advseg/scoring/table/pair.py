"""Labels and truth as two volumes on the same voxels, or a refusal that names both."""

from __future__ import annotations

import math

import numpy as np

from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import is_painted, without_marks
from napari_advseg.volume.units import step_nm
from napari_advseg.volume.volume import Array, Volume


def paired(labels: Volume | Array, truth: Volume | Array) -> tuple[Volume, Volume]:
    """Both as volumes, on the same voxels.

    Raises:
        ValueError: see `as_label_volume` and `check_alike`.
    """
    pair = as_label_volume(labels, "Labels"), as_label_volume(truth, "Truth")
    check_alike(*pair)
    return pair


def as_label_volume(labels: Volume | Array, what: str) -> Volume:
    """Labels as a volume of axes yx or zyx; a plain array has its sections first.

    Boundary and background that were painted for training are read as 0.

    Raises:
        ValueError: it has other axes; `what` names the labels in the message.
    """
    volume = labels if isinstance(labels, Volume) else _framed(np.asarray(labels), what)
    if volume.axes not in ("yx", "zyx"):
        raise ValueError(
            f"{what} have the axes '{volume.axes}'; score labels of axes 'yx' or 'zyx'."
        )
    return without_marks(volume) if is_painted(volume.frame) else volume


def check_alike(labels: Volume, truth: Volume) -> None:
    """Nothing, where the two lie on the same voxels.

    Raises:
        ValueError: shapes or voxel sizes differ; both are named.
    """
    if stack_shape(labels) != stack_shape(truth):
        raise ValueError(
            f"Labels of shape {labels.shape} and truth of shape {truth.shape} differ; "
            "cut or resample one of them."
        )
    for axis in "zyx":
        ours, theirs = step_nm(labels.frame, axis), step_nm(truth.frame, axis)
        if ours and theirs and not math.isclose(ours, theirs, rel_tol=1e-3):
            raise ValueError(
                f"Labels of voxel size {labels.frame.scale} {labels.frame.units} and truth of "
                f"voxel size {truth.frame.scale} {truth.frame.units} differ along {axis}; "
                "resample one of them or correct its scale."
            )


def stack_shape(volume: Volume) -> tuple[int, int, int]:
    """(sections, rows, columns); a section counts as a stack of one."""
    return (volume.size("z"), volume.size("y"), volume.size("x"))


def _framed(labels: Array, what: str) -> Volume:
    if labels.ndim not in (2, 3):
        raise ValueError(
            f"{what} of shape {labels.shape} have {labels.ndim} axes; score labels of 2 or 3."
        )
    return Volume(labels, Frame("zyx"[3 - labels.ndim :]))
