"""What is proofread and by what: the labels, what they were made from, and the order in which places come."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_advseg.gui.compute import handover
from napari_advseg.gui.compute.job import Job
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.docks.proofread import finding, open_labels
from napari_advseg.gui.docks.proofread.open_labels import InteriorMap, OpenLabels, Wanted
from napari_advseg.gui.kit import comparison
from napari_advseg.gui.kit.editors import PatientComboBox
from napari_advseg.gui.kit.form import rows_of
from napari_advseg.gui.kit.model_choice import ModelChoice
from napari_advseg.gui.kit.panel import LayerChoice
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.recipes import Judge
from napari_advseg.volume.arrays.lazy import LazyArray

NO_MAP, NO_TRUTH = "none: cut where an object is thinnest", "none"


class Choices(QWidget):
    """Emits `changed` when something else is chosen."""

    changed = Signal()

    def __init__(self, viewer: Any, session: Session, kind: str) -> None:
        """`kind` is that of the jobs."""
        super().__init__()
        self._session, self._kind = session, kind
        self._map = InteriorMap()
        self.labels = LayerChoice(viewer, Labels)
        self.interior_map = LayerChoice(viewer, Image, NO_MAP)
        self.truth = LayerChoice(viewer, Labels, NO_TRUTH)
        self.image = LayerChoice(viewer, Image)
        self.model = ModelChoice(session)
        self.order = PatientComboBox()
        self.order.setToolTip("<p>What decides which place comes first.</p>")
        for name, words in finding.ORDERS.items():
            self.order.addItem(words, name)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 6, 0)
        column.addLayout(
            rows_of(
                ("Labels", self.labels, "The labels to put right; they are only read."),
                (
                    "Interior map",
                    self.interior_map,
                    "Along its walls objects are cut, and compared.",
                ),
                ("Truth", self.truth, "Where there is one: what the score is counted against."),
                ("Order", self.order),
                ("Image", self.image, "What the labels are of: for the critic, and to learn from."),
                ("Model", self.model, "Whose critic is asked, or which goes on learning."),
            )
        )
        column.addStretch(1)
        for choice in (self.labels, self.interior_map, self.truth, self.image):
            choice.changed.connect(lambda *_: self.changed.emit())
        self.order.currentIndexChanged.connect(lambda *_: self.changed.emit())
        self.model.seen.connect(self.changed)

    def why_not_begin(self) -> str:
        """Why the labels cannot be opened; empty where they can."""
        if self.labels.layer is None:
            return "Open the labels that you want to put right first."
        return finding.why_not_open(self.labels.layer)

    def why_not_find(self) -> str:
        """Why places cannot be looked for in this order; empty where they can."""
        order = self.order.currentData()
        if order == "truth":
            return "" if self.truth.layer is not None else "Choose the truth, or another order."
        if self.interior_map.layer is None:
            return "Choose the interior map that the labels were made from, or another order."
        return self._why_no_critic() if order == "critic" else ""

    def begin(self) -> Job:
        """A job that opens the labels."""
        layer, project = self.labels.layer, self._session.project
        wanted = Wanted(
            comparison.side_of(layer),
            layer.name,
            str(layer.metadata.get("path") or ""),
            handover.folder_for(layer, project),
            handover.folder_for(None, project) / "proofreading",
        )
        title = f"Opening {layer.name}"
        return self._session.work(self._kind, title, partial(open_labels.open_desk, wanted))

    def find(self, opened: OpenLabels) -> Job:
        """A job that looks for places in this order.

        Raises:
            ValueError: the interior map does not lie on the labels.
        """
        order, title = self.order.currentData(), "Looking for places"
        if order == "truth":
            work = partial(finding.by_truth, opened, comparison.side_of(self.truth.layer))
        elif order == "critic" or (order == "mix" and not self._why_no_critic()):
            recipe = Judge(image="", labels="", interior_map="", model=self.model.path, order=order)
            given = {
                "image": handover.taken(self.image.layer),
                "interior": handover.taken(self.interior_map.layer),
            }
            prepare = partial(finding.judged, opened, given, recipe, self._session.folder)
            return self._session.run(self._kind, title, prepare)
        else:
            interior_map, problem = self.interior(opened.proof)
            if interior_map is None:
                raise ValueError(problem)
            work = partial(finding.by_map, opened, interior_map, order)
        return self._session.work(self._kind, title, work)

    def interior(self, proof: Proof) -> tuple[LazyArray | None, str]:
        """The interior map, or why it cannot be used; neither where none is chosen."""
        layer = self.interior_map.layer
        try:
            return (None if layer is None else self._map.of(layer, proof.labels.shape)), ""
        except ValueError as why:
            return None, str(why)

    def _why_no_critic(self) -> str:
        card = self.model.found.card
        if self.image.layer is None:
            return "Choose the image that the labels are of."
        if card is None:
            return self.model.problem
        if not finding.can_judge(card):
            return f"A {card.recipe.family} has no critic of segmentations; choose an adversarial_unet or a cgan."
        return ""
