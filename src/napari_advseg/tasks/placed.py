"""An image where the recipe says that it lies."""

from __future__ import annotations

import dataclasses

from napari_advseg.recipes import Extend, Mend, Segment
from napari_advseg.volume.formats.files import read
from napari_advseg.volume.volume import Volume


def image_of(recipe: Segment | Extend | Mend) -> Volume:
    """The image of a recipe, where it says that the image lies."""
    raw = read(recipe.image, missing=recipe.missing)
    if recipe.placed is None:
        return raw
    return dataclasses.replace(raw, frame=dataclasses.replace(raw.frame, **dict(recipe.placed)))
