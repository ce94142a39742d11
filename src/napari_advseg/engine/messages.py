"""What the parent hears of its child and of the jobs in it."""

from __future__ import annotations

import dataclasses
from typing import Any

from napari_advseg.progress import Report


@dataclasses.dataclass(frozen=True)
class Ready:
    """The child has loaded everything; `device` describes what it will compute on."""

    device: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Begun:
    """It is a job's turn."""

    job: int


@dataclasses.dataclass(frozen=True)
class Reported:
    """A job reports."""

    job: int
    report: Report


@dataclasses.dataclass(frozen=True)
class Heard:
    """The child has understood an order (cancel, pause, continue) and obeys after the running step."""

    job: int
    order: str


@dataclasses.dataclass(frozen=True)
class Finished:
    """A job is complete; `result` names what it wrote."""

    job: int
    result: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Cancelled:
    """A job was cancelled and has saved what was whole."""

    job: int


@dataclasses.dataclass(frozen=True)
class Failed:
    """A job ended with an error: a sentence for the user, a trace for the log."""

    job: int
    text: str
    trace: str = ""


@dataclasses.dataclass(frozen=True)
class Lost:
    """The child has ended, and with it `jobs`; where it `restarts`, jobs that waited their turn go on waiting."""

    text: str
    jobs: tuple[int, ...]
    restarts: bool = False
    was_unforeseen: bool = True


@dataclasses.dataclass(frozen=True)
class Silent:
    """The child has given no sign of life for so long; `job` is the one in its hands, None where it is idle."""

    seconds: float
    job: int | None


@dataclasses.dataclass(frozen=True)
class Awake:
    """A silent child speaks again."""


Message = Ready | Begun | Reported | Heard | Finished | Cancelled | Failed | Lost | Silent | Awake
