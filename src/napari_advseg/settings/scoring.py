"""How labels are compared with the truth."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from napari_advseg.settings import Settings, setting

IOU_STEP = 0.05


class ScoringSettings(Settings):
    """Boundary handling, grouping and conventions of the instance scores."""

    by: Literal["section", "volume"] = setting(
        "section",
        "By",
        "Score each section on its own and average, or the volume as one. Ids that restart in every section "
        "mean nothing across sections: use 'section' for them.",
    )
    boundary: Literal["thin", "ignore", "count"] = setting(
        "thin",
        "Predicted boundary",
        "What happens to predicted 0: 'thin' grows the labels into it (by nearest label), 'ignore' drops it "
        "(flattering: wide walls fake a low VOI), 'count' keeps it as a label of its own (pessimistic).",
    )
    border: int = setting(
        1,
        "Border",
        "Truth pixels at most this far from a change of label in their section are left out; 0 leaves none out, "
        "1 leaves out a line 4 px wide. A larger value forgives sloppier walls.",
        unit="px",
        ge=0,
        le=100,
    )
    edge: int = setting(
        0,
        "Edge band",
        "Only truth pixels at most this far from the edge of their section are scored, where a network sees least "
        "around them; 0 scores all.",
        unit="px",
        ge=0,
        le=4096,
    )
    zero: Literal["boundary", "background"] = setting(
        "boundary",
        "0 in the truth",
        "'boundary' leaves truth 0 out of every score; 'background' scores it as an object of its own.",
    )
    rand: Literal["cremi", "snemi", "scikit-image"] = setting(
        "cremi",
        "Rand convention",
        "How predicted 0 enters the adapted Rand error: the CREMI or SNEMI convention (singletons), or scikit-image's.",
    )


class ObjectSettings(Settings):
    """When a labelled object counts as a true one, and when a boundary is in its place."""

    ious: tuple[Annotated[float, Field(gt=0, le=1)], ...] = setting(
        (0.5,),
        "IoU thresholds",
        "A labelled and a true object are the same where their intersection over union is at least this. One "
        "number, several ('0.5,0.75') or a range ('0.5:0.95', in steps of 0.05). Larger values ask for more "
        "exact outlines.",
        min_length=1,
    )
    tolerance: int = setting(
        2,
        "Boundary tolerance",
        "Boundary pixels at most this far apart within their section are the same. A larger value forgives "
        "sloppier walls.",
        unit="px",
        ge=0,
        le=100,
    )
    detections: int = setting(
        100,
        "Detections",
        "Average precision looks at this many labelled objects of a class in an image, the best first. COCO "
        "takes 100; images with more objects need more, or the rest counts as missed.",
        ge=1,
        le=10_000_000,
    )

    @field_validator("ious", mode="before")
    @classmethod
    def _read_ious(cls, value: Any) -> Any:
        """One number, or numbers and ranges as text, as the numbers in order."""
        if isinstance(value, str):
            return _several(value)
        return (value,) if isinstance(value, int | float) else value

    @field_validator("ious")
    @classmethod
    def _order_ious(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sorted(set(value)))


def _several(text: str) -> tuple[float, ...]:
    """'0.5', '0.5,0.75', '0.5:0.95' (both ends included) or '0.5:0.9:0.1' as numbers."""
    try:
        return tuple(number for part in text.split(",") for number in _range(part))
    except ValueError as error:
        raise ValueError(
            "write 0.5, or 0.5,0.75, or 0.5:0.95, or 0.5:0.9:0.1 for steps of 0.1"
        ) from error


def _range(text: str) -> tuple[float, ...]:
    first, *rest = map(float, text.split(":"))
    if not rest:
        return (first,)
    last, step = (*rest, IOU_STEP) if len(rest) == 1 else rest
    if not (0 <= first <= last <= 1 and 0.001 <= step <= 1):
        raise ValueError
    count = int((last - first) / step + 1e-6) + 1
    return tuple(round(first + k * step, 10) for k in range(count))
