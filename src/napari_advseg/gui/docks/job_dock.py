"""What all docks share: the viewer's session, layers to choose, a job from Run to its end, and what is in the way."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import napari
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget

from napari_advseg.engine import Cancelled, Failed, Finished, Lost
from napari_advseg.gui.compute import checks
from napari_advseg.gui.compute.job import End, Job
from napari_advseg.gui.docks.halves import Halves, column_of
from napari_advseg.gui.help import shortcuts
from napari_advseg.gui.help.browser import open_help
from napari_advseg.gui.help.keys import KeyList
from napari_advseg.gui.help.shortcuts import Shortcut
from napari_advseg.gui.help.tour import Guide
from napari_advseg.gui.kit.form import Fold, Form
from napari_advseg.gui.kit.panel import Buttons, layer_choices, note
from napari_advseg.gui.kit.ring import watch_focus
from napari_advseg.gui.opened import session_of
from napari_advseg.gui.viewer import window

NO_DOCK = "Open a dock first: Plugins > Adversarial segmentation."


class JobDock(QWidget):
    """Follows the jobs of one kind. A dock adds its rows, says what is in the way of Run, and takes the result.

    It calls `_open` at the end of its own `__init__`.
    """

    kind: ClassVar[str]
    page: ClassVar[str] = (
        ""  # what "?" opens; empty for the section of docks.md that is named like the dock
    )
    run_words: ClassVar[str] = "Run"
    run_about: ClassVar[str] = ""
    can_pause: ClassVar[bool] = False
    slow_words: ClassVar[str] = ""
    cancelled_words: ClassVar[str] = "Cancelled."
    shows_device: ClassVar[bool] = True
    log_px: ClassVar[int] = 76
    _is_docked = False

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = window.unwrapped(napari_viewer)
        self._session = session_of(self._viewer)
        self._job: Job | None = None
        self._halves = Halves()
        self.device = note()
        self.buttons = Buttons(self.run_words, can_pause=self.can_pause, log_px=self.log_px)
        self.buttons.run_about = self.run_about
        self._keys: tuple[Shortcut, ...] = ()
        self._view_request = QTimer(self)
        self._view_request.setSingleShot(True)
        self._view_request.timeout.connect(self._look_at_layers)

    def reset_choices(self, event: object = None) -> None:
        """Called by napari when layers come, go or are renamed; what other layers mean is judged in the next turn."""
        others = [choice.refill() for choice in layer_choices(self)]
        if event is None:
            self._look_at_layers()
        elif any(others):
            self._view_request.start()

    def start(self) -> None:
        """Run, unless something is in the way; then that is said."""
        raise NotImplementedError

    def shortcuts(self) -> Sequence[Shortcut]:
        """What keys can do in this dock, besides starting, stopping and help."""
        return ()

    def tour_stop(self) -> QWidget:
        """The control that the tour asks to press, ready to be pressed."""
        return self.buttons.run

    def event(self, event: QEvent) -> bool:
        """Notice that napari has closed the dock: it takes the parent away and forgets the widget."""
        if event.type() == QEvent.Type.ParentChange:
            if self._is_docked and self.parent() is None:
                shortcuts.withdraw(self._viewer, *self._keys)
                self._tidy_up()
            self._is_docked = self.parent() is not None
        return bool(super().event(event))

    def _problem(self) -> str:
        """What is in the way of Run, with the remedy; empty where nothing is."""
        raise NotImplementedError

    def _finished(self, result: dict[str, Any]) -> None:
        """Take what a job of ours has made."""
        raise NotImplementedError

    def _look_at_layers(self, *_: object) -> None:
        """The layers may be others now."""
        self._judge()

    def _settle(self) -> None:
        """A job has ended, however it did."""

    def _tidy_up(self) -> None:
        """The dock was closed; its job goes on, and its result is still taken unless another dock opens."""

    def _open(self, content: QWidget, result: QWidget | None = None) -> None:
        """Show `content` above the buttons, and a job that is under way already.

        `result` comes below them behind a handle; `_reveal` shows it.
        """
        self._keys = tuple(self.shortcuts())
        common = _common_keys(self._viewer)
        shortcuts.register(self._viewer, *common, *self._keys)
        keys = partial(KeyList, self._viewer, (*common, *self._keys))
        form = column_of(content, Fold("Shortcuts", keys, "The keys of this dock"))
        self._halves.fill(form, (self.device, self.buttons), result)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(4, 4, 4, 4)
        whole.addWidget(Guide(self._viewer))
        whole.addWidget(self._halves, stretch=1)
        watch_focus(self._viewer, self)
        self.device.setVisible(self.shows_device)
        self.buttons.run.clicked.connect(self.start)
        self.buttons.pause.clicked.connect(self._pause_or_proceed)
        self.buttons.cancel.clicked.connect(self._cancel)
        page = self.page or f"docks.md#{self.kind}"
        self.buttons.help.clicked.connect(partial(open_help, self._session, page))
        self._session.ready.connect(self._show_device)
        self.device.linkActivated.connect(self._session.restart)
        self._show_device(self._session.device)
        self._look_at_layers()
        self._session.attend(self.kind, self._hand_over)
        self._follow(self._session.running(self.kind))

    def _reveal(self) -> None:
        """Show the result; the first time it takes most of the room."""
        self._halves.reveal()

    def _hand_over(self) -> None:
        """A newer dock of this kind follows the job from now on."""
        if self._job is not None:
            self._job.changed.disconnect(self._show_job)
            self._job.ended.disconnect(self._end)
            self._job = None
        self.buttons.follow(None)

    def _show_device(self, device: dict[str, object] | None) -> None:
        line = checks.device_line(device, self.slow_words)
        self.device.setText(self._session.or_trouble(line))

    @property
    def _is_running(self) -> bool:
        return self._job is not None and not self._job.is_over

    def _judge(self, *_: object) -> None:
        """See anew what can be done; PySide6 asks even while the window with all that is in it is being deleted."""
        if not isalive(self):
            return
        if self._is_running:
            self.buttons.run.setEnabled(False)
        else:
            self.buttons.refuse(self._problem())
        self._judge_more()

    def _judge_more(self) -> None:
        """Whatever else depends on what is chosen."""

    def _follow(self, job: Job | None) -> None:
        self._job = job
        if job is None:
            return
        job.changed.connect(self._show_job)
        job.ended.connect(self._end)
        self.buttons.begin()
        self.buttons.refuse("")
        self._show_job()
        self._judge()

    def _show_job(self) -> None:
        if self._job is not None:
            self.buttons.follow(self._job)

    def _in_background(
        self, work: Callable[[], Any], then: Callable[[Any], object], *, is_long: bool = False
    ) -> None:
        """Do it on a thread, and hand what comes of it to `then`; what goes wrong is said."""
        task = self._session.background(work, is_long=is_long)
        task.done.connect(then)
        task.failed.connect(self._fail)
        task.failed.connect(self._judge)

    def _pause_or_proceed(self) -> None:
        if self._job is not None and self._job.state == "paused":
            self._session.proceed(self._job)
        elif self._job is not None:
            self._session.pause(self._job)
        self._show_job()

    def _cancel(self) -> None:
        if self._job is not None:
            self._session.cancel(self._job)
        self._show_job()

    def _end(self, how: End) -> None:
        match how:
            case Finished(_, result):
                self._finished(result)
            case Cancelled():
                self.buttons.tell(self.cancelled_words)
            case Failed(_, text) | Lost(text):
                self._fail(text)
        self._settle()
        self._judge()

    def _fail(self, text: str) -> None:
        self.buttons.tell(text, is_warning=True)
        window.show_error(text)


def front_dock(viewer: Any) -> JobDock | None:
    """The dock that the user sees: the one with the focus, else any that is not behind another."""
    docks = [
        dock
        for dock in window.main_window(viewer).findChildren(JobDock)
        if dock.isVisible() and not dock.visibleRegion().isEmpty()
    ]
    focus = QApplication.focusWidget()
    with_focus = (dock for dock in docks if focus is not None and dock.isAncestorOf(focus))
    return next(with_focus, docks[0] if docks else None)


def _common_keys(viewer: Any) -> tuple[Shortcut, ...]:
    """What keys do in whichever dock is in front."""
    press = partial(_press, viewer)
    return (
        Shortcut("start", "Start what the dock in front does", "Ctrl-Enter", partial(press, "run")),
        Shortcut("cancel", "Cancel it", "Ctrl-Shift-Enter", partial(press, "cancel")),
        Shortcut("help", "Explain the dock in front", "Shift-H", partial(press, "help")),
    )


def _press(viewer: Any, which: str) -> None:
    """Press a button of the dock in front, or say why it cannot be pressed."""
    dock = front_dock(viewer)
    if dock is None:
        window.show_info(NO_DOCK)
        return
    button = getattr(dock.buttons, which)
    if button.isEnabled():
        button.click()
    else:
        window.show_info(button.toolTip())


def first_problem(*forms: Form[Any]) -> str:
    """What is wrong in the first form where anything is; empty where all is valid."""
    return next((form.problem for form in forms if form.problem), "")
