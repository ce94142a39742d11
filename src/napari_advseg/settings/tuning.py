"""Which thresholds are tried on annotated sections, and which of them counts as best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator

from napari_advseg.settings import Settings, setting

Objective = Literal["voi", "adapted_rand_error", "cremi_score", "weighted"]
Minima = Literal["depth", "distance", "number"]
Statistic = Literal["mean", "median", "quantile"]
MOST_VALUES = 1000


def parse_list(value: Any) -> Any:
    """A comma-separated text as a list, ranges FIRST:LAST:STEP written out with their last value.

    Lists, tuples and None pass through; a single number becomes a list of one.

    Raises:
        ValueError: the list is empty, or a range is none.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = [item for part in value.split(",") for item in _written_out(part.strip())]
    elif isinstance(value, (int, float)):
        value = [value]
    if not value:
        raise ValueError("the list is empty; give at least one value, for example .7,.8,.9")
    return tuple(dict.fromkeys(value))


def _written_out(part: str) -> Sequence[Any]:
    if ":" not in part:
        return [part] if part else []
    try:
        first, last, step = (float(number) for number in part.split(":"))
    except ValueError:
        raise ValueError(
            f"'{part}' is no range; write FIRST:LAST:STEP, for example .5:.95:.05"
        ) from None
    if not (math.isfinite(first) and math.isfinite(last) and step > 0 and last >= first):
        raise ValueError(f"'{part}' is no range: the step must be above 0 and LAST not below FIRST")
    count = math.floor((last - first) / step + 1e-6) + 1
    if count > MOST_VALUES:
        raise ValueError(f"'{part}' has {count} values, at most {MOST_VALUES} are tried")
    return [round(first + k * step, 6) for k in range(count)]


def within(low: float, high: float, *, open_end: bool = False) -> BeforeValidator:
    """A check that every number of a list lies in [low, high], or in [low, high) if `open_end`."""

    def check(value: Any) -> Any:
        listed = parse_list(value)
        if listed is None:
            return None
        numbers = tuple(dict.fromkeys(_number(item) for item in listed))
        for number in numbers:
            if not (low <= number < high if open_end else low <= number <= high):
                raise ValueError(
                    f"{number:g} is outside [{low:g}, {high:g}{')' if open_end else ']'}"
                )
        return numbers

    return BeforeValidator(check)


def _number(item: Any) -> float:
    try:
        return float(item)
    except (TypeError, ValueError):
        raise ValueError(f"'{item}' is no number") from None


class TuningSettings(Settings):
    """The grid of thresholds to try, and what makes one pair better than another.

    A list may be written as `.73,.80,.83` or as a range with its step, `.5:.95:.05`.
    """

    grid: Literal["wide", "thesis"] = setting(
        "wide",
        "Grid",
        "'wide' tries thresholds from .30 to .95 and then finer ones around the best; 'thesis' the 6 x 6 pairs of "
        "the published search. The lists below replace the grid's own.",
    )
    thresholds: Annotated[tuple[float, ...] | None, within(0, 1, open_end=True)] = setting(
        None, "Thresholds", "Thresholds to try; empty: those of the grid."
    )
    gaps: Annotated[tuple[float, ...] | None, within(-1, 1.01)] = setting(
        None,
        "Gap above threshold",
        "Gap thresholds to try, as distances above the threshold; 0 closes nothing. Empty: those of the grid.",
    )
    gap_thresholds: Annotated[tuple[float, ...] | None, within(0, 1.01)] = setting(
        None,
        "Gap thresholds",
        "Gap thresholds to try at every threshold, instead of distances above it.",
        was="edge_thresholds",
    )
    refine: bool | None = setting(
        None,
        "Refine",
        "Try finer thresholds around the best one at the end. Empty: only with the wide grid's own thresholds.",
    )
    minima: Annotated[tuple[Minima, ...] | None, BeforeValidator(parse_list)] = setting(
        None, "Seeds by", "Ways of choosing seeds to try; empty: the labelling's own."
    )
    radii: Annotated[tuple[int, ...] | None, within(0, 10)] = setting(
        None, "Edge neighbourhoods", "Radii to judge lines over (px); empty: the labelling's own."
    )
    statistics: Annotated[tuple[Statistic, ...] | None, BeforeValidator(parse_list)] = setting(
        None, "Edge statistics", "Statistics to judge lines by; empty: the labelling's own."
    )
    objective: Objective = setting(
        "cremi_score",
        "Make small",
        "The score that the best pair has lowest: VOI, the adapted Rand error, the CREMI score (the root of their "
        "product), or 'weighted', VOI with its merge part weighted.",
    )
    merge_weight: float = setting(
        2.0,
        "Merge weight",
        "Used by 'weighted': split + weight x merge. A larger value prefers over-segmentation, as a merge takes "
        "longer to find and to mend than a split.",
        ge=1.0,
        le=100.0,
    )

    @model_validator(mode="after")
    def _one_kind_of_gap(self) -> Self:
        if self.gaps is not None and self.gap_thresholds is not None:
            raise ValueError("give gaps or gap_thresholds, not both")
        return self
