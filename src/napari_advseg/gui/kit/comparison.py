"""What the Score dock shows, found on threads: scores, the list of errors, masks of single objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from napari_advseg.examples.classes import FEW, MOST, look_like_cells
from napari_advseg.gui.compute.checks import why_other_pixels
from napari_advseg.gui.compute.handover import GivenUp, Stopped, taken
from napari_advseg.napari_io import LayerData, small
from napari_advseg.progress import Phase, Report
from napari_advseg.scoring.finding.locate import Errors, Site, WrongObject, error_map, locate
from napari_advseg.scoring.measures.instances import Score, score
from napari_advseg.scoring.measures.objects import ObjectScore, object_score
from napari_advseg.scoring.measures.semantic import (
    SemanticScore,
    class_values,
    semantic_score,
    void_of,
)
from napari_advseg.scoring.table.pair import paired
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.painted import classes_of
from napari_advseg.volume.volume import Array, Volume

MOST_ROWS = 20_000
MARGIN = 12
LEAST_SIDE, MOST_SIDE = 192, 2048
MOST_VOXELS = 1 << 25
THICK = 2

DISPLACED = "The layers lie at different places; they are compared voxel by voxel all the same."

NO_CLASSES = f"The layers hold more than {MOST} values, which are cells and no classes: the other tabs are for them."
LIKE_CELLS = "The values look like cells. If they are, these numbers mean nothing: the other tabs are for cells."
AS_CLASSES = "Each value is taken as a class, 0 too; the pixels of all sections count together."
NO_PIXEL = "No pixel of the truth counts, so there is nothing to compare."

What = Literal["site", "truth", "labels"]
Span = tuple[int, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Side:
    """A labels layer as it was when it was compared, and where it lies in the viewer."""

    volume: Volume
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    units: Any
    axis_labels: tuple[str, ...]

    def placed(self, start: tuple[int, ...]) -> dict[str, Any]:
        """Attributes of a layer whose first voxel is voxel `start` of this one."""
        steps = zip(self.scale, self.translate, start[-len(self.scale) :], strict=True)
        return {
            "scale": self.scale,
            "translate": [origin + step * index for step, origin, index in steps],
            "units": self.units,
            "axis_labels": self.axis_labels,
        }

    def world(self, place: tuple[float, ...]) -> tuple[float, ...]:
        """Where a place in voxels (z, y, x) lies, along the axes of the layer."""
        steps = zip(self.scale, self.translate, place[-len(self.scale) :], strict=True)
        return tuple(origin + step * index for step, origin, index in steps)


def side_of(layer: Any) -> Side:
    """A labels layer, without a copy of its data.

    Raises:
        ValueError: its axes cannot be told, or it is rotated.
    """
    volume = taken(layer)
    count = len(volume.axes)
    return Side(
        volume,
        tuple(map(float, layer.scale[-count:])),
        tuple(map(float, layer.translate[-count:])),
        tuple(layer.units[-count:]),
        tuple(layer.axis_labels[-count:]),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One error: a contact (`site`), a true object or a predicted one.

    Attributes:
        gain: bits of VOI.
        labels, truth: the ids that it is about.
        size: faces of a contact, voxels of an object.
        box: (z0, z1), (y0, y1), (x0, x1) in voxels, half open.
        point: (z, y, x) of a voxel in it.
    """

    what: What
    kind: Literal["split", "merge"]
    gain: float
    labels: tuple[int, ...]
    truth: tuple[int, ...]
    section: int | None
    size: int
    box: tuple[Span, Span, Span]
    point: tuple[int, int, int]

    @property
    def ids(self) -> str:
        """The ids as a table has room for: both sides of a contact, the id of an object."""
        sides = self.truth if self.what == "site" and self.kind == "merge" else self.labels
        return " + ".join(map(str, sides or self.truth))

    @property
    def words(self) -> str:
        """The error and what would mend it, as a sentence."""
        labels, truth = (" and ".join(map(str, ids)) for ids in (self.labels, self.truth))
        match self.what, self.kind:
            case "site", "split":
                said = f"Labels {labels} meet inside the true object {truth}: join them"
            case "site", _:
                said = f"The true objects {truth} meet inside label {labels}: cut it there"
            case "truth", "split":
                said = f"The true object {truth} is cut into several labels: make it one"
            case "truth", _:
                said = f"The true object {truth} is joined with others: cut it off"
            case _, "split":
                said = f"Label {labels} is a piece of a true object that was cut"
            case _:
                said = f"Label {labels} covers several true objects: cut it along them"
        return f"{said}. VOI falls by {self.gain:.4g} bits."


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """Labels compared with the truth.

    Attributes:
        rows: contacts and objects whose mending gains something, those of largest gain first.
        sites_found, objects_found: how many there are; a long list is cut.
    """

    labels: Side
    truth: Side
    settings: ScoringSettings
    score: Score
    rows: tuple[Row, ...]
    sites_found: int
    objects_found: int


def why_not(labels: Any, truth: Any) -> str:
    """Why these layers (None where none is chosen) cannot be compared; empty where they can."""
    if labels is None or truth is None:
        return "Choose two labels layers: the labels, and the truth on the same voxels."
    if labels is truth:
        return "Labels and truth are the same layer; open the other one too."
    try:
        pair = paired(taken(labels), taken(truth))
    except ValueError as error:
        return str(error)
    return why_other_pixels(*pair)


def remark(labels: Side, truth: Side) -> str:
    """What to know before these are compared; empty where there is nothing."""
    backwards = zip(
        *(values[::-1] for values in (labels.scale, labels.translate, truth.translate)),
        strict=False,
    )
    apart = any(abs(ours - theirs) > abs(step) / 2 for step, ours, theirs in backwards)
    return DISPLACED if apart else ""


def score_alone(labels: Side, truth: Side, settings: ScoringSettings) -> Score:
    """The numbers of `compare` without the errors, which take longer to find."""
    return score(labels.volume, truth.volume, settings)


def compare(
    labels: Side,
    truth: Side,
    settings: ScoringSettings,
    stopped: Stopped,
    tell: Callable[[Report], object],
) -> dict[str, Any]:
    """Scores and errors under the name "comparison".

    Raises:
        ValueError: the two cannot be compared, or it was stopped.
    """
    tell(Phase("comparing", 0))
    errors = locate(labels.volume, truth.volume, settings)
    if stopped():
        raise GivenUp("Stopped.")
    found = Comparison(
        labels,
        truth,
        settings,
        errors.score,
        rows_of(errors.top(MOST_ROWS)),
        errors.sites_found,
        errors.objects_found,
    )
    return {"comparison": found}


def rows_of(errors: Errors) -> tuple[Row, ...]:
    """Sites and objects as rows of one table, largest gain first."""
    rows = [_of_site(site) for site in errors.sites]
    rows += [_of_object(one) for one in errors.objects if one.gain > 0]
    return tuple(sorted(rows, key=lambda row: -row.gain))


def _of_site(site: Site) -> Row:
    return Row(
        "site",
        site.kind,
        site.gain,
        site.labels,
        site.truth,
        site.section,
        site.contact,
        site.box,
        site.point,
    )


def _of_object(one: WrongObject) -> Row:
    ids = (one.id,)
    is_true = one.side == "truth"
    return Row(
        one.side,
        "split" if one.split >= one.merge else "merge",
        one.gain,
        () if is_true else ids,
        ids if is_true else (),
        one.section,
        one.size,
        one.box,
        one.point,
    )


def count_objects(found: Comparison) -> ObjectScore:
    """The objects of the same layers compared; takes longer than the score itself."""
    return object_score(found.labels.volume, found.truth.volume, found.settings)


@dataclasses.dataclass(frozen=True)
class Classes:
    """The same layers as maps of classes.

    Attributes:
        score: None where they hold no classes.
        words: what to know of it.
        names: what the classes are called, where a layer says so.
    """

    score: SemanticScore | None
    words: str
    names: dict[int, str] = dataclasses.field(default_factory=dict)


def compare_classes(found: Comparison) -> Classes:
    """Accuracy and IoU by class, without what stands for nothing in the truth (`void_of`).

    Raises:
        ValueError: a layer holds no whole numbers.
    """
    pair = found.labels.volume, found.truth.volume
    true = class_values(pair[1])
    every = class_values(*pair)
    if every is None or true is None:
        return Classes(None, NO_CLASSES)
    void = void_of(true, [pair[1].frame])
    score = semantic_score(*pair, ignore=void.value if void else None)
    if not score.scored:
        return Classes(None, NO_PIXEL)
    sections = [range(one.size("z")) for one in pair]
    is_doubtful = len(every) > FEW and look_like_cells(pair, sections)
    words = LIKE_CELLS if is_doubtful else AS_CLASSES
    names = {**classes_of(pair[0].frame), **classes_of(pair[1].frame)}
    return Classes(score, f"{words} {void.words}." if void else words, names)


def words_of(found: Comparison) -> str:
    """How much is wrong: "1,204 contacts and 310 objects are wrong; click one to go there."."""
    sites, objects = found.sites_found, found.objects_found
    if not found.rows:
        return "Nothing is wrong on the scored pixels." if found.score.scored else ""
    listed = f" The {MOST_ROWS:,} worst of each are listed." if sites > MOST_ROWS else ""
    return (
        f"{sites:,} contacts are wrong, among {objects:,} objects.{listed} Click one to go there."
    )


def place(
    found: Comparison, row: Row
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Both corners of what to look at and a point in it, in world coordinates."""
    window = (row.box[0], *(_widened(span, LEAST_SIDE) for span in row.box[1:]))
    low, high = (tuple(span[end] - 0.5 for span in window) for end in (0, 1))
    world = found.labels.world
    return world(low), world(high), world(row.point)


def highlight(found: Comparison, row: Row) -> LayerData:
    """Outlines of the objects of a row: 1 for the first, 2 for a second, in a box around them.

    They are looked for in the box of an object, and `MOST_SIDE` pixels around a contact; by volume in as many
    sections around the point as `MOST_VOXELS` allow.
    """
    side = _told_apart(found, row)
    ids = row.labels if side is found.labels else row.truth
    array = side.volume.array
    window = _window(row, found)[-len(array.shape) :]
    cut = np.asarray(array[tuple(slice(*span) for span in window)])
    mask: Array = np.zeros(cut.shape, np.uint8)
    for number, one in enumerate(ids, 1):
        mask[cut == one] = number
    lines = outlines(mask)
    inside = [slice(0, len(mask))] if mask.ndim > len("yx") else []
    inside += [_extent(lines, axis) for axis in (mask.ndim - 2, mask.ndim - 1)]
    start = tuple(first + one.start for (first, _), one in zip(window, inside, strict=True))
    return np.ascontiguousarray(lines[tuple(inside)]), side.placed(start), "labels"


def outlines(mask: Array) -> Array:
    """The pixels of each number that are at most `THICK` from another along a row or column."""
    edge = np.zeros(mask.shape, np.bool_)
    for step in range(1, THICK + 1):
        for ahead, behind in (
            (np.s_[..., step:, :], np.s_[..., :-step, :]),
            (np.s_[..., step:], np.s_[..., :-step]),
        ):
            differs = mask[ahead] != mask[behind]
            edge[ahead] |= differs
            edge[behind] |= differs
    return np.where(edge, mask, 0).astype(mask.dtype)


def _extent(lines: Array, axis: int) -> slice:
    """From the first to the last place along an axis where there is something; all of it where there is nothing."""
    others = tuple(other for other in range(lines.ndim) if other != axis)
    there = np.flatnonzero(lines.any(axis=others))
    return slice(int(there[0]), int(there[-1]) + 1) if len(there) else slice(0, lines.shape[axis])


def _told_apart(found: Comparison, row: Row) -> Side:
    """The side whose ids the row sets against each other."""
    if row.what == "site":
        return found.labels if row.kind == "split" else found.truth
    return found.labels if row.what == "labels" else found.truth


def _window(row: Row, found: Comparison) -> tuple[Span, Span, Span]:
    least = MOST_SIDE if row.what == "site" else 0
    wide = (_widened(span, least) for span in row.box[1:])
    sides = zip(wide, found.labels.volume.shape[-2:], strict=True)
    y, x = ((max(0, first), min(end, length)) for (first, end), length in sides)
    reach = max(1, MOST_VOXELS // ((y[1] - y[0]) * (x[1] - x[0])))
    (first, end), middle = row.box[0], row.point[0]
    if row.what == "site" and row.section is None:
        first, end = 0, found.labels.volume.size("z")
    z = max(first, middle - reach // 2), min(end, middle + (reach + 1) // 2)
    return z, y, x


def _widened(span: Span, least: int) -> Span:
    """A stretch of the box with a margin on either side, at least so many pixels long."""
    extra = max(MARGIN, (least - (span[1] - span[0])) // 2)
    return span[0] - extra, span[1] + extra


def overlay(found: Comparison) -> LayerData:
    """The errors painted, as labels 1 to 4; in memory unless they are large."""
    painted = error_map(found.labels.volume, found.truth.volume, found.settings)
    array = painted.numpy() if small(painted) else painted.array
    start = (0,) * len(painted.shape)
    return array, found.labels.placed(start), "labels"
