"""What the user of a viewer looks at while a training runs; told from a thread, read between steps. Loads no torch."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any


@dataclasses.dataclass(frozen=True)
class View:
    """A place in the image that is learnt from, and the folder that previews of it go to.

    `row` and `column` are the pixel in the middle of the view.
    """

    section: int
    row: int
    column: int
    folder: str


_change = threading.Lock()
_seen: list[View] = []


def look(at: dict[str, Any]) -> None:
    """The user looks at this place now; an empty dictionary: at none.

    Raises:
        ValueError: it is no place.
    """
    try:
        now = [View(**at)] if at else []
    except TypeError as error:
        raise ValueError(f"{at} is no place to look at: {error}.") from None
    with _change:
        _seen[:] = now


def current_view() -> View | None:
    """Where the user looks; None where nobody looks on."""
    with _change:
        return _seen[0] if _seen else None
