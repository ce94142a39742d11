"""How good a model is on sections that nothing has seen, with gap closing and without, over several seeds.

Run `python benchmarks/quality.py --image raw.tif --labels truth.tif --train 0:17 --test 17:20 --steps 2300
[--seeds 0,1,2] [--preset quick] [--zero auto] [--start-from first] --models DIR --rows rows.csv`; `--test 0:10,11:20`
leaves one section out. Models that stand in DIR/seed-N are not trained again, so a run can be continued. One row per
seed, section and way of labelling goes to the CSV; the means over sections and their standard deviation over seeds are
printed.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

import napari_advseg as advseg
from napari_advseg import model_store
from napari_advseg.cli.bar import Bar
from napari_advseg.cli.demo import without_gap_closing
from napari_advseg.recipes import parse_span, train_recipe
from napari_advseg.volume.volume import Volume

MEASURES = ("adapted_rand_error", "voi_split", "voi_merge", "voi", "cremi_score")
HEAD = ("seed", "steps", "labels", "border_px", "section", "threshold", "gap_threshold", *MEASURES)


def trained(options: argparse.Namespace, seed: int) -> model_store.StoredModel:
    """The model of one seed: as it stands in its folder, or trained now."""
    folder = options.models / f"seed-{seed}"
    if not (folder / model_store.CARD).exists():
        changes = {
            "sections": options.train,
            "zero": options.zero,
            "seed": seed,
            "out": str(folder),
            "training": {"steps": options.steps},
        }
        if options.start_from:
            source = model_store.read_card(options.start_from).recipe
            changes |= {"start_from": options.start_from, "model": source.model.model_dump()}
        recipe = train_recipe("unet", options.preset, changes)
        with Bar(Console(stderr=True)) as bar:
            advseg.drain(advseg.fit(options.image, options.labels, recipe), bar.show)
    return model_store.load(folder)


def rows_of(
    model: model_store.StoredModel, image: Volume, truth: Volume, first: int, seed: int
) -> list[dict[str, Any]]:
    """The scores of every section, with gap closing and without, with the border and without."""
    done = advseg.drain(advseg.segment(image, model))
    chosen = model.card.labelling
    plain = without_gap_closing(chosen)
    ways = {
        "gap closing": (chosen, done.labels),
        "plain threshold": (plain, advseg.drain(advseg.label(done.interior_map, plain))),
    }
    found = []
    for name, (settings, labels) in ways.items():
        for border in (0, 1):
            result = advseg.score(labels, truth, border=border)
            for index, section in enumerate(result.sections):
                found.append(
                    {
                        "seed": seed,
                        "steps": model.card.last_step,
                        "labels": name,
                        "border_px": border,
                        "section": first + index,
                        "threshold": settings.threshold,
                        "gap_threshold": settings.gap_threshold,
                        **{measure: round(getattr(section, measure), 6) for measure in MEASURES},
                    }
                )
    return found


def table(rows: list[dict[str, Any]]) -> str:
    """Mean over sections, then mean and standard deviation over seeds, per way and border."""
    lines = [f"{'labels':<18}{'border':>7}" + "".join(f"{name:>26}" for name in MEASURES)]
    for way in dict.fromkeys((row["labels"], row["border_px"]) for row in rows):
        mine = [row for row in rows if (row["labels"], row["border_px"]) == way]
        cells = []
        for name in MEASURES:
            seeds = [
                statistics.mean(float(row[name]) for row in mine if row["seed"] == seed)
                for seed in dict.fromkeys(row["seed"] for row in mine)
            ]
            spread = f" +- {statistics.stdev(seeds):.4f}" if len(seeds) > 1 else ""
            cells.append(f"{statistics.mean(seeds):.4f}{spread}")
        lines.append(f"{way[0]:<18}{way[1]:>7}" + "".join(f"{cell:>26}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("image", "labels", "train", "test"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("models", "rows"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=2300)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--zero", default="auto")
    parser.add_argument("--start-from")
    options = parser.parse_args()
    image, truth = (advseg.read(path) for path in (options.image, options.labels))
    rows: list[dict[str, Any]] = []
    for seed in map(int, options.seeds.split(",")):
        model = trained(options, seed)
        for first, end in map(parse_span, options.test.split(",")):
            rows += rows_of(model, image.cut(first, end), truth.cut(first, end), first, seed)
    options.rows.parent.mkdir(parents=True, exist_ok=True)
    with options.rows.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEAD)
        writer.writeheader()
        writer.writerows(rows)
    sys.stdout.write(table(rows) + "\n")


if __name__ == "__main__":
    main()
