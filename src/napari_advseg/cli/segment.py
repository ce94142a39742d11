"""`segment`: labels of an image by a trained model."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from napari_advseg import model_store
from napari_advseg.cli.options import Option, Set, Tree, changed_by, takes
from napari_advseg.cli.terminal import GO_ON, START_AGAIN, app, run_recipe, say
from napari_advseg.recipes import Segment
from napari_advseg.settings import merge
from napari_advseg.volume.formats.sets import is_set


@app.command()
@takes(
    Segment,
    *("image", "model", "out", "sections"),
    Option("interior_map", "--probabilities"),
    *("missing", "overwrite"),
)
def segment(
    given: Tree,
    *,
    options: Set = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Of several images: only those not yet segmented.")
    ] = False,
) -> None:
    """Segment an image, or all images of a folder, with a trained model."""
    card = model_store.read_card(given["model"])
    own = {"prediction": card.recipe.prediction, "labelling": card.labelling}
    tree = merge({name: group.model_dump() for name, group in own.items()}, given)
    stopped = GO_ON if is_set(given["image"]) else START_AGAIN
    result = run_recipe(changed_by(tree, options), stopped, resume=resume)
    say(f"{summarise(result)} in {result['labels']}; the recipe is {result['recipe']}.")


def summarise(result: dict[str, Any]) -> str:
    """What was found, in words: "3 of 4 images segmented, 120 objects"."""
    kind = "classes" if "classes" in result else "objects"
    parts = []
    if "images" in result:
        parts.append(f"{result['segmented']} of {result['images']} images segmented")
    if kind in result:
        parts.append(f"{result[kind]:,} {kind}")
    return ", ".join(parts)
