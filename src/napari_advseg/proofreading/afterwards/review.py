"""The record of a review: how long it took, what was done, what is reviewed, and what that changed in the score."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from napari_advseg.disk.atomic import replace_file
from napari_advseg.proofreading.editing.boxes import Boxes, size
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.editing.reviewed import after
from napari_advseg.proofreading.store.kept import Kept
from napari_advseg.proofreading.store.steps import Step
from napari_advseg.scoring.measures.instances import Score, score
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.volume import Volume

PAUSE = timedelta(minutes=5)
"""Nobody is taken to have worked between two edits that lie further apart."""
VALUES = {
    "voi_split": "VOI split (bits)",
    "voi_merge": "VOI merge (bits)",
    "voi": "VOI (bits)",
    "adapted_rand_error": "Adapted Rand error",
    "cremi_score": "CREMI score",
}
COLUMNS = ("part", "name", "value")
TABLE, TEXT = "review.csv", "review.md"


@dataclasses.dataclass(frozen=True)
class Scored:
    """The score against a truth before the first edit and after the last."""

    before: Score
    after: Score


@dataclasses.dataclass(frozen=True)
class Record:
    """What a journal tells of a review.

    Attributes:
        labels: the file that was proofread; "" where there was none.
        authors: who worked on it, as far as they are named.
        first, last: when the first and the last edit were made, ISO 8601; "" where there is none.
        active: time between edits, undos and notes, but for pauses; what came before the first one is not known.
        pauses: how often more than five minutes passed without any.
        edits: how many of each kind count.
        taken_back: how many undos there were.
        objects: how many objects are marked as correct.
        boxes: what else is reviewed.
        voxels: of the labels.
        scored: against the truth, where there is one.
    """

    labels: str
    authors: tuple[str, ...]
    first: str
    last: str
    active: timedelta
    pauses: int
    edits: dict[str, int]
    taken_back: int
    objects: int
    boxes: Boxes
    voxels: int
    scored: Scored | None = None

    @property
    def share(self) -> float:
        """The part of the labels that lies in reviewed boxes."""
        return size(self.boxes) / self.voxels

    def rows(self) -> list[tuple[str, str, Any]]:
        """The table: part, name, value."""
        found: list[tuple[str, str, Any]] = [
            ("time", "first", self.first),
            ("time", "last", self.last),
            ("time", "active_s", round(self.active.total_seconds(), 1)),
            ("time", "pauses", self.pauses),
            *(("edits", kind, count) for kind, count in self.edits.items()),
            ("edits", "all", sum(self.edits.values())),
            ("edits", "taken_back", self.taken_back),
            ("reviewed", "objects", self.objects),
            ("reviewed", "boxes", len(self.boxes)),
            ("reviewed", "box_voxels", size(self.boxes)),
            ("reviewed", "box_share", round(self.share, 6)),
        ]
        if self.scored is not None:
            for part, one in (("before", self.scored.before), ("after", self.scored.after)):
                found += [(part, name, round(getattr(one, name), 6)) for name in VALUES]
        return found

    def to_json(self) -> dict[str, dict[str, Any]]:
        """The table as plain JSON: parts with their values by name."""
        found: dict[str, dict[str, Any]] = {}
        for part, name, value in self.rows():
            found.setdefault(part, {})[name] = value
        return found

    def csv(self) -> str:
        """The table as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([COLUMNS, *self.rows()])
        return text.getvalue()

    def markdown(self) -> str:
        """The record to read."""
        whose = f" by {', '.join(self.authors)}" if self.authors else ""
        kinds = "\n".join(f"| {kind} | {count} |" for kind, count in self.edits.items())
        return f"""# Review of {self.labels or "labels"}

{_spelled(self.active)} of work{whose}{_when(self)}.
Gaps of more than {_spelled(PAUSE)} between two edits do not count ({self.pauses} of them),
nor does what came before the first edit.

| edit | count |
|---|---|
{kinds}
| all | {sum(self.edits.values())} |

Undos, not counted above: {self.taken_back}.

Reviewed: {self.objects} objects marked as correct, {len(self.boxes)} boxes with {size(self.boxes):,} voxels \
({100 * self.share:.3g} % of the labels).
{_compared(self.scored)}"""


def record_of(
    kept: Kept,
    proof: Proof | None = None,
    truth: Volume | None = None,
    settings: ScoringSettings | None = None,
    **fields: Any,
) -> Record:
    """The record of a journal; with the labels that it belongs to and a truth, the score too.

    Keywords are fields of the settings and win over them.

    Raises:
        ValueError: the truth does not lie on the voxels of the labels, or labels nothing.
    """
    steps = kept.steps
    locked: set[int] = set()
    boxes: Boxes = ()
    for step in steps:
        boxes = after(step, locked, boxes)
    everything = (*kept.records, *kept.notes)
    times = sorted(datetime.fromisoformat(one.time) for one in everything if one.time)
    gaps = [later - sooner for sooner, later in pairwise(times)]
    scored = None
    if proof is not None and truth is not None:
        both = (score(one, truth, settings, **fields) for one in (proof.base, proof.volume))
        scored = Scored(*both)
        if not scored.after.scored:
            raise ValueError(
                "The truth has no labelled pixel to compare with; choose the true labels of this image."
            )
    return Record(
        labels=kept.source,
        authors=tuple(dict.fromkeys(one.author for one in everything if one.author)),
        first=times[0].isoformat() if times else "",
        last=times[-1].isoformat() if times else "",
        active=sum((gap for gap in gaps if gap <= PAUSE), timedelta()),
        pauses=sum(gap > PAUSE for gap in gaps),
        edits=by_kind(steps),
        taken_back=sum(not isinstance(one, Step) and not one.again for one in kept.records),
        objects=len(locked),
        boxes=boxes,
        voxels=size([tuple((0, length) for length in kept.identity.shape)]),
        scored=scored,
    )


def by_kind(steps: Iterable[Step]) -> dict[str, int]:
    """How many steps there are of each kind, the most frequent first."""
    return dict(Counter(step.operation for step in steps).most_common())


def write_record(record: Record, folder: Path) -> tuple[Path, Path]:
    """The record as Markdown and CSV in a folder, in place of an older one; where they stand."""
    text, table = folder / TEXT, folder / TABLE
    replace_file(text, record.markdown().encode())
    replace_file(table, record.csv().encode())
    return text, table


def _compared(scored: Scored | None) -> str:
    if scored is None:
        return ""
    rows = "\n".join(
        f"| {words} | {getattr(scored.before, name):.4f} | {getattr(scored.after, name):.4f} |"
        for name, words in VALUES.items()
    )
    how = scored.after.settings
    return f"""
| score | before | after |
|---|---|---|
{rows}

By {how.by}, boundary {how.boundary}, border of {how.border} px left out; 0 is perfect.
"""


def _when(record: Record) -> str:
    """From when to when."""
    return f", {record.first[:16]} to {record.last[:16]} (UTC)" if record.first else ""


def _spelled(time: timedelta) -> str:
    """For example "1 h 12 min", "3 min" or "40 s"."""
    minutes, seconds = divmod(round(time.total_seconds()), 60)
    if not minutes:
        return f"{seconds} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
