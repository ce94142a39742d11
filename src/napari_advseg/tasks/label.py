"""Labels of an interior map that is there already, from file to file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.disk.atomic import replace_file
from napari_advseg.inference.fitting import STORED
from napari_advseg.labelling import check_stack, described, keeps_fragments, label_dtype, label_into
from napari_advseg.labelling.stack.fragments import fragments_beside
from napari_advseg.progress import Reports, Saved, Saving
from napari_advseg.recipes import Extend, Label, Mend, Segment, recipe_beside, to_yaml
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.formats.files import create, read
from napari_advseg.volume.formats.sections import check_target
from napari_advseg.volume.volume import Volume


def run_label(recipe: Label) -> Reports[dict[str, Any]]:
    """Label an interior map from file to file and write the recipe beside the labels."""
    interior_map = read(recipe.interior_map)
    check_outputs(interior_map, recipe)
    made = yield from write_labels(interior_map, recipe)
    beside = keep_recipe(recipe, recipe_beside(recipe.out))
    yield Saved(recipe.out, "labels")
    return {**made, "recipe": str(beside)}


def write_labels(interior_map: Volume, recipe: Segment | Label) -> Reports[dict[str, Any]]:
    """Label section by section into the recipe's output."""
    settings = recipe.labelling or LabellingSettings()
    frame = interior_map.frame.after(described(settings))
    with create(
        recipe.out,
        interior_map.shape,
        label_dtype(interior_map),
        frame,
        overwrite=recipe.overwrite,
    ) as writer:
        count = yield from label_into(writer.write, interior_map, settings, Path(recipe.out))
        yield Saving("labels")
        writer.finish()
    made = {"labels": recipe.out, "objects": count}
    if keeps_fragments(interior_map, settings):
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
