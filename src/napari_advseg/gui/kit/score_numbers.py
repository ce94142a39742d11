"""The scores as small tables: honest numbers beside flattering ones, and the objects that were found or not."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_advseg.gui.kit.comparison import Classes
from napari_advseg.gui.kit.panel import note
from napari_advseg.scoring.measures.instances import Score
from napari_advseg.scoring.measures.objects import Matched, ObjectScore
from napari_advseg.scoring.measures.semantic import SemanticScore

ROWS = (
    ("VOI", "voi", "Split and merge together, in bits; 0 is perfect."),
    ("   split", "voi_split", "Bits lost because true objects were cut."),
    ("   merge", "voi_merge", "Bits lost because true objects were joined."),
    ("Adapted Rand", "adapted_rand_error", "1 - F1 of pairs of pixels; 0 is perfect, 1 the worst."),
    ("CREMI score", "cremi_score", "The root of VOI times adapted Rand; 0 is perfect."),
    (
        "Left out",
        "ignored_fraction",
        "Share of the scored truth that is dropped as predicted wall.",
    ),
)
HONEST = {
    "thin": "Honest: labels are grown over the walls between them, then compared.",
    "count": "Honest: predicted walls are compared as an object of their own.",
}
FLATTERING = "Flattering: pixels of predicted walls are left out, so wide walls look good."
NOTHING = "No pixel of the truth is scored, so there is nothing to compare."
HEADS = ("Honest", "Flattering")

OF_ALL = (
    (
        "Pixel accuracy",
        "pixel_accuracy",
        "Share of pixels with the right class; rare classes hardly show.",
    ),
    (
        "Class accuracy",
        "class_accuracy",
        "Mean over the classes of the truth of the share of their pixels found.",
    ),
    ("Mean IoU", "mean_iou", "Mean over the same classes of intersection over union."),
    (
        "Mean boundary IoU",
        "mean_boundary_iou",
        "The same of the pixels near a change of class: large areas do not hide wrong boundaries there.",
    ),
)
BY_CLASS = (
    ("IoU", "iou", "Pixels that both have of the class, over those that either has."),
    ("Found", "accuracy", "Share of the pixels of the true class that have it in the labels too."),
    ("Boundary IoU", "boundary_iou", "IoU of the pixels near the boundary of the class alone."),
)
SORTING = "Comparing classes …"

COUNTING = "Counting objects …"
OBJECTS = (
    "An object is found where a label overlaps it with at least this IoU (intersection over union). "
    "A boundary is open where one label holds most of two true objects that touch."
)


def number_grid(
    rows: Iterable[tuple[str, str, str]], heads: Sequence[str]
) -> tuple[QGridLayout, dict[tuple[str, str], QLabel]]:
    """Rows of (title, name, meaning) with an empty cell under each head, and the cells by head and name."""
    cells: dict[tuple[str, str], QLabel] = {}
    grid = QGridLayout()
    grid.setVerticalSpacing(1)
    grid.setColumnStretch(0, 1)
    for column, head in enumerate(heads, 1):
        grid.addWidget(_right(head), 0, column)
    for row, (title, name, meaning) in enumerate(rows, 1):
        grid.addWidget(_said(title, meaning), row, 0)
        for column, head in enumerate(heads, 1):
            cells[head, name] = cell = _right("")
            cell.setToolTip(meaning)
            grid.addWidget(cell, row, column)
    return grid, cells


class ScoreNumbers(QWidget):
    """One column for each way to handle predicted walls."""

    def __init__(self) -> None:
        super().__init__()
        grid, self.cells = number_grid(ROWS, HEADS)
        self.words = note()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 6, 0)
        column.addLayout(grid)
        column.addWidget(self.words)
        column.addStretch(1)

    def show_score(self, score: Score) -> None:
        """Show a score and the one beside it."""
        is_flattering = score.settings.boundary == "ignore"
        pair = (None, score) if is_flattering else (score, score.flattering)
        for head, one in zip(HEADS, pair, strict=True):
            for _, name, _ in ROWS:
                self.cells[head, name].setText(_number(one, name))
        self.words.setText(_meaning(score))


class ObjectNumbers(QWidget):
    """Scores of whole objects, one a row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = QFormLayout()
        self.rows.setVerticalSpacing(1)
        self.words = note()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 6, 0)
        column.addLayout(self.rows)
        column.addWidget(self.words)
        column.addStretch(1)
        self.wait()

    def wait(self) -> None:
        """Say that they are on their way."""
        self._clear()
        self.words.setText(COUNTING)

    def fail(self, text: str) -> None:
        """Say why there are none."""
        self.words.setText(text)

    def show_score(self, score: ObjectScore) -> None:
        """Show a score."""
        self._clear()
        for title, value, meaning in object_rows(score):
            label = QLabel(title)
            label.setToolTip(meaning)
            self.rows.addRow(label, _right(value))
        self.words.setText(OBJECTS)

    def _clear(self) -> None:
        while self.rows.rowCount():
            self.rows.removeRow(0)


class ClassNumbers(QWidget):
    """Scores of class maps: of all classes, then one class a row."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: dict[tuple[str, str], QLabel] = {}
        self.words = note()
        self._table = QWidget()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 4, 6, 0)
        self._column.addWidget(self._table)
        self._column.addWidget(self.words)
        self._column.addStretch(1)
        self.wait()

    def wait(self) -> None:
        """Say that they are on their way."""
        self.cells.clear()
        self._show_table(QWidget())
        self.words.setText(SORTING)

    def fail(self, text: str) -> None:
        """Say why there are none."""
        self.words.setText(text)

    def show_classes(self, found: Classes) -> None:
        """Show a score, or why there is none."""
        self.cells.clear()
        self._show_table(QWidget() if found.score is None else self._of(found.score, found.names))
        self.words.setText(found.words)

    def _of(self, score: SemanticScore, names: Mapping[int, str]) -> QWidget:
        table = QWidget()
        column = QVBoxLayout(table)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._of_all(score))
        column.addLayout(self._by_class(score, names))
        return table

    def _of_all(self, score: SemanticScore) -> QFormLayout:
        rows = QFormLayout()
        rows.setVerticalSpacing(1)
        for title, name, meaning in OF_ALL:
            rows.addRow(_said(title, meaning), self._cell("", name, getattr(score, name), meaning))
        return rows

    def _by_class(self, score: SemanticScore, names: Mapping[int, str]) -> QGridLayout:
        grid = QGridLayout()
        grid.setVerticalSpacing(1)
        grid.addWidget(_said("Class", "The value that stands for it in the layers."), 0, 0)
        for column, (title, _, meaning) in enumerate(BY_CLASS, 1):
            head = _right(title)
            head.setToolTip(meaning)
            grid.addWidget(head, 0, column)
        for row, kind in enumerate(score.iou, 1):
            grid.addWidget(QLabel(f"{kind} {names.get(kind, '')}"), row, 0)
            for column, (_, name, meaning) in enumerate(BY_CLASS, 1):
                value = getattr(score, name).get(kind)
                grid.addWidget(self._cell(str(kind), name, value, meaning), row, column)
        return grid

    def _cell(self, kind: str, name: str, value: float | None, about: str) -> QLabel:
        cell = _right(_share(value))
        cell.setToolTip(about)
        self.cells[kind, name] = cell
        return cell

    def _show_table(self, table: QWidget) -> None:
        self._column.replaceWidget(self._table, table)
        self._table.setParent(None)
        self._table.deleteLater()
        self._table = table


def object_rows(score: ObjectScore) -> list[tuple[str, str, str]]:
    """Title, value and meaning of each row."""
    return [
        ("True objects", f"{score.true_objects:,}", ""),
        ("Labels", f"{score.labelled_objects:,}", ""),
        *(row for one in score.at for row in _found_rows(one)),
        (
            "Open boundaries",
            f"{score.joined:,} of {score.touching:,}",
            "True objects that touch and share one label.",
        ),
        (
            "Boundary F1",
            _share(score.boundary_f1),
            f"Boundary pixels that lie at most {score.rules.tolerance} px from one of the other side.",
        ),
        ("Object Dice", _share(score.object_dice), "Overlap of each object with its best match."),
    ]


def _found_rows(one: Matched) -> list[tuple[str, str, str]]:
    return [
        (f"Found at IoU {one.iou:g}: F1", _share(one.f1), "Precision and recall in one number."),
        ("   precision", _share(one.precision), "Share of the labels that match a true object."),
        ("   recall", _share(one.recall), "Share of the true objects that match a label."),
    ]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _meaning(score: Score) -> str:
    if not score.scored and not score.ignored_fraction:
        return NOTHING
    first = HONEST.get(score.settings.boundary, "Choose 'thin' for the honest numbers.")
    how = f"mean of {len(score.sections)} sections" if score.sections else "the volume as one"
    return f"{first} {FLATTERING} ({how[:1].upper()}{how[1:]}.)"


def _number(score: Score | None, name: str) -> str:
    if score is None or not score.scored:
        return "–"
    value: float = getattr(score, name)
    return f"{100 * value:.1f} %" if name == "ignored_fraction" else f"{value:.4f}"


def _said(words: str, meaning: str) -> QLabel:
    label = QLabel(words)
    label.setToolTip(meaning)
    return label


def _right(words: str) -> QLabel:
    label = QLabel(words)
    label.setAlignment(Qt.AlignmentFlag.AlignRight)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
