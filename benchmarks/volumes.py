"""A network for volumes beside one for sections: equal data, several seeds, scores of sections that none has seen.

Run `python benchmarks/volumes.py --image raw.tif --labels ids.tif --learn 0:110 --validate 95:110 --test 110:160
--out DIR --rows rows.csv [--preset isotropic] [--families unet,unet3d,unet3d-affinities] [--seeds 0,1,2]
[--steps 1200 | --minutes 30] [--by volume|section] [--tune 95:110] [--voxel 50,4,4] [--width W,W,...]`.
Models and interior maps stay in --out, so a run can be continued and scored again. With `--by volume` the threshold of
every way to label a stack is picked by the VOI of the --tune sections as one volume (the validation sections);
with `--by section`, for truths whose ids restart in every section, labels are those of the model as it was calibrated.
One row per family, seed and way goes to the CSV.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

import napari_advseg as advseg
from napari_advseg import model_store
from napari_advseg.cli.bar import Bar
from napari_advseg.inference.predict import predict
from napari_advseg.progress import Reports
from napari_advseg.recipes import Train, parse_span, train_recipe
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.volume import Volume

MEASURES = ("adapted_rand_error", "voi", "voi_split", "voi_merge", "cremi_score")
HEAD = ("family", "seed", "steps", "way", "by", *MEASURES, "seconds_per_section", "settings")
SPECK = 100
WAYS = {
    "across_sections": ("linked", "agglomerated", "components"),
    "section": ("sections",),
}
THRESHOLDS = (0.6, 0.7, 0.8, 0.9)
JOINS = tuple(round(0.3 + 0.1 * k, 2) for k in range(7))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("image", "labels", "learn", "validate", "test"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--rows", required=True, type=Path)
    parser.add_argument("--tune")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--families", default="unet,unet3d")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--width")
    parser.add_argument("--voxel")
    parser.add_argument("--by", choices=tuple(WAYS), default="across_sections")
    options = parser.parse_args()
    image, truth = opened(options.image, options), opened(options.labels, options)
    rows = []
    for name in options.families.split(","):
        for seed in map(int, options.seeds.split(",")):
            rows += list(judged(name, seed, image, truth, options))
            for row in rows[-len(WAYS[options.by]) :]:
                print(" ".join(f"{row[key]!s:>9}" for key in HEAD[:-1]), flush=True)
    options.rows.parent.mkdir(parents=True, exist_ok=True)
    with options.rows.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEAD)
        writer.writeheader()
        writer.writerows(rows)


def opened(path: str, options: argparse.Namespace) -> Volume:
    """A stack, with the voxel size in nm that was given."""
    volume = advseg.read(path)
    if not options.voxel:
        return volume
    scale = tuple(map(float, options.voxel.split(",")))
    frame = dataclasses.replace(volume.frame, scale=scale, units=("nanometer",) * 3)
    return dataclasses.replace(volume, frame=frame)


def recipe_for(name: str, seed: int, options: argparse.Namespace) -> Train:
    """The recipe of a family; `-affinities` behind its name asks for those."""
    family, _, target = name.partition("-")
    preset = options.preset if family == "unet3d" else "quick"
    changes: dict[str, Any] = {
        "seed": seed,
        "sections": options.learn,
        "validation": options.validate,
        "out": str(options.out / f"{name}-{seed}"),
        "training": {},
    }
    if options.steps:
        changes["training"]["steps"] = options.steps
    if options.minutes:
        changes["training"]["minutes"] = options.minutes
    if target:
        changes["examples"] = {"targets": {"kind": target}}
    if options.width and family == "unet3d":
        changes["model"] = {"widths": json.loads(f"[{options.width}]")}
    return train_recipe(family, preset, changes)


def judged(
    name: str, seed: int, image: Volume, truth: Volume, options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """A row for every way to label what the model of a family and seed makes of the test sections."""
    recipe = recipe_for(name, seed, options)
    folder = Path(recipe.out or "")
    if not (folder / model_store.CARD).is_file():
        followed(advseg.fit(image, truth, recipe))
    model = model_store.load(folder)
    tune, test = (parse_span(span) for span in (options.tune or options.validate, options.test))
    begin = time.perf_counter()
    map_ = map_of_sections(image, model, test)
    seconds = (time.perf_counter() - begin) / (test[1] - test[0])
    for way in WAYS[options.by]:
        settings = model.card.labelling.changed(across_sections=way)
        if options.by == "across_sections":
            near = map_of_sections(image, model, tune), truth.cut(*tune)
            settings = picked(settings.changed(minimum_size=SPECK), *near)
        labels = advseg.drain(advseg.label(map_, settings))
        result = advseg.score(labels, truth.cut(*test), by=options.by)
        yield {
            "family": name,
            "seed": seed,
            "steps": model.card.recipe.training.steps,
            "way": way,
            "by": options.by,
            **{key: round(getattr(result, key), 5) for key in MEASURES},
            "seconds_per_section": round(seconds, 3),
            "settings": json.dumps(settings.model_dump(mode="json", exclude_defaults=True)),
        }


def followed(running: Reports[Any]) -> None:
    """Run to the end with a bar, or with what is said where nobody looks."""
    with Bar(Console(stderr=True)) as bar:
        for report in running:
            bar.show(report)


def map_of_sections(image: Volume, model: model_store.StoredModel, span: tuple[int, int]) -> Volume:
    """The interior map of some sections, predicted where it is not kept yet."""
    path = Path(model.folder or "") / f"map-{span[0]}-{span[1]}.ome.zarr"
    if not path.exists():
        advseg.write(advseg.drain(predict(image.cut(*span), model)), path)
    return advseg.read(path)


def picked(settings: LabellingSettings, map_: Volume, truth: Volume) -> LabellingSettings:
    """The thresholds of a way with the lowest VOI of the tuning sections as one volume."""

    def voi(one: LabellingSettings) -> float:
        return float(advseg.score(advseg.drain(advseg.label(map_, one)), truth, by="volume").voi)

    tried = []
    for low in THRESHOLDS:
        one = settings.changed(threshold=low)
        if settings.across_sections == "agglomerated":
            group = settings.agglomeration
            tried += [one.changed(agglomeration=group.changed(threshold=join)) for join in JOINS]
        elif settings.across_sections == "linked":
            tried += [one.changed(gap_threshold=min(low + gap, 1.0)) for gap in (0.0, 0.05, 0.1)]
        else:
            tried.append(one)
    return min(tried, key=voi)


if __name__ == "__main__":
    main()
