"""Editors of single values, widgets of magicgui: a check box, a choice, an exact number or text, with a slider."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal, get_args, get_origin

import annotated_types
from magicgui.backends._qtpy import widgets as backend
from magicgui.widgets import CheckBox
from magicgui.widgets.bases import CategoricalWidget, ValueWidget
from pydantic.fields import FieldInfo
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QPaintEvent, QWheelEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)
from superqt import QDoubleSlider

SLIDER_STEPS = 1000
NOT_SET = "not set"
SAID = {True: "yes", False: "no"}


@dataclasses.dataclass(frozen=True)
class Editor:
    """A widget of magicgui for one value; `read` gives what pydantic shall judge."""

    magic: Any

    @property
    def widget(self) -> Any:
        """The widget of Qt."""
        return self.magic.native

    def read(self) -> Any:
        """What is typed or chosen."""
        return self.magic.value

    def write(self, value: Any) -> None:
        """Show another value."""
        self.magic.value = value


def editor_of(field: FieldInfo, slider: tuple[float, float] | None = None) -> Editor:
    """The editor that suits a field's annotation; numbers keep every digit, empty text is None."""
    kinds, optional = alternatives(field.annotation)
    empty = empty_words(field) if optional else None
    if kinds == (bool,):
        return Editor(choice((True, False), optional=True) if optional else CheckBox())
    if all(get_origin(kind) is Literal for kind in kinds):
        options = [option for kind in kinds for option in get_args(kind)]
        return Editor(choice(options, optional=optional))
    if kinds in ((int,), (float,)):
        number = Exact(SliderBox if slider else NumberBox, empty)
        number.native.limit(bounds_of(field), slider, whole=kinds == (int,))
        return Editor(number)
    separator = next((":" for part in field.metadata if _is_span(part)), ",")
    is_row = any(get_origin(kind) is tuple for kind in kinds)
    return Editor(RowOfNumbers(separator, empty) if is_row else Exact(QLineEdit, empty))


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


class Exact(ValueWidget[Any]):
    """A value whose text is what counts: 2e-4 stays 2e-4, and with words for empty, nothing is None.

    The number boxes of magicgui round, and know no None.
    """

    def __init__(self, kind: type[QWidget], empty: str | None) -> None:
        self._empty = empty
        super().__init__(widget_type=_Text, backend_kwargs={"kind": kind})
        self.native.setPlaceholderText(empty or "")

    def get_value(self) -> Any:
        """The text; None where there is none and None is allowed."""
        words = str(super().get_value()).strip()
        return words if words or self._empty is None else None

    def set_value(self, value: Any) -> None:
        """Show a value with all its digits."""
        super().set_value("" if value is None else _exact(value))


class RowOfNumbers(Exact):
    """Several values, as `16, 32`, or a range, as `0:17`."""

    def __init__(self, separator: str, empty: str | None) -> None:
        self._between = ", " if separator == "," else separator
        super().__init__(QLineEdit, empty)

    def get_value(self) -> Any:
        """The parts of the text, or the text itself where it is a range."""
        words = super().get_value()
        if not words:
            return None if words is None else ()
        return words if ":" in words else [part for part in words.split(",") if part.strip()]

    def set_value(self, value: Any) -> None:
        """Show values, or the text that stands for them."""
        is_typed = isinstance(value, str)
        super().set_value(value if is_typed else self._between.join(map(_exact, value or ())))


class _Text(backend.QBaseStringWidget):
    """How magicgui reads and writes a widget of Qt that has a text."""

    def __init__(self, kind: type[QWidget], **kwargs: Any) -> None:
        super().__init__(kind, "text", "setText", "textChanged", **kwargs)


class Choice(CategoricalWidget[Any]):
    """One of a few values, in a `PatientComboBox`."""

    null_string = NOT_SET

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget_type=_Patient, **kwargs)


class _Patient(backend.ComboBox):
    """How magicgui reads and writes a `PatientComboBox`."""

    def __init__(self, **kwargs: Any) -> None:
        backend.QBaseValueWidget.__init__(self, PatientComboBox, "", "", "", **kwargs)
        self._qwidget.currentIndexChanged.connect(self._emit_data)

    def _mgui_set_choices(self, choices: Iterable[tuple[str, Any]]) -> None:
        """List other values; the chosen one stays so, silently, also under another name."""
        box, listed, chosen = self._qwidget, list(choices), self._mgui_get_value()
        if listed == list(self._mgui_get_choices()):
            return
        is_kept = any(value is chosen for _, value in listed)
        was_blocked = box.blockSignals(is_kept)
        box.clear()
        for name, value in listed:
            box.addItem(name, value)
        if is_kept:
            self._mgui_set_value(chosen)
        box.blockSignals(was_blocked)


def choice(options: Sequence[Any], *, optional: bool) -> Choice:
    """One of a few values, or where `optional` none, shown as `not set`; true and false as yes and no."""
    named = [(SAID[one] if isinstance(one, bool) else str(one), one) for one in options]
    return Choice(choices=named, nullable=optional)


class PatientComboBox(QComboBox):
    """A combo box that a wheel over a scrolled form does not change by accident.

    Of words that are too long for it, it shows beginning and end.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
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
    """A spin box whose value is its text: 2e-4 stays 2e-4, and empty is allowed; steps are a tenth of its size."""

    both_ways: ClassVar = (
        QAbstractSpinBox.StepEnabledFlag.StepUpEnabled
        | QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
    )

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Of the line that Qt brings along, PySide6 may lose sight while it is still there.
        self.line = QLineEdit(self)
        self.setLineEdit(self.line)
        self.setText, self.setPlaceholderText = self.line.setText, self.line.setPlaceholderText
        self.textChanged = self.line.textChanged
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def limit(self, bounds: tuple[float, float], _span: object, *, whole: bool) -> None:
        """Let the arrows step inside bounds."""
        self._bounds, self._whole = bounds, whole

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


class SliderBox(QWidget):
    """A number with a slider over the usual values; the number stays exact, and the slider follows it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider, self.number = QDoubleSlider(Qt.Orientation.Horizontal), NumberBox()
        self.number.setFixedWidth(70)
        self.text, self.setText = self.number.text, self.number.setText
        self.textChanged = self.number.textChanged
        self.setPlaceholderText = self.number.setPlaceholderText
        self.number.textChanged.connect(self._follow)
        self.slider.valueChanged.connect(self._move)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.slider, stretch=1)
        row.addWidget(self.number)

    def limit(self, bounds: tuple[float, float], span: tuple[float, float], *, whole: bool) -> None:
        """Let the arrows step inside bounds, and the slider go over `span`."""
        self.number.limit(bounds, span, whole=whole)
        self._digits = 0 if whole else 4
        step = 1.0 if whole else (span[1] - span[0]) / SLIDER_STEPS
        with QSignalBlocker(self.slider):
            self.slider.setRange(*span)
        self.slider.setSingleStep(step)
        self.slider.setPageStep(10 * step)

    def _follow(self, words: str) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(_number(words) or 0.0)

    def _move(self, value: float) -> None:
        rounded = round(value, self._digits)
        self.setText(_exact(rounded if self._digits else round(rounded)))


def stepped(number: float, steps: int, bounds: tuple[float, float], *, whole: bool) -> float:
    """`number` moved by `steps` in its second digit (at least 1 where whole), inside `bounds`."""
    step = 10.0 ** (math.floor(math.log10(abs(number))) - 1) if number else 0.1
    moved = number + steps * (max(1.0, step) if whole else step)
    inside = min(max(moved, bounds[0]), bounds[1])
    return round(inside) if whole else float(f"{inside:.10g}")


def _exact(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _number(words: str) -> float | None:
    try:
        value = float(words)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _is_span(part: Any) -> bool:
    return getattr(getattr(part, "func", None), "__name__", "") == "parse_span"
