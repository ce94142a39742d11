"""Images grown or mended, from file to file; what was painted is marked beside them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.inference.mender import Mender
from napari_advseg.inference.mending import Extending, Mending, mask_frame, paint_into
from napari_advseg.progress import Reports, Said, Saved, Saving
from napari_advseg.recipes import Extend, Mend, recipe_beside
from napari_advseg.tasks.label import keep_recipe
from napari_advseg.tasks.once import at_once
from napari_advseg.tasks.placed import image_of
from napari_advseg.volume.formats.files import SectionWriter, create, describe, read
from napari_advseg.volume.formats.sections import check_target
from napari_advseg.volume.synthetic_voxels import MARK, mask_beside, unmarked


@at_once
def run(recipe: Extend | Mend) -> Reports[dict[str, Any]]:
    """Extend or mend an image from file to file; the mask of what was painted and the recipe stand beside it.

    Raises:
        ValueError: something does not fit or is in the way.
    """
    if Path(recipe.out).resolve() == Path(recipe.image).resolve():
        raise ValueError(f"The image '{recipe.out}' would replace itself; name another file.")
    raw = image_of(recipe)
    raw = raw.cut(*recipe.sections) if recipe.sections else raw
    yield Said(f"{describe(raw)}.")
    mender = Mender.of(recipe.model, recipe.prediction)
    work: Extending | Mending
    if isinstance(recipe, Extend):
        work = Extending(raw, mender, recipe.margins)
    else:
        holes = read(recipe.holes, missing=recipe.missing) if recipe.holes else None
        if holes is not None and recipe.sections and holes.size("z") > raw.size("z"):
            holes = holes.cut(*recipe.sections)
        work = Mending(raw, mender, holes, recipe.label, recipe.lost)
    place, overwrite = mask_beside(recipe.out), recipe.overwrite
    frame = mask_frame(unmarked(work.frame))
    spatial = tuple(n for n, axis in zip(work.shape, raw.axes, strict=True) if axis in "zyx")
    check_target(Path(recipe.out), work.shape, raw.dtype, "image", overwrite=overwrite)
    masks = create(place, spatial, np.uint8, frame, kind="labels", overwrite=overwrite)
    # Its mask stands beside it before the image does: it may say so from the start.
    marked_frame = work.frame.after(MARK)
    images = SectionWriter.create(
        Path(recipe.out), work.shape, raw.dtype, marked_frame, kind="image", overwrite=overwrite
    )
    with whole_or_nothing(masks), whole_or_nothing(images):
        painted = yield from paint_into(work, images.write, masks.write)
        yield Saving("image")
        masks.finish()
        images.finish()
    beside = keep_recipe(recipe, recipe_beside(recipe.out))
    yield Saved(recipe.out, "image")
    return {"image": recipe.out, "synthetic": str(place), "painted": painted, "recipe": str(beside)}


@contextmanager
def whole_or_nothing(writer: SectionWriter) -> Iterator[None]:
    """What a writer has begun goes where the work ends early: it cannot be resumed."""
    try:
        with writer:
            yield
    finally:
        shutil.rmtree(writer.partial, ignore_errors=True)
