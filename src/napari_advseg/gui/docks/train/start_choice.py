"""The choice of where a training begins: with random weights, or with those of a trained model."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Signal

from napari_advseg.gui.compute import handover
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.kit.editors import PatientComboBox
from napari_advseg.gui.kit.model_choice import Entry, list_models
from napari_advseg.gui.kit.panel import browse_folder

RANDOM = "Random weights"
OTHER = "Another folder …"
ABOUT = (
    "A trained model to go on from: what fits by name and shape is taken over, and its network is chosen too where it "
    "is of the same family. The first model needs few annotations of yours."
)


class StartChoice(PatientComboBox):
    """Random weights, the models that there are, or a folder; `seen` brings the model's card, read on a thread."""

    seen = Signal(object)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.path = ""
        self._list([])
        self.activated.connect(self._pick)
        session.trained.connect(self.refill)
        session.project_opened.connect(self.refill)
        self.refill()

    def take(self, path: str) -> None:
        """Begin with the model in a folder; an empty path is random weights."""
        self.path = path
        if self.findData(path) < 0:
            self.insertItem(1, Path(path).name, path)
        self.setCurrentIndex(self.findData(path))
        self.setToolTip(f"<p>{ABOUT}</p><p>{path}</p>")
        if not path:  # nothing to read: said at once, so that what is typed next stays
            self.seen.emit(handover.model_at(path))
            return
        look = self._session.background(partial(handover.model_at, path))
        look.done.connect(self._see)

    def forget(self, *_: object) -> None:
        """Begin with random weights."""
        self.take("")

    def look(self, *_: object) -> None:
        """Read the chosen model's card again; `seen` follows."""
        if self.path:
            self.take(self.path)

    def refill(self, *_: object) -> None:
        """Look for models on a thread and list them."""
        find = partial(list_models, self._session.model, self._session.project)
        self._session.background(find).done.connect(self._list)

    def _list(self, entries: list[Entry]) -> None:
        with QSignalBlocker(self):
            self.clear()
            self.addItem(RANDOM, "")
            for entry in entries:
                self.addItem(entry.title, entry.path)
            if self.findData(self.path) < 0:
                self.insertItem(1, Path(self.path).name, self.path)
            self.addItem(OTHER, None)
            self.setCurrentIndex(self.findData(self.path))

    def _pick(self, row: int) -> None:
        path = self.itemData(row)
        if path is None:
            path = browse_folder(self, self.path) or self.path
        self.take(path)

    def _see(self, model: handover.Model) -> None:
        if model.path == self.path:
            self.seen.emit(model)
