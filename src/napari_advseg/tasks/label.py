"""Labels of an interior map that is there already, from file to file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.disk.atomic import replace_file
from napari_advseg.inference.fitting import STORED
from napari_advseg.labelling import check_stack, described, keeps_fragments, label_dtype, label_into
from napari_advseg.labelling.stack.fragments import fragments_beside
from napari_advseg.progress import Reports, Saved
from napari_advseg.recipes import Extend, Label, Mend, Segment, recipe_beside, to_yaml
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.tasks.once import at_once
from napari_advseg.volume.formats.files import read
from napari_advseg.volume.formats.sections import check_target
from napari_advseg.volume.formats.target import Target, blank
from napari_advseg.volume.volume import Volume


@at_once
def run(recipe: Label) -> Reports[dict[str, Any]]:
    """Label an interior map from file to file and write the recipe beside the labels."""
    interior_map = read(recipe.interior_map)
    check_outputs(interior_map, recipe)
    target = Target(recipe.out, recipe.overwrite)
    _, count = yield from labelled(interior_map, recipe.labelling, target)
    made = summarise(count, interior_map, recipe)
    path = keep_recipe(recipe, recipe_beside(recipe.out))
    yield Saved(recipe.out, "labels")
    return {**made, "recipe": str(path)}


def labelled(
    interior_map: Volume, settings: LabellingSettings, target: Target
) -> Reports[tuple[Volume, int]]:
    """The labels of an interior map, section by section into a target, and their number."""
    like = blank(
        interior_map.frame.after(described(settings)),
        interior_map.shape,
        label_dtype(interior_map),
        "labels",
        interior_map.synthetic,
    )
    out = None if target.path is None else Path(target.path)
    return (
        yield from target.filled(
            like, "labels", lambda keep: label_into(keep, interior_map, settings, out)
        )
    )


def summarise(count: int, image: Volume, recipe: Segment | Label) -> dict[str, Any]:
    """What came of labelling an image or its map, as plain JSON."""
    made = {"labels": recipe.out, "objects": count}
    if keeps_fragments(image, recipe.labelling or LabellingSettings()):
        made["fragments"] = str(fragments_beside(recipe.out))
    return made


def keep_recipe(recipe: Segment | Label | Extend | Mend, path: Path) -> Path:
    """Write the recipe; its path comes back."""
    replace_file(path, to_yaml(recipe).encode())
    return path


def check_outputs(image: Volume, recipe: Segment | Label) -> None:
    """Nothing, where all that the recipe names can be made; hours of work should not end with that message.

    Raises:
        ValueError: something is there already, the folder cannot be written to, its disk is too small, or
            memory is too small for the labels.
    """
    shape = tuple(image.size(axis) for axis in "zyx")
    overwrite = recipe.overwrite
    check_target(Path(recipe.out), shape, label_dtype(image), "labels", overwrite=overwrite)
    if isinstance(recipe, Segment) and recipe.interior_map:
        check_target(Path(recipe.interior_map), shape, STORED, "image", overwrite=overwrite)
    settings = recipe.labelling or LabellingSettings()
    if keeps_fragments(image, settings):
        check_target(fragments_beside(recipe.out), shape, np.int32, "labels", overwrite=overwrite)
    check_stack(image, settings)
