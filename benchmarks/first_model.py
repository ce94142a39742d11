"""The model that comes with the package: trained on synthetic neuropil and freely licensed sections, scored on others.

Run `python benchmarks/first_model.py train --data DIR --out FOLDER [--steps N]`, then
`python benchmarks/first_model.py ship --out FOLDER` to put it into the package, and
`python benchmarks/first_model.py score --data DIR --rows FILE` for its scores on images that it has never seen.
DIR holds fibsem_medulla (FlyEM, Janelia; attribution) and, for the scores, isbi2012 and vnc_stack1.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save
from skimage.transform import resize

import napari_advseg as advseg
from napari_advseg import model_store
from napari_advseg.progress import Report, Said, Validated, Warned
from napari_advseg.recipes import train_recipe
from napari_advseg.samples import neuropil
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

Array = np.ndarray[Any, Any]
ABOUT = (
    "First model: a small U-Net of boundaries in electron micrographs of neural tissue, trained on synthetic neuropil "
    "and on FIB-SEM sections of the Drosophila medulla (FlyEM, Janelia Research Campus; neuroproof_examples). A start "
    "for looking and annotating: train a model of your own on a few annotated sections for results."
)
STEPS = 3500
WIDTHS = [8, 16, 32, 64, 128]
SYNTHETIC_NM = (3.0, 4.0, 5.0, 7.0)
MEDULLA_SCALES = (1.0, 1.5, 2.2)
MEDULLA_SECTIONS = range(0, 130, 5)
WITHHELD = range(132, 160, 9)
AUGMENTATION = {
    "intensity": 0.8,
    "contrast": 0.6,
    "brightness": 0.4,
    "elastic": 0.2,
    "blur": 0.5,
    "blur_sigma": [0.01, 2.0],
    "noise": 0.5,
    "noise_std": 0.15,
    "local_blur": 0.1,
    "missing_part": 0.05,
}
TESTS = {
    "isbi2012": ("raw.tif", "neurites_2d_cc.tif", range(20)),
    "vnc_stack1": ("raw.tif", "neurites_2d_cc.tif", range(13)),
}


def synthetic() -> Iterator[tuple[Array, Array]]:
    """Neuropil with exact truth at several pixel sizes."""
    for seed, size in enumerate(SYNTHETIC_NM):
        image, labels = neuropil((8, 384, 384), seed=100 + seed, voxel_nm=(40.0, size, size))
        yield from zip(image.numpy(), labels.numpy(), strict=True)


def medulla(folder: Path, sections: range) -> Iterator[tuple[Array, Array]]:
    """Sections of fibsem_medulla at several magnifications, in all three directions: it is isotropic."""
    raw, ids = (advseg.read(folder / name).numpy() for name in ("raw.tif", "neuron_ids.tif"))
    for turn in ("zyx", "yzx", "xyz"):
        order = ["zyx".index(axis) for axis in turn]
        image, labels = raw.transpose(order), ids.transpose(order)
        for number, index in enumerate(sections):
            if index < len(image):
                scale = MEDULLA_SCALES[number % len(MEDULLA_SCALES)]
                yield magnified(image[index], scale, 1), magnified(labels[index], scale, 0)


def magnified(section: Array, scale: float, order: int) -> Array:
    """A section made larger; order 0 keeps ids."""
    shape = [round(scale * side) for side in section.shape]
    if order:
        return resize(section, shape, order, preserve_range=True).astype(np.uint8)
    rows, columns = (
        ((np.arange(n) + 0.5) * old / n).astype(int)
        for n, old in zip(shape, section.shape, strict=True)
    )
    return section[np.ix_(rows, columns)]


def alike(image: Array) -> Array:
    """The grey values spread over 0 to 255 between the percentiles that a prediction takes."""
    low, high = np.percentile(image, [0.1, 99.9])
    return np.rint(255 * ((image - low) / (high - low)).clip(0, 1)).astype(np.uint8)


def train(data: Path, out: Path, steps: int) -> None:
    """Train into `out`; a training that was broken off goes on."""
    made = [*synthetic(), *medulla(data / "fibsem_medulla", MEDULLA_SECTIONS)]
    exam = [*medulla(data / "fibsem_medulla", WITHHELD)][: len(WITHHELD)]
    fresh = neuropil((2, 384, 384), seed=900)
    exam += zip(fresh[0].numpy(), fresh[1].numpy(), strict=True)
    pairs = [*made, *exam]
    tree = {
        "out": str(out),
        "validation": [len(made), len(pairs)],
        "zero": "boundary",
        "model": {"widths": WIDTHS, "optimiser": {"learning_rate": 2e-3, "weight_decay": 1e-4}},
        "examples": {"crop": 160, "batch": 12, "augmentation": AUGMENTATION},
        "training": {"steps": steps, "validate_every": 250, "save_every": 500, "device": "cpu"},
        "prediction": {"refit": True},
    }
    images = [Volume(alike(image), Frame("yx")) for image, _ in pairs]
    labels = [Volume(ids, Frame("yx"), kind="labels") for _, ids in pairs]
    recipe = train_recipe("unet", "quick", tree)
    advseg.drain(advseg.fit(images, labels, recipe, resume=out.exists()), show)


def show(report: Report) -> None:
    """A line for what is worth one."""
    if isinstance(report, Said | Warned):
        sys.stderr.write(f"{report.text}\n")
    if isinstance(report, Validated):
        sys.stderr.write(f"step {report.step}: {report.loss:.4f} {report.metrics}\n")


def ship(trained: Path) -> None:
    """Put the best weights, as float16, and their card into the package."""
    card = model_store.read_card(trained)
    weights = load_file(trained / card.weights["best"])
    slim = {
        name: value.astype(np.float16) if value.dtype.kind == "f" else value
        for name, value in weights.items()
    }
    model_store.FIRST_FOLDER.mkdir(parents=True, exist_ok=True)
    (model_store.FIRST_FOLDER / "best.safetensors").write_bytes(save(slim))
    recipe = card.recipe.changed(out=None, image=None, labels=None)
    kept = card.changed(recipe=recipe, weights={"best": "best.safetensors"}, about=ABOUT)
    (model_store.FIRST_FOLDER / model_store.CARD).write_text(
        json.dumps(kept.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8"
    )
    size = sum(path.stat().st_size for path in model_store.FIRST_FOLDER.iterdir())
    sys.stdout.write(f"{size} bytes in {model_store.FIRST_FOLDER}\n")


def score(data: Path, rows: Path) -> None:
    """Scores of the shipped model on data sets that it has never seen, a row for each section."""
    found = []
    for name, (raw, truth, sections) in TESTS.items():
        image, ids = (advseg.read(data / name / file) for file in (raw, truth))
        labels = advseg.drain(advseg.segment(image, model_store.FIRST_FOLDER)).labels
        for index in sections:
            one = advseg.score(labels.section(index), ids.section(index))
            measures = ("adapted_rand_error", "voi_split", "voi_merge", "voi", "cremi_score")
            found.append(
                {"dataset": name, "section": index} | {key: getattr(one, key) for key in measures}
            )
        mine = [row for row in found if row["dataset"] == name]
        means = {key: np.mean([row[key] for row in mine]) for key in measures}
        sys.stdout.write(f"{name}: " + ", ".join(f"{k} {v:.4f}" for k, v in means.items()) + "\n")
    rows.parent.mkdir(parents=True, exist_ok=True)
    with rows.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("train", "ship", "score"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    if options.what == "train":
        train(options.data, options.out, options.steps)
    elif options.what == "ship":
        ship(options.out)
    else:
        score(options.data, options.rows)


if __name__ == "__main__":
    main()
