"""Labels against truth: sections through one contingency table into a Score."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.measures.information import variation_of_information
from napari_advseg.scoring.measures.rand import adapted_rand_error
from napari_advseg.scoring.table.boundary import grow_nearest, near_change
from napari_advseg.scoring.table.contingency import (
    Contingency,
    as_ids,
    contingency,
    merged,
    tabulate,
)
from napari_advseg.scoring.table.pair import as_label_volume, check_alike, paired
from napari_advseg.scoring.table.tally import Tally
from napari_advseg.settings.override import override
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.by_section import in_order, read_pairs
from napari_advseg.volume.synthetic_voxels import LEFT_OUT, known_pair
from napari_advseg.volume.volume import Array, Volume

__all__ = ["Score", "as_label_volume", "check_alike", "score", "scored_table"]


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
    pair = known_pair(*paired(labels, truth))
    if chosen.by == "volume":
        return _measured(_counted_whole(chosen, pair), chosen)
    work = partial(_scored, chosen, is_masked=pair[1].synthetic is not None)
    return _mean(list(in_order(work, read_pairs(*pair))), chosen)


def scored_table(
    labels: Volume | Array,
    truth: Volume | Array,
    settings: ScoringSettings | None = None,
    **fields: Any,
) -> Contingency:
    """The table behind `score` with `by` "volume", sorted: pairs of ids over all scored pixels.

    Raises:
        ValueError: see `score`.
    """
    chosen = override(ScoringSettings, settings, fields)
    counted = _counted_whole(chosen, known_pair(*paired(labels, truth)))
    return merged([counted.labelled, counted.rest]).in_order()


def _numbers(measured: Score) -> dict[str, Any]:
    beside = measured.flattering
    return {**measured.values(), "flattering": beside.values() if beside else None}


@dataclasses.dataclass(frozen=True, eq=False)
class _Counted:
    """Tables of some sections.

    Attributes:
        labelled: the scored pixels whose predicted id is not 0.
        rest: those whose predicted id is 0, as the boundary handling wants them.
        inside: pixels that `zero` and `border` leave in.
        eligible: pixels that `zero` leaves in.
    """

    labelled: Contingency
    rest: Contingency
    inside: int
    eligible: int

    @staticmethod
    def sum(parts: Iterable[_Counted]) -> _Counted:
        """The same of all sections, which are drawn one by one."""
        labelled, rest = Tally(), Tally()
        inside = eligible = 0
        for part in parts:
            for tally, table in ((labelled, part.labelled), (rest, part.rest)):
                tally.include(table.predicted, table.truth, table.counts)
            inside, eligible = inside + part.inside, eligible + part.eligible
        return _Counted(
            Contingency(*labelled.pairs()), Contingency(*rest.pairs()), inside, eligible
        )


def _scored(
    settings: ScoringSettings, sections: tuple[Array, Array], *, is_masked: bool = False
) -> Score:
    return _measured(_counted(settings, sections, is_masked=is_masked), settings)


def _counted_whole(settings: ScoringSettings, pair: tuple[Volume, Volume]) -> _Counted:
    is_masked = pair[1].synthetic is not None
    if settings.border or settings.edge or settings.boundary == "thin" or is_masked:
        work = partial(_counted, settings, is_masked=is_masked)
        return _Counted.sum(in_order(work, read_pairs(*pair)))
    # Nothing is looked at around a pixel, so whole chunks are counted without a mask.
    table = tabulate(*pair)
    if settings.zero == "boundary":
        table = table.where(table.truth != 0)
    rest = Contingency.empty()
    if settings.boundary == "count":
        rest = table.where(table.predicted == 0)
    return _Counted(table.labelled(), rest, table.total, table.total)


def _counted(
    settings: ScoringSettings, sections: tuple[Array, Array], *, is_masked: bool
) -> _Counted:
    known = sections[1] != LEFT_OUT if is_masked else np.ones(sections[1].shape, np.bool_)
    labels = as_ids(sections[0], "Labels")
    truth = as_ids(np.where(known, sections[1], 0) if is_masked else sections[1], "Truth")
    eligible = known if settings.zero == "background" else known & (truth != 0)
    if settings.edge:
        eligible = eligible & _edge_band(truth.shape, settings.edge)
    keep = eligible & ~near_change(truth, settings.border)
    table = contingency(labels, truth, keep)
    rest = table.where(table.predicted == 0)
    if settings.boundary == "ignore":
        rest = Contingency.empty()
    elif settings.boundary == "thin" and settings.zero == "boundary" and rest.total:
        rest = contingency(grow_nearest(labels), truth, keep & (labels == 0))
    return _Counted(table.labelled(), rest, table.total, int(np.count_nonzero(eligible)))


def _edge_band(shape: tuple[int, ...], width: int) -> npt.NDArray[np.bool_]:
    """Pixels at most `width` from the edge of a section, which itself counts."""
    band = np.ones(shape, np.bool_)
    band[width : shape[0] - width, width : shape[1] - width] = False
    return band


def _measured(counted: _Counted, settings: ScoringSettings) -> Score:
    """The score of one table, with the flattering one beside it."""
    ignoring = _valued(counted.labelled, counted, settings.changed(boundary="ignore"))
    if settings.boundary == "ignore":
        return ignoring
    if counted.rest.total:
        honest = _valued(merged([counted.labelled, counted.rest]), counted, settings)
    else:
        honest = dataclasses.replace(ignoring, settings=settings)
    return dataclasses.replace(honest, flattering=ignoring)


def _valued(table: Contingency, counted: _Counted, settings: ScoringSettings) -> Score:
    split, merge = variation_of_information(table)
    rand = adapted_rand_error(table, settings.rand, background=settings.zero == "background")
    inside, eligible, scored = counted.inside, counted.eligible, table.total
    return Score(
        voi_split=split,
        voi_merge=merge,
        voi=split + merge,
        adapted_rand_error=rand,
        cremi_score=math.sqrt((split + merge) * rand),
        ignored_fraction=(inside - scored) / inside if inside else 0.0,
        border_fraction=(eligible - inside) / eligible if eligible else 0.0,
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
