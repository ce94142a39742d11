"""Labels that run through a stack: how good each way is on a real volume, and what it costs.

`python benchmarks/volume_labels.py quality --image raw.tif --labels ids.tif --model DIR --tune 100:110 --test 110:160
--maps DIR --rows rows.csv [--every 1]` predicts the interior maps (kept in --maps, so that a run can be repeated),
picks the settings of each way by the VOI of the sections --tune as one volume, and scores the sections --test as one
volume, at the picked settings and at the defaults. `--every 4` takes every fourth section, as if they were cut that
thick. True ids below 100 voxels in the whole file are specks; every score is given with and without them.

`python benchmarks/volume_labels.py cost [--shapes 50x250x250,64x512x512]` measures time and peak memory of each way on
synthetic tissue, each in a process of its own after compilation, and the table of 100,000 fragments.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
from scipy.ndimage import gaussian_filter

import napari_advseg as advseg
from napari_advseg import model_store
from napari_advseg.inference.predict import predict
from napari_advseg.labelling import label_into
from napari_advseg.labelling.stack.agglomeration import agglomerate
from napari_advseg.labelling.stack.contacts import Contacts
from napari_advseg.labelling.stack.merge_tree import merge_tree
from napari_advseg.progress import Phase
from napari_advseg.recipes import parse_span
from napari_advseg.samples import neuropil
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

Array = np.ndarray[Any, Any]

SPECK = 100
MEASURES = ("adapted_rand_error", "voi_split", "voi_merge", "voi", "cremi_score")
HEAD = ("every", "way", "chosen", "border_px", "specks", "objects", *MEASURES, "settings")
THRESHOLDS = (0.6, 0.7, 0.8, 0.9)
JOINS = tuple(round(0.3 + 0.05 * k, 2) for k in range(12))
WAYS = {
    "sections": {},
    "linked one-to-one": {"linking": {"match": "one-to-one"}},
    "linked many-to-one": {"linking": {"match": "many-to-one"}},
    "agglomerated mean": {"agglomeration": {"method": "mean"}},
    "agglomerated quantile": {"agglomeration": {"method": "quantile"}},
    "agglomerated multicut": {"agglomeration": {"method": "multicut"}},
    "components": {},
}


def quality(options: argparse.Namespace) -> None:
    """Rows of every way to the CSV, and a table of them."""
    model = model_store.load(options.model)
    card = model.card.labelling.changed(anisotropy=float(options.every))
    truth = advseg.read(options.labels)
    ids, counts = np.unique(truth.numpy(), return_counts=True)
    specks = ids[counts < SPECK]
    tune, test = (
        (every(interior_map(options, model, span), options.every), cut(truth, span, options.every))
        for span in (options.tune, options.test)
    )
    rows = []
    for way in WAYS:
        chosen = {"default": default(card, way)}
        if way != "sections":
            chosen["picked"] = picked(card, way, *tune)
        for how, settings in chosen.items():
            named = {"every": options.every, "way": way, "chosen": how}
            rows += [{**named, **row} for row in rows_of(settings, *test, specks)]
        print(table(rows[-4 * len(chosen) :]), flush=True)
    options.rows.parent.mkdir(parents=True, exist_ok=True)
    older = options.rows.exists() and options.every > 1
    with options.rows.open("a" if older else "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEAD)
        if not older:
            writer.writeheader()
        writer.writerows(rows)


def interior_map(options: argparse.Namespace, model: model_store.StoredModel, span: str) -> Volume:
    """The map of a range of sections, predicted where it is not kept yet."""
    path = options.maps / f"map-{span.replace(':', '-')}.ome.zarr"
    if not path.exists():
        options.maps.mkdir(parents=True, exist_ok=True)
        image = advseg.read(options.image).cut(*parse_span(span))
        advseg.write(advseg.drain(predict(image, model)), path)
    return advseg.read(path)


def cut(volume: Volume, span: str, step: int) -> Volume:
    return every(volume.cut(*parse_span(span)), step)


def every(volume: Volume, step: int) -> Volume:
    """Every `step`th section in memory."""
    return volume.like(volume.numpy()[::step])


def default(card: LabellingSettings, way: str) -> LabellingSettings:
    """The model's own settings, objects running as `way` says."""
    return card.changed(across_sections=way.split(maxsplit=1)[0], **WAYS[way])


def tried(card: LabellingSettings, way: str) -> Iterator[LabellingSettings]:
    """Every settings tried for a way, but for the merge thresholds."""
    start = default(card, way).changed(minimum_size=SPECK)
    if way.startswith("linked"):
        walls = sorted({(card.threshold, card.gap_threshold), (0.6, 0.8), (0.8, 0.9), (0.9, 0.95)})
        branches = (0.6, 0.7, 0.8) if "many" in way else (0.7,)
        for (low, high), overlap, branch in product(walls, (0.2, 0.3, 0.4), branches):
            group = start.linking.changed(overlap=overlap, branch=branch)
            yield start.changed(threshold=low, gap_threshold=high, linking=group)
    elif way == "components":
        for low, connectivity in product((*THRESHOLDS, 0.95, 0.98), (1, 2)):
            yield start.changed(threshold=low, connectivity=connectivity)
    else:
        quantiles = (0.1, 0.25, 0.5) if "quantile" in way else (0.25,)
        for low, depth, quantile in product(THRESHOLDS, (0.5, 1.0, 2.0), quantiles):
            group = start.agglomeration.changed(quantile=quantile)
            yield start.changed(threshold=low, depth=depth, agglomeration=group)


def picked(card: LabellingSettings, way: str, map_: Volume, truth: Volume) -> LabellingSettings:
    """The settings of a way with the lowest VOI of the volume."""
    found = []
    for settings in tried(card, way):
        if way.startswith("agglomerated"):
            found += [(voi(labels, truth), one) for labels, one in at_thresholds(settings, map_)]
        else:
            found.append((voi(advseg.drain(advseg.label(map_, settings)), truth), settings))
    return min(found, key=lambda one: one[0])[1]


def at_thresholds(
    settings: LabellingSettings, map_: Volume
) -> Iterator[tuple[Volume, LabellingSettings]]:
    """Labels at every merge threshold: tables of one tree, or one multicut each."""
    group, fragments = settings.agglomeration, None
    for threshold in JOINS:
        one = settings.changed(agglomeration=group.changed(threshold=threshold))
        if fragments is None or group.method == "multicut":
            fragments = advseg.drain(agglomerate(map_, one))
        yield fragments.relabelled(threshold), one


def voi(labels: Volume, truth: Volume) -> float:
    return advseg.score(labels, truth, by="volume", border=0).voi


def rows_of(
    settings: LabellingSettings, map_: Volume, truth: Volume, specks: Array
) -> Iterator[dict[str, Any]]:
    """Scores of one labelling with and without border and specks."""
    labels = advseg.drain(advseg.label(map_, settings))
    plain = truth.like(np.where(np.isin(truth.numpy(), specks), 0, truth.numpy()))
    for border, (named, ids) in product((0, 1), (("kept", truth), ("left out", plain))):
        result = advseg.score(labels, ids, by="volume", border=border)
        yield {
            "border_px": border,
            "specks": named,
            "objects": int(labels.numpy().max()),
            **{name: round(getattr(result, name), 6) for name in MEASURES},
            "settings": json.dumps(settings.model_dump(mode="json", exclude_defaults=True)),
        }


def table(rows: list[dict[str, Any]]) -> str:
    names = [name for name in HEAD if name != "settings"]
    return "\n".join(" ".join(f"{row[name]!s:>9}" for name in names) for row in rows)


def cost(options: argparse.Namespace) -> None:
    """Time and memory of each way, each measured in a process of its own."""
    with TemporaryDirectory() as folder:
        for shape in options.shapes.split(","):
            path = Path(folder) / f"{shape}.npy"
            np.save(path, tissue(tuple(map(int, shape.split("x")))))
            for way, fragments in product(WAYS, ("3d", "2d")):
                if fragments == "3d" or way.startswith("agglomerated"):
                    command = [sys.executable, __file__, "one", str(path), way, fragments]
                    done = subprocess.run(command, check=True, capture_output=True, text=True)
                    print(done.stdout, end="", flush=True)
    print(table_cost())


def one(options: argparse.Namespace) -> None:
    """A line about one way on the map in a file."""
    map_ = np.load(options.map, mmap_mode="r")
    settings = default(LabellingSettings(threshold=0.8, gap_threshold=0.9), options.way)
    group = settings.agglomeration.changed(fragments=options.fragments)
    settings = settings.changed(agglomeration=group)
    watched(np.array(map_[:4, :64, :64]), settings)
    seconds, memory, stages = watched(np.array(map_), settings)
    named = f"{options.way} {options.fragments if 'aggl' in options.way else ''}".strip()
    print(
        f"{named:<26} {options.map.stem:>12} {seconds:7.2f} s {map_.size / seconds / 1e6:7.2f} Mvx/s "
        f"{memory / 1e6:7.0f} MB over the map, {memory / map_.size:5.1f} bytes a voxel  {stages}"
    )


def tissue(shape: tuple[int, ...]) -> Array:
    """An interior map of synthetic isotropic tissue, float16."""
    cells = neuropil(shape, seed=0, voxel_nm=(10.0, 10.0, 10.0))[1].numpy()
    wall = np.zeros(shape, np.float32)
    for axis in range(3):
        ids, walls = np.moveaxis(cells, axis, 0), np.moveaxis(wall, axis, 0)
        differs = ids[1:] != ids[:-1]
        walls[1:][differs] = walls[:-1][differs] = 1
    noise = np.random.default_rng(0).normal(0, 0.08, shape)
    map_ = 1 - gaussian_filter(wall, (0.5, 1, 1)) + noise
    tissue: Array = np.clip(map_, 0, 1).astype(np.float16)
    return tissue


def watched(map_: Array, settings: LabellingSettings) -> tuple[float, int, dict[str, float]]:
    """Seconds, peak bytes over what was there before, and when each stage began."""
    process, done = psutil.Process(), threading.Event()
    before = peak = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, process.memory_info().rss)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    begin, stages = time.perf_counter(), {}
    volume = Volume(map_, Frame("zyx"))
    for report in label_into(lambda *_: None, volume, settings):
        if isinstance(report, Phase):
            stages[report.name] = round(time.perf_counter() - begin, 2)
    seconds = time.perf_counter() - begin
    done.set()
    thread.join()
    return seconds, peak - before, stages


def table_cost(count: int = 100_000, edges: int = 700_000) -> str:
    """Seconds for the tree of 100,000 fragments and for its table at one threshold."""
    rng = np.random.default_rng(0)
    near = rng.integers(1, 40, edges)
    low = rng.integers(1, count + 1, edges)
    pairs = np.unique(np.stack([low, np.minimum(low + near, count)], axis=1), axis=0)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    area = rng.integers(1, 200, len(pairs)).astype(np.float64)
    contacts = Contacts(
        pairs, area, area * rng.random(len(pairs)), np.zeros((len(pairs), 0), np.float32)
    )
    sizes = rng.integers(1, 500, count + 1)
    tree = merge_tree(contacts, sizes)
    begin = time.perf_counter()
    tree = merge_tree(contacts, sizes)
    grown = time.perf_counter() - begin
    tree.lut(0.5, 100)
    times = []
    for threshold in np.linspace(0.05, 0.95, 19):
        begin = time.perf_counter()
        tree.lut(float(threshold), 100)
        times.append(time.perf_counter() - begin)
    return (
        f"{count} fragments, {len(pairs)} contacts: tree {grown:.2f} s, "
        f"table {1000 * float(np.median(times)):.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    good = commands.add_parser("quality")
    for name in ("image", "labels", "model", "tune", "test"):
        good.add_argument(f"--{name}", required=True)
    for name in ("maps", "rows"):
        good.add_argument(f"--{name}", required=True, type=Path)
    good.add_argument("--every", type=int, default=1)
    good.set_defaults(run=quality)
    dear = commands.add_parser("cost")
    dear.add_argument("--shapes", default="50x250x250,64x512x512")
    dear.set_defaults(run=cost)
    single = commands.add_parser("one")
    single.add_argument("map", type=Path)
    for name in ("way", "fragments"):
        single.add_argument(name)
    single.set_defaults(run=one)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
