"""What can be set of a training besides its data and its network."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from qtpy.QtCore import QObject, Signal

from napari_advseg.gui.docks.job_dock import first_problem
from napari_advseg.gui.kit.form import Fold, Form
from napari_advseg.recipes import Train

MAIN = ("sections", "validation", "zero")
LENGTH = ("steps", "minutes")
ADVANCED = ("seed", "model", "examples", "training", "prediction", "labelling", "scoring")
HIDDEN = ("training.steps", "training.minutes")


class TrainForms(QObject):
    """What is mostly set, the length, and under a fold the rest, whose rows differ between families.

    Attributes:
        base: what family and preset say.
    """

    changed = Signal()

    def __init__(self, base: Train, parent: QObject) -> None:
        super().__init__(parent)
        self.base = base
        self.main = Form(base, only=MAIN)
        self.length = Form(base.training, only=LENGTH)
        self.advanced = Form(base, only=ADVANCED, without=HIDDEN)
        self.fold = Fold("Advanced", lambda: self.advanced)
        for form in (self.main, self.length, self.advanced):
            form.changed.connect(self.changed)

    @property
    def problem(self) -> str:
        """What is wrong first; empty where all is valid."""
        return first_problem(self.main, self.length, self.advanced)

    def value(self) -> Train:
        """The base with what is typed.

        Raises:
            ValueError: something typed is not valid.
        """
        advanced = self.advanced.value()
        training = advanced.training.changed(**self.length.shown())
        return advanced.changed(training=training, **self.main.shown())

    def set(self, base: Train) -> None:
        """Show another base; what is mostly set stays as it was typed."""
        if base.family != self.base.family:
            self.advanced = Form(base, only=ADVANCED, without=HIDDEN)
            self.advanced.changed.connect(self.changed)
            self.fold.fill(self.advanced)
        self.base = base
        self.main.set(base.changed(**self.main.shown()) if not self.main.problem else base)
        self.length.set(base.training)
        self.advanced.set(base)

    def learn(self, kind: str) -> None:
        """Choose the kind of target."""
        self.advanced.group("examples").group("targets").row("kind").editor.write(kind)

    def tell_length(self) -> None:
        """Steps can be typed only where no minutes are: else they follow from these."""
        minutes, steps = (self.length.row(name).editor for name in ("minutes", "steps"))
        steps.widget.setEnabled(minutes.read() in (None, ""))
