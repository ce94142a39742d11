"""Every family on real images under one protocol: equal steps, several seeds, test images that nothing was tuned on.

Run `python benchmarks/families.py DATASET --data DIR --out DIR [--families a,b] [--seeds 0,1,2] [--steps N]
--rows FILE`.
DATASET is tio2_sem, axon_sem, rbc_bccd (DeconvNet in five folds) or isbi2012. Models and class maps of the test images
stay in --out, so a run can be continued and scored again; one row per family, seed and test image goes to the CSV.
Every training has a process of its own with one thread, so that two may run side by side; --timing, on an idle machine,
segments the test images once more and takes time and memory from that. --weights last takes those of the last step, not
those that did best on the withheld image.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cc3d
import numpy as np
from skimage.transform import resize

import napari_advseg as advseg
from napari_advseg import families, model_store
from napari_advseg.progress import Report, StepDone, Warned
from napari_advseg.recipes import train_recipe
from napari_advseg.scoring.measures.objects import object_score
from napari_advseg.scoring.measures.semantic import semantic_score
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

Array = np.ndarray[Any, Any]
CLASSES = {"targets": {"kind": "classes"}}
GAN = {"width": 24, "depth": 6}
CRITIC = {"widths": [24, 48, 96, 192]}
HEAD = (
    "dataset", "family", "seed", "fold", "steps", "image", "pixel_accuracy", "class_accuracy", "mean_iou",
    "iou", "object_f1", "voi", "voi_split", "voi_merge", "adapted_rand_error", "open_boundary_rate",
    "ms_per_image", "peak_mb", "seconds_per_step", "training_mb", "parameters",
)  # fmt: skip
COSTS = HEAD[-5:]
TABLE = (
    "iou", "pixel_accuracy", "class_accuracy", "object_f1", "voi", "adapted_rand_error", "ms_per_image", "peak_mb",
    "parameters",
)  # fmt: skip
WALLS = ("voi_split", "voi_merge", "open_boundary_rate")


@dataclass(frozen=True)
class Way:
    """A family with its settings for one data set; `name` tells it from others of the same family."""

    name: str
    family: str
    changes: dict[str, Any]


@dataclass(frozen=True)
class Dataset:
    """Images with class maps, which of them test, and which class is an object."""

    images: list[Volume]
    labels: list[Volume]
    tests: list[list[int]]
    ways: list[Way]
    steps: int
    objects: int = 255
    instances: bool = False
    names: list[str] = field(default_factory=list)


def tio2_sem(folder: Path) -> Dataset:
    """The Particles experiment: 16 images train, the last two by name test; the banner is cut off."""
    names = sorted((folder / "images").glob("*.tif"))
    images = [rows_of(advseg.read(name), 704) for name in names]
    masks = [rows_of(advseg.read(folder / "masks" / f"{n.stem}_m.tif"), 704) for n in names]
    ways = [
        Way(
            "unet",
            "unet",
            {"model": {"widths": [16, 32, 64, 128], "optimiser": {"learning_rate": 2e-3}}},
        ),
        Way("cgan", "cgan", {"model": {**GAN, "critic": CRITIC}}),
        Way(
            "cyclegan",
            "cyclegan",
            {"model": {**GAN, "critic": {**CRITIC, "norm": "instance", "objective": "lsgan"}}},
        ),
    ]
    return Dataset(
        images, masks, [[16, 17]], with_crops(ways, 128, 4), 1000, names=[n.stem for n in names]
    )


def axon_sem(folder: Path) -> Dataset:
    """Background, myelin and axon, all at .13 um per pixel; the last two images by name test (two other animals)."""
    names = sorted((folder / "images").glob("*_SEM.png"))
    sizes = [pixel_size(name) / 0.13 for name in names]
    images = [resized(grey_of(advseg.read(n)), by, 1) for n, by in zip(names, sizes, strict=True)]
    masks = [
        resized(
            classes_of(advseg.read(folder / "masks" / f"{n.stem}_seg-axonmyelin-manual.png")), by, 0
        )
        for n, by in zip(names, sizes, strict=True)
    ]
    gan = {
        "segmenter": "deeplab_lite",
        "painter_widths": [16, 32, 64, 128],
        "critic_widths": [16, 32, 64],
        "optimiser": {"learning_rate": 1e-3},
        "gan_optimiser": {"learning_rate": 5e-4, "beta1": 0.5},
    }
    ways = [
        Way("seggan", "seggan", {"model": gan}),
        Way("base", "seggan", {"model": {**gan, "consistency": 0.0, "verdict": 0.0}}),
        Way(
            "unet",
            "unet",
            {"model": {"widths": [16, 32, 64, 128], "optimiser": {"learning_rate": 2e-3}}},
        ),
    ]
    count = len(names)
    return Dataset(
        images,
        masks,
        [[count - 2, count - 1]],
        with_crops(ways, 128, 8),
        1500,
        names=[n.stem for n in names],
    )


def rbc_bccd(folder: Path) -> Dataset:
    """Red blood cells in five folds (image i in fold i mod 5); CGAN on the split of the first fold."""
    names = sorted((folder / "images").glob("*.png"))
    images = [advseg.read(name) for name in names]
    masks = [classes_of(advseg.read(next((folder / "masks").glob(f"{n.stem}*")))) for n in names]
    deconv = {"widths": [32, 64, 128], "norm": "batch", "optimiser": {"learning_rate": 1e-3}}
    ways = [
        Way("deconvnet", "deconvnet", {"model": deconv}),
        Way("cgan", "cgan", {"model": {**GAN, "critic": CRITIC}}),
    ]
    folds = [[i for i in range(len(names)) if i % 5 == fold] for fold in range(5)]
    return Dataset(
        images, masks, folds, with_crops(ways, 128, 4), 900, names=[n.stem for n in names]
    )


def isbi2012(folder: Path) -> Dataset:
    """Sections 0-16 train (14-16 choose thresholds), 17-19 test; with and without a critic."""
    files = (advseg.read(folder / name) for name in ("raw.tif", "neurites_2d_cc.tif"))
    raw, truth = (
        one.like(one.numpy()) for one in files
    )  # in memory: a file does not go to another process
    widths = {
        "widths": [16, 32, 64, 128, 256],
        "optimiser": {"learning_rate": 2e-3, "weight_decay": 1e-4},
    }
    ways = [
        Way("unet", "unet", {"model": widths}),
        Way("adversarial_unet", "adversarial_unet", {"model": {**widths, "quiet_steps": 150}}),
    ]
    return Dataset([raw], [truth], [[17, 18, 19]], ways, 500, instances=True)


DATASETS: dict[str, Callable[[Path], Dataset]] = {
    one.__name__: one for one in (tio2_sem, axon_sem, rbc_bccd, isbi2012)
}


def with_crops(ways: Sequence[Way], crop: int, batch: int) -> list[Way]:
    """The same crops of classes for every way, lightly augmented."""
    light = {"intensity": 0.5, "blur": 0.1, "noise": 0.2, "noise_std": 0.05}
    examples = {"crop": crop, "batch": batch, "augmentation": light, **CLASSES}
    return [Way(w.name, w.family, {**w.changes, "examples": examples}) for w in ways]


def pixel_size(image: Path) -> float:
    """Micrometres a pixel, from the side-car of an image or of its animal."""
    animal = image.name.split("_", maxsplit=1)[0]
    beside = [image.with_suffix(".json"), image.parent / f"{animal}_SEM.json"]
    found = next(path for path in beside if path.exists())
    return float(json.loads(found.read_text())["PixelSize"][0])


def grey_of(volume: Volume) -> Volume:
    """The first channel alone: one image carries an alpha channel."""
    array = volume.numpy()
    return Volume(array[0] if volume.axes.startswith("c") else array, Frame("yx"))


def resized(volume: Volume, by: float, order: int) -> Volume:
    """In-plane larger `by` a factor; order 0 keeps the values of labels."""
    shape = tuple(round(by * side) for side in volume.shape)
    array = resize(
        volume.numpy(), shape, order, preserve_range=True, anti_aliasing=order > 0 and by < 1
    )
    return volume.like(np.rint(array).astype(np.uint8))


def rows_of(volume: Volume, count: int) -> Volume:
    """The first `count` rows of an image."""
    return volume.like(volume.numpy()[..., :count, :])


def classes_of(mask: Volume) -> Volume:
    """A mask whose values were softened by resampling, with the nearest of 0, 127 and 255 everywhere."""
    values = np.array([0, 127, 255], np.int16)
    grey = mask.numpy().astype(np.int16)
    grey = grey[0] if mask.axes.startswith("c") else grey
    nearest = np.abs(grey[..., None] - values).argmin(-1)
    if not (nearest == 1).mean() > 0.001:
        nearest = np.where(grey > 127, 2, 0)
    return Volume(
        values[nearest].astype(np.uint8), Frame("yx", name=mask.frame.name), kind="labels"
    )


def train(
    dataset: Dataset, way: Way, seed: int, tests: Sequence[int], steps: int, out: Path
) -> None:
    """Train one way and keep the model, with what it cost."""
    training = {
        "steps": steps,
        "validate_every": max(50, steps // 6),
        "save_every": steps,
        "device": "cpu",
        "threads": 1,
    }
    tree = {**way.changes, "seed": seed, "training": training, "out": str(out / "model")}
    if dataset.instances:
        tree |= {"sections": "0:17", "validation": "14:17"}
    recipe = train_recipe(way.family, "quick", tree)
    seconds: list[float] = []
    warned: list[str] = []

    def read(report: Report) -> None:
        if isinstance(report, StepDone):
            seconds.append(report.seconds)
        if isinstance(report, Warned):
            warned.append(report.text)

    kept = (
        range(len(dataset.images))
        if dataset.instances
        else [i for i in range(len(dataset.images)) if i not in tests]
    )
    model = advseg.drain(
        advseg.fit(
            [dataset.images[i] for i in kept],
            [dataset.labels[i] for i in kept],
            recipe,
            resume=(out / "model").exists(),
        ),
        read,
    )
    cost = {
        "seconds_per_step": statistics.median(seconds),
        "training_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "warned": warned,
        "calibration": model.card.calibration,
    }
    (out / "training.json").write_text(json.dumps(cost))


def segment(dataset: Dataset, tests: Sequence[int], out: Path, which: str) -> None:
    """Keep the class maps (or labels) of the test images, and what they cost; the first of them is done twice."""
    model = model_store.load(out / "model", which)
    out = made_at(out, which)
    out.mkdir(exist_ok=True)
    spent = []
    for i in (tests[0], *tests):
        image = (
            Volume(dataset.images[0].section(i), Frame("yx"))
            if dataset.instances
            else dataset.images[i]
        )
        started = time.perf_counter()
        made = advseg.drain(advseg.segment(image, model))
        spent.append(1000 * (time.perf_counter() - started))
        advseg.write(made.labels, out / f"{i}.tif", overwrite=True)
        if dataset.instances:
            inside = made.interior_map.numpy() > model.card.labelling.threshold
            advseg.write(
                made.labels.like(inside.astype(np.uint8)), out / f"{i}-inside.tif", overwrite=True
            )
    inferring = families.load(model.family).Model(model.card.recipe.model, model.card.channels)
    used = [
        value
        for key, value in model.weights.items()
        if key.split(".")[0] in inferring.inferring and "running" not in key
    ]
    cost = {
        "parameters": sum(value.size for value in used if value.dtype.kind == "f"),
        "ms_per_image": statistics.median(spent[1:]),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    (out / "segmenting.json").write_text(json.dumps(cost))


def scored(dataset: Dataset, index: int, made: Path) -> dict[str, Any]:
    """The scores of one test image."""
    found = advseg.read(made).numpy()
    if dataset.instances:
        true = dataset.labels[0].section(index)
        result = advseg.score(found, true)
        objects = object_score(found, true)
        inside = advseg.read(
            made.with_name(f"{index}-inside.tif")
        ).numpy()  # before walls grew away
        semantic = semantic_score(inside, (true > 0).astype(np.uint8))
    else:
        classes = dataset.labels[index].numpy()
        semantic = semantic_score(found, classes)
        pair = [cells(one, dataset.objects) for one in (found, classes)]
        result = advseg.score(*pair, zero="background", border=0)
        objects = object_score(*pair, zero="background")
    return {
        "pixel_accuracy": semantic.pixel_accuracy,
        "class_accuracy": semantic.class_accuracy,
        "mean_iou": semantic.mean_iou,
        "iou": json.dumps({k: round(v, 4) for k, v in semantic.iou.items()}),
        "object_f1": objects.at[0].f1,
        "open_boundary_rate": objects.open_boundary_rate,
        "voi": result.voi,
        "voi_split": result.voi_split,
        "voi_merge": result.voi_merge,
        "adapted_rand_error": result.adapted_rand_error,
    }


def cells(classes: Array, value: int) -> Array:
    """The connected pieces of one class."""
    return np.asarray(cc3d.connected_components(classes == value, connectivity=4))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--families")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--timing", action="store_true")
    parser.add_argument("--weights", choices=("best", "last"), default="best")
    options = parser.parse_args()
    dataset = DATASETS[options.dataset](options.data / options.dataset)
    steps = options.steps or dataset.steps
    rows = []
    for way in dataset.ways:
        if options.families and way.name not in options.families.split(","):
            continue
        folds = dataset.tests if way.name == "deconvnet" else dataset.tests[:1]
        seeds = [0] if len(folds) > 1 else [int(seed) for seed in options.seeds.split(",")]
        for seed in seeds:
            for fold, tests in enumerate(folds):
                place = options.out / options.dataset / f"{way.name}-{seed}-{fold}"
                place.mkdir(parents=True, exist_ok=True)
                if not (place / "training.json").exists():
                    alone(train, dataset, way, seed, tests, steps, place)
                made = made_at(place, options.weights)
                if options.timing or not (made / "segmenting.json").exists():
                    alone(segment, dataset, tests, place, options.weights)
                sys.stderr.write(f"{place.name} done\n")
                known = {"dataset": options.dataset, "family": way.name, "seed": seed, "fold": fold}
                if options.rows:
                    rows += rows_for(dataset, tests, known | {"steps": steps}, place, made)
    if options.rows:
        write_rows(options.rows, rows)


def alone(work: Callable[..., None], *given: Any) -> None:
    """Run it in a process of its own, so that peak memory is its own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        pool.submit(work, *given).result()


def made_at(place: Path, which: str) -> Path:
    """Where what the best or last weights make is kept."""
    return place if which == "best" else place / which


def rows_for(
    dataset: Dataset, tests: Sequence[int], known: dict[str, Any], place: Path, made: Path
) -> list[dict[str, Any]]:
    """A row for every test image of one run: what is known of it, its scores, its costs."""
    cost = {
        key: value
        for name in (place / "training.json", made / "segmenting.json")
        for key, value in json.loads(name.read_text()).items()
    }
    return [
        {
            **known,
            "image": dataset.names[i] if dataset.names else i,
            **scored(dataset, i, made / f"{i}.tif"),
            **{key: cost[key] for key in COSTS},
        }
        for i in tests
    ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """The rows as CSV, and their means and standard deviations over seeds (or folds) as a table on standard output."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEAD)
        writer.writeheader()
        writer.writerows(rows)
    is_instances = DATASETS[rows[0]["dataset"]] is isbi2012
    measures = (*TABLE, *WALLS) if is_instances else TABLE
    titles = ["family", *(name.replace("_", " ") for name in measures)]
    lines = [titles, ["---"] * len(titles)]
    for family in dict.fromkeys(row["family"] for row in rows):
        mine = [row for row in rows if row["family"] == family]
        lines.append([family, *(over_runs(mine, name) for name in measures)])
    sys.stdout.writelines(f"| {' | '.join(line)} |\n" for line in lines)


def over_runs(rows: Sequence[dict[str, Any]], name: str) -> str:
    """Mean and standard deviation over runs of the mean over their images, for every class of an IoU."""
    if name == "iou":
        every = [{**row, **json.loads(row["iou"])} for row in rows]
        return ", ".join(
            f"{value}: {over_runs(every, value)}" for value in json.loads(rows[0]["iou"])
        )
    runs: dict[tuple[int, int], list[float]] = {}
    for row in rows:
        if row.get(name) is not None:
            runs.setdefault((row["seed"], row["fold"]), []).append(float(row[name]))
    means = [statistics.mean(values) for values in runs.values()]
    places = 3 if max(means) < 10 else 0
    spread = f" ± {statistics.stdev(means):.{places}f}" if len(means) > 1 else ""
    return f"{statistics.mean(means):.{places}f}{spread}"


if __name__ == "__main__":
    main()
