"""A progress bar with time left, drawn from reports."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from napari_advseg.progress import (
    BlockDone,
    Phase,
    Report,
    Said,
    Saved,
    StepDone,
    Validated,
    Warned,
)


class Bar:
    """One bar per phase on a console; without a terminal only what is said, warned and saved is printed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, report: Report) -> None:
        """Draw one report."""
        match report:
            case Said(text):
                self._console.print(text, markup=False)
            case Warned(text):
                self._console.print(f"Warning: {text}", markup=False, style="yellow")
            case Saved(path, what) if what != "training state":
                self._console.print(f"Saved {what}: {path}", markup=False)
            case Phase(name, total):
                self._advance(name, 0, total)
            case BlockDone(phase, done, total):
                self._advance(phase, done, total)
            case StepDone(step, steps, losses):
                main = next(iter(losses.values()))
                self._advance("train", step, steps, f"loss {main:.4f}")
            case Validated(step, loss, metrics, best):
                found = "".join(f" {name} {value:.4f}" for name, value in metrics.items())
                mark = " (best)" if best else ""
                self._console.print(
                    f"step {step}: validation loss {loss:.4f}{found}{mark}", markup=False
                )

    def _advance(self, name: str, done: int, total: int, note: str = "") -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total, note=note)
        task = self._tasks[name]
        self._progress.update(task, completed=done, total=total, note=note)  # type: ignore[arg-type]
