"""Labels against truth: sections through one contingency table into a Score."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from napari_advseg.labelling.by_section import in_order, read_sections
from napari_advseg.scoring.boundary import grow_nearest, near_change
from napari_advseg.scoring.contingency import Contingency, as_ids, contingency, merged
from napari_advseg.scoring.information import variation_of_information
from napari_advseg.scoring.rand import adapted_rand_error
from napari_advseg.settings.override import override
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Array, Volume

NANOMETERS = {
    "angstrom": 0.1,
    "nanometer": 1.0,
    "micrometer": 1e3,
    "millimeter": 1e6,
    "centimeter": 1e7,
    "meter": 1e9,
}


@dataclasses.dataclass(frozen=True)
class Score:
    """How far labels are from the truth; 0 is perfect for every value but `scored`.

    Attributes:
        voi_split: H(labels | truth) in bits: true objects that were cut.
        voi_merge: H(truth | labels) in bits: true objects that were joined.
        voi: their sum.
        adapted_rand_error: in [0, 1].
        cremi_score: sqrt(voi * adapted_rand_error); by section the mean of the sections' own
            values.
        ignored_fraction: of the truth pixels that `zero` and `border` leave in, the share that the
            boundary handling
            drops: with "ignore" those with predicted 0, otherwise none, so 0.
        border_fraction: of the truth pixels that `zero` leaves in, the share that the border mask
            takes out.
        scored: number of truth pixels that were compared.
        settings: how it was measured.
        sections: by section, the score of each section in order. The values above are means over
            the sections with scored pixels, ignored_fraction over those with pixels left in by
            `zero` and `border`, border_fraction over those with pixels left in by `zero`; `scored`
            is the sum. Empty when scored by volume.
        flattering: the same with predicted 0 ignored; None where that is the headline already.
    """

    VALUES: ClassVar[tuple[str, ...]] = (
        "voi_split",
        "voi_merge",
        "voi",
        "adapted_rand_error",
        "cremi_score",
        "ignored_fraction",
        "border_fraction",
    )

    voi_split: float
    voi_merge: float
    voi: float
    adapted_rand_error: float
    cremi_score: float
    ignored_fraction: float
    border_fraction: float
    scored: int
    settings: ScoringSettings
    sections: tuple[Score, ...] = ()
    flattering: Score | None = None

    def values(self) -> dict[str, Any]:
        """The numbers alone, by name."""
        return {**{name: getattr(self, name) for name in self.VALUES}, "scored": self.scored}

    def to_json(self) -> dict[str, Any]:
        """The score as plain JSON, under the names of its attributes."""
        return {
            **_numbers(self),
            "settings": self.settings.model_dump(mode="json"),
            "sections": [_numbers(section) for section in self.sections],
        }


def score(
    labels: Volume | Array,
    truth: Volume | Array,
    settings: ScoringSettings | None = None,
    **fields: Any,
) -> Score:
    """How far `labels` are from `truth`, both integer ids of shape (y, x) or (z, y, x).

    Keywords are fields of the settings and win over them. Sections are read and counted one by one,
    so a volume on disk is never held whole. Where no truth pixel is scored, every value is exactly
    0 and `scored` is 0. A section without any label has nothing that could grow, so its 0 stays:
    one label for VOI, singletons for the Rand error. Where `zero` is "background", 0 is an object
    on both sides, so "thin" grows nothing.

    Raises:
        ValueError: shapes or voxel sizes differ, ids are negative or fractional, or a keyword is no
            setting.
    """
    chosen = override(ScoringSettings, settings, fields)
    pair = as_label_volume(labels, "Labels"), as_label_volume(truth, "Truth")
    check_alike(*pair)
    counted = list(_count_sections(*pair, chosen))
    if chosen.by == "volume":
        return _measured(_Counted.sum(counted), chosen)
    return _mean([_measured(one, chosen) for one in counted], chosen)


def _numbers(measured: Score) -> dict[str, Any]:
    beside = measured.flattering
    return {**measured.values(), "flattering": beside.values() if beside else None}


@dataclasses.dataclass(frozen=True, eq=False)
class _Counted:
    """Tables of some sections: as the settings want them, and with predicted 0 as it stands."""

    headline: Contingency
    plain: Contingency
    eligible: int

    @staticmethod
    def sum(parts: list[_Counted]) -> _Counted:
        headline = merged(part.headline for part in parts)
        same = all(part.headline is part.plain for part in parts)
        plain = headline if same else merged(part.plain for part in parts)
        return _Counted(headline, plain, sum(part.eligible for part in parts))


def as_label_volume(labels: Volume | Array, what: str) -> Volume:
    """Labels as a volume of axes yx or zyx; a plain array has its sections first.

    Raises:
        ValueError: it has other axes; `what` names the labels in the message.
    """
    volume = labels if isinstance(labels, Volume) else _framed(np.asarray(labels), what)
    if volume.axes not in ("yx", "zyx"):
        raise ValueError(
            f"{what} have the axes '{volume.axes}'; score labels of axes 'yx' or 'zyx'."
        )
    return volume


def _framed(labels: Array, what: str) -> Volume:
    if labels.ndim not in (2, 3):
        raise ValueError(
            f"{what} of shape {labels.shape} have {labels.ndim} axes; score labels of 2 or 3."
        )
    return Volume(labels, Frame("zyx"[3 - labels.ndim :]))


def check_alike(labels: Volume, truth: Volume) -> None:
    """Nothing, where the two lie on the same voxels.

    Raises:
        ValueError: shapes or voxel sizes differ; both are named.
    """
    if _stack_shape(labels) != _stack_shape(truth):
        raise ValueError(
            f"Labels of shape {labels.shape} and truth of shape {truth.shape} differ; "
            "cut or resample one of them."
        )
    ours, theirs = _size_nm(labels.frame), _size_nm(truth.frame)
    for axis in set(ours) & set(theirs):
        if not math.isclose(ours[axis], theirs[axis], rel_tol=1e-3):
            raise ValueError(
                f"Labels of voxel size {labels.frame.scale} {labels.frame.units} and truth of "
                f"voxel size {truth.frame.scale} {truth.frame.units} differ along {axis}; "
                "resample one of them or correct its scale."
            )


def _stack_shape(volume: Volume) -> tuple[int, ...]:
    return (volume.size("z"), *volume.shape[-2:])


def _size_nm(frame: Frame) -> dict[str, float]:
    """Voxel size along the axes whose unit is known."""
    steps = zip(frame.axes, frame.scale, frame.units, strict=True)
    return {axis: step * NANOMETERS[unit] for axis, step, unit in steps if unit in NANOMETERS}


def _count_sections(labels: Volume, truth: Volume, settings: ScoringSettings) -> Iterator[_Counted]:
    pairs = zip(read_sections(labels), read_sections(truth), strict=True)
    return in_order(lambda pair: _count_section(*pair, settings), pairs)


def _count_section(labels: Array, truth: Array, settings: ScoringSettings) -> _Counted:
    labels, truth = as_ids(labels, "Labels"), as_ids(truth, "Truth")
    eligible = truth != 0 if settings.zero == "boundary" else np.ones(truth.shape, np.bool_)
    keep = eligible & ~near_change(truth, settings.border)
    plain = contingency(labels, truth, keep)
    count = int(np.count_nonzero(eligible))
    if settings.boundary == "ignore":
        return _Counted(plain.labelled(), plain, count)
    if settings.boundary == "count" or settings.zero == "background" or not plain.unlabelled:
        return _Counted(plain, plain, count)
    return _Counted(contingency(grow_nearest(labels), truth, keep), plain, count)


def _measured(counted: _Counted, settings: ScoringSettings) -> Score:
    """The score of one table, with the flattering one beside it."""
    if settings.boundary == "ignore":
        return _valued(counted.headline, counted, settings)
    ignoring = settings.changed(boundary="ignore")
    flattering = _valued(counted.plain.labelled(), counted, ignoring)
    return dataclasses.replace(_valued(counted.headline, counted, settings), flattering=flattering)


def _valued(table: Contingency, counted: _Counted, settings: ScoringSettings) -> Score:
    split, merge = variation_of_information(table)
    rand = adapted_rand_error(table, settings.rand, background=settings.zero == "background")
    inside, scored = counted.plain.total, table.total
    return Score(
        voi_split=split,
        voi_merge=merge,
        voi=split + merge,
        adapted_rand_error=rand,
        cremi_score=math.sqrt((split + merge) * rand),
        ignored_fraction=(inside - scored) / inside if inside else 0.0,
        border_fraction=(counted.eligible - inside) / counted.eligible if counted.eligible else 0.0,
        scored=scored,
        settings=settings,
    )


def _mean(sections: list[Score], settings: ScoringSettings) -> Score:
    """Mean over the sections that have something to say about a value."""
    flattering = [section.flattering for section in sections if section.flattering is not None]
    scored = [one for one in sections if one.scored]
    inside = [one for one in sections if one.scored or one.ignored_fraction]
    eligible = [
        one for one in sections if one.scored or one.ignored_fraction or one.border_fraction
    ]
    among = {"ignored_fraction": inside, "border_fraction": eligible}
    means = {
        name: _average([getattr(one, name) for one in among.get(name, scored)])
        for name in Score.VALUES
    }
    return Score(
        **means,
        scored=sum(section.scored for section in sections),
        settings=settings,
        sections=tuple(sections),
        flattering=_mean(flattering, flattering[0].settings) if flattering else None,
    )


def _average(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
