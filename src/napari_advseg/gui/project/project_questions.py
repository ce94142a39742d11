"""What is asked about a project: where it goes, what becomes of recovered edits, whether to take it over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_advseg import project as projects
from napari_advseg.project import Holder

HOME = "napari-advseg"
KEEP = "Keep them"
GO_BACK = "Go back"
TAKE_OVER = "Take it over"


def where_to_make(parent: QWidget, name: str) -> str:
    """A place for a new project, proposed in the user's home; empty where the user has thought better of it."""
    start = projects.free(Path.home() / HOME / "projects" / projects.plain(name))
    start.parent.mkdir(parents=True, exist_ok=True)
    return str(
        QFileDialog.getSaveFileName(
            parent, "New project: a name for its folder", str(start), "Folder (*)"
        )[0]
    )


def which_to_open(parent: QWidget) -> str:
    """The folder of a project."""
    start = Path.home() / HOME / "projects"
    return str(
        QFileDialog.getExistingDirectory(
            parent, "Folder of the project", str(start if start.is_dir() else Path.home())
        )
    )


def recovered_words(holder: Holder, edits: Mapping[str, int]) -> str:
    """What was recovered, for example "12 edits of 'cells'"."""
    parts = [f"{count} edit{'s' if count > 1 else ''} of '{name}'" for name, count in edits.items()]
    listed = " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
    return (
        f"The last session was not closed properly ({holder.words}). "
        f"{listed} from that session were saved and are shown."
    )


def ask_about_recovery(
    parent: QWidget, words: str, keep: Callable[[], object], go_back: Callable[[], object]
) -> QMessageBox:
    """Ask without holding up anything; closing the question keeps the edits."""
    box = QMessageBox(
        QMessageBox.Icon.Information,
        "Recovered edits",
        words,
        QMessageBox.StandardButton.NoButton,
        parent,
    )
    box.setObjectName("recovery")
    box.setInformativeText(
        "Keep them, or go back to how it was before that session? No file is deleted either way: what you leave out "
        "stays in the folder 'left-out' of each annotation."
    )
    kept = box.addButton(KEEP, QMessageBox.ButtonRole.AcceptRole)
    back = box.addButton(GO_BACK, QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(kept)
    box.setEscapeButton(kept)
    box.finished.connect(lambda _: go_back() if box.clickedButton() is back else keep())
    return _opened(box)


def ask_to_take_over(parent: QWidget, words: str, do: Callable[[], object]) -> QMessageBox:
    """Ask whether nobody else works in the project."""
    box = QMessageBox(
        QMessageBox.Icon.Warning,
        "The project is open elsewhere",
        words,
        QMessageBox.StandardButton.Cancel,
        parent,
    )
    box.setObjectName("take over")
    over = box.addButton(TAKE_OVER, QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(QMessageBox.StandardButton.Cancel)
    box.finished.connect(lambda _: do() if box.clickedButton() is over else None)
    return _opened(box)


def _opened(box: QMessageBox) -> QMessageBox:
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowModality(Qt.WindowModality.NonModal)
    box.show()
    return box
