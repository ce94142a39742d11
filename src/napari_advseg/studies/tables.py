"""Rows of studies as files and pages: CSV, Markdown, means with deviations."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def to_csv(rows: Sequence[Row]) -> bytes:
    """Rows as CSV with every column that any of them has, factors first."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def read_csv(path: Path) -> list[Row]:
    """The rows of a table, all values as text; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def to_markdown(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; underscores in the names of its columns become blanks."""
    yield _line([name.replace("_", " ") for name in names])
    yield "|---" * len(names) + "|"
    yield from map(_line, rows)


def numbers(rows: Sequence[Row], name: str) -> list[float]:
    """The values of a column, where there are any."""
    return [float(row[name]) for row in rows if row.get(name) not in (None, "")]


def describe_spread(values: Sequence[float]) -> str:
    """Mean and standard deviation; nothing where there is no value."""
    if not values:
        return ""
    mean = statistics.mean(values)
    if all(value == int(value) and abs(value) > 1 for value in values) and len(set(values)) == 1:
        return f"{int(mean):,}"
    places = 4 if abs(mean) < 10 else 1
    spread = f" ± {statistics.stdev(values):.{places}f}" if len(values) > 1 else ""
    return f"{mean:.{places}f}{spread}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
