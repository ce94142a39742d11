"""The choice of a model: the one trained last, those of the project, recent ones, and the one that comes along."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_advseg import model_store
from napari_advseg.gui.compute import handover
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.kit.editors import PatientComboBox
from napari_advseg.gui.kit.form import Fold
from napari_advseg.gui.kit.panel import browse_folder, note
from napari_advseg.gui.kit.preferences import remember, remembered
from napari_advseg.model_store import Card
from napari_advseg.project import Project, models_in

FIRST = "First model"
NONE = "none yet"
NOT_YET = "No model yet: train one, or choose a folder with …"
START = "Comes along, for a first look: train a model on a few annotated sections of your own for good results."
KEPT = 8


class Entry(NamedTuple):
    """A model to choose: its folder and what it is called in the list."""

    path: str
    title: str


Fits = Callable[[Card], bool]


class ModelChoice(QWidget):
    """The folder of a model, with what is known of it; a training that ends puts its own here.

    With `fits` only models that do are listed; another one can be browsed for, and the dock says what is wrong.
    """

    seen = Signal()

    def __init__(self, session: Session, fits: Fits | None = None) -> None:
        super().__init__()
        self._session = session
        self._fits = fits
        self._is_narrowed = fits is not None
        self._trained = ""
        self.path = ""
        self.found = handover.model_at("")
        self.words, self._details = note(), note()
        self.words.hide()
        self.about = Fold("About this model", lambda: self._details)
        self.about.hide()
        self.box = PatientComboBox()
        self.box.activated.connect(self._pick)
        button = QPushButton("…")
        button.setToolTip("Choose the folder of a model")
        button.setAccessibleName("Choose the folder of a model")
        button.setFixedWidth(28)
        button.clicked.connect(self._browse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(self.box, stretch=1)
        row.addWidget(button)
        session.trained.connect(self._take_trained)
        session.recalibrated.connect(self.look)
        session.project_opened.connect(self.refill)
        self.set("" if fits else session.model)
        self.refill()

    @property
    def problem(self) -> str:
        """Why there is no model to use."""
        return self.found.problem

    @property
    def title(self) -> str:
        """What the chosen model is called."""
        return "first model" if model_store.is_first(self.path or ".") else Path(self.path).name

    def set(self, path: object) -> None:
        """Choose a folder; `seen` follows."""
        self.path, self._is_narrowed = str(path), False
        if self.path and self.box.findData(self.path) < 0:
            self.box.insertItem(0, _title(self.path), self.path)
        self._show_choice()
        self.look()

    def take(self, folder: str) -> None:
        """Choose a folder, also one that has only changed."""
        self.set(folder)

    def look(self, *_: object) -> None:
        """Read the model's card; `seen` follows."""
        look = self._session.background(partial(handover.model_at, self.path))
        look.done.connect(self._see)

    def refill(self, *_: object) -> None:
        """Look for models on a thread and list them; the first is taken where none was chosen."""
        project = self._session.project
        task = self._session.background(
            partial(list_models, self._session.model, project, self._fits)
        )
        task.done.connect(partial(self._list, self._fits))

    def narrow(self, fits: Fits) -> None:
        """List other models from now on; the first is taken where the chosen one is not among them."""
        self._fits, self._is_narrowed = fits, True
        self.refill()

    def used(self) -> None:
        """Remember the chosen model for other viewers."""
        path = str(Path(self.path).expanduser().absolute())
        if not model_store.is_first(self.path):
            self._session.background(partial(_remember, path))

    def _list(self, fits: Fits | None, entries: list[Entry]) -> None:
        if fits is not self._fits:
            return  # the list that is asked for now is still to come
        with QSignalBlocker(self.box):
            self.box.clear()
            for entry in entries:
                self.box.addItem(entry.title, entry.path)
        listed = [entry.path for entry in entries]
        is_strange = self._is_narrowed and self.path not in listed
        is_new = self._trained in listed
        trained, self._trained, self._is_narrowed = self._trained, "", False
        if is_new:
            self.set(trained)
        elif is_strange or not self.path:
            self.set(entries[0].path if entries else "")
        else:
            self.set(self.path)

    def _show_choice(self) -> None:
        self.box.setCurrentIndex(self.box.findData(self.path))
        self.box.setToolTip(self.path or NOT_YET)
        self.box.setPlaceholderText(NONE)

    def _pick(self, row: int) -> None:
        self.set(self.box.itemData(row))

    def _browse(self) -> None:
        chosen = browse_folder(self, self.path)
        if chosen:
            self.set(chosen)

    def _take_trained(self, folder: str) -> None:
        if self._fits is not None:
            self._trained = folder
            self.refill()
            return
        self.set(folder)
        self.used()
        self.refill()

    def _see(self, model: handover.Model) -> None:
        if model.path == self.path:
            self.found = model
            details = model.card.about if model.card is not None else ""
            is_first = bool(details) and model_store.is_first(model.path)
            self.words.setText(START if is_first else model.words if model.card else "")
            self.words.setVisible(model.card is not None)
            self._details.setText(f"{details} {model.words}." if details else "")
            self.about.setVisible(bool(details))
            self.seen.emit()


def list_models(trained: str, project: Project | None, fits: Fits | None = None) -> list[Entry]:
    """The models that there are: trained in this viewer, of the project, used lately, and the one that comes along.

    Where `fits` is given, only those whose card it accepts.
    """
    found = dict.fromkeys(
        (*([trained] if trained else []), *_of_project(project), *remembered_models())
    )
    paths = [path for path in found if (Path(path) / model_store.CARD).is_file()]
    entries = [Entry(path, _title(path)) for path in paths]
    if model_store.has_first_model():
        entries.append(Entry(model_store.FIRST, FIRST))
    if fits is not None:
        entries = [entry for entry in entries if _is_fit(entry.path, fits)]
    return _told_apart(entries)


def _is_fit(path: str, fits: Fits) -> bool:
    card = handover.model_at(path).card
    return card is not None and fits(card)


def remembered_models() -> list[str]:
    """The models used lately, the newest first."""
    found = getattr(remembered(), "models", ())
    return [str(path) for path in found] if isinstance(found, list | tuple) else []


def _remember(path: str) -> None:
    others = [one for one in remembered_models() if one != path]
    remember(models=[path, *others][:KEPT])


def _of_project(project: Project | None) -> list[str]:
    """The models in a project's folder, the newest first."""
    found = models_in(project.folder) if project is not None else []
    newest = sorted(found, key=lambda model: model.stat().st_mtime, reverse=True)
    return [str(model) for model in newest]


def _told_apart(entries: list[Entry]) -> list[Entry]:
    """Models of one name get the folder that they are in."""
    titles = [entry.title for entry in entries]
    return [
        entry._replace(title=f"{entry.title} in {Path(entry.path).parent.name}")
        if titles.count(entry.title) > 1
        else entry
        for entry in entries
    ]


def _title(path: str) -> str:
    return FIRST if model_store.is_first(path) else Path(path).name
