"""The answer of a study as a page: our means beside published numbers, and what of them can be compared."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from napari_advseg.studies import figure
from napari_advseg.studies.plan import Plan
from napari_advseg.studies.study import Line, Study
from napari_advseg.studies.tables import Row, describe_spread, numbers, to_csv, to_markdown

FIGURE, SUMMARY = "figure.svg", "summary.csv"


def pages(
    study: Study, plan: Plan, rows: Sequence[Row], failed: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Names and contents of the files: the figure, the means and the report."""
    grouped = by_line(study, rows)
    if grouped:
        yield FIGURE, drawn(study, grouped)
        yield SUMMARY, to_csv(list(means(study, grouped))).decode()
        yield from study.files(plan)
    yield "report.md", "\n".join(report(study, plan, grouped, failed))


def means(study: Study, grouped: Mapping[Line, list[Row]]) -> Iterator[Row]:
    """A row for each line of the table: what it is, how many runs, and the mean of each measure, where there is one."""
    for line, rows in grouped.items():
        found = {name: numbers(rows, name) for name in study.measures}
        values = {name: statistics.mean(some) if some else "" for name, some in found.items()}
        yield {**dict(zip(study.by, line, strict=True)), "runs": len(rows), **values}


def by_line(study: Study, rows: Sequence[Row]) -> dict[Line, list[Row]]:
    """The rows of each line of the table, in their order."""
    grouped: dict[Line, list[Row]] = {}
    for row in rows:
        grouped.setdefault(tuple(str(row[name]) for name in study.by), []).append(row)
    return grouped


def report(
    study: Study, plan: Plan, grouped: Mapping[Line, list[Row]], failed: Mapping[str, str]
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


def _ours(study: Study, grouped: Mapping[Line, list[Row]]) -> Iterator[str]:
    values = study.published.values
    theirs = [name for name in study.measures if any(name in one for one in values.values())]
    heads = [*study.by, "runs", *study.measures, *(f"published {name}" for name in theirs)]
    lines = []
    for line in dict.fromkeys((*grouped, *values)):
        rows, published = grouped.get(line, []), values.get(line, {})
        ours = [describe_spread(numbers(rows, name)) for name in study.measures]
        beside = [f"{published[name]:g}" if name in published else "" for name in theirs]
        lines.append([*line, str(len(rows)), *ours, *beside])
    yield from to_markdown(heads, lines)


def _differences(study: Study, grouped: Mapping[Line, list[Row]]) -> Iterator[str]:
    """Each line minus the first, paired by what is not in the line (seed, fold)."""
    first, *others = grouped
    pairs = {line: list(_paired(study, grouped[first], grouped[line])) for line in others}
    if not any(len(both) > 1 for both in pairs.values()):
        return
    yield f"Differences to {', '.join(first)}, run by run with the same seed:"
    yield ""
    lines = (
        [*line, *(describe_spread(_gains(both, name)) for name in study.measures)]
        for line, both in pairs.items()
    )
    yield from to_markdown((*study.by, *study.measures), lines)
    yield ""


def _gains(pairs: Sequence[tuple[Row, Row]], name: str) -> list[float]:
    """By how much a measure differs in each pair of rows that has it twice."""
    both = (numbers(pair, name) for pair in pairs)
    return [own - base for base, own in (values for values in both if len(values) == 2)]


def _paired(study: Study, base: Sequence[Row], own: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    known = {_repeat(study, row): row for row in base}
    return ((known[_repeat(study, row)], row) for row in own if _repeat(study, row) in known)


def _repeat(study: Study, row: Row) -> Line:
    return tuple(
        str(row[name]) for name in ("seed", "fold") if name in row and name not in study.by
    )


def drawn(study: Study, grouped: Mapping[Line, list[Row]]) -> str:
    """The first measure as a figure: lines along a factor, or bars."""
    measure = study.measures[0]
    points = {line: _point(numbers(rows, measure)) for line, rows in grouped.items()}
    title = measure.replace("_", " ")
    if study.along is None:
        return figure.bars(
            title, {", ".join(line): point for line, point in points.items() if point}
        )
    at = study.by.index(study.along)
    series: dict[str, list[tuple[float, figure.Point]]] = {}
    for line, point in points.items():
        name = ", ".join(line[:at] + line[at + 1 :])
        if point:
            series.setdefault(name, []).append((float(line[at]), point))
    return figure.lines(title, study.along.replace("_", " "), series)


def _point(values: Sequence[float]) -> figure.Point | None:
    if not values:
        return None
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
