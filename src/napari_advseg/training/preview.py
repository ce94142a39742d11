"""A model in training shown at work on the section that the user looks at, without touching the training."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_advseg import families
from napari_advseg.examples.sections import Row, plane, read_window
from napari_advseg.families.family import TensorBatch
from napari_advseg.inference.fitting import around, gives_classes
from napari_advseg.inference.painter import Painter, gives_images
from napari_advseg.inference.predictor import Predictor
from napari_advseg.inference.prepared import family_of
from napari_advseg.model_store import Card, StoredModel
from napari_advseg.progress import Previewed, Report, Reports, StepDone, Warned, drain
from napari_advseg.runs import viewing
from napari_advseg.runs.viewing import View
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.training.step import Run
from napari_advseg.volume.volume import Volume

SIDE = 1024
VOLUME_SIDE = 256
CROPS = 4
SHARE = 0.1
KEPT = 2

Array = npt.NDArray[Any]


def previewed(
    running: Reports[None],
    run: Run,
    card: Card,
    images: Sequence[Volume],
    labels: Sequence[Volume],
) -> Reports[None]:
    """The reports of a training passed on, with previews in between while somebody looks.

    A preview is made every so many steps (`preview_every`) and when the user turns to another place, as long as all of
    them take no more than a tenth of the time.
    """
    looker = Looker(run, card, images, labels)
    try:
        with closing(running):
            for report in running:
                yield report
                made = looker.after(report.step) if isinstance(report, StepDone) else None
                if made is not None:
                    yield made
    finally:
        viewing.look({})  # whoever looked on looks at no other training


class Looker:
    """Makes previews when they are due."""

    def __init__(
        self,
        run: Run,
        card: Card,
        images: Sequence[Volume],
        labels: Sequence[Volume],
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._run = run
        self._card = card
        self._images = images
        self._labels = labels
        self._now = now
        self._shown: View | None = None
        self._not_before = 0.0
        self._files: list[Path] = []

    def after(self, step: int) -> Report | None:
        """A preview after this step, if it is due. One that fails is the last: it must not end the training."""
        every, view = self._run.settings.preview_every, viewing.current_view()
        if not every or view is None or self._now() < self._not_before:
            return None
        if step % every and view == self._shown:
            return None
        started = self._now()
        try:
            made = self._preview(step, view)
        except (ValueError, RuntimeError) as error:
            self._not_before = math.inf
            return Warned(f"There are no more previews, the training goes on: {error}")
        self._shown = view
        self._not_before = self._now() + (self._now() - started) * (1 / SHARE - 1)
        return made

    def _preview(self, step: int, view: View) -> Previewed:
        row = Row(self._images)
        number = min(max(view.section, 0), len(row) - 1)
        at, index = row.place(number)
        image = self._images[at]
        side = self._side()
        top, left = (
            _start(middle, image.size(axis), side)
            for middle, axis in ((view.row, "y"), (view.column, "x"))
        )
        rows, columns = slice(top, top + side), slice(left, left + side)
        with untouched():
            model = StoredModel(self._card, self._run.weights())
            settings = PredictionSettings(device=self._run.fabric.device.type)
            if self._in_crops:
                made = _shown(model, settings, read_window(image, index, rows, columns))
            elif gives_images(model):
                labels = plane(read_window(self._labels[at], index, rows, columns))
                made = drain(Painter(model, settings).section(labels)).mean(0)
            elif self._run.family.dimensions == 3:
                made = _map(model, settings, *_block(self._card, image, index, rows, columns))
            else:
                made = _map(model, settings, read_window(image, index, rows, columns))
        path = self._keep(made, Path(view.folder) / f"preview-{step:07d}.npy")
        return Previewed(step, path, number, top, left)

    @property
    def _in_crops(self) -> bool:
        return families.paints(self._card.recipe.model) in ("holes", "crops")

    def _side(self) -> int:
        """How much of a section is shown: what is hidden or drawn comes in crops, of which a few say enough."""
        if self._in_crops:
            return min(SIDE, CROPS * self._card.recipe.examples.crop)
        return SIDE if self._run.family.dimensions == 2 else VOLUME_SIDE

    def _keep(self, made: Array, path: Path) -> str:
        """Write a preview whole, and remove the one before the last."""
        partial = path.with_suffix(".partial")
        with suppress(OSError):  # the viewer has gone, and its folder with it
            with partial.open("wb") as file:
                np.save(file, made, allow_pickle=False)
            partial.replace(path)
        self._files = [other for other in self._files if other != path] + [path]
        for old in self._files[:-KEPT]:
            with suppress(OSError):
                old.unlink(missing_ok=True)
        self._files = self._files[-KEPT:]
        return str(path)


def _map(
    model: StoredModel, settings: PredictionSettings, window: Array, at: int | None = None
) -> Array:
    """An interior map (y, x) as float32, or the classes of a window; of section `at` where it holds several."""
    predictor = Predictor(model, settings)
    made = drain(predictor.section(window))
    made = made if at is None else made[..., at, :, :]
    return predictor.as_classes(made) if gives_classes(model) else made


def _shown(model: StoredModel, settings: PredictionSettings, window: Array) -> Array:
    """A window (y, x) as float32 in tiles of a training crop: each with a part hidden and filled, or a drawn crop."""
    card = model.card
    family = family_of(model)
    device = torch.device(settings.device)
    for network in family.modules.values():
        network.to(device).eval()
    side = card.recipe.examples.crop
    planes = card.normaliser(window if window.ndim == 3 else window[None]).clip(0, 1)
    height, width = planes.shape[-2:]
    more = [(0, -length % side) for length in (height, width)]
    planes = np.pad(planes, [(0, 0), *more], mode="symmetric")
    rows, columns = planes.shape[-2:]
    made = np.empty((rows, columns), np.float32)
    with torch.inference_mode():
        for top, left in itertools.product(range(0, rows, side), range(0, columns, side)):
            place = slice(top, top + side), slice(left, left + side)
            tile = torch.from_numpy(np.ascontiguousarray(planes[:, *place])).to(device)[None]
            made[place] = (
                family.shown(TensorBatch(tile, tile, tile))[1][0].float().mean(0).cpu().numpy()
            )
    return made[:height, :width]


def _block(card: Card, image: Volume, index: int, rows: slice, columns: slice) -> tuple[Array, int]:
    """A window of the sections that a model of volumes looks at for one, and which of them that is."""
    sections = around(card, index, image.size("z"))
    planes = [read_window(image, z, rows, columns) for z in sections]
    return np.stack(planes, axis=-3), index - sections.start


def _start(middle: int, length: int, side: int) -> int:
    """Where a window of at most `side` pixels begins whose middle is as near as can be."""
    return min(max(0, middle - side // 2), max(0, length - side))


@contextmanager
def untouched() -> Iterator[None]:
    """Random state and number of threads are the same after this as before."""
    threads = torch.get_num_threads()
    devices = range(torch.cuda.device_count())  # none without a GPU
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        torch.set_num_threads(threads)
