"""Models on disk: safetensors weights that never change beside one JSON that points at them.

`model.json` is replaced in one step after the weights it names are complete, so that a kill at any moment leaves
the previous model or the new one. Nothing here needs torch: a dock can read a model's card.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from napari_advseg import __version__
from napari_advseg.disk.atomic import replace_file
from napari_advseg.recipes import Train, first_problem, to_yaml
from napari_advseg.settings import Settings, setting
from napari_advseg.settings.channels import Channels
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.tuning.tuned import Cell, Tuned
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.units import PIXEL, ratio

FORMAT = 1
CARD = "model.json"
STATE = "state.json"
RECIPE = "recipe.yaml"
LOG = "log.csv"
FIRST = "first"
"""The name of the model that comes with the package, where a folder of a model is asked for."""
FIRST_FOLDER = Path(__file__).parent / "models" / "first"
CALIBRATED = ("adapted_rand_error", "voi_split", "voi_merge")

Tensors = dict[str, npt.NDArray[Any]]


def has_first_model() -> bool:
    """Whether this copy of the package holds the model that comes with it, so that one click works."""
    return (FIRST_FOLDER / CARD).is_file()


class UnreadableModel(ValueError):
    """A model that cannot be used, with the reason and what to do."""


class CalibratedOn(Settings):
    """What the thresholds of a card were chosen on."""

    image: str | None = setting(None, "Image", "File or store with the raw image, where known.")
    labels: str | None = setting(None, "Labels", "File or store with the truth, where known.")
    sections: tuple[int, ...] = setting((), "Sections", "Indices of the sections in the truth.")
    objective: str = setting("", "Objective", "The score that was made small.")


class Card(Settings):
    """All that is known of a model but its weights."""

    format: int = setting(FORMAT, "Format", "Version of this file.", ge=1)
    made_with: str = setting(__version__, "Made with", "Version of napari-advseg.")
    about: str = setting("", "About", "What it was trained on and is good for, where it is said.")
    recipe: Train = setting(..., "Recipe", "The recipe that was really run.")
    normaliser: Normaliser = setting(
        ..., "Normaliser", "Grey values to the unit range, fitted on the training image."
    )
    polarity: str = setting("interior", "Polarity", "1 is inside a cell.")
    grey: str = setting("uint8", "Grey values", "Type of the training image's values.")
    channels: Channels = setting(Channels(), "Channels", "Of the image and of the output.")
    class_names: dict[int, str] = setting(
        {}, "Class names", "Of the classes that it tells, as they were called in the annotation."
    )
    voxel_size: tuple[float, ...] = setting(
        (), "Voxel size", "Of the training image, z y x or y x."
    )
    units: tuple[str, ...] = setting((), "Units", "Of the voxel size.")
    labelling: LabellingSettings = setting(
        LabellingSettings(), "Labelling", "With the thresholds chosen on validation."
    )
    calibration: dict[str, float] = setting(
        {}, "Calibration", "Validation scores at the chosen thresholds."
    )
    calibrated_on: CalibratedOn | None = setting(
        None,
        "Calibrated on",
        "What the thresholds were chosen on; empty where nobody wrote it down.",
    )
    weights: dict[str, str] = setting({}, "Weights", "File of the best and the last weights.")
    members: tuple[str, ...] = setting(
        (), "Members", "Folders of the models whose outputs are averaged, for a model of several."
    )
    best_step: int = setting(0, "Best step", "Steps behind the best weights.", ge=0)
    last_step: int = setting(0, "Last step", "Steps behind the last weights.", ge=0)
    best_loss: float | None = setting(None, "Best loss", "Validation loss of the best weights.")

    def factors(self, frame: Frame) -> tuple[float, float]:
        """How many pixels of the training image a pixel of an image is, along y and x; 1 where that is not known."""
        found = []
        for k, axis in ((-2, "y"), (-1, "x")):
            unit = frame.units[frame.axes.index(axis)]
            is_known = min(len(self.voxel_size), len(self.units)) >= 2 and unit != PIXEL
            units = ratio(unit, self.units[k]) if is_known else None
            found.append(frame.step(axis) * units / self.voxel_size[k] if units else 1.0)
        return found[0], found[1]


@dataclasses.dataclass(frozen=True)
class StoredModel:
    """A card, its weights (`player.parameter` -> float array) and the folder they came from.

    A model of several `members` has no weights of its own.
    """

    card: Card
    weights: Tensors
    folder: Path | None = None
    members: tuple[StoredModel, ...] = ()

    @property
    def family(self) -> str:
        return self.card.recipe.family


def is_first(folder: str | os.PathLike[str]) -> bool:
    """Whether this is the name of the model that comes with the package, or its folder."""
    if os.fspath(folder) == FIRST:
        return not (Path(folder) / CARD).is_file()
    return Path(folder).resolve() == FIRST_FOLDER.resolve()


def place(folder: str | os.PathLike[str]) -> Path:
    """The folder itself, or where the model named "first" stands, which comes with the package.

    Raises:
        UnreadableModel: this copy of the package has none.
    """
    if not is_first(folder):
        return Path(folder)
    if not has_first_model():
        raise UnreadableModel(
            f"This copy of napari-advseg comes without a model ({FIRST_FOLDER} is missing); install it "
            "again, or train one."
        )
    return FIRST_FOLDER


def read_card(folder: str | os.PathLike[str]) -> Card:
    """The card of the model in `folder`; "first" is the one that comes with the package.

    Raises:
        UnreadableModel: no model there, a newer format, or a damaged card.
    """
    folder = place(folder)
    file = folder / CARD
    if not file.is_file():
        raise UnreadableModel(
            f"{Path(folder)} holds no model ({CARD} is missing); name the folder that train wrote."
        )
    tree = _json(file)
    newest = tree.get("format")
    if not isinstance(newest, int) or newest > FORMAT:
        raise UnreadableModel(
            f"{file} has format {newest} (made with napari-advseg {tree.get('made_with')}), this is napari-advseg "
            f"{__version__} and reads up to format {FORMAT}; install a newer napari-advseg."
        )
    try:
        return Card.model_validate(tree)
    except ValidationError as error:
        raise UnreadableModel(f"{file} is damaged or was edited: {first_problem(error)}") from None


def load(folder: str | os.PathLike[str], which: str = "best") -> StoredModel:
    """The model in `folder` with its `best` or `last` weights; "first" is the one that comes with the package.

    Raises:
        UnreadableModel: as `read_card`; the weights are missing, truncated or not finite.
    """
    folder = place(folder)
    card = read_card(folder)
    if card.members:
        members = tuple(load(Path(folder) / name, which) for name in card.members)
        return StoredModel(card, {}, Path(folder), members)
    name = card.weights.get(which) or card.weights.get("last")
    if name is None:
        raise UnreadableModel(f"{Path(folder)} has no weights yet; go on training with --resume.")
    return StoredModel(card, _tensors(Path(folder), name), Path(folder))


def save_weights(
    folder: Path, kind: str, step: int, tensors: Mapping[str, npt.NDArray[Any]]
) -> str:
    """Write weights into a file of their own and return its name; a card may then point at it."""
    name = f"{kind}-{step:07d}-{secrets.token_hex(4)}.safetensors"
    replace_file(
        folder / name, save({key: np.asarray(value, order="C") for key, value in tensors.items()})
    )
    return name


def save_card(folder: Path, card: Card) -> None:
    """Replace the card, then remove the weights that nothing names any more."""
    replace_file(folder / CARD, card.model_dump_json(indent=1).encode())
    replace_file(folder / RECIPE, to_yaml(card.recipe).encode())
    _sweep(folder, {*card.weights.values(), *_state_files(folder)})


def with_choice(card: Card, cell: Cell, tuned: Tuned | None = None) -> Card:
    """The card with the labelling of a cell, its scores, and where they were measured.

    `tuned` is the search that the cell comes from: what it did not vary is taken over from it too.
    """
    measured = {name: getattr(cell, name) for name in CALIBRATED}
    found_on = tuned and CalibratedOn(
        image=tuned.image,
        labels=tuned.labels,
        sections=tuned.sections,
        objective=tuned.settings.objective,
    )
    labelling = cell.labelling(tuned.labelling if tuned else card.labelling)
    return card.changed(labelling=labelling, calibration=measured, calibrated_on=found_on)


def save_choice(folder: str | os.PathLike[str], cell: Cell, tuned: Tuned | None = None) -> Card:
    """Write a cell of a threshold search into the card of the model in `folder`, in one step.

    `with_choice` says what changes; the weights stay. The new card comes back.

    Raises:
        UnreadableModel: there is no model, or it is damaged, or it is the one that comes with the package.
        ValueError: the folder cannot be written to; the old card is untouched.
    """
    if is_first(folder):
        raise UnreadableModel(
            "The model that comes with the package is not changed; train one of your own, or copy "
            f"{FIRST_FOLDER} and choose the copy."
        )
    card = with_choice(read_card(folder), cell, tuned)
    save_card(Path(folder), card)
    return card


@dataclasses.dataclass(frozen=True)
class State:
    """Where a training stands: plain facts, and tensors of networks, optimisers and averages."""

    facts: dict[str, Any]
    tensors: Tensors


def save_state(folder: Path, state: State) -> None:
    """Replace the resumable state in one step."""
    name = save_weights(folder, "state", int(state.facts["step"]), state.tensors)
    replace_file(
        folder / STATE, json.dumps({"format": FORMAT, "file": name, **state.facts}).encode()
    )
    card = folder / CARD
    named = set(_json(card).get("weights", {}).values()) if card.is_file() else set()
    _sweep(folder, {name, *named})


def load_state(folder: str | os.PathLike[str]) -> State | None:
    """The resumable state in `folder`, None where none was saved.

    Raises:
        UnreadableModel: it is damaged or of a newer format.
    """
    file = Path(folder) / STATE
    if not file.is_file():
        return None
    facts = _json(file)
    if facts.pop("format", None) != FORMAT:
        raise UnreadableModel(
            f"{file} was written by another version of napari-advseg; train anew in another folder."
        )
    return State(facts, _tensors(Path(folder), facts.pop("file")))


def _json(file: Path) -> dict[str, Any]:
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UnreadableModel(
            f"{file} is not readable JSON ({error}); restore it from a copy or train anew."
        ) from None
    if not isinstance(tree, dict):
        raise UnreadableModel(f"{file} holds no model card; restore it from a copy or train anew.")
    return tree


def _tensors(folder: Path, name: str) -> Tensors:
    file = folder / name
    if Path(name).name != name:
        raise UnreadableModel(
            f"{folder / CARD} names weights outside its folder ({name}); it is not used."
        )
    try:
        tensors = load_file(file)
    except (OSError, SafetensorError) as error:
        raise UnreadableModel(
            f"The weights {file} cannot be read ({error}); restore them or train anew."
        ) from None
    for key, value in tensors.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise UnreadableModel(
                f"The weights {file} are not finite in '{key}'; the model cannot be used."
            )
        if value.dtype == np.float16:  # the model that comes with the package is kept small
            tensors[key] = value.astype(np.float32)
    return tensors


def _state_files(folder: Path) -> set[str]:
    state = folder / STATE
    return {str(_json(state).get("file"))} if state.is_file() else set()


def _sweep(folder: Path, keep: set[str]) -> None:
    for file in folder.glob("*.safetensors"):
        if file.name not in keep:
            file.unlink(missing_ok=True)
    for file in folder.glob(".*.partial"):  # left by a process that was killed while it wrote
        file.unlink(missing_ok=True)
