"""What was done to labels, as it lies in the folder of a journal: whole steps in order, and whose labels they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_advseg.proofreading.store.identity import Identity
from napari_advseg.proofreading.store.log import logs_in
from napari_advseg.proofreading.store.steps import Note, Step, Turn
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.refusals import Unreadable

ENDING = ".proofreading"
LABELS, AFTER, SOURCE, FRAME = "labels", "after", "source", "frame"

Done = Step | Turn


class OtherLabels(ValueError):
    """The journal belongs to other labels than those that were opened."""


@dataclasses.dataclass(frozen=True, eq=False)
class Kept:
    """A journal of proofreading as it was found.

    Attributes:
        identity: of the labels that it belongs to.
        source: the file they were read from; "" where there was none.
        frame: where they lie.
        records: steps and turns in their order, up to the last one that is whole.
        notes: what else was to be remembered.
        left_out: records that stand behind damage and do not count.
        is_torn: whether the last record was being written when the program was killed.
    """

    folder: Path
    identity: Identity
    source: str
    frame: Frame
    records: tuple[Done, ...]
    notes: tuple[Note, ...] = ()
    left_out: int = 0
    is_torn: bool = False

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that count: done, and not taken back."""
        return effective(self.records)[0]

    @property
    def warning(self) -> str:
        """What of it is lost, for the user; "" where nothing is."""
        if not self.left_out:
            return ""
        return (
            f"The journal '{self.folder}' is damaged: {self.left_out} later edits cannot be used, the labels are as "
            f"after edit {len(self.records)}. Restore its files from a copy to have them back."
        )

    def check(self, found: Identity) -> None:
        """Nothing, where the labels that were opened are those of the journal.

        Raises:
            OtherLabels: they are not; both are named.
        """
        if found != self.identity:
            raise OtherLabels(
                f"The journal '{self.folder}' belongs to other labels ({self.identity.words}"
                f"{f', {self.source}' if self.source else ''}) than these ({found.words}). Open those, choose another "
                "folder for the journal, or replay it: napari-advseg journal replay."
            )


def kept_in(folder: Path) -> Kept | None:
    """The journal in a folder; None where there is none.

    A file counts only where it goes on from all before it: after damage, what was done on top of what is lost does not.

    Raises:
        Unreadable: it holds something else, or comes from a newer version.
    """
    found = logs_in(folder)
    if not found:
        return None
    first = found[0].about
    if LABELS not in first:
        raise Unreadable(
            f"'{folder}' holds annotations and no proofreading; choose another folder."
        )
    records: list[Done] = []
    notes: list[Note] = []
    left_out, is_torn = 0, False
    for log in found:
        steps = [one for one in log.records if isinstance(one, Step | Turn)]
        sound = [one for one in log.records[: log.sound] if isinstance(one, Step | Turn)]
        is_next = log.about.get(AFTER) == len(records) and log.about.get(LABELS) == first[LABELS]
        left_out += len(steps) + log.damaged - (len(sound) if is_next else 0)
        records += sound if is_next else []
        notes += [one for one in log.records if isinstance(one, Note)]
        is_torn = log.is_torn
    return Kept(
        folder,
        _identity(first[LABELS], folder),
        str(first.get(SOURCE, "")),
        frame_of(first.get(FRAME, {})),
        tuple(records),
        tuple(notes),
        left_out,
        is_torn,
    )


def effective(records: Iterable[Done]) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """The steps that count, and those that were taken back and may be done again, the next one last."""
    done: list[Step] = []
    undone: list[Step] = []
    for record in records:
        if isinstance(record, Step):
            done.append(record)
            undone.clear()
        elif record.again and undone:
            done.append(undone.pop())
        elif not record.again and done:
            undone.append(done.pop())
    return tuple(done), tuple(undone)


def beside(path: Path) -> Path:
    """Where the journal of labels in a file lies, where nobody says otherwise."""
    stem = path.name
    for ending in (path.suffix, ".ome"):
        stem = stem.removesuffix(ending)
    return path.with_name((stem or path.name) + ENDING)


def heading(identity: Identity, source: str, frame: Frame, after: int) -> dict[str, Any]:
    """What a file of the journal says of the labels it belongs to."""
    place = {"axes": frame.axes, "scale": frame.scale, "units": frame.units, "name": frame.name}
    return {
        LABELS: identity.to_json(),
        SOURCE: source,
        FRAME: {**place, "translate": frame.translate},
        AFTER: after,
    }


def frame_of(place: dict[str, Any]) -> Frame:
    """The frame that a heading says."""
    return Frame(
        str(place.get("axes", "zyx")),
        tuple(place.get("scale", ())),
        tuple(place.get("units", ())),
        tuple(place.get("translate", ())),
        str(place.get("name", "")),
    )


def _identity(tree: dict[str, Any], folder: Path) -> Identity:
    try:
        return Identity(tuple(tree["shape"]), str(tree["dtype"]), str(tree["fingerprint"]))
    except (KeyError, TypeError) as fault:
        raise Unreadable(
            f"'{folder}' does not say whose labels it belongs to ({fault})."
        ) from fault
