"""The section on screen as the model in training sees it, in a layer of its own that follows the viewer's slider."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox

from napari_advseg.gui.compute.job import Job
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.kit.latest import Latest
from napari_advseg.gui.kit.preview import section_on_screen
from napari_advseg.gui.viewer import results, window
from napari_advseg.napari_io import LayerData, volume_to_layer
from napari_advseg.progress import Previewed
from napari_advseg.recipes import Train
from napari_advseg.volume.formats.files import read
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

NAME = "Preview of the training"
ABOUT = (
    "<p>Show what the model makes of the section on screen while it learns, in a layer of its own. The training itself "
    "is not changed by it.</p>"
)
SETTLED_MS = 150
STYLE = {"colormap": "gray", "contrast_limits": (0, 1)}


@dataclasses.dataclass(frozen=True)
class Scene:
    """Where the image of a training lies, and how many sections it has; `image` is how its recipe names it."""

    image: str
    frame: Frame
    sections: int


class SectionPreview(QCheckBox):
    """Tells the training what the viewer shows, and shows what comes back."""

    def __init__(self, session: Session, viewer: Any) -> None:
        super().__init__("Preview")
        self.setToolTip(ABOUT)
        self.setChecked(True)
        self._session = session
        self._viewer = viewer
        self._job: Job | None = None
        self._scene: Scene | None = None
        self._is_asked = False
        self._told: dict[str, Any] = {}
        self._shown = ""
        self._layer: Layer | None = None
        self._kind = ""
        self._loading = Latest(session, self)
        self._loading.done.connect(self._show)
        self._timer = QTimer(session)  # a dock that was closed outlives its session
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLED_MS)
        self._timer.timeout.connect(self._tell)
        self.toggled.connect(self._turn)
        viewer.dims.events.current_step.connect(self._move)
        window.camera(viewer).events.center.connect(self._move)

    def show_job(self, job: Job) -> None:
        """Show what has come of a training since; the first time it is looked at, see where its image lies."""
        if job is not self._job:
            self._job, self._scene, self._is_asked = job, None, False
            self._told, self._shown = {}, ""
        if self._scene is None:
            self._begin(job)
        made = job.preview
        if made is None or made.path == self._shown or self._scene is None:
            return
        self._shown = made.path
        if self.isChecked():
            work = partial(loaded, made, self._scene.frame)
            self._loading.ask(work if self._layer is not None else partial(as_new, work))

    def stop(self) -> None:
        """Nobody looks any more."""
        self._timer.stop()
        self._job = None

    def _begin(self, job: Job) -> None:
        """Find out once where the image lies, as soon as the recipe names it."""
        if self._is_asked or job.state != "running" or not isinstance(job.recipe, Train):
            return
        self._is_asked = True
        task = self._session.background(partial(scene_of, job.recipe))
        task.done.connect(self._set_scene)

    def _set_scene(self, scene: Scene) -> None:
        recipe = self._job.recipe if self._job is not None else None
        if isinstance(recipe, Train) and scene.image == named_in(recipe):
            self._scene = scene
            self._tell()

    def _move(self, *_: object) -> None:
        if self._job is not None and not self._job.is_over:
            self._timer.start()

    def _turn(self) -> None:
        if not self.isChecked():
            self._loading.forget()
            self._remove()
        self._tell()

    def _tell(self) -> None:
        """Say where the user looks, where that is new."""
        if self._job is None or self._scene is None or self._job.is_over:
            return
        place = self._place(self._scene) if self.isChecked() else {}
        if place != self._told:
            self._told = place
            self._session.look(self._job, place)

    def _place(self, scene: Scene) -> dict[str, Any]:
        """The section on screen and the pixel in the middle of the view."""
        centre = window.camera(self._viewer).center[-2:]
        row, column = (
            round(pixel(scene.frame, axis, world)) for axis, world in zip("yx", centre, strict=True)
        )
        section = section_on_screen(self._viewer, scene.frame, scene.sections)
        folder = str(self._session.folder)
        return {"section": section, "row": row, "column": column, "folder": folder}

    def _show(self, made: LayerData | Layer) -> None:
        if not self.isChecked():
            return
        if self._layer is not None and self._layer not in self._viewer.layers:
            self._layer = None
            self.setChecked(False)  # the user took it away
            return
        data, attributes, kind = made.as_layer_data_tuple() if isinstance(made, Layer) else made
        if self._layer is None or (self._layer.ndim, self._kind) != (data.ndim, kind):
            self._remove()
            self._kind, self._layer = kind, results.add_own(self._viewer, made)
        else:
            self._redraw(self._layer, data, attributes)

    def _redraw(self, layer: Layer, data: Any, attributes: dict[str, Any]) -> None:
        layer.data = data
        for name in ("scale", "translate"):
            if not np.array_equal(getattr(layer, name), attributes[name]):
                setattr(layer, name, attributes[name])

    def _remove(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            results.take_away(self._viewer, layer)


def scene_of(recipe: Train) -> Scene:
    """Where the image that a recipe names lies.

    Raises:
        ValueError: it cannot be read.
    """
    image = read(named_in(recipe), missing=recipe.missing)
    frame = image.frame
    for axis in "tc":
        frame = frame.without(axis) if axis in frame.axes else frame
    return Scene(named_in(recipe), frame, image.size("z"))


def named_in(recipe: Train) -> str:
    """How a recipe names its image."""
    return recipe.image or recipe.images or ""


def loaded(made: Previewed, frame: Frame) -> LayerData:
    """A preview as layer data at its place in the stack.

    Raises:
        ValueError: the file has gone.
    """
    try:
        array = np.load(made.path, allow_pickle=False)
    except OSError as error:
        raise ValueError(f"The preview of step {made.step} has gone: {error}.") from None
    for axis, steps in (("z", made.section), ("y", made.top), ("x", made.left)):
        frame = frame.shifted(axis, steps) if axis in frame.axes else frame
    is_map = array.dtype.kind == "f"
    volume = Volume(array[None] if "z" in frame.axes else array, frame)
    data, attributes, kind = volume_to_layer(volume, "image" if is_map else "labels")
    style = STYLE if is_map else {}
    return data, {**attributes, "name": NAME, "metadata": {}, **style}, kind


def as_new(load: Callable[[], LayerData]) -> Layer:
    """A preview as a layer that no viewer has yet."""
    return results.made_of(load())


def pixel(frame: Frame, axis: str, world: float) -> float:
    """A world coordinate as a place along an axis."""
    at = frame.axes.index(axis)
    return (world - frame.translate[at]) / frame.scale[at]
