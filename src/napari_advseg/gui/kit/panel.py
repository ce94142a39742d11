"""The parts that docks are made of: layer choice, path line, progress with buttons, log."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import html
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal

from magicgui.widgets import FileEdit
from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_advseg.gui.compute.job import Job
from napari_advseg.gui.kit.editors import Choice, PatientComboBox
from napari_advseg.gui.viewer.results import is_ours

LOG_LINES = 500
NARROWEST = 310
WARNING_COLOUR = "#d97706"
IDLE = "Nothing is running."
PAUSE = {False: "Hold after the running step", True: "Go on where it was held"}
CANCEL = {
    False: "Stop after the running step; what is there so far is kept",
    True: "Stop now, without waiting for the step",
}

Tone = Literal["plain", "warning", "problem", "guide"]
# On a dark and on a light ground, each at least 4.5 : 1 against it.
TONES: dict[Tone, tuple[str, str]] = {
    "warning": ("#f2a65a", "#8a4500"),
    "problem": ("#ff8a80", "#b3261e"),
    "guide": ("#ffd23f", "#1f5fbf"),
}


class LayerChoice(Choice):
    """The layers of one kind, newest first, after `nothing` where none may be chosen.

    It keeps its choice while layers come and go or get other names.
    """

    def __init__(self, viewer: Any, kind: type, nothing: str = "") -> None:
        self._viewer = viewer
        self.null_string = nothing
        super().__init__(annotation=kind, choices=self._list, nullable=bool(nothing))

    @property
    def layer(self) -> Any:
        """The chosen layer; None where there is none."""
        return self.value

    def choose(self, layer: Any) -> None:
        """Choose a layer that is in the list."""
        self.value = layer

    def refill(self) -> bool:
        """Show the layers that there are now, and say whether they are others or have other names."""
        before = self._listed
        self.reset_choices()
        return self._listed != before

    def _on_value_change(self, value: Any = None) -> None:
        """Tell also that there is no layer any more, which magicgui would keep to itself."""
        self.changed.emit(value)

    def _list(self, _choice: object) -> list[tuple[str, Any]]:
        self._listed = [
            (layer.name, layer)
            for layer in reversed(self._viewer.layers)
            if isinstance(layer, self.annotation) and not is_ours(layer)
        ]
        return self._listed


def layer_choices(whole: QWidget) -> list[LayerChoice]:
    """The choices of a layer inside a widget."""
    inside = (getattr(box, "_magic_widget", None) for box in whole.findChildren(PatientComboBox))
    return [one for one in inside if isinstance(one, LayerChoice)]


class PathLine(QWidget):
    """A path to type or browse for."""

    changed = Signal(str)
    chosen = Signal()  # by the user, not by us

    def __init__(self, browse: Callable[[QWidget, str], str], placeholder: str = "") -> None:
        super().__init__()
        self._browse = browse
        self._about = ""
        file = FileEdit()
        self.line, button = file.line_edit.native, file.choose_btn
        self.line.setPlaceholderText(placeholder)
        self.line.textChanged.connect(self.changed)
        self.line.textEdited.connect(self.chosen)
        button.text, button.tooltip = "…", "Choose from your folders"
        button.native.setAccessibleName(button.tooltip)
        button.native.setFixedWidth(28)
        button.changed.disconnect()  # its dialog is called "Select file", whatever is looked for
        button.changed.connect(self._choose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(file.native)

    @property
    def path(self) -> str:
        """What is typed."""
        return str(self.line.text()).strip()

    def set(self, path: object) -> None:
        """Show another path."""
        self.line.setText(str(path))
        self._explain()

    def setToolTip(self, about: str) -> None:
        """Say what the path is for, under the whole path, which the line may be too short for."""
        super().setToolTip(about)
        self._about = about
        self._explain()

    def _explain(self) -> None:
        parts = (html.escape(self.path), self._about)
        self.line.setToolTip("".join(f"<p>{part}</p>" for part in parts if part))

    def _choose(self) -> None:
        chosen = self._browse(self, self.path)
        if chosen:
            self.set(chosen)
            self.chosen.emit()


def browse_folder(parent: QWidget, start: str) -> str:
    """A folder that is there."""
    return str(QFileDialog.getExistingDirectory(parent, "Model folder", start))


def browse_new_folder(parent: QWidget, start: str) -> str:
    """A place for a new folder."""
    return str(QFileDialog.getSaveFileName(parent, "New model folder", start)[0])


def browse_new(parent: QWidget, start: str) -> str:
    """A place for something new."""
    kinds = "OME-Zarr (*.ome.zarr);;TIFF (*.tif);;All (*)"
    return str(QFileDialog.getSaveFileName(parent, "Save as", start, kinds)[0])


def browse_table(parent: QWidget, start: str) -> str:
    """A place for a table."""
    return str(QFileDialog.getSaveFileName(parent, "Save the table as", start, "CSV (*.csv)")[0])


class Toned(QLabel):
    """Words that wrap, in the theme's colour or in that of a warning or a problem, on dark and on light ground."""

    def __init__(self, tone: Tone = "plain", *, size_pt: int | None = None) -> None:
        super().__init__()
        self._tone: Tone = tone
        self._font = f"font-size: {size_pt}pt;" if size_pt else ""
        self.setWordWrap(True)
        self._dye()

    def set_tone(self, tone: Tone) -> None:
        """Mean it as a warning, as a problem, or as neither."""
        self._tone = tone
        self._dye()

    def setText(self, words: str) -> None:
        """Show other words, all of them."""
        super().setText(words)
        self._fit()

    def clear(self) -> None:
        """Show nothing."""
        self.setText("")

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._dye()

    def resizeEvent(self, event: Any) -> None:
        """Make room for the lines that another width needs: a form in a scroll area would cut them off."""
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: Any) -> None:
        """Follow the theme of the window that it came into."""
        super().showEvent(event)
        self._dye()

    def _fit(self) -> None:
        self.setMinimumHeight(max(0, self.heightForWidth(self.width())) if self.text() else 0)

    def _dye(self) -> None:
        colour = colour_of(self._tone, self.parentWidget() or self)
        style = self._font + (f"color: {colour};" if self._tone != "plain" else "")
        if style != self.styleSheet():
            self.setStyleSheet(style)


def colour_of(tone: Tone, ground: QWidget) -> str:
    """A colour for words on a widget of the viewer, as #rrggbb."""
    ink = ground.palette().windowText().color()
    is_dark = ink.lightness() > 127
    return TONES[tone][0 if is_dark else 1] if tone in TONES else str(ink.name())


class Buttons(QWidget):
    """Run, perhaps Pause, Cancel and "?", with the reason why Run is off, a bar and a log."""

    def __init__(self, run: str, *, can_pause: bool, log_px: int) -> None:
        super().__init__()
        self.run = QPushButton(run)
        self.pause = QPushButton("Pause")
        self.cancel = QPushButton("Cancel")
        self.help = QPushButton("?")
        self.help.setFixedWidth(28)
        self.help.setToolTip("Explain this dock; the page opens in the browser, without a network")
        self.help.setAccessibleName("Help on this dock")
        self.pause.setVisible(can_pause)
        self.run_about = ""
        self.why = Toned()
        self.remedy = QVBoxLayout()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setMaximumBlockCount(LOG_LINES)
        self.log.setFixedHeight(log_px)
        self.log.setPlaceholderText("What happens is said here.")
        self.log.setAccessibleName("What has happened")
        self.log.setToolTip("What has happened; warnings are coloured")
        self.log.setTabChangesFocus(True)
        self._lines: deque[tuple[str, Tone]] = deque(maxlen=LOG_LINES)
        row = self._row = QHBoxLayout()
        for button in (self.run, self.pause, self.cancel):
            row.addWidget(button, stretch=1)
        row.addWidget(self.help)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._column.addWidget(self.why)
        self._column.addLayout(self.remedy)
        self._column.addLayout(row)
        for part in (self.bar, self.words, self.log):
            self._column.addWidget(part)
        self._told = 0
        self.refuse("")
        self.follow(None)

    def put_before_run(self, button: QPushButton) -> None:
        """Put another button first."""
        self._row.insertWidget(0, button, stretch=1)

    def refuse(self, reason: str) -> None:
        """Switch Run off with a reason, or on with none."""
        self.run.setEnabled(not reason)
        self.run.setToolTip(reason or self.run_about)
        self.why.setText(reason)
        self.why.setVisible(bool(reason))

    def begin(self) -> None:
        """A new job: its log starts from its first line."""
        self._told = 0

    def follow(self, job: Job | None) -> None:
        """Show how a job stands."""
        is_running = job is not None and not job.is_over
        self.bar.setVisible(is_running)
        self.words.setVisible(is_running)
        self.pause.setEnabled(job is not None and job.state in ("running", "paused"))
        is_paused = job is not None and job.state == "paused"
        self.pause.setText("Continue" if is_paused else "Pause")
        self.pause.setToolTip(PAUSE[is_paused] if self.pause.isEnabled() else IDLE)
        self.cancel.setEnabled(is_running)
        is_stopping = job is not None and job.state == "cancelling"
        self.cancel.setText("Stop now" if is_stopping else "Cancel")
        self.cancel.setToolTip(CANCEL[is_stopping] if is_running else IDLE)
        if job is None:
            return
        self.bar.setRange(0, job.total)
        self.bar.setValue(job.done)
        self.words.setText(job.progress_words())
        for line in job.log[self._told :]:
            self.tell(line.text, is_warning=line.is_warning)
        self._told = len(job.log)

    def tell(self, text: str, *, is_warning: bool = False) -> None:
        """Add a sentence to the log."""
        self._lines.append((text, "warning" if is_warning else "plain"))
        self._write(*self._lines[-1])

    def changeEvent(self, event: QEvent) -> None:
        """Write the log anew in the colours of another theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.log.clear()
            for line in self._lines:
                self._write(*line)

    def _write(self, text: str, tone: Tone) -> None:
        colour = "" if tone == "plain" else f" style='color: {colour_of(tone, self)}'"
        self.log.appendHtml(f"<span{colour}>{html.escape(text)}</span>")
        # Of its own accord it stays where it is once it has become narrower.
        self.log.verticalScrollBar().setValue(self.log.verticalScrollBar().maximum())


def note() -> Toned:
    """A quiet sentence under a row, in the colour of the theme."""
    return Toned(size_pt=9)


def side_by_side(*widgets: QWidget) -> QWidget:
    """Widgets in a row."""
    whole = QWidget()
    row = QHBoxLayout(whole)
    row.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        row.addWidget(widget)
    return whole


def legend(entries: Sequence[tuple[str, str, str]]) -> QWidget:
    """Colours with their names in a row; what each means is said when the mouse rests on it."""
    labels = []
    for colour, name, meaning in entries:
        label = QLabel(f"<span style='color: {colour}'>■</span> {name}")
        label.setToolTip(meaning)
        labels.append(label)
    return side_by_side(*labels)


def tab_on_to(before: QWidget, whole: QWidget) -> None:
    """Let the Tab key go from one control on to those inside `whole`, which came later."""
    if before.window() is not whole.window():
        return
    inside, one = [], whole.nextInFocusChain()
    while one is not None and one is not whole:
        if whole.isAncestorOf(one) and one.focusPolicy() & Qt.FocusPolicy.TabFocus:
            inside.append(one)
        one = one.nextInFocusChain()
    for one in inside:
        QWidget.setTabOrder(before, one)
        before = one


def in_scroll_area(content: QWidget) -> QScrollArea:
    """`content` in an area that scrolls up and down only; the keyboard goes to what is in it."""
    area = QScrollArea()
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    area.setMinimumWidth(NARROWEST)
    return area
