"""`demo`: the whole line on synthetic neuropil, from training to a score and a picture to look at."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from PIL import Image, ImageDraw

import napari_advseg
from napari_advseg.cli.score.text import score_lines
from napari_advseg.cli.terminal import app, run_visibly, say
from napari_advseg.progress import Phase, Reports, Saved
from napari_advseg.recipes import train_recipe
from napari_advseg.samples import neuropil
from napari_advseg.scoring import Score, score
from napari_advseg.scoring.finding.error_map import ERROR_KINDS, error_map
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.formats.files import write

STEPS = 250
SHAPE = (10, 320, 320)
UNSEEN = 2
PICTURED_PX = 384

Picture = npt.NDArray[np.uint8]
ERRORS = np.zeros((1 + len(ERROR_KINDS), 3), np.uint8)
ERRORS[ERROR_KINDS["split"]] = 60, 90, 255
ERRORS[ERROR_KINDS["merge"]] = 255, 50, 50


@dataclasses.dataclass(frozen=True)
class Demonstrated:
    """The scores on sections the model has never seen, with and without gap closing."""

    closed: Score
    plain: Score


@app.command()
def demo(
    out: Annotated[str, typer.Option(help="Folder for the results; new or empty.")] = "demo",
    steps: Annotated[int | None, typer.Option(help="Training steps.", min=1)] = None,
) -> None:
    """Train, segment, score and draw a picture on synthetic neuropil."""
    result = run_visibly(demonstrate(Path(out), steps or STEPS))
    typer.echo("\n".join(score_lines(result.closed)))
    say(f"See {out}: score.json, labels.ome.zarr, model/ and the pictures.")


def demonstrate(out: Path, steps: int) -> Reports[Demonstrated]:
    """Everything under `out`: model/, labels.ome.zarr, score.json and a picture of each unseen section.

    Raises:
        ValueError: `out` holds something already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} is not an empty folder; choose another --out.")
    yield Phase("make neuropil", 1)
    image, truth = neuropil(SHAPE, wall=1)
    learnt = image.size("z") - UNSEEN
    changes = {
        "training": {"steps": steps, "validate_every": 50},
        "sections": [0, learnt],
        "out": str(out / "model"),
    }
    model = yield from napari_advseg.fit(image, truth, train_recipe("unet", "quick", changes))
    unseen, true = (volume.cut(learnt, image.size("z")) for volume in (image, truth))
    done = yield from napari_advseg.segment(unseen, model)
    write(done.labels, out / "labels.ome.zarr")
    yield Saved(str(out / "labels.ome.zarr"), "labels")
    plain = yield from napari_advseg.label(
        done.interior_map, without_gap_closing(model.card.labelling)
    )
    result = Demonstrated(score(done.labels, true), score(plain, true))
    write_scores(out / "score.json", result, steps)
    for index in range(UNSEEN):
        picture = side_by_side(*(volume.section(index) for volume in (unseen, true, done.labels)))
        picture.save(out / f"section{learnt + index}.png")
    return result


def without_gap_closing(settings: LabellingSettings) -> LabellingSettings:
    """The same labelling with a gap threshold that closes nothing."""
    return settings.changed(gap_threshold=settings.threshold)


def write_scores(path: Path, result: Demonstrated, steps: int) -> None:
    """The score of the unseen sections as JSON, the plain threshold's beside it."""
    document = {
        **result.closed.to_json(),
        "plain_threshold": result.plain.to_json(),
        "training_steps": steps,
    }
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")


def side_by_side(
    image: npt.NDArray[Any], truth: npt.NDArray[Any], labels: npt.NDArray[Any]
) -> Image.Image:
    """Image, truth, labels and errors of one section, with a line of text above each."""
    grey = np.repeat(np.asarray(image, np.uint8)[..., None], 3, axis=2)
    panels = {
        "image": grey,
        "truth": over(grey, coloured(truth)),
        "labels": over(grey, coloured(labels)),
        "errors: red = merged, blue = split": over(grey, errors(labels, truth)),
    }
    tiles = [titled(Image.fromarray(panel), title) for title, panel in panels.items()]
    sheet = Image.new(
        "RGB", (sum(tile.width for tile in tiles) + 8 * (len(tiles) - 1), tiles[0].height), "white"
    )
    left = 0
    for tile in tiles:
        sheet.paste(tile, (left, 0))
        left += tile.width + 8
    return sheet


def titled(picture: Image.Image, title: str) -> Image.Image:
    """The picture at a readable size with its title above."""
    factor = max(1, round(PICTURED_PX / picture.height))
    picture = picture.resize(
        (picture.width * factor, picture.height * factor), Image.Resampling.NEAREST
    )
    tile = Image.new("RGB", (picture.width, picture.height + 22), "white")
    tile.paste(picture, (0, 22))
    ImageDraw.Draw(tile).text((4, 4), title, fill="black", font_size=13)
    return tile


def coloured(labels: npt.NDArray[Any]) -> Picture:
    """A colour for every id, black for 0; neighbouring ids get distant hues."""
    hue = (labels.astype(np.float64) * 0.618033988749895) % 1
    phases = np.stack([hue, hue + 1 / 3, hue + 2 / 3], axis=-1)
    colours = (127.5 + 100 * np.cos(2 * np.pi * phases)).astype(np.uint8)
    colours[labels == 0] = 0
    return colours


def errors(labels: npt.NDArray[Any], truth: npt.NDArray[Any]) -> Picture:
    """Red where a label also covers another true object's pixels, blue where a true object is cut; else black."""
    return ERRORS[error_map(labels, truth, border=0).numpy()]


def over(grey: Picture, colours: Picture) -> Picture:
    """Colours laid over a grey picture, half transparent; black leaves the grey as it is."""
    painted = colours.any(axis=-1, keepdims=True)
    return np.where(painted, grey // 2 + colours // 2, grey).astype(np.uint8)
