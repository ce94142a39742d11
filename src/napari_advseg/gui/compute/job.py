"""A job as a dock sees it: what it is doing, how far it is, how long it still takes, and how it ended."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import dataclasses
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from qtpy.QtCore import QObject, Signal

from napari_advseg.engine import Begun, Cancelled, Failed, Finished, Heard, Lost, Reported
from napari_advseg.progress import (
    BlockDone,
    Contest,
    Phase,
    Previewed,
    Report,
    Said,
    Saved,
    StepDone,
    Strip,
    Validated,
    Warned,
)
from napari_advseg.recipes import Recipe

REDRAW_S = 0.1
CURVE_POINTS = 4000
PACE_OVER = 30

# What the phases of a segmentation count; others are called what they are.
PHASES = {
    "copy": "Copying section",
    "predict": "Predicting tile",
    "read": "Reading section",
    "label": "Labelling section",
    "link": "Linking section",
    "cut": "Cutting fragments, step",
    "fragments": "Keeping fragments, section",
    "contacts": "Weighing walls, section",
}

State = Literal["preparing", "waiting", "running", "paused", "cancelling", "ended"]
End = Finished | Cancelled | Failed | Lost
Curve = list[tuple[int, float]]


@dataclasses.dataclass(frozen=True)
class Line:
    """One sentence of the log."""

    text: str
    is_warning: bool = False


class Pace:
    """Time per piece over the last pieces; a pause does not count."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, float]] = deque(maxlen=PACE_OVER)

    def mark(self, done: int, now: float | None = None) -> None:
        """Piece `done` is finished at `now` (seconds)."""
        self._marks.append((done, time.monotonic() if now is None else now))

    def forget(self) -> None:
        """Start over: after a pause, or with other pieces."""
        self._marks.clear()

    def seconds_left(self, total: int) -> float | None:
        """Seconds until piece `total`; None before two pieces are known."""
        if len(self._marks) < 2 or self._marks[-1][0] == self._marks[0][0]:
            return None
        (first, start), (last, end) = self._marks[0], self._marks[-1]
        return max(0.0, (total - last) * (end - start) / (last - first))


class Job(QObject):
    """One recipe from the button to its end. `changed` comes at most ten times a second, `ended` once."""

    changed = Signal()
    ended = Signal(object)

    def __init__(self, kind: str, title: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.kind = kind
        self.title = title
        self.number: int | None = None
        self.recipe: Recipe | None = None
        self.waits_for = ""
        self.state: State = "preparing"
        self.phase = "preparing"
        self.done = 0
        self.total = 0
        self.log: list[Line] = []
        self.curves: dict[str, Curve] = {}
        self.contest: Contest | None = None
        self.gradients: dict[str, Curve] = {}
        self.samples: list[tuple[int, str]] = []
        self.preview: Previewed | None = None
        self.is_heard = False
        self._pace = Pace()
        self._is_new = False
        self._drawn_at = 0.0

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state == "ended"

    def take(self, message: Begun | Heard | Reported) -> None:
        """What the child says of it."""
        match message:
            case Begun():
                self._go_on()
            case Heard(_, "cancel"):
                self.is_heard = self._is_new = True
            case Reported(_, report):
                self.read(report)

    def read(self, report: Report) -> None:
        """Take in a report."""
        self._go_on()
        match report:
            case Said(text):
                self.log.append(Line(text))
            case Warned(text):
                self.log.append(Line(text, is_warning=True))
            case Phase(name, total):
                self._begin(name, total)
            case StepDone(step, steps, losses):
                self._advance("training", step, steps)
                self._draw("", step, without_echoes(losses))
            case BlockDone(phase, done, total):
                self._advance(phase, done, total)
            case Validated(step, loss, metrics):
                self._draw("validation ", step, without_echoes({"loss": loss, **metrics}))
            case Contest() | Strip() | Previewed():
                self._watch(report)
            case Saved(path, what):
                self._tell_once(Line(f"{what[:1].upper()}{what[1:]} saved to {path}"))
        self._is_new = True

    def remember(self, curves: dict[str, Curve]) -> None:
        """Put what an earlier part of this training lost before what it loses now."""
        for name, before in curves.items():
            now = self.curves.get(name, [])
            begin = now[0][0] if now else math.inf
            self.curves[name] = [point for point in before if point[0] < begin] + now
        self._is_new = True

    def say(self, text: str) -> None:
        """Add a sentence of our own to the log."""
        self.read(Said(text))

    def enter(self, state: State) -> None:
        """Go over into another state."""
        self.state = state
        if state != "running":
            self._pace.forget()
        self._is_new = True

    def end(self, how: End) -> None:
        """The job is over; says so once."""
        if self.is_over:
            return
        self.enter("ended")
        self.changed.emit()
        self.ended.emit(how)

    def flush(self, now: Callable[[], float] = time.monotonic) -> None:
        """Emit `changed` where there is something new and the last time is a tenth of a second ago."""
        if self._is_new and now() - self._drawn_at >= REDRAW_S:
            self._is_new = False
            self._drawn_at = now()
            self.changed.emit()

    def progress_words(self) -> str:
        """What the bar says: phase, k of n, time left."""
        if self.state == "preparing" and not self.total:
            return "Preparing the data"
        if self.state == "waiting":
            return (
                f"Waits for the end of: {self.waits_for}"
                if self.waits_for
                else "Starting the compute process"
            )
        if self.state == "cancelling":
            return "Stopping after the running step" if self.is_heard else "Stopping"
        count = f" {self.done} of {self.total}" if self.total else ""
        if self.state == "paused":
            return f"Paused{' at' if count else ''}{count}"
        left = self._pace.seconds_left(self.total)
        time_left = f" · {duration(left)} left" if left is not None and self.total else ""
        phase = PHASES.get(self.phase, f"{self.phase[:1].upper()}{self.phase[1:]}")
        return f"{phase}{count}{time_left}"

    def _go_on(self) -> None:
        if self.state == "waiting":
            self.enter("running")

    def _watch(self, report: Contest | Strip | Previewed) -> None:
        if isinstance(report, Previewed):
            self.preview = report
        elif isinstance(report, Strip):
            self.samples.append((report.step, report.path))
        else:
            self.contest = report
            for player, norm in report.gradients.items():
                extend(self.gradients.setdefault(player, []), report.step, norm)

    def _tell_once(self, line: Line) -> None:
        if line not in self.log:
            self.log.append(line)

    def _begin(self, name: str, total: int) -> None:
        self.phase, self.done, self.total = name, 0, total
        self._pace.forget()

    def _advance(self, phase: str, done: int, total: int) -> None:
        if (phase, total) != (self.phase, self.total):
            self._begin(phase, total)
        self.done = done
        self._pace.mark(done)

    def _draw(self, prefix: str, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            extend(self.curves.setdefault(f"{prefix}{name}", []), step, value)


def extend(curve: Curve, step: int, value: float) -> None:
    """Append a point; of a curve that has very many every other one goes."""
    curve.append((step, value))
    if len(curve) > CURVE_POINTS:
        del curve[1:-1:2]


def without_echoes(values: dict[str, float]) -> dict[str, float]:
    """The values without those that only repeat one before: a single term is its own sum."""
    kept: dict[str, float] = {}
    for name, value in values.items():
        if value not in kept.values():
            kept[name] = value
    return kept


def duration(seconds: float) -> str:
    """A length of time in words, rounded as one would say it."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return (
            f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
            if seconds < 600
            else f"{round(seconds / 60)} min"
        )
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
