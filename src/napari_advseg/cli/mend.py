"""`extend` and `mend`: images grown beyond their border, and holes in them filled."""

from __future__ import annotations

from napari_advseg.cli.options import Set, Tree, changed_by, takes
from napari_advseg.cli.terminal import START_AGAIN, app, run_recipe, say
from napari_advseg.recipes import Extend, Mend

PAINTING = ("image", "model", "out", "sections", "missing", "overwrite")


@app.command()
@takes(Extend, *PAINTING, "top", "bottom", "left", "right")
def extend(given: Tree, *, options: Set = None) -> None:
    """Grow an image beyond its border; what is painted is marked as synthetic."""
    paint(changed_by(given, options))


@app.command()
@takes(Mend, *PAINTING, "holes", "label")
def mend(given: Tree, *, options: Set = None) -> None:
    """Fill painted regions, folds or missing parts of an image; what is painted is marked as synthetic."""
    paint(changed_by(given, options))


def paint(tree: Tree) -> None:
    """Run the recipe and say what came of it."""
    result = run_recipe(tree, START_AGAIN)
    say(
        f"The image is {result['image']}; its synthetic pixels are marked in {result['synthetic']}."
    )
