"""Where to annotate next, from file to file: sections, a model's uncertainty, the list."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from napari_advseg import model_store
from napari_advseg.annotation.suggestions import Place, candidates, evenly, spread, uncertainty
from napari_advseg.disk.atomic import replace_file
from napari_advseg.examples.pairs import check_pairs
from napari_advseg.examples.sections import Row, plane, read_window
from napari_advseg.inference.fitting import fits
from napari_advseg.inference.painter import gives_images
from napari_advseg.inference.predict import map_of, prepare, ready, turn_to
from napari_advseg.progress import Reports, Said, Saved
from napari_advseg.recipes import Suggest
from napari_advseg.tasks.once import at_once
from napari_advseg.volume.formats.files import as_labels, read
from napari_advseg.volume.formats.sets import files_of, is_set, matched
from napari_advseg.volume.volume import Volume

Array = npt.NDArray[Any]
DONE = 0.95
WHOLE = slice(None), slice(None)


@at_once
def run(recipe: Suggest) -> Reports[dict[str, Any]]:
    """The places of a recipe as JSON rows, those to annotate first at the front; written where it says so.

    A row holds section, box, point and uncertainty, and the image where there are several. Sections are read and
    predicted one by one; those that are annotated nearly everywhere are not predicted.

    Raises:
        ValueError: image, labels and model do not fit each other, or the model makes no map.
    """
    images, truths, names = opened(recipe)
    model = model_store.load(recipe.model)
    if gives_images(model):
        raise ValueError(
            "This model paints images of labels and cannot say where it is unsure; choose one that segments."
        )
    check_pairs(images, truths)
    for image in images:
        fits(image, model)
    row = Row(images)
    chosen = sections_of(recipe, row)
    numbers = [number for number in chosen if not is_done(truths, row.place(number))]
    predictors = ready(model, recipe.prediction)
    found: list[Place] = []
    last = None
    for done, number in enumerate(numbers):
        volume, index = row.place(number)
        if volume != last:
            yield from turn_to(images[volume], predictors)
            yield from prepare(images[volume], predictors)
            last = volume
        interior_map = yield from map_of(predictors, images[volume], index, done, len(numbers))
        doubt = uncertainty(interior_map, recipe.measure)
        known = annotated(truths, volume, index)
        found += candidates(number, doubt, known, side=recipe.window, most=recipe.count)
    rows = [as_row(place, row, names) for place in spread(found, recipe.count)]
    yield Said(describe_places(rows, len(numbers), len(row)))
    if recipe.out:
        replace_file(Path(recipe.out), json.dumps({"places": rows}, indent=1).encode())
        yield Saved(recipe.out, "list of places")
    return {"places": rows, "out": recipe.out, "sections": len(numbers)}


def opened(recipe: Suggest) -> tuple[list[Volume], list[Volume | None], list[str]]:
    """Images and what is annotated of each, with the images' names where there are several.

    Raises:
        ValueError: as `read`, or labels have no image.
    """
    if not is_set(recipe.image):
        image = read(recipe.image, missing=recipe.missing)
        labels = as_labels(read(recipe.labels, missing=recipe.missing)) if recipe.labels else None
        return [image], [labels], []
    files = files_of(recipe.image)
    pairs: list[tuple[Path, Path | None]] = [(file, None) for file in files]
    if recipe.labels:
        pairs = [*matched(files, files_of(recipe.labels))]
    images = [read(file, missing=recipe.missing) for file, _ in pairs]
    truths = [
        as_labels(read(file, missing=recipe.missing)) if file is not None else None
        for _, file in pairs
    ]
    return images, truths, [str(file) for file, _ in pairs]


def sections_of(recipe: Suggest, row: Row) -> list[int]:
    """Numbers of the sections to look at, evenly spread.

    Raises:
        ValueError: the recipe's sections are not there.
    """
    first, end = recipe.sections or (0, len(row))
    if not 0 <= first < end <= len(row):
        raise ValueError(
            f"Sections {first}:{end} are not inside 0:{len(row)}; choose a range inside it."
        )
    return evenly(range(first, end), recipe.looked_at)


def is_done(truths: Sequence[Volume | None], place: tuple[int, int]) -> bool:
    """Whether a section is annotated nearly everywhere."""
    known = annotated(truths, *place)
    return known is not None and bool(known.mean() > DONE)


def annotated(truths: Sequence[Volume | None], volume: int, index: int) -> Array | None:
    """Where a section is annotated, (y, x); None without labels."""
    labels = truths[volume]
    return None if labels is None else plane(read_window(labels, index, *WHOLE)) != 0


def as_row(place: Place, row: Row, names: Sequence[str]) -> dict[str, Any]:
    """A place as JSON, its section counted within its own image."""
    volume, index = row.place(place.section)
    box, point = ((index, index + 1), *place.box[1:]), (index, *place.point[1:])
    own = dataclasses.replace(place, section=index, box=box, point=point)
    return {**own.to_json(), **({"image": names[volume]} if names else {})}


def describe_places(rows: Sequence[dict[str, Any]], looked_at: int, total: int) -> str:
    """What was found, in one sentence."""
    if not rows:
        return "Nothing is left to suggest: what was looked at is annotated already."
    values = [row["uncertainty"] for row in rows]
    return (
        f"{len(rows)} places in {looked_at} of {total} sections; mean uncertainty from {max(values):.2f} "
        f"down to {min(values):.2f}."
    )
