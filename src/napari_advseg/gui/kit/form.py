"""A form made from any settings model: a row a field, a fold a nested group, problems named where they are."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from magicgui.widgets import Container
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import QEvent, QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QLabel, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_advseg.gui.kit.editors import Editor, alternatives, described, editor_of, range_words
from napari_advseg.gui.kit.panel import Toned, tab_on_to
from napari_advseg.settings import Settings

Chosen = TypeVar("Chosen", bound=Settings)
LABEL_WIDTH = 112
INSET = 8
OPEN, CLOSED = "▾", "▸"
TITLE = "text-align: left; border: none; background: transparent; font-weight: bold; padding: 2px;"
ANY_PX = (1 << 24) - 1  # what Qt takes for no bound


class Row(Container[Any]):
    """One field in the form: its title, its editor and the place where a problem is named."""

    def __init__(self, name: str, field: FieldInfo, editor: Editor) -> None:
        self.title = field.title or name
        self.editor = editor
        self.problem = Toned("problem")
        self.problem.hide()
        super().__init__(widgets=[editor.magic], layout="horizontal", labels=False)
        self.margins = (0, 0, 0, 0)
        label, about = row_label(_title(name, field)), _tooltip(name, field)
        label.setToolTip(about)
        described(editor.widget, _title(name, field), about)
        self.native.layout().insertWidget(0, label)


class Form(QWidget, Generic[Chosen]):
    """Shows the fields of `settings`; `value()` is what is typed, validated.

    `only` and `without` name fields ("steps", "training.steps"); a field that is not shown keeps its value.
    `sliders` names numbers that get a slider over the given range.
    """

    changed = Signal()

    def __init__(
        self,
        settings: Chosen,
        *,
        only: Sequence[str] = (),
        without: Sequence[str] = (),
        sliders: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        super().__init__()
        self._base = settings
        self._rows: dict[str, Row] = {}
        self._groups: dict[str, Group] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._whole_problem = Toned("problem")
        self._whole_problem.hide()
        for name, field in type(settings).model_fields.items():
            if (only and name not in only) or name in without:
                continue
            inside = [
                path.removeprefix(f"{name}.") for path in without if path.startswith(f"{name}.")
            ]
            self._add(name, field, inside, (sliders or {}).get(name))
        self._column.addWidget(self._whole_problem)
        self.set(settings)

    def value(self) -> Chosen:
        """The settings as typed.

        Raises:
            ValueError: something is not valid; the message names the field.
        """
        if self.problem:
            raise ValueError(self.problem)
        return self._base.changed(**self._typed())

    def shown(self) -> dict[str, Any]:
        """The validated values of the shown fields only; raises like `value`."""
        value = self.value()
        return {name: getattr(value, name) for name in (*self._rows, *self._groups)}

    @property
    def problem(self) -> str:
        """What is wrong first, with the field's title; empty where all is valid."""
        for group in self._groups.values():
            if group.problem:
                return group.problem
        problems = self._problems()
        name = next(iter(problems), None)
        if name is None:
            return ""
        title = f"{self._rows[name].title}: " if name in self._rows else ""
        return f"{title}{problems[name]}."

    def set(self, settings: Chosen) -> None:
        """Show other settings of the same kind."""
        self._base = settings
        for name, row in self._rows.items():
            with row.changed.blocked():
                row.editor.write(getattr(settings, name))
        for name, group in self._groups.items():
            with QSignalBlocker(group):
                group.set(getattr(settings, name))
        self._judge()

    def row(self, name: str) -> Row:
        """One field's row, for those who add to it or test it."""
        return self._rows[name]

    def group(self, name: str) -> Form[Any]:
        """The form of a nested group."""
        return self._groups[name].form

    def unfold(self, name: str) -> None:
        """Open a nested group."""
        self._groups[name].unfold()

    def _add(
        self, name: str, field: FieldInfo, without: list[str], slider: tuple[float, float] | None
    ) -> None:
        kinds, optional = alternatives(field.annotation)
        value = getattr(self._base, name)
        if isinstance(value, Settings) or any(_is_group(kind) for kind in kinds):
            inside = value if isinstance(value, Settings) else kinds[0]()
            group = Group(field, inside, without, optional=optional)
            group.changed.connect(self._judge)
            self._groups[name] = group
            self._column.addWidget(group)
            return
        row = self._rows[name] = Row(name, field, editor_of(field, slider))
        row.changed.connect(self._judge)
        self._column.addWidget(row.native)
        self._column.addWidget(row.problem)

    def _typed(self) -> dict[str, Any]:
        rows = {name: row.editor.read() for name, row in self._rows.items()}
        return rows | {name: group.value() for name, group in self._groups.items()}

    def _problems(self) -> dict[str, str]:
        try:
            self._base.changed(**self._typed())
        except ValidationError as error:
            return {
                str(found["loc"][0]) if found["loc"] else "": found["msg"]
                .removeprefix("Value error, ")
                .rstrip(".")
                for found in reversed(error.errors())
            }
        return {}

    def _judge(self) -> None:
        problems = {} if any(group.problem for group in self._groups.values()) else self._problems()
        for name, row in self._rows.items():
            _show(row.problem, problems.pop(name, ""))
        _show(self._whole_problem, ". ".join(problems.values()))
        self.changed.emit()


class Group(QWidget):
    """A nested group under a title that folds; its rows are made when it is first opened."""

    changed = Signal()

    def __init__(
        self, field: FieldInfo, settings: Settings, without: list[str], *, optional: bool
    ) -> None:
        super().__init__()
        self._settings = settings
        self._without = without
        self._form: Form[Any] | None = None
        self._present = QCheckBox("set by hand") if optional else None
        self._fold = Fold(field.title or "", self._made, field.description or "")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        if self._present is not None:
            self._present.setAccessibleName(f"{field.title}: set by hand")
            self._present.setToolTip(f"<p>{field.description or ''} Off: chosen for you.</p>")
            column.addWidget(self._present)
            self._present.toggled.connect(self._fold.setEnabled)
            self._present.toggled.connect(self.changed)
        column.addWidget(self._fold)

    @property
    def form(self) -> Form[Any]:
        """The rows, made now where they were not yet."""
        return self._form or self._made()

    def unfold(self) -> None:
        """Show the rows."""
        self._fold.open()

    @property
    def problem(self) -> str:
        """What is wrong in the group; nothing where it is absent."""
        return self._form.problem if self._form is not None and self._is_present() else ""

    def value(self) -> Settings | None:
        """The group as typed, None where it is absent; raises like `Form.value`."""
        if not self._is_present():
            return None
        return self._settings if self._form is None else self._form.value()

    def set(self, settings: Settings | None) -> None:
        """Show other settings, or that there are none."""
        if self._present is not None:
            self._present.setChecked(settings is not None)
        if settings is not None:
            self._settings = settings
            if self._form is not None:
                self._form.set(settings)

    def _is_present(self) -> bool:
        return self._present is None or bool(self._present.isChecked())

    def _made(self) -> Form[Any]:
        if self._form is None:
            self._form = Form(self._settings, without=self._without)
            self._form.changed.connect(self.changed)
            self._fold.fill(self._form)
        return self._form


class Fold(QCollapsible):
    """A title that shows and hides what is under it; the content is made when it is first shown."""

    def __init__(self, title: str, make: Callable[[], QWidget], about: str = "") -> None:
        super().__init__(title, expandedIcon=OPEN, collapsedIcon=CLOSED)
        self._make = make
        self._inset = self.content().layout()
        self._inset.setContentsMargins(INSET, 0, 0, 4)
        self.content().hide()
        self.layout().setContentsMargins(0, 0, 0, 0)
        self.layout().setSpacing(2)
        self.toggleButton().setToolTip(f"<p>{about or f'Show or hide: {title}'}</p>")
        self.toggleButton().setStyleSheet(TITLE)
        self.setDuration(0)
        self.toggled.connect(self._turn)

    def open(self) -> None:
        """Show what is under the title."""
        self.expand(animate=False)

    def fill(self, content: QWidget) -> None:
        """Put this under the title, in place of what was there."""
        before = self._inset.takeAt(0)
        if before is not None and before.widget() is not content:
            before.widget().deleteLater()
        self._inset.addWidget(content)
        tab_on_to(self.toggleButton(), content)

    def changeEvent(self, event: QEvent) -> None:
        """Draw the arrow in the colour of another theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.setExpandedIcon(OPEN)
            self.setCollapsedIcon(CLOSED)

    def _turn(self) -> None:
        is_open = self.isExpanded()
        if is_open and self._inset.isEmpty():
            self.fill(self._make())
        # Hidden, it takes no focus; open, it may grow.
        self.content().setVisible(is_open)
        self.content().setMaximumHeight(ANY_PX)


def row_label(words: str) -> QLabel:
    """The label of a row, as wide as all others, so that forms under each other line up."""
    label = QLabel(words)
    label.setFixedWidth(LABEL_WIDTH)
    label.setWordWrap(True)
    return label


def rows_of(*rows: tuple[str, Any] | tuple[str, Any, str] | QWidget) -> QFormLayout:
    """Widgets under each other, with the words before them lined up as in a form; a third part explains a row.

    Widgets with words may be Qt's or magicgui's.
    """
    layout = QFormLayout()
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    for row in rows:
        if isinstance(row, QWidget):
            layout.addRow(row)
        else:
            label, about = row_label(row[0]), "".join(row[2:])
            widget = getattr(row[1], "native", row[1])
            label.setToolTip(about)
            described(widget, row[0], about)
            layout.addRow(label, widget)
    return layout


def _is_group(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, Settings)


def _unit(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def _title(name: str, field: FieldInfo) -> str:
    unit = _unit(field)
    title = field.title or name
    return f"{title} ({unit})" if unit and not title.lower().startswith(unit) else title


def _tooltip(name: str, field: FieldInfo) -> str:
    """Title with unit, what a larger value does, and the range."""
    words = " ".join(filter(None, (field.description, range_words(field))))
    return f"<p><b>{_title(name, field)}</b><br>{words}</p>"


def _show(label: QLabel, words: str) -> None:
    label.setText(words)
    label.setVisible(bool(words))
