"""What retraining on reviewed sections gives on sections that nobody reviewed.

`python benchmarks/retrain.py --image raw.tif --truth truth.tif --train 0:3 --steps 100 --review 3,5,7,9,11
--unseen 13:20 --out DIR [--seeds 0,1,2] [--rows rows.csv]`: a quick U-Net learns sections 0 to 2 and labels all; a
script in the proofreader's place paints the reviewed sections as the truth has them and marks them as right; the
model goes on learning from them as `napari-advseg journal retrain` does. What stands in DIR/seed-N is not made again.
One row per seed, model and unseen section goes to the CSV; the means over sections and their standard deviation over
seeds are printed.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import napari_advseg as advseg
from napari_advseg import model_store, tasks
from napari_advseg.cli.bar import Bar
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import OpenProof, open_proof
from napari_advseg.proofreading.store.kept import beside
from napari_advseg.recipes import Retrain, parse_span, train_recipe
from napari_advseg.volume.arrays.lazy import Array
from napari_advseg.volume.formats.files import read, write
from napari_advseg.volume.volume import Volume

MEASURES = ("adapted_rand_error", "voi_split", "voi_merge", "voi")
LABELS, FIRST, RETRAINED = "labels.ome.zarr", "first", "retrained"
HEAD = ("seed", "model", "section", *MEASURES)


def main() -> None:
    """Train, label, review, retrain, score."""
    chosen = options().parse_args()
    rows = [row for seed in map(int, chosen.seeds.split(",")) for row in rows_of(chosen, seed)]
    for name in dict.fromkeys(row["model"] for row in rows):
        for measure in MEASURES:
            seeds: dict[int, list[float]] = {}
            for row in rows:
                if row["model"] == name:
                    seeds.setdefault(row["seed"], []).append(row[measure])
            means = [statistics.mean(values) for values in seeds.values()]
            spread = f" +- {statistics.stdev(means):.4f}" if len(means) > 1 else ""
            print(f"{name:10} {measure:20} {statistics.mean(means):.4f}{spread}")
    if chosen.rows is not None:
        with chosen.rows.open("w", newline="") as file:
            writer = csv.DictWriter(file, HEAD)
            writer.writeheader()
            writer.writerows(rows)


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", required=True)
    parser.add_argument("--truth", required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--review", required=True)
    parser.add_argument("--unseen", required=True)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=Path)
    return parser


def rows_of(chosen: argparse.Namespace, seed: int) -> list[dict[str, Any]]:
    """The scores of both models of a seed on every unseen section."""
    folder = chosen.out / f"seed-{seed}"
    truth, labels = read(chosen.truth), first_labels(chosen, folder, seed)
    review(labels, truth, [int(z) for z in chosen.review.split(",")])
    result = retrained(chosen, folder, seed)
    replayed = result.get("replayed", {})
    left = len(replayed.get("conflicts", ()))
    print(f"taken: {result['is_taken']}; replayed: {replayed.get('done')}, did not fit: {left}")
    made = {"first": labels, "retrained": Path(result.get("labels") or labels)}
    return [
        {"seed": seed, "model": name, **row}
        for name, path in made.items()
        for row in scores(read(path), truth, parse_span(chosen.unseen))
    ]


def first_labels(chosen: argparse.Namespace, place: Path, seed: int) -> Path:
    """The labels of the first model in the folder, made now where they are missing."""
    path, folder = place / LABELS, place / FIRST
    if path.exists():
        return path
    if not (folder / model_store.CARD).exists():
        changes = {
            "sections": chosen.train,
            "seed": seed,
            "out": str(folder),
            "training": {"steps": chosen.steps},
        }
        recipe = train_recipe("unet", "quick", changes)
        with Bar(Console(stderr=True)) as bar:
            advseg.drain(advseg.fit(chosen.image, chosen.truth, recipe), bar.show)
    done = advseg.drain(advseg.segment(chosen.image, model_store.load(folder)))
    return write(done.labels, path)


def review(labels: Path, truth: Volume, sections: list[int]) -> None:
    """Put sections right by the truth, and mark them as reviewed, with a journal beside the labels."""
    every = slice(None)
    with closing(open_proof(read(labels), beside(labels), author="script")) as proof:
        reviewed = {box[0][0] for box in proof.boxes}
        for z in sorted(set(sections) - reviewed):
            put_right(proof, z, truth.section(z))
            proof.do(edits.review(proof, (slice(z, z + 1), every, every)))


def put_right(proof: OpenProof, z: int, truth: Array) -> None:
    """Paint a section as the truth has it; each object keeps the label that most of it has and no larger one has."""
    plane = (slice(z, z + 1), slice(0, truth.shape[0]), slice(0, truth.shape[1]))
    given: set[int] = set()
    ids, sizes = np.unique(truth, return_counts=True)
    for one in ids[np.argsort(-sizes)].tolist():
        mask = (truth == one)[None]
        here, shares = np.unique(np.asarray(proof.labels[plane])[mask], return_counts=True)
        known = [int(label) for label in here[np.argsort(-shares)] if label]
        label = next((label for label in known if label not in given), 0) or proof.fresh()
        label = 0 if one == 0 else label
        given.add(label)
        if (here != label).any():
            proof.do(edits.paint(proof, plane, mask, label))


def retrained(chosen: argparse.Namespace, place: Path, seed: int) -> dict[str, Any]:
    """What retraining made, or has made before."""
    recipe = Retrain(
        journal=str(beside(place / LABELS)),
        labels=str(place / LABELS),
        image=chosen.image,
        model=str(place / FIRST),
        out=str(place / RETRAINED),
        seed=seed,
    )
    with Bar(Console(stderr=True)) as bar:
        is_begun = (place / RETRAINED).exists()
        running = tasks.execute(recipe.model_dump(), resume=is_begun)
        return advseg.drain(running, bar.show)


def scores(labels: Volume, truth: Volume, span: tuple[int, int]) -> list[dict[str, Any]]:
    """The scores of each section."""
    rows = []
    for z in range(*span):
        found = advseg.score(labels.cut(z, z + 1), truth.cut(z, z + 1))
        rows.append({"section": z, **{name: round(getattr(found, name), 6) for name in MEASURES}})
    return rows


if __name__ == "__main__":
    main()
