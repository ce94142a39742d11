"""The choice of a network: its family, and the preset that says how large it is and how long it learns."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from qtpy.QtCore import QObject, QSignalBlocker, Signal

from napari_advseg import families
from napari_advseg.gui.compute import checks
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.kit.editors import PatientComboBox
from napari_advseg.gui.kit.panel import note
from napari_advseg.recipes import Train, train_recipe


class Network(QObject):
    """Two boxes and what the preset means; `changed` comes when either was chosen anew."""

    changed = Signal()

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self.family, self.preset = PatientComboBox(), PatientComboBox()
        self.words = note()
        self.family.addItems(list(families.FAMILIES))
        self._refill()
        self.family.currentIndexChanged.connect(self._refill)
        self.preset.currentIndexChanged.connect(self.explain)

    @property
    def name(self) -> str:
        """The family."""
        return str(self.family.currentText())

    @property
    def chosen_preset(self) -> str:
        """The preset; where that is left open, the one that suits this computer."""
        return self.preset.currentData() or self._automatic

    @property
    def is_alone(self) -> bool:
        """Whether the family learns from the image alone."""
        return checks.needs_no_labels(self.name)

    def recipe(self) -> Train:
        """What family and preset say, without data."""
        return train_recipe(self.name, self.chosen_preset)

    def explain(self, *_: object) -> None:
        """Say what the preset means on this computer."""
        self.preset.setItemText(0, f"auto ({self._automatic})")
        self.words.setText(checks.preset_words(self.name, self.chosen_preset))
        self.changed.emit()

    @property
    def _automatic(self) -> str:
        return checks.auto_preset(self.name, self._session.device)

    def _refill(self, *_: object) -> None:
        with QSignalBlocker(self.preset):
            self.preset.clear()
            self.preset.addItem("auto", None)
            for name in families.find(self.name).presets:
                self.preset.addItem(name, name)
        self.explain()
