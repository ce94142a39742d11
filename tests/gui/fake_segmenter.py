"""A child that segments without torch: the interior map is the image itself; model "slow" never ends."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg import engine, model_store
from napari_advseg.labelling import label
from napari_advseg.progress import BlockDone, Report, Said, Warned
from napari_advseg.recipes import Label, Segment, validated
from napari_advseg.volume.channel_choice import one_channel
from napari_advseg.volume.formats.files import read, write
from napari_advseg.volume.painted import with_names
from napari_advseg.volume.part import Part
from napari_advseg.volume.volume import Volume

SLOW, FAULTY = "slow", "faulty"


def execute(tree: dict[str, Any], resume: bool) -> Iterator[Report]:
    recipe = validated(tree)
    if isinstance(recipe, Label):
        return (yield from written(read(recipe.interior_map), recipe))
    yield Said("it begins")
    yield Warned("a warning")
    model = Path(recipe.model).name
    is_whole = recipe.part is None
    if model.startswith(FAULTY) and is_whole == model.endswith("whole"):
        raise ValueError("The image is constant; choose another.")
    if model.startswith(SLOW) and is_whole == model.endswith("whole"):
        for done in range(100_000):
            time.sleep(0.005)
            yield BlockDone("predict", done, 100_000)
    image = one_channel(wanted(recipe), recipe.channel)
    yield BlockDone("predict", 1, 1)
    card = model_store.read_card(recipe.model)
    if card.channels.gives == "classes":
        frame = with_names(image.frame, card.class_names)
        write(Volume((image.numpy() > 127).astype(np.uint8), frame), recipe.out, kind="labels")
        return {"labels": recipe.out, "classes": 2}
    write(Volume((image.numpy() / 255).astype(np.float16), image.frame), recipe.interior_map)
    return (yield from written(read(recipe.interior_map), recipe))


def wanted(recipe: Segment) -> Volume:
    image = read(recipe.image)
    if recipe.placed is not None:
        frame = dataclasses.replace(image.frame, **dict(recipe.placed))
        image = dataclasses.replace(image, frame=frame)
    image = image.cut(*recipe.sections) if recipe.sections else image
    return Part(*recipe.part).of(image) if recipe.part else image


def written(map_: Volume, recipe: Segment | Label) -> Iterator[Report]:
    found = yield from label(map_, recipe.labelling)
    write(found, recipe.out, kind="labels")
    return {"labels": recipe.out, "objects": int(found.numpy().max())}


if __name__ == "__main__":
    engine.serve(
        execute,
        lambda: {"device": "cpu", "name": "CPU", "cores": 2, "precision": "bf16", "memory_gb": 4},
    )
    sys.exit(0)
