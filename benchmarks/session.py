"""From an empty viewer to scored labels, one section annotated: the docks' own controls, with a picture of each.

`xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/session.py --out FOLDER [--data DIR] [--section K]
[--minutes 10 | --steps N] [--start-from first] [--seed 0] [--set NAME=VALUE ...] [--size 1280x800]
[--theme dark|light]`. DIR holds `raw.tif` and `neurites_2d_cc.tif`, as isbi2012 and vnc_stack1 of the data folder do;
without it the tissue is synthetic. The truth of one section is painted into the annotation layer; all other truth is
first looked at when the labels are scored. `--set` writes into the Train dock's Advanced form:
`examples.augmentation.elastic=0.5`. With `--withhold 0.2` the right fifth of the section is painted into a layer of its
own, which only the Tune dock is given. The last line is an object: how good the labels are on the sections that nobody
annotated, mean over sections.

FOLDER gets a picture of each dock at three moments. With `--pages` it gets those that docs/*.md link to, two more among
them: docs/images is made by `python benchmarks/session.py --out docs/images --steps 150 --pages`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import reduce
from pathlib import Path

import napari
import numpy as np
import yaml
from napari.layers import Labels, Layer

import napari_advseg as advseg
from camera import Camera, bring_to_front, run_for, wait
from napari_advseg.gui.compute.handover import taken
from napari_advseg.gui.compute.job import Job
from napari_advseg.gui.docks.segment.dock import SegmentDock
from napari_advseg.gui.docks.segment.live_labels import PREVIEW
from napari_advseg.gui.docks.train.compare_runs import open_comparison
from napari_advseg.gui.docks.train.dock import TrainDock
from napari_advseg.gui.docks.train.live import CRITICS
from napari_advseg.gui.docks.tune.dock import TuneDock
from napari_advseg.gui.opened import session_of
from napari_advseg.gui.opening import Docks, open_docks
from napari_advseg.gui.viewer.results import is_ours
from napari_advseg.samples import neuropil
from napari_advseg.scoring import Score
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.painted import BOUNDARY
from napari_advseg.volume.volume import Volume

PLUGIN = "napari-advseg"
PAGES = Path(__file__).resolve().parents[1] / "docs"
SHAPE, SEED = (8, 384, 384), 3
SMALL_WIDTHS, SMALL_CROP = (12, 24, 48, 96), 96
"""Synthetic tissue is learnt by these in a minute."""
SLOWER = 3
WALKED_MINUTES = 10
MEASURES = {"arand": "adapted_rand_error", "voi_split": "voi_split", "voi_merge": "voi_merge"}


@dataclasses.dataclass(frozen=True)
class Tissue:
    """An image and its truth, as files, and the section that is annotated."""

    name: str
    image: Path
    labels: Path
    section: int
    truth: Volume


@dataclasses.dataclass(frozen=True)
class Stage:
    """The viewer with its docks, the camera, and what was asked for."""

    viewer: napari.Viewer
    docks: Docks
    camera: Camera
    tissue: Tissue
    folder: Path
    chosen: argparse.Namespace

    @property
    def is_synthetic(self) -> bool:
        """Whether the tissue was made by us."""
        return self.chosen.data is None

    def open(self, path: Path, layer_type: str) -> Layer:
        """File > Open with our reader; the type is what the layer's menu would convert it to."""
        return self.viewer.open(path, plugin=PLUGIN, layer_type=layer_type)[0]

    @property
    def image(self) -> Layer:
        """The layer that is annotated and segmented."""
        return self.docks.annotate.image.layer

    def show_section(self) -> None:
        """Turn to the annotated section, all of it."""
        self.viewer.dims.set_current_step(0, self.tissue.section)
        self.viewer.reset_view()


def main() -> None:
    """Play the session, take the pictures, print the scores."""
    chosen = options().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= memory_of_its_own(Path(folder))
        make, place = (found, chosen.data) if chosen.data else (made, Path(folder))
        tissue = make(place, chosen.section)
        viewer = napari.Viewer(title="napari-advseg")
        viewer.theme = chosen.theme
        viewer.window.resize(*map(int, chosen.size.split("x")))
        camera = Camera(viewer, chosen.out, linked() if chosen.pages else None)
        stage = Stage(viewer, open_docks(viewer), camera, tissue, Path(folder), chosen)
        result = play(stage)
        viewer.close()
        run_for(3)
    print(json.dumps(result))


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=10)
    length.add_argument("--steps", type=int)
    parser.add_argument("--section", type=int, help="the annotated one; the middle if left out")
    parser.add_argument("--start-from", default="", metavar="MODEL")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", default="1280x800")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--withhold", type=float, default=0.0, metavar="SHARE")
    parser.add_argument("--set", dest="changes", nargs="+", default=[], metavar="NAME=VALUE")
    parser.add_argument("--pages", action="store_true", help="the pictures that docs/*.md link to")
    return parser


def linked() -> set[str]:
    """The pictures that the pages of the documentation show."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES.glob("*.md"))
    return set(re.findall(r"\(images/([\w-]+)\.png\)", text))


def memory_of_its_own(folder: Path) -> dict[str, str]:
    """A user who has never worked here: nothing of other days is offered, and nothing is kept for later ones."""
    own = {"XDG_CONFIG_HOME": "config", "NAPARI_ADVSEG_CACHE": "cache"}
    return {name: str(folder / place) for name, place in own.items()}


def made(folder: Path, section: int | None) -> Tissue:
    """Synthetic neuropil, written where a user would have it."""
    places = [folder / "neuropil.ome.zarr", folder / "neuropil-truth.ome.zarr"]
    image, truth = neuropil(SHAPE, seed=SEED)
    for place, volume in zip(places, (image, truth), strict=True):
        advseg.write(volume, place)
    return Tissue("synthetic", *places, chosen_section(truth, section), truth)


def found(data: Path, section: int | None) -> Tissue:
    """The files of a data set."""
    labels = data / "neurites_2d_cc.tif"
    truth = advseg.read(labels)
    return Tissue(data.name, data / "raw.tif", labels, chosen_section(truth, section), truth)


def chosen_section(truth: Volume, section: int | None) -> int:
    """The section that is asked for, else the middle one."""
    return truth.size("z") // 2 if section is None else section


def play(stage: Stage) -> dict[str, object]:
    """The whole session; the scores and how they came about come back."""
    stage.camera.take("annotate-empty")
    stage.open(stage.tissue.image, "image")
    learnt, judged = annotate(stage)
    minutes = learn(stage, learnt)
    untuned = segment(stage)
    tune(stage, judged)
    apply(stage)
    labels, truth, settings = compare(stage)
    result = {
        "minutes": round(minutes, 2),
        **conditions(stage),
        **means(stage, advseg.score(labels, truth, settings)),
        "untuned": means(stage, advseg.score(untuned, truth, settings)),
    }
    if stage.chosen.pages:
        first = stage.docks.train.out.path
        contest(stage)
        compare_trainings(stage, first, stage.docks.train.out.path)
    return result


def annotate(stage: Stage) -> tuple[Labels, Labels]:
    """A new layer, one section painted object by object, and where to go on.

    What is learnt from comes back, and what thresholds are chosen on: the same, or a strip beside it.
    """
    viewer, dock, camera = stage.viewer, stage.docks.annotate, stage.camera
    cells = np.asarray(stage.tissue.truth.section(stage.tissue.section), np.int64)
    edge = round((1 - stage.chosen.withhold) * cells.shape[1])
    learnt = new_annotation(stage)
    strokes = objects_in(cells, slice(0, edge))
    paint(stage, learnt, strokes[: len(strokes) // 2])
    dock.brushes.take("Boundary")
    dock.tint.click()
    wait("the hatching", lambda: "Not annotated" in viewer.layers, seconds=20)
    camera.take("annotate-painted")
    dock.tint.click()
    paint(stage, learnt, strokes[len(strokes) // 2 :])
    wait("a model that knows places", dock.buttons.run.isEnabled)
    dock.buttons.run.click()
    wait("places to annotate", lambda: dock.table.places)
    run_for(1)
    camera.take("annotate-places")
    viewer.layers.remove("Place to annotate")
    stage.show_section()
    if edge == cells.shape[1]:
        return learnt, learnt
    judged = new_annotation(stage)
    paint(stage, judged, objects_in(cells, slice(edge, None)))
    return learnt, judged


def new_annotation(stage: Stage) -> Labels:
    """A new layer to paint in, at the section that is painted."""
    dock = stage.docks.annotate
    before = dock.labels.layer
    wait("an image to annotate", dock.new.isEnabled)
    dock.new.click()
    wait("another layer", lambda: dock.labels.layer is not before)
    wait("a brush", lambda: dock.labels.layer.mode == "paint")
    stage.show_section()
    return dock.labels.layer


def objects_in(cells: np.ndarray, columns: slice) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Value, rows and columns of each object in a part of a section; what is no object is a wall."""
    first = columns.start or 0
    part = cells[:, columns]
    found = ((int(cell), *np.nonzero(part == cell)) for cell in np.unique(part))
    return [(cell or BOUNDARY, rows, across + first) for cell, rows, across in found]


def paint(stage: Stage, layer: Labels, strokes: list[tuple[int, np.ndarray, np.ndarray]]) -> None:
    """One stroke for each object."""
    for value, rows, columns in strokes:
        layer.selected_label = value
        places = (np.full(len(rows), stage.tissue.section), rows, columns)
        layer.data_setitem(places, np.full(len(rows), value, layer.dtype))
        run_for(0.01)


def learn(stage: Stage, labels: Labels) -> float:
    """The Train dock before, during and after the training; how many minutes it took comes back."""
    dock, camera = stage.docks.train, stage.camera
    bring_to_front(dock)
    wait("a device", lambda: session_of(stage.viewer).device)
    dock.labels.choose(labels)
    choose_training(stage)
    wait("what will be learnt", lambda: "1 section trains" in dock.summary.words.text())
    camera.take("train-ready")
    begun = time.perf_counter()
    job = train_until(stage, 0.7)
    camera.take("train-running")
    wait("the end of the training", lambda: job.is_over, longest_s(stage.chosen))
    minutes = (time.perf_counter() - begun) / 60
    trained = dock.out.path
    wait("the trained model", lambda: stage.docks.segment.model.path == trained)
    camera.take("train-done")
    return minutes


def train_until(stage: Stage, share: float) -> Job:
    """Press Start, and come back with the training when so much of it is done."""
    dock, longest = stage.docks.train, longest_s(stage.chosen)
    wait("Start can be pressed", dock.buttons.run.isEnabled)
    dock.buttons.run.click()
    wait("a training", lambda: session_of(stage.viewer).running(dock.kind))
    job = session_of(stage.viewer).running(dock.kind)
    wait("steps", lambda: job.phase == "training" and job.done > share * job.total, longest)
    return job


def choose_training(stage: Stage) -> None:
    """What a user would choose: the preset that is offered, the length, and what is asked for besides."""
    dock, chosen = stage.docks.train, stage.chosen
    dock.forms.advanced.row("seed").editor.write(chosen.seed)
    put(dock, stage.folder / f"{stage.image.name}-unet")
    if stage.is_synthetic:
        make_small(dock)
        dock.forms.advanced.group("model").row("widths").editor.write(SMALL_WIDTHS)
    if chosen.start_from:
        dock.start_from.take(chosen.start_from)
        wait("the model to start from", dock.start_words.text)
    write_length(dock, chosen)
    write_changes(dock, chosen.changes)


def write_changes(dock: TrainDock, changes: Sequence[str]) -> None:
    """Type what is asked for into the Advanced form."""
    for change in changes:
        path, _, value = change.partition("=")
        *groups, name = path.split(".")
        form = reduce(lambda form, group: form.group(group), groups, dock.forms.advanced)
        form.row(name).editor.write(yaml.safe_load(value))


def write_length(dock: TrainDock, chosen: argparse.Namespace) -> None:
    """Steps where they are given, else minutes."""
    if chosen.steps is None:
        dock.forms.length.row("minutes").editor.write(chosen.minutes)
    else:
        dock.forms.length.row("steps").editor.write(chosen.steps)
        every = max(1, chosen.steps // 10)
        dock.forms.advanced.group("training").row("validate_every").editor.write(every)


def put(dock: TrainDock | SegmentDock | TuneDock, place: Path) -> None:
    """Type where the result goes."""
    dock.out.set(place)
    dock.out.chosen.emit()


def make_small(dock: TrainDock) -> None:
    """Crops that are quick to learn from."""
    dock.forms.advanced.group("examples").row("crop").editor.write(SMALL_CROP)


def longest_s(chosen: argparse.Namespace) -> float:
    """How long a training, or what follows it, may take on a computer that does other things too."""
    minutes = WALKED_MINUTES if chosen.steps is not None else chosen.minutes
    return 300 + SLOWER * 60 * minutes


def segment(stage: Stage) -> Volume:
    """The Segment dock before a run, with a slider moved over a preview, and with labels of all sections.

    These come back: the thresholds are the preset's.
    """
    viewer, dock, camera = stage.viewer, stage.docks.segment, stage.camera
    bring_to_front(dock)
    viewer.layers.remove("Preview of the training")
    for layer in labels_layers(viewer):
        layer.visible = False
    put(dock, stage.folder / "cells.ome.zarr")
    wait("Segment can be pressed", dock.buttons.run.isEnabled)
    camera.take("segment-ready")
    dock.preview_button.click()
    wait("a preview", dock.live_preview.live.isChecked)
    slider = dock.labelling.sliders.row("threshold").editor
    known = float(slider.read())
    slider.write(round(min(0.95, known + 0.1), 2))
    wait("labels of the preview", lambda: PREVIEW in viewer.layers)
    camera.take("segment-preview")
    slider.write(known)
    wait("Segment can be pressed", dock.buttons.run.isEnabled)
    dock.buttons.run.click()
    wait("labels of all sections", dock.apply.isEnabled, longest_s(stage.chosen))
    camera.take("segment-done")
    made = taken(labels_layers(viewer)[-1])
    return dataclasses.replace(made, array=made.numpy().copy())  # the layer is used again


def tune(stage: Stage, truth: Labels) -> None:
    """The Tune dock on the annotated section alone; what it finds goes into the model."""
    viewer, dock, camera = stage.viewer, stage.docks.tune, stage.camera
    bring_to_front(dock)
    stage.show_section()
    for layer in labels_layers(viewer):
        layer.visible = False
    dock.truth.choose(truth)
    here = stage.tissue.section
    dock.sections.row("sections").editor.write((here, here + 1))
    put(dock, stage.folder / "search")
    wait("Run can be pressed", dock.buttons.run.isEnabled)
    camera.take("tune-ready")
    dock.buttons.run.click()
    wait("the search at work", lambda: dock.buttons.bar.value() > 0)
    camera.take("tune-running")
    wait("the heat map", lambda: "Preview of thresholds" in viewer.layers)
    dock.save.click()
    wait("the thresholds in the model", lambda: "Saved into" in dock.buttons.log.toPlainText())
    camera.take("tune-done")
    dock.live_preview.live.setChecked(False)


def apply(stage: Stage) -> None:
    """The labels of all sections by the thresholds that were found."""
    dock, viewer = stage.docks.segment, stage.viewer
    before = len(labels_layers(viewer))
    wait("Apply can be pressed", dock.apply.isEnabled)
    dock.apply.click()
    wait("labels of all sections", lambda: len(labels_layers(viewer)) > before)
    run_for(1)


def compare(stage: Stage) -> tuple[Volume, Volume, ScoringSettings]:
    """The Score dock: numbers, an error, the errors painted; what was scored by what, and how, comes back."""
    viewer, dock, camera = stage.viewer, stage.docks.score, stage.camera
    labels = labels_layers(viewer)[-1]
    truth = stage.open(stage.tissue.labels, "labels")
    truth.visible = False
    bring_to_front(dock)
    stage.show_section()
    dock.labels.choose(labels)
    dock.truth.choose(truth)
    wait("Score can be pressed", dock.buttons.run.isEnabled)
    camera.take("score-ready")
    dock.buttons.run.click()
    wait("errors", lambda: dock.table.errors.rows and dock.objects.rows.rowCount())
    camera.take("score-numbers")
    dock.tabs.setCurrentIndex(dock.tabs.count() - 1)
    dock.table.selectRow(0)
    wait("an error on screen", lambda: "Error on screen" in viewer.layers)
    camera.take("score-error")
    dock.overlay.click()
    wait("the errors painted", lambda: "Errors" in viewer.layers)
    labels.visible = False
    stage.image.opacity = 0.6
    camera.take("score-overlay")
    return taken(labels), taken(truth), dock.settings()


def labels_layers(viewer: napari.Viewer) -> list[Labels]:
    """The layers of labels that are the user's, in the order in which they came."""
    return [layer for layer in viewer.layers if isinstance(layer, Labels) and not is_ours(layer)]


def means(stage: Stage, score: Score) -> dict[str, float]:
    """The means over the sections that nobody annotated."""
    unseen = [
        one for z, one in enumerate(score.sections) if z != stage.tissue.section and one.scored
    ]
    return {
        "unseen_sections": len(unseen),
        **{
            name: round(statistics.mean(getattr(one, measure) for one in unseen), 4)
            for name, measure in MEASURES.items()
        },
    }


def conditions(stage: Stage) -> dict[str, object]:
    """What the numbers rest on."""
    here, card = stage.tissue.section, stage.docks.segment.model.found.card
    return {
        "dataset": stage.tissue.name,
        "annotated_section": here,
        "seed": stage.chosen.seed,
        "withhold": stage.chosen.withhold,
        "start_from": stage.chosen.start_from,
        "set": stage.chosen.changes,
        "steps": card.last_step,
        "threshold": card.labelling.threshold,
        "gap_threshold": card.labelling.gap_threshold,
    }


def contest(stage: Stage) -> None:
    """The cockpit of a small adversarial training on the whole truth, near its end."""
    dock, viewer = stage.docks.train, stage.viewer
    stage.image.opacity = 1
    stage.docks.score.overlay.click()
    viewer.layers.remove("Error on screen")
    stage.show_section()
    bring_to_front(dock)
    dock.network.family.setCurrentText("cgan")
    dock.labels.choose(labels_layers(viewer)[-1])
    make_small(dock)
    write_length(dock, stage.chosen)
    model = dock.forms.advanced.group("model")
    model.row("width").editor.write(12)
    model.row("depth").editor.write(4)
    model.group("critic").row("widths").editor.write(SMALL_WIDTHS[:3])
    put(dock, stage.folder / "neuropil-cgan")
    job = train_until(stage, 0.8)
    dock.live.tabs.setCurrentIndex(CRITICS)
    stage.camera.take("train-cockpit")
    wait("the end of the training", lambda: job.is_over, longest_s(stage.chosen))


def compare_trainings(stage: Stage, first: str, second: str) -> None:
    """Two trainings side by side."""
    dialog = open_comparison(session_of(stage.viewer), stage.viewer)
    dialog.first.set(first)
    dialog.second.set(second)
    wait("both trainings", lambda: dialog.table.rowCount() > 0)
    stage.camera.take_widget("train-compare", dialog)
    dialog.close()


if __name__ == "__main__":
    main()
