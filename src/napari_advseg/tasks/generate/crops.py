"""Unlabelled crops that a generator draws from noise, and whether it draws or repeats what it was shown."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from napari_advseg import model_store
from napari_advseg.disk.atomic import replace_file
from napari_advseg.examples.resize import resized_image
from napari_advseg.examples.sections import Row, split_sections
from napari_advseg.families.works import as_drawer
from napari_advseg.inference import device as devices
from napari_advseg.inference.fitting import grey_values
from napari_advseg.inference.prepared import family_of
from napari_advseg.model_store import Card, StoredModel
from napari_advseg.progress import BlockDone, Phase, Reports, Said, Warned
from napari_advseg.recipes import Train
from napari_advseg.scoring.measures.nearest import Nearest, nearest_patches, turned
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.volume.formats.files import Unreadable, write
from napari_advseg.volume.formats.sets import read_set
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

Floats = npt.NDArray[np.float32]

AT_ONCE = 16
MOST_SECTIONS = 64
UNSEEN = 32
# From here on a patch that is more alike than any real crop that was never shown counts as repeated.
ALIKE = 0.8
ALONE = 0.9
STACK, TABLE, PICTURE = "image.tif", "crops.csv", "check/nearest.png"
PICTURED = 8


@dataclasses.dataclass(frozen=True)
class Compared:
    """What the check against repeating found.

    Attributes:
        nearest: for every crop the most alike training patch.
        places: image and section of each patch, as counted in the training's images.
        unseen: likeness of real crops that the training has not seen; empty where there are none.
        copied: numbers of the crops that look repeated.
        patches: the most alike patches (y, x), turned as the crops are, in the unit range.
    """

    nearest: tuple[Nearest, ...]
    places: tuple[tuple[int, int], ...]
    unseen: tuple[float, ...]
    copied: tuple[int, ...]
    patches: tuple[Floats, ...]

    @property
    def words(self) -> str:
        """For example "Most alike training patches: likeness 0.31 to 0.42 (...); none looks repeated."."""
        own = [one.likeness for one in self.nearest]
        real = (
            f"real crops never shown: {min(self.unseen):.2f} to {max(self.unseen):.2f}"
            if self.unseen
            else "there are no real crops that were never shown to compare with"
        )
        verdict = (
            f"{len(self.copied)} of {len(own)} look repeated: {', '.join(map(str, self.copied))}"
            if self.copied
            else "none looks repeated"
        )
        return f"Most alike training patches: likeness {min(own):.2f} to {max(own):.2f} ({real}); {verdict}."


def draw(
    model: StoredModel | str | os.PathLike[str],
    count: int,
    seed: int = 0,
    truncation: float = 1.0,
    gain: float = 1.0,
    settings: PredictionSettings | None = None,
) -> Reports[Volume]:
    """`count` crops as a stack (z, y, x) with the training image's pixel size and type of grey values.

    Crop k of a seed is the same however many are drawn. They are no neighbours of each other, and the history says
    that they are synthetic. Methods, section 12.

    Args:
        truncation: below 1 draws more typical crops of fewer kinds.
        gain: above 1 raises the contrast of each crop around its mean.

    Raises:
        ValueError: the model draws no crops, or `truncation` or `gain` is out of bounds.
    """
    if not 0 <= truncation <= 1 or not 0.1 <= gain <= 10:
        raise ValueError(
            f"Truncation {truncation} must be from 0 to 1, and gain {gain} from 0.1 to 10."
        )
    model = model if isinstance(model, StoredModel) else model_store.load(model)
    family = family_of(model)
    drawer = as_drawer(family)
    chosen = settings or model.card.recipe.prediction
    devices.use_threads(chosen.threads)
    device = devices.choose_device(chosen.device)
    for name in family.inferring:
        family.modules[name].to(device).eval()
    yield Phase("draw", count)
    parts = []
    for first in range(0, count, AT_ONCE):
        end = min(count, first + AT_ONCE)
        with torch.inference_mode():
            parts.append(drawer.sample(end - first, seed, truncation, first).cpu().numpy())
        yield BlockDone("draw", end, count)
    unit = np.concatenate(parts)
    middle = unit.mean((1, 2, 3), keepdims=True)
    unit = np.clip(middle + np.float32(gain) * (unit - middle), 0, 1)
    return _as_stack(unit, model, f"seed {seed}, truncation {truncation:g}, gain {gain:g}")


def compare_with_training(
    crops: Volume, model: StoredModel, images: str | None = None
) -> Reports[Compared | None]:
    """The training patch most like each crop; None, with a warning, where the training images cannot be found.

    `images` names them where they have been moved since. At most 64 sections, evenly spread, are looked at.
    """
    recipe = model.card.recipe
    try:
        volumes = training_images(recipe, images)
    except Unreadable as error:
        yield Warned(
            f"Whether these crops repeat training images was not checked: {error} Name them with --images."
        )
        return None
    if not volumes:
        yield Warned(
            "Whether these crops repeat training images was not checked: the model was trained on layers or arrays. "
            "Name the images with --images."
        )
        return None
    row = Row(volumes)
    first, end = recipe.sections or (0, len(row))
    numbers = range(min(first, len(row)), min(end, len(row)))
    training, withheld = split_sections(
        numbers, range(*recipe.validation) if recipe.validation else None
    )
    shown = [
        training[k] for k in np.unique(np.linspace(0, len(training) - 1, MOST_SECTIONS).astype(int))
    ]
    planes = _Planes(volumes, shown, model.card)
    drawn = [_grey(section) for section in crops.sections()]
    side = drawn[0].shape[-1]
    yield Phase("compare", 2)
    nearest = nearest_patches(drawn, planes)
    yield BlockDone("compare", 1, 2)
    unseen = [
        part for plane in _Planes(volumes, withheld[:8], model.card) for part in _cut(plane, side)
    ]
    unseen = (
        [unseen[k] for k in np.unique(np.linspace(0, len(unseen) - 1, UNSEEN).astype(int))]
        if unseen
        else []
    )
    real = [one.likeness for one in nearest_patches(unseen, planes)] if unseen else []
    yield BlockDone("compare", 2, 2)
    limit = max(ALIKE, *real) if real else ALONE
    found = Compared(
        tuple(nearest),
        tuple(row.place(shown[one.section]) for one in nearest),
        tuple(real),
        tuple(k for k, one in enumerate(nearest) if one.likeness > limit),
        tuple(planes.patch(one, side) for one in nearest),
    )
    yield Warned(found.words) if found.copied else Said(found.words)
    return found


def training_images(recipe: Train, images: str | None = None) -> list[Volume]:
    """What a model of images alone was trained on, or `images`; nothing where the recipe names none.

    Raises:
        Unreadable: a file has gone.
    """
    named = [images] if images else [one for one in (recipe.image, recipe.images) if one]
    return [volume for one in named for volume in read_set(one, missing=recipe.missing)]


def write_crops(
    crops: Volume, found: Compared | None, folder: Path, *, overwrite: bool = False
) -> list[Path]:
    """Write the stack and, where they were compared, the table and the picture; their paths come back.

    The picture lies in a folder of its own, so that the folder can be named as images to train on.

    Raises:
        ValueError: the stack exists already and may not be replaced, or the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [Path(write(crops, folder / STACK, overwrite=overwrite))]
    if found is None:
        return paths
    replace_file(folder / TABLE, to_csv(found))
    drawn = [np.asarray(one, np.float32) for one in crops.sections()]
    replace_file(folder / PICTURE, picture_of(drawn, found))
    return [*paths, folder / TABLE, folder / PICTURE]


def to_csv(found: Compared) -> bytes:
    """A row for every crop as CSV: its most alike training patch, and whether it looks repeated."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["crop", "likeness", "image", "section", "row", "column", "turn", "copied"])
    for number, (one, place) in enumerate(zip(found.nearest, found.places, strict=True)):
        writer.writerow(
            [
                number,
                f"{one.likeness:.4f}",
                *place,
                one.row,
                one.column,
                one.turn,
                int(number in found.copied),
            ]
        )
    return text.getvalue().encode()


def picture_of(crops: Sequence[Floats], found: Compared) -> bytes:
    """The crops most like a training patch, each above that patch, as PNG."""
    order = sorted(range(len(crops)), key=lambda k: -found.nearest[k].likeness)[:PICTURED]
    columns = [np.vstack([_shown(_grey(crops[k])), _shown(found.patches[k])]) for k in order]
    file = io.BytesIO()
    Image.fromarray(np.hstack(columns)).save(file, "PNG")
    return file.getvalue()


class _Planes:
    """Some sections as the generator knows them: grey values in the unit range, training scale, one channel."""

    def __init__(self, volumes: Sequence[Volume], numbers: Sequence[int], card: Card) -> None:
        self._volumes, self._numbers, self._card = volumes, numbers, card
        self._row = Row(volumes)

    def __iter__(self) -> Iterator[Floats]:
        return map(self.at, range(len(self._numbers)))

    def at(self, place: int) -> Floats:
        volume, index = self._row.place(self._numbers[place])
        return _plane(self._volumes[volume].section(index), self._card)

    def patch(self, found: Nearest, side: int) -> Floats:
        """The patch that was found, turned back as the crop is."""
        if found.likeness <= -1:
            return np.zeros((side, side), np.float32)
        part = self.at(found.section)[
            found.row : found.row + side, found.column : found.column + side
        ]
        back = part if found.turn < 4 else part[:, ::-1]
        return np.asarray(turned(back, -found.turn % 4), np.float32)


def _plane(section: npt.NDArray[Any], card: Card) -> Floats:
    """A section (y, x) or (c, y, x) as one plane in the unit range at the training scale."""
    planes = card.normaliser(section.reshape(-1, *section.shape[-2:])).clip(0, 1)
    scale = card.recipe.examples.scale
    if scale != 1:
        height, width = (max(1, round(side * scale)) for side in planes.shape[-2:])
        planes = resized_image(planes, height, width)
    return np.asarray(planes.mean(0), np.float32)


def _grey(crop: npt.NDArray[Any]) -> Floats:
    """A drawn crop (y, x) or (c, y, x) as one plane; brightness and contrast do not matter here."""
    return np.asarray(crop.reshape(-1, *crop.shape[-2:]).mean(0), np.float32)


def _cut(plane: Floats, side: int) -> list[Floats]:
    """The crops of a grid over a plane."""
    rows, columns = (range(0, length - side + 1, side) for length in plane.shape)
    return [plane[y : y + side, x : x + side] for y in rows for x in columns]


def _shown(plane: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """A plane as grey values from its darkest to its brightest, with a white rim."""
    low, high = float(plane.min()), float(plane.max())
    grey = (255 * (plane - low) / max(high - low, 1e-6)).astype(np.uint8)
    return np.pad(grey, 2, constant_values=255)


def _as_stack(unit: Floats, model: StoredModel, how: str) -> Volume:
    """Crops (n, c, y, x) in the unit range as a volume (z, y, x) or (c, z, y, x)."""
    card = model.card
    grey = grey_values(card, np.moveaxis(unit, 1, 0))
    scale = card.recipe.examples.scale
    size = tuple(step / scale for step in card.voxel_size[-2:]) or (1.0, 1.0)
    units = card.units[-2:] or ("pixel", "pixel")
    has_colours = len(grey) > 1
    frame = Frame(
        "czyx" if has_colours else "zyx",
        scale=(1.0, 1.0, *size) if has_colours else (1.0, *size),
        units=("", "pixel", *units) if has_colours else ("pixel", *units),
        name="synthetic crops",
    ).after(provenance(model, how))
    return Volume(grey if has_colours else grey[0], frame)


def provenance(model: StoredModel, how: str) -> str:
    """The line of history of crops that no microscope has taken."""
    name = model.folder.name if model.folder else "a model in memory"
    return (
        f"synthetic: drawn from noise by {model.family} ({name}, "
        f"step {model.card.best_step or model.card.last_step}, {how})"
    )
