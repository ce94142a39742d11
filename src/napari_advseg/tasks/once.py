"""Runs that are done at once or not at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from napari_advseg.progress import Reports
from napari_advseg.settings import Settings

Asked = TypeVar("Asked", bound=Settings)
Made = dict[str, Any]
"""Paths and figures of what a recipe made, as plain JSON."""
Runner = Callable[..., Reports[Made]]
"""How a kind of recipe is run, from file to file: `run(recipe, resume=...)`, where `resume` goes on with a run that
was stopped."""


def at_once(run: Callable[[Asked], Reports[Made]]) -> Runner:
    """The runner of recipes that cannot be gone on with, which says so where that is asked for."""

    @wraps(run)
    def runner(recipe: Asked, *, resume: bool = False) -> Reports[Made]:
        if resume:
            task = getattr(recipe, "task", "such")
            raise ValueError(
                f"The task '{task}' cannot be resumed; start it again without --resume."
            )
        return (yield from run(recipe))

    return runner
