"""The project of one window: opened, shown as layers, written down as it changes, closed with the window."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QTimer, Signal
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_advseg.engine import Cancelled, Failed, Finished, Lost
from napari_advseg.gui.compute.job import End, Job
from napari_advseg.gui.project import project_files, project_questions
from napari_advseg.gui.project.autosave import Autosave
from napari_advseg.gui.project.loose_images import LooseImages
from napari_advseg.gui.project.project_files import Files, Opened, origin_of
from napari_advseg.gui.project.project_opening import ProjectOpening
from napari_advseg.gui.project.project_sign import Entry, ProjectSign, State
from napari_advseg.gui.viewer import results, window
from napari_advseg.gui.viewer.turns import Turns
from napari_advseg.napari_io import LayerData, ProjectLayers
from napari_advseg.project import Project, Shown
from napari_advseg.recipes import to_yaml

if TYPE_CHECKING:
    from napari_advseg.gui.compute.session import Session

NAME = "napari-advseg project"
SOON_MS = 200


class Closing(QObject):
    """Says that a window closes, before it does."""

    closes = Signal()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Close:
            self.closes.emit()
        return False


class ProjectWindow(QObject):
    """What a window does with its project; without one it only offers to make one."""

    def __init__(self, session: Session, viewer: Any) -> None:
        super().__init__(session)
        self.setObjectName(NAME)
        self._session = session
        self._viewer = window.unwrapped(viewer)
        self._files: Files | None = None
        self._expected = 0
        self._title = str(self._viewer.title)
        self.autosave: Autosave | None = None
        self._going: list[Any] = []
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON_MS)
        self._soon.timeout.connect(self._record)
        self.opening = ProjectOpening(session, self._viewer, self)
        self.opening.opened.connect(self._opened)
        self.loose = LooseImages(session, self._viewer, self)
        self.loose.copied.connect(self._record)
        self.sign = ProjectSign(self._host)
        self.sign.offer(self._entries)
        self.sign.make.connect(self.opening.ask_to_make)
        self.sign.open.connect(self.opening.ask_to_open)
        self._host.statusBar().addPermanentWidget(self.sign)
        closing = Closing(self._host)
        self._host.installEventFilter(closing)
        closing.closes.connect(self._close_window)
        self._viewer.layers.events.inserted.connect(self._inserted)
        self._viewer.layers.events.removed.connect(self._removed)
        self._viewer.layers.events.reordered.connect(self._later)
        session.handed_in.connect(self._write_run)
        QTimer.singleShot(0, self.opening.look_at_layers)

    @property
    def project(self) -> Project | None:
        """The open project."""
        return self._session.project

    @property
    def _host(self) -> QMainWindow:
        """The window. Not kept: it would be held for as long as anybody holds a dock."""
        return window.main_window(self._viewer)

    def close(self) -> None:
        """Close the project; the layers stay, as they would without one."""
        self._let_go()
        self._record()
        if self.autosave is not None:
            self.autosave.finish()
            self.autosave.deleteLater()
        self.autosave, self._files, self.loose.files = None, None, None
        self._session.project = None
        self._show()
        self._session.project_opened.emit(None)

    def bring_back(self, place: Path, *_: object) -> None:
        """Show an annotation again whose layer was deleted."""
        if self._files is None:
            return
        task = self._session.background(
            partial(project_files.annotation, self._files.project, place)
        )
        task.done.connect(self._add)
        task.failed.connect(window.show_error)

    def _close_window(self) -> None:
        """The layers that go with the window were not deleted by the user."""
        self._going.clear()
        if self._soon.isActive() and len(self._viewer.layers):
            self._record()
        self._soon.stop()

    def _opened(self, found: Opened) -> None:
        project = found.project
        shows = found.found or ProjectLayers([], [], [], {})
        self._session.project = project
        self._files = self.loose.files = Files(project, shows.unseen)
        self._autosave_in(project, found.removed)
        there = list(self._viewer.layers)
        for layer in there:
            self._take(layer, is_stale=True)
        is_shown = any(origin_of(layer) == project.folder for layer in there)
        # What is recovered can be left out only once its layers are there.
        self._add([] if is_shown else shows.layers, partial(self._ask, shows))
        for problem in shows.problems:
            window.show_error(problem)
        if found.found is None:
            window.show_info(f"A new project was made in {project.folder}.")
        self._show()
        self._session.project_opened.emit(project)

    def _ask(self, shows: ProjectLayers) -> None:
        """Ask what becomes of recovered edits."""
        if shows.recovered and self.project is not None and self.project.left_open is not None:
            words = project_questions.recovered_words(self.project.left_open, shows.recovered)
            project_questions.ask_about_recovery(self._host, words, _nothing, self._go_back)

    def _autosave_in(self, project: Project, removed: dict[Path, str]) -> None:
        self.autosave = Autosave(self._viewer, project, self)
        self.autosave.removed = removed
        self.autosave.changed.connect(self._show)
        self.autosave.taken_over.connect(self._taken_over)
        # A QObject goes before its window says so; what ends a project must outlive both.
        self._host.destroyed.connect(self.autosave.ending.soon)
        QApplication.instance().aboutToQuit.connect(self.autosave.ending.soon)

    def _add(self, layers: Sequence[LayerData], *after: Callable[[], object]) -> None:
        """Add layers one by one; what the project has is written down when all are there, then comes `after`."""
        self._expected += len(layers)
        steps = [partial(self._add_one, data) for data in layers]
        if steps:
            Turns(self._viewer, [*steps, self._record, *after])
            return
        for step in (self._record, *after):
            step()

    def _add_one(self, data: LayerData) -> None:
        self._expected -= 1
        results.add(self._viewer, data)

    def _take(self, layer: Any, *, is_stale: bool) -> None:
        """A layer belongs to the project now."""
        if self.autosave is None or results.is_ours(layer) or self.project is None:
            return
        for name in ("name", "scale", "translate", "units"):
            getattr(layer.events, name).connect(self._later)
        place = project_files.place_of(self.project, layer)
        if place is not None:
            self.autosave.adopt(layer, place, is_stale=is_stale)
        else:
            self.autosave.follow(layer, at_once=is_stale or not project_files.path_of(layer))

    def _inserted(self, event: Any) -> None:
        if self.project is None:
            self.opening.look_at_layers()
            return
        self._take(event.value, is_stale=False)
        self._record()

    def _removed(self, event: Any) -> None:
        """A layer has gone: deleted by the user, unless the window closes before this event is over."""
        if self.project is not None:
            self._going.append(event.value)
            QTimer.singleShot(0, self._let_go)
            self._later()

    def _let_go(self) -> None:
        going, self._going = self._going, []
        for layer in going:
            if self.autosave is not None and layer not in self._viewer.layers:
                self.autosave.let_go(layer)

    def _later(self, *_: object) -> None:
        if self.project is not None:
            self._soon.start()

    def _record(self) -> None:
        """Write down which images the project has."""
        if self._files is None or self.autosave is None or self._expected:
            return
        keeps = self.autosave.keeps
        shown = [
            layer for layer in self._viewer.layers if not (results.is_ours(layer) or keeps(layer))
        ]
        self.autosave.saver.do(partial(self._files.record, shown))
        self.loose.tell()

    def _go_back(self) -> None:
        """Leave the last session's edits out of what is shown."""
        project, autosave = self.project, self.autosave
        if project is None or autosave is None or project.left_open is None:
            return
        autosave.go_back(project.left_open.session)

    def _taken_over(self) -> None:
        if self.project is None:
            return
        window.show_error(
            f"Another window has taken project '{self.project.name}' over; nothing that is done here is saved any "
            "more. Save what you need by File > Save, and close this window."
        )
        self.close()

    def _write_run(self, job: Job) -> None:
        """Keep the recipe of a run, and what becomes of it."""
        if self.autosave is None or self.project is None or job.recipe is None:
            return
        saver, project = self.autosave.saver, self.project
        run = project_files.RunLog(project, job.recipe.task, job.title, to_yaml(job.recipe))
        saver.do(run.begin)
        job.ended.connect(lambda how: saver.do(partial(run.end, *_outcome(how))))

    def _show(self) -> None:
        project, autosave = self.project, self.autosave
        if project is None or autosave is None:
            self.sign.show_state(State())
            self._viewer.title = self._title
            return
        title = f"{project.name} - {self._title}"
        if self._viewer.title != title:
            self._viewer.title = title
        self.sign.show_state(
            State(
                project.name,
                str(project.folder),
                autosave.waiting,
                autosave.problem,
                autosave.saved_at,
            )
        )

    def _entries(self) -> list[Entry]:
        """What the menu of the sign offers now."""
        project, files = self.project, self._files
        if project is None or files is None or self.autosave is None:
            return []
        entries = [Entry("Open the folder", partial(window.open_file, project.folder))]
        loose = self.loose.names
        if loose:
            entries.append(Entry(f"Copy {loose} into the project", self.loose.save))
        entries += [
            Entry(name, partial(self.bring_back, place), under="Bring back")
            for place, name in self.autosave.removed.items()
        ]
        entries += [
            Entry(one.name, partial(self._forget, one), one.absolute, under="Forget missing")
            for one in files.unseen
        ]
        return [*entries, Entry("Close the project", self.close)]

    def _forget(self, shown: Shown, *_: object) -> None:
        """The project has an image no longer whose file is not there."""
        if self._files is not None:
            self._files.unseen.remove(shown)
            self._record()


def window_project(viewer: Any) -> ProjectWindow | None:
    """What a window does with its project; None before its first dock is open."""
    found: ProjectWindow | None = window.main_window(viewer).findChild(ProjectWindow, NAME)
    return found


def _outcome(how: End) -> tuple[str, str, dict[str, Any]]:
    match how:
        case Finished(_, result):
            return "finished", "", result
        case Cancelled():
            return "cancelled", "", {}
        case Failed(_, text) | Lost(text):
            return "failed", text, {}


def _nothing() -> None:
    """The edits are shown already."""
