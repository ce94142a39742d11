"""Editors of single values: a check box, a choice, an exact number, a text, a slider beside a number."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QPaintEvent, QWheelEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

SLIDER_TICKS = 1000
NOT_SET = "not set"
SAID = {None: NOT_SET, True: "yes", False: "no"}


@dataclasses.dataclass(frozen=True)
class Editor:
    """A widget for one value; `read` gives what pydantic shall judge, `edited` is the signal of a change."""

    widget: QWidget
    read: Callable[[], Any]
    write: Callable[[Any], None]
    edited: Any


def editor_of(field: FieldInfo, slider: tuple[float, float] | None = None) -> Editor:
    """The editor that suits a field's annotation; numbers keep every digit, empty text is None."""
    kinds, optional = alternatives(field.annotation)
    empty = empty_words(field) if optional else None
    if kinds == (bool,):
        return choice([None, True, False]) if optional else check_box()
    if all(get_origin(kind) is Literal for kind in kinds):
        options = [option for kind in kinds for option in get_args(kind)]
        return choice([None, *options] if optional else options)
    if kinds in ((int,), (float,)):
        number = number_box(bounds_of(field), whole=kinds == (int,), empty=empty)
        return beside_slider(number, slider, whole=kinds == (int,)) if slider else number
    separator = next((":" for part in field.metadata if _is_span(part)), ",")
    is_row = any(get_origin(kind) is tuple for kind in kinds)
    return row_of_numbers(separator, empty) if is_row else text(empty)


def alternatives(annotation: Any) -> tuple[tuple[Any, ...], bool]:
    """The types of a union without None, and whether None is one of them."""
    members = (
        get_args(annotation)
        if get_origin(annotation) not in (None, Literal, tuple)
        else (annotation,)
    )
    return tuple(kind for kind in members if kind is not type(None)), type(None) in members


def bounds_of(field: FieldInfo) -> tuple[float, float]:
    """The smallest and largest value; infinite where there is no bound."""
    low, high = -math.inf, math.inf
    for part in field.metadata:
        match part:
            case annotated_types.Ge(ge=bound) | annotated_types.Gt(gt=bound):
                low = float(bound)  # type: ignore[arg-type]
            case annotated_types.Le(le=bound) | annotated_types.Lt(lt=bound):
                high = float(bound)  # type: ignore[arg-type]
    return low, high


def range_words(field: FieldInfo) -> str:
    """The bounds as a sentence: "At least 1, less than 2."; empty where there is none."""
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    found = [
        f"{said} {float(bound):.6g}"
        for part in field.metadata
        for name, said in words.items()
        if (bound := getattr(part, name, None)) is not None and math.isfinite(bound)
    ]
    said = ", ".join(found)
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def described(widget: QWidget, name: str, about: str) -> None:
    """Say what a control is, to screen readers and when the mouse rests on it; its parts keep words of their own."""
    for part in (widget, *widget.findChildren(QWidget)):
        if part.focusPolicy() != Qt.FocusPolicy.NoFocus or part is widget:
            part.setAccessibleName(part.accessibleName() or name)
            part.setToolTip(part.toolTip() or about)


def empty_words(field: FieldInfo) -> str:
    """What an empty field means, as its description says it: "all" from "..., empty for all."."""
    found = re.search(r"[Ee]mpty:? (?:for )?([^.;]+)", field.description or "")
    return found[1] if found else NOT_SET


def check_box() -> Editor:
    """True or false."""
    box = QCheckBox()
    return Editor(box, box.isChecked, box.setChecked, box.toggled)


def choice(options: Sequence[Any]) -> Editor:
    """One of a few values; None is shown as `not set`, true and false as yes and no."""
    box = PatientComboBox()
    for option in options:
        said = SAID.get(option) if option is None or isinstance(option, bool) else None
        box.addItem(said or str(option), option)
    return Editor(
        box,
        box.currentData,
        lambda value: box.setCurrentIndex(list(options).index(value)),
        box.currentIndexChanged,
    )


def number_box(bounds: tuple[float, float], *, whole: bool, empty: str | None) -> Editor:
    """A number with arrows that step by a tenth of its size; the text itself is the value, so no digit is lost."""
    box = NumberBox(bounds, whole=whole)
    return _text_editor(box, box.line, empty)


def text(empty: str | None) -> Editor:
    """Plain text."""
    line = QLineEdit()
    return _text_editor(line, line, empty)


def row_of_numbers(separator: str, empty: str | None) -> Editor:
    """Several values, as `16, 32`, or a range, as `0:17`; with words for empty, None is allowed."""
    line = QLineEdit()
    line.setPlaceholderText(empty or "")

    def read() -> Any:
        words = line.text().strip()
        if not words:
            return () if empty is None else None
        return words if ":" in words else [part for part in words.split(",") if part.strip()]

    def write(value: Any) -> None:
        between = ", " if separator == "," else separator
        is_typed = isinstance(value, str)
        line.setText(value if is_typed else between.join(_exact(part) for part in value or ()))

    return Editor(line, read, write, line.textChanged)


def beside_slider(number: Editor, span: tuple[float, float], *, whole: bool) -> Editor:
    """A number with a slider over `span`; the number stays exact, the slider follows it."""
    low, high = span
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, round(high - low) if whole else SLIDER_TICKS)
    step = (high - low) / slider.maximum()

    def follow() -> None:
        with QSignalBlocker(slider):
            slider.setValue(_tick(number.read(), low, step))

    def move(tick: int) -> None:
        number.write(round(low + tick * step) if whole else round(low + tick * step, 4))

    number.edited.connect(follow)
    slider.valueChanged.connect(move)
    both = QWidget()
    row = QHBoxLayout(both)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(slider, stretch=1)
    number.widget.setFixedWidth(70)
    row.addWidget(number.widget)
    return Editor(both, number.read, number.write, number.edited)


class PatientComboBox(QComboBox):
    """A combo box that a wheel over a scrolled form does not change by accident.

    Of words that are too long for it, it shows beginning and end.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)

    @property
    def shown(self) -> str:
        """The words of the choice as far as there is room for them."""
        option = self._option()
        return str(option.currentText)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it as the style does, which would cut long words off at the end."""
        painter, option = QStylePainter(self), self._option()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def _option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        option.currentText = self.fontMetrics().elidedText(
            option.currentText, Qt.TextElideMode.ElideMiddle, field.width()
        )
        return option

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the scroll area unless the box has the focus."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class NumberBox(QAbstractSpinBox):
    """A spin box whose value is its text: 2e-4 stays 2e-4, and empty is allowed."""

    both_ways: ClassVar = (
        QAbstractSpinBox.StepEnabledFlag.StepUpEnabled
        | QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
    )

    def __init__(self, bounds: tuple[float, float], *, whole: bool) -> None:
        super().__init__()
        self._bounds = bounds
        self._whole = whole
        # Of the line that Qt brings along, PySide6 may lose sight while it is still there.
        self.line = QLineEdit(self)
        self.setLineEdit(self.line)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def stepBy(self, steps: int) -> None:
        """Step by a tenth of the number's size, inside its bounds."""
        number = _number(self.line.text())
        start = max(self._bounds[0], 0.0) if number is None else number
        self.line.setText(_exact(stepped(start, steps, self._bounds, whole=self._whole)))

    def stepEnabled(self) -> Any:
        """Always: the bounds stop the number itself."""
        return self.both_ways

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the scroll area unless the box has the focus."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


def stepped(number: float, steps: int, bounds: tuple[float, float], *, whole: bool) -> float:
    """`number` moved by `steps` in its second digit (at least 1 where whole), inside `bounds`."""
    step = 10.0 ** (math.floor(math.log10(abs(number))) - 1) if number else 0.1
    moved = number + steps * (max(1.0, step) if whole else step)
    inside = min(max(moved, bounds[0]), bounds[1])
    return round(inside) if whole else float(f"{inside:.10g}")


def _text_editor(widget: QWidget, line: QLineEdit, empty: str | None) -> Editor:
    line.setPlaceholderText(empty or "")

    def read() -> Any:
        words = line.text().strip()
        return words if words or empty is None else None

    return Editor(
        widget,
        read,
        lambda value: line.setText("" if value is None else _exact(value)),
        line.textChanged,
    )


def _exact(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _number(words: str) -> float | None:
    try:
        value = float(words)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _tick(words: str | None, low: float, step: float) -> int:
    number = _number(words or "")
    return 0 if number is None else round((min(max(number, low), 1e9) - low) / step)


def _is_span(part: Any) -> bool:
    return getattr(getattr(part, "func", None), "__name__", "") == "parse_span"
