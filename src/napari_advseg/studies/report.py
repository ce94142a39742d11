"""The answer of a study as a page: our means beside published numbers, and what of them can be compared."""

from __future__ import annotations

import csv
import dataclasses
import io
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from napari_advseg.studies.figure import Point, bars, lines
from napari_advseg.studies.plan import Plan

Row = dict[str, Any]
Line = tuple[str, ...]
FIGURE, SUMMARY = "figure.svg", "summary.csv"


@dataclasses.dataclass(frozen=True)
class Published:
    """What the literature says.

    Attributes:
        source: paper and table.
        values: by the line of our table, the published value of a measure.
        comparable, not_comparable: sentences on what may be set side by side and what not.
        notes: what else is claimed.
    """

    source: str
    comparable: str
    not_comparable: str
    values: Mapping[Line, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    notes: str = ""


class Reported(Protocol):
    """What the report needs of a study."""

    @property
    def question(self) -> str: ...
    @property
    def by(self) -> tuple[str, ...]: ...
    @property
    def measures(self) -> tuple[str, ...]: ...
    @property
    def published(self) -> Published: ...
    @property
    def along(self) -> str | None: ...
    @property
    def remarks(self) -> Callable[[Plan], Iterable[str]]: ...
    @property
    def files(self) -> Callable[[Plan], Iterable[tuple[str, str]]]: ...


def pages(
    study: Reported, plan: Plan, rows: Sequence[Row], failed: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Names and contents of the files: the figure, the means and the report."""
    grouped = by_line(study, rows)
    if grouped:
        yield FIGURE, drawn(study, grouped)
        yield SUMMARY, table(list(means(study, grouped))).decode()
        yield from study.files(plan)
    yield "report.md", "\n".join(report(study, plan, grouped, failed))


def means(study: Reported, grouped: Mapping[Line, list[Row]]) -> Iterator[Row]:
    """A row for each line of the table: what it is, how many runs, and the mean of each measure, where there is one."""
    for line, rows in grouped.items():
        found = {name: numbers(rows, name) for name in study.measures}
        values = {name: statistics.mean(some) if some else "" for name, some in found.items()}
        yield {**dict(zip(study.by, line, strict=True)), "runs": len(rows), **values}


def by_line(study: Reported, rows: Sequence[Row]) -> dict[Line, list[Row]]:
    """The rows of each line of the table, in their order."""
    grouped: dict[Line, list[Row]] = {}
    for row in rows:
        grouped.setdefault(tuple(str(row[name]) for name in study.by), []).append(row)
    return grouped


def report(
    study: Reported, plan: Plan, grouped: Mapping[Line, list[Row]], failed: Mapping[str, str]
) -> Iterator[str]:
    """The lines of the page."""
    seeds = ", ".join(map(str, plan.seeds))
    yield f"# {study.question}"
    yield ""
    scale = f"Scale `{plan.scale.name}` ({plan.scale.words})"
    yield f"{scale}{length(grouped)}, seeds {seeds}. {plan.tissue.words}."
    yield "Means ± standard deviations; every run is a row of `rows.csv`."
    yield ""
    if grouped:
        yield from _ours(study, grouped)
        yield ""
        yield f"![{study.question}]({FIGURE})"
        yield ""
        yield from _differences(study, grouped)
        for paragraph in study.remarks(plan):
            yield from (paragraph, "")
    else:
        yield "No run was complete."
        yield ""
    yield "## Beside the literature"
    yield ""
    yield f"Published: {study.published.source}."
    if study.published.notes:
        yield study.published.notes
    yield ""
    yield f"- Comparable: {study.published.comparable}"
    yield f"- Not comparable: {study.published.not_comparable}"
    if failed:
        yield ""
        yield "## Runs that failed"
        yield ""
        yield from (f"- `{name}`: {words}" for name, words in failed.items())
    yield ""


def length(grouped: Mapping[Line, list[Row]]) -> str:
    """For example ", 83 to 250 steps each after 250 of pre-training"; nothing where nothing was trained."""
    rows = [row for some in grouped.values() for row in some]
    own, before = (_range(numbers(rows, name)) for name in ("steps", "first_steps"))
    after = f" after {before} of pre-training" if before else ""
    return f", {own} steps each{after}" if own else ""


def _range(values: Sequence[float]) -> str:
    if not values:
        return ""
    least, most = (f"{int(value):,}" for value in (min(values), max(values)))
    return least if least == most else f"{least} to {most}"


def _ours(study: Reported, grouped: Mapping[Line, list[Row]]) -> Iterator[str]:
    values = study.published.values
    theirs = [name for name in study.measures if any(name in one for one in values.values())]
    heads = [*study.by, "runs", *study.measures, *(f"published {name}" for name in theirs)]
    yield "| " + " | ".join(head.replace("_", " ") for head in heads) + " |"
    yield "|---" * len(heads) + "|"
    for line, rows in grouped.items():
        ours = [in_words(numbers(rows, name)) for name in study.measures]
        beside = [
            f"{values[line][name]:g}" if name in values.get(line, {}) else "" for name in theirs
        ]
        yield f"| {' | '.join([*line, str(len(rows)), *ours, *beside])} |"
    absent = [line for line in values if line not in grouped]
    for line in absent:
        beside = [f"{values[line][name]:g}" if name in values[line] else "" for name in theirs]
        yield f"| {' | '.join([*line, '0', *('' for _ in study.measures), *beside])} |"


def _differences(study: Reported, grouped: Mapping[Line, list[Row]]) -> Iterator[str]:
    """Each line minus the first, paired by what is not in the line (seed, fold)."""
    first, *others = grouped
    pairs = {line: list(_paired(study, grouped[first], grouped[line])) for line in others}
    if not any(len(both) > 1 for both in pairs.values()):
        return
    yield f"Differences to {', '.join(first)}, run by run with the same seed:"
    yield ""
    yield "| " + " | ".join(name.replace("_", " ") for name in (*study.by, *study.measures)) + " |"
    yield "|---" * (len(study.by) + len(study.measures)) + "|"
    for line, both in pairs.items():
        cells = [
            in_words(
                [
                    float(own[name]) - float(base[name])
                    for base, own in both
                    if _has(base, own, name)
                ]
            )
            for name in study.measures
        ]
        yield f"| {' | '.join([*line, *cells])} |"
    yield ""


def _has(base: Row, own: Row, name: str) -> bool:
    return all(row.get(name) not in (None, "") for row in (base, own))


def _paired(study: Reported, base: Sequence[Row], own: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    known = {_repeat(study, row): row for row in base}
    return ((known[_repeat(study, row)], row) for row in own if _repeat(study, row) in known)


def _repeat(study: Reported, row: Row) -> Line:
    return tuple(
        str(row[name]) for name in ("seed", "fold") if name in row and name not in study.by
    )


def drawn(study: Reported, grouped: Mapping[Line, list[Row]]) -> str:
    """The first measure as a figure: lines along a factor, or bars."""
    measure = study.measures[0]
    points = {line: _point(numbers(rows, measure)) for line, rows in grouped.items()}
    title = measure.replace("_", " ")
    if study.along is None:
        return bars(title, {", ".join(line): point for line, point in points.items() if point})
    at = study.by.index(study.along)
    series: dict[str, list[tuple[float, Point]]] = {}
    for line, point in points.items():
        name = ", ".join(line[:at] + line[at + 1 :])
        if point:
            series.setdefault(name, []).append((float(line[at]), point))
    return lines(title, study.along.replace("_", " "), series)


def _point(values: Sequence[float]) -> Point | None:
    if not values:
        return None
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def numbers(rows: Sequence[Row], name: str) -> list[float]:
    """The values of a column, where there are any."""
    return [float(row[name]) for row in rows if row.get(name) not in (None, "")]


def in_words(values: Sequence[float]) -> str:
    """Mean and standard deviation; nothing where there is no value."""
    if not values:
        return ""
    mean = statistics.mean(values)
    if all(value == int(value) and abs(value) > 1 for value in values) and len(set(values)) == 1:
        return f"{int(mean):,}"
    places = 4 if abs(mean) < 10 else 1
    spread = f" ± {statistics.stdev(values):.{places}f}" if len(values) > 1 else ""
    return f"{mean:.{places}f}{spread}"


def table(rows: Sequence[Row]) -> bytes:
    """Rows as CSV with every column that any of them has, factors first."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
