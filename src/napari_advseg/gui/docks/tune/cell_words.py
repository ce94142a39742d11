"""What is said of a cell of a search, and what its colours can show."""

from __future__ import annotations

from collections.abc import Callable

from napari_advseg.tuning.tuned import Cell, Tuned, Values

MEASURES: dict[str, Callable[[Values], float]] = {
    "VOI (split + merge)": lambda values: values.voi,
    "VOI split": lambda values: values.voi_split,
    "VOI merge": lambda values: values.voi_merge,
    "Adapted Rand error": lambda values: values.adapted_rand_error,
    "CREMI score": lambda values: values.cremi_score,
    "Share left out": lambda values: values.ignored_fraction,
}
SHORT = ("VOI", "split", "merge", "Rand", "CREMI", "out")
TITLES = {
    "voi": "VOI (split + merge)",
    "adapted_rand_error": "Adapted Rand error",
    "cremi_score": "CREMI score",
}


def measures(tuned: Tuned) -> dict[str, Callable[[Values], float]]:
    """What can be shown, what was made small first."""
    weight = tuned.settings.merge_weight
    if tuned.settings.objective == "weighted":
        title = f"Split + {weight:g} x merge"
        return {title: lambda values: values.objective("weighted", weight), **MEASURES}
    first = TITLES[tuned.settings.objective]
    return {first: MEASURES[first], **MEASURES}


def pair_words(cell: Cell) -> str:
    """The thresholds of a cell: "threshold 0.8, gap threshold 0.88"."""
    return f"threshold {cell.threshold:g}, gap threshold {cell.gap_threshold:g}"


def cell_words(cell: Cell) -> str:
    """The numbers of a cell as a small table, in HTML."""
    heads = "".join(f"<td align='right'>{name}&nbsp;</td>" for name in SHORT)
    rows = {"Honest": cell.honest, "Flattering": cell.flattering}
    lines = "".join(f"<tr><td>{name}</td>{_numbers(values)}</tr>" for name, values in rows.items())
    head = pair_words(cell)
    return (
        f"{head[:1].upper()}{head[1:]}<table width='100%'><tr><td></td>{heads}</tr>{lines}</table>"
    )


def _numbers(values: Values | None) -> str:
    if values is None:
        return f"<td colspan='{len(SHORT)}'>none: some section is walls only</td>"
    shown = [f"{measure(values):.3f}".removeprefix("0") for measure in list(MEASURES.values())[:-1]]
    shown.append(f"{100 * values.ignored_fraction:.1f}%")
    return "".join(f"<td align='right'>{number}&nbsp;</td>" for number in shown)
