"""What tuned thresholds are worth on sections that were not tuned on, over several models.

Run `python benchmarks/tuning.py --image raw.tif --labels truth.tif --tune 14:17 --test 17:20 --models DIR/seed-*
--work DIR --rows rows.csv`. Every model is tuned with the thesis' grid and with the wide one; its labels of the test
sections then are compared with those of untuned thresholds: the defaults, the thesis' first ones, and the model's own
calibration. Interior maps stay in the work folder and are not predicted twice. One row for each model, way, handling of
predicted walls and section goes to the CSV; means over sections and their standard deviation over models are printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

import napari_advseg as advseg
from napari_advseg import model_store
from napari_advseg.cli.bar import Bar
from napari_advseg.recipes import parse_span
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.tasks import execute
from napari_advseg.tuning import Tuned
from napari_advseg.volume.volume import Volume

MEASURES = (
    "voi_split",
    "voi_merge",
    "voi",
    "adapted_rand_error",
    "cremi_score",
    "ignored_fraction",
)
HEAD = ("model", "way", "threshold", "gap_threshold", "walls", "section", *MEASURES)
SEARCHES: dict[str, dict[str, Any]] = {
    "thesis grid": {"grid": "thesis", "objective": "voi"},
    "wide grid": {"grid": "wide", "objective": "voi"},
    "wide grid, merges x 3": {"grid": "wide", "objective": "weighted", "merge_weight": 3.0},
}
UNTUNED = {"untuned .81/.91": (0.81, 0.91), "untuned .73/.81": (0.73, 0.81)}


def done(tree: dict[str, Any]) -> dict[str, Any]:
    """The result of a recipe, with a bar while it runs."""
    with Bar(Console(stderr=True)) as bar:
        return advseg.drain(execute(tree), bar.show)


def searched(options: argparse.Namespace, model: Path) -> dict[str, Tuned]:
    """The outcome of every search; the first predicts, the others use its map."""
    found: dict[str, Tuned] = {}
    map_ = options.work / model.name / "tuned.ome.zarr"
    if not map_.exists():
        segment(options, model, options.tune, map_)
    for name, tuning in SEARCHES.items():
        tree = {
            "task": "tune",
            "labels": options.labels,
            "model": str(model),
            "probabilities": str(map_),
            "sections": options.tune,
            "out": str(options.work / model.name / name.replace(" ", "-").replace(",", "")),
            "tuning": tuning,
            "overwrite": True,
        }
        table = Path(done(tree)["table"])
        found[name] = Tuned.from_json(json.loads(table.read_text(encoding="utf-8")))
    return found


def segment(options: argparse.Namespace, model: Path, sections: str, map_: Path) -> None:
    """Keep the model's interior map of some sections."""
    map_.parent.mkdir(parents=True, exist_ok=True)
    done(
        {
            "task": "segment",
            "image": options.image,
            "model": str(model),
            "sections": sections,
            "out": str(map_.with_name("labels.ome.zarr")),
            "probabilities": str(map_),
            "overwrite": True,
        }
    )


def ways(model: Path, found: dict[str, Tuned]) -> dict[str, LabellingSettings]:
    """The labellings to compare. "walls left out" is the pair that the flattering score would choose."""
    own = model_store.read_card(model).labelling
    compared = {
        name: own.changed(threshold=threshold, gap_threshold=edge)
        for name, (threshold, edge) in UNTUNED.items()
    }
    compared["as calibrated"] = own
    for name, search in found.items():
        compared[name] = search.best.labelling(own)
    for name in ("thesis grid", "wide grid"):
        flattered = found[name].flattering_best
        if flattered is not None:
            compared[f"{name}, walls left out"] = flattered.labelling(own)
    return compared


def rows_of(options: argparse.Namespace, model: Path, truth: Volume) -> Iterator[dict[str, Any]]:
    """The scores of the test sections: honest, and with predicted walls left out."""
    found = searched(options, model)
    map_ = options.work / model.name / "test.ome.zarr"
    if not map_.exists():
        segment(options, model, options.test, map_)
    first, _ = parse_span(options.test)
    for name, settings in ways(model, found).items():
        for walls, grown in (("thin", settings.thin), ("ignore", False)):
            labels = advseg.drain(advseg.label(advseg.read(map_), settings, thin=grown))
            result = advseg.score(labels, truth, boundary=walls)
            for index, section in enumerate(result.sections):
                yield {
                    "model": model.name,
                    "way": name,
                    "threshold": settings.threshold,
                    "gap_threshold": settings.gap_threshold,
                    "walls": walls,
                    "section": first + index,
                    **{measure: round(getattr(section, measure), 6) for measure in MEASURES},
                }


def table(rows: list[dict[str, Any]]) -> str:
    """Mean over sections, then mean and standard deviation over models, for each way and handling of walls."""
    lines = [f"{'way':<36}{'walls':<8}" + "".join(f"{name:>20}" for name in MEASURES)]
    for way in dict.fromkeys((row["way"], row["walls"]) for row in rows):
        mine = [row for row in rows if (row["way"], row["walls"]) == way]
        cells = []
        for name in MEASURES:
            means = [
                statistics.mean(row[name] for row in mine if row["model"] == model)
                for model in dict.fromkeys(row["model"] for row in mine)
            ]
            spread = f" +- {statistics.stdev(means):.4f}" if len(means) > 1 else ""
            cells.append(f"{statistics.mean(means):.4f}{spread}")
        lines.append(f"{way[0]:<36}{way[1]:<8}" + "".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("image", "labels", "tune", "test"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--models", required=True, type=Path, nargs="+")
    for name in ("work", "rows"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    options = parser.parse_args()
    truth = advseg.read(options.labels).cut(*parse_span(options.test))
    rows = [row for model in options.models for row in rows_of(options, model, truth)]
    options.rows.parent.mkdir(parents=True, exist_ok=True)
    with options.rows.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEAD, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    sys.stdout.write(table(rows) + "\n")


if __name__ == "__main__":
    main()
