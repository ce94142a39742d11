"""A recipe is everything one run needs, as one file: what the dock writes, the command line replays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self, runtime_checkable

import yaml
from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializeAsAny,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from napari_advseg import families
from napari_advseg.settings import Settings, merge, setting
from napari_advseg.settings.examples import ExampleSettings, Zero
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.settings.training import TrainingSettings
from napari_advseg.settings.tuning import TuningSettings

VERSION = 1
TASKS = (
    "train",
    "segment",
    "label",
    "tune",
    "suggest",
    "extend",
    "mend",
    "generate",
    "judge",
    "retrain",
)
Missing = Literal["refuse", "fill"]
Lost = Literal["copy", "refuse"]


def parse_span(value: Any) -> Any:
    """`"A:B"` as (A, B); a pair passes through.

    Raises:
        ValueError: it is neither, or empty. YAML reads a bare 15:17 as the number 917, hence the hint.
    """
    if value is None or (isinstance(value, (tuple, list)) and len(value) == 2):
        pair: Any = value
    elif (
        isinstance(value, str)
        and value.count(":") == 1
        and value.replace(":", "").strip().isdigit()
    ):
        first, end = value.split(":")
        pair = (int(first or 0), int(end)) if end.strip() else value
    else:
        pair = value
    if pair is not None and (
        isinstance(pair, (str, int, float)) or not 0 <= int(pair[0]) < int(pair[1])
    ):
        raise ValueError(
            f"sections {value!r} must be A:B with A < B, counted from 0, for example 0:17 ([0, 17] in a file)"
        )
    return pair


Span = Annotated[
    tuple[int, int] | None,
    BeforeValidator(parse_span),
    PlainSerializer(lambda span: list(span) if span else None),
]


@runtime_checkable
class OfOneSize(Protocol):
    """Settings of a family that learns crops of one side only."""

    @property
    def resolution(self) -> int: ...


class Train(Settings):
    """One training run: data, family, every setting, seed and where the model goes."""

    task: Literal["train"] = "train"
    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1)
    family: str = setting("unet", "Family", "Which kind of model.")
    preset: str = setting("quick", "Preset", "The defaults that this recipe started from.")
    seed: int = setting(0, "Seed", "Every random draw follows from it.", ge=0, lt=2**32)
    image: str | None = setting(None, "Image", "File or store with the raw image.")
    labels: str | None = setting(None, "Labels", "File or store with the annotation.")
    images: str | None = setting(
        None,
        "Unpaired images",
        "For families that need no pairs: a folder, pattern or file of images.",
    )
    masks: str | None = setting(
        None,
        "Unpaired masks",
        "And of labels that need not belong to them, in number, order or size.",
    )
    sections: Span = setting(None, "Sections", "Which sections may be used, A:B; empty for all.")
    validation: Span = setting(
        None, "Validation sections", "Which of them are withheld, A:B; empty splits by blocks."
    )
    missing: Missing = setting(
        "refuse",
        "Missing chunks",
        "Chunks that a zarr store has lost: refuse the image, or fill them.",
    )
    folds: int | None = setting(
        None,
        "Folds",
        "Cross-validation: so many models, each withholding another block of sections or images.",
        ge=2,
        le=1000,
    )
    sweep: tuple[float, ...] = setting(
        (), "Learning rates to try", "One model for each; the lowest validation loss wins."
    )
    zero: Zero = setting("auto", "0 means", "What 0 in the annotation means.")
    start_from: str | None = setting(
        None,
        "Start from",
        "Folder of a trained model of any family: tensors that fit by name and shape are taken over, the rest begins "
        "at random.",
    )
    start_only: tuple[str, ...] = setting(
        (),
        "Start only",
        "Patterns (generator.down*) of the tensors that may be taken over; empty: all that fit.",
    )
    out: str | None = setting(None, "Model folder", "Where the model is written.")
    model: SerializeAsAny[Settings] = setting(
        None, "Model", "The family's own settings.", validate_default=True
    )
    examples: ExampleSettings = setting(
        ExampleSettings(), "Examples", "Crops, targets, augmentation."
    )
    training: TrainingSettings = setting(TrainingSettings(), "Training", "Steps, schedule, device.")
    prediction: PredictionSettings = setting(
        PredictionSettings(), "Prediction", "Tiles, device, precision."
    )
    labelling: LabellingSettings = setting(
        LabellingSettings(), "Labelling", "From interior map to labels."
    )
    scoring: ScoringSettings = setting(ScoringSettings(), "Scoring", "How validation is scored.")

    @field_validator("version")
    @classmethod
    def _is_known(cls, version: int) -> int:
        if version > VERSION:
            raise ValueError(
                f"this recipe has format {version}, this napari-advseg knows up to {VERSION}; install a newer one"
            )
        return version

    @model_validator(mode="after")
    def _has_its_dimensions(self) -> Self:
        check_dimensions(self.family, self.examples)
        return self

    @field_validator("model", mode="before")
    @classmethod
    def _of_family(cls, model: Any, info: ValidationInfo) -> Settings:
        kind = families.find(info.data.get("family", "")).settings
        return model if isinstance(model, kind) else kind.model_validate(model or {})

    @model_validator(mode="after")
    def _has_crops_that_fit(self) -> Self:
        model, crop = self.model, self.examples.crop
        if isinstance(model, OfOneSize) and model.resolution != crop:
            raise ValueError(
                f"model.widths draw crops of {model.resolution} px and examples.crop is {crop}; "
                f"set examples.crop={model.resolution}, or more or fewer widths"
            )
        return self


class Placement(Settings):
    """Where a volume lies, one number an axis, in place of what its file says."""

    scale: tuple[float, ...] = setting(..., "Scale", "Size of a voxel along every axis.")
    units: tuple[str, ...] = setting(..., "Units", "Its unit along every axis.")
    translate: tuple[float, ...] = setting(..., "Translate", "Position of the first voxel.")


class Segment(Settings):
    """One segmentation of a volume: image, model, output and how."""

    task: Literal["segment"] = "segment"
    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1, le=VERSION)
    image: str = setting(..., "Image", "File or store with the raw image.")
    model: str = setting(
        ..., "Model", "Folder of a trained model, or first: the one that comes with the package."
    )
    weights: Literal["best", "last"] = setting(
        "best", "Weights", "Those with the lowest validation loss, or those after the last step."
    )
    out: str = setting(
        ..., "Labels", "Where the labels are written; the suffix chooses TIFF or OME-Zarr."
    )
    probabilities: str | None = setting(
        None, "Interior map", "Where the interior map is kept; empty: it is not."
    )
    placed: Placement | None = setting(
        None, "Placed", "Where the image lies, if not where its file says; empty: as the file says."
    )
    sections: Span = setting(None, "Sections", "Which sections, A:B; empty for all.")
    part: tuple[int, int, int, int] | None = setting(
        None,
        "Part",
        "Only this part of every section: top, bottom, left, right in pixels; empty for all.",
    )
    channel: int | Literal["mean"] | None = setting(
        None,
        "Channel",
        "Of an image with several, for a model of one: its number, or mean; empty takes all.",
    )
    missing: Missing = setting(
        "refuse",
        "Missing chunks",
        "Chunks that a zarr store has lost: refuse the image, or fill them.",
    )
    prediction: PredictionSettings = setting(
        PredictionSettings(), "Prediction", "Tiles, device, precision."
    )
    labelling: LabellingSettings | None = setting(
        None, "Labelling", "Empty: as the model was calibrated."
    )
    overwrite: bool = setting(
        False, "Overwrite", "Replace an existing output once the new one is complete."
    )


class Label(Settings):
    """A new labelling of an interior map that is already there."""

    task: Literal["label"] = "label"
    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1, le=VERSION)
    probabilities: str = setting(..., "Interior map", "File or store with the map in [0, 1].")
    out: str = setting(
        ..., "Labels", "Where the labels are written; the suffix chooses TIFF or OME-Zarr."
    )
    labelling: LabellingSettings = setting(
        LabellingSettings(), "Labelling", "From interior map to labels."
    )
    overwrite: bool = setting(
        False, "Overwrite", "Replace an existing output once the new one is complete."
    )


class Tune(Settings):
    """One search for thresholds on annotated sections: an interior map or what makes it, the truth, the grid."""

    task: Literal["tune"] = "tune"
    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1, le=VERSION)
    model: str | None = setting(
        None, "Model", "Folder of the model that predicts, and that the choice can be saved into."
    )
    image: str | None = setting(
        None,
        "Image",
        "File or store with the raw image; not needed where an interior map is given.",
    )
    probabilities: str | None = setting(
        None, "Interior map", "A map that is there already; empty: the model makes it."
    )
    labels: str = setting(..., "Labels", "File or store with the true labels.")
    sections: Span = setting(
        None,
        "Sections",
        "Which sections, A:B. Empty: those that the model's training withheld where the image is the training "
        "image, else all.",
    )
    missing: Missing = setting(
        "refuse",
        "Missing chunks",
        "Chunks that a zarr store has lost: refuse the image, or fill them.",
    )
    out: str = setting(..., "Folder", "Where the tables, the heat map and the interior map go.")
    choose: tuple[float, float] | None = setting(
        None,
        "Choose",
        "Threshold and gap threshold to choose instead of the best; a cell of the grid.",
    )
    save: bool = setting(False, "Save", "Write the choice into the model.")
    prediction: PredictionSettings | None = setting(
        None, "Prediction", "Empty: as the model was trained to."
    )
    tuning: TuningSettings = setting(TuningSettings(), "Tuning", "The grid and the objective.")
    labelling: LabellingSettings | None = setting(
        None, "Labelling", "What the grid does not vary. Empty: as the model was calibrated."
    )
    scoring: ScoringSettings | None = setting(
        None, "Scoring", "Empty: as the model's validation was scored. Always by section."
    )
    overwrite: bool = setting(
        False, "Overwrite", "Replace an earlier result in the folder once the new one is complete."
    )

    @model_validator(mode="after")
    def _has_a_map(self) -> Self:
        if (self.probabilities is None) == (self.image is None):
            raise ValueError("name an image (with a model) or an interior map, and not both")
        if self.model is None and (self.probabilities is None or self.save):
            why = "to save the choice into" if self.save else "that predicts the interior map"
            raise ValueError(f"name a model {why}")
        return self


class Suggest(Settings):
    """One search for the places that are worth annotating next: where a model knows least."""

    task: Literal["suggest"] = "suggest"
    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1, le=VERSION)
    image: str = setting(
        ..., "Image", "File or store with the raw image, or a folder or pattern of images."
    )
    model: str = setting(..., "Model", "Folder of a trained model.")
    labels: str | None = setting(
        None,
        "Labels",
        "What is annotated so far, which is not suggested again; 0 is not annotated.",
    )
    out: str | None = setting(None, "List", "JSON file that the places are written to.")
    sections: Span = setting(None, "Sections", "Which sections, A:B; empty for all.")
    missing: Missing = setting(
        "refuse",
        "Missing chunks",
        "Chunks that a zarr store has lost: refuse the image, or fill them.",
    )
    count: int = setting(20, "Places", "How many places are suggested.", ge=1, le=1000)
    window: int = setting(
        128,
        "Window",
        "Side of a place. Larger ones take longer to annotate and teach more.",
        unit="px",
        ge=16,
        le=4096,
    )
    looked_at: int = setting(
        16,
        "Sections looked at",
        "At most so many sections, evenly spread, are predicted. More take longer.",
        ge=1,
        le=10_000,
    )
    measure: Literal["margin", "entropy"] = setting(
        "margin",
        "Uncertainty",
        "margin: 1 minus the lead of the most probable answer; entropy: of all answers, weighs near guesses more.",
    )
    prediction: PredictionSettings | None = setting(
        None, "Prediction", "Empty: as the model was trained to."
    )


class Painting(Settings):
    """What painting into an image needs, whatever is painted."""

    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1, le=VERSION)
    image: str = setting(..., "Image", "File or store with the raw image.")
    model: str = setting(..., "Model", "Folder of a trained boundless model.")
    out: str = setting(
        ...,
        "Image to write",
        "Where the new image is written, with the mask of its synthetic voxels beside it; the suffix chooses TIFF "
        "or OME-Zarr.",
    )
    placed: Placement | None = setting(
        None, "Placed", "Where the image lies, if not where its file says; empty: as the file says."
    )
    sections: Span = setting(None, "Sections", "Which sections, A:B; empty for all.")
    missing: Missing = setting(
        "refuse",
        "Missing chunks",
        "Chunks that a zarr store has lost: refuse the image, or fill them.",
    )
    prediction: PredictionSettings = setting(
        PredictionSettings(), "Prediction", "Device and threads."
    )
    overwrite: bool = setting(
        False, "Overwrite", "Replace an existing output once the new one is complete."
    )


class Extend(Painting):
    """An image grown beyond its border by a Boundless model."""

    task: Literal["extend"] = "extend"
    top: int = setting(0, "Top", "Rows to add above.", unit="px", ge=0, le=4096)
    bottom: int = setting(0, "Bottom", "Rows to add below.", unit="px", ge=0, le=4096)
    left: int = setting(0, "Left", "Columns to add at the left.", unit="px", ge=0, le=4096)
    right: int = setting(0, "Right", "Columns to add at the right.", unit="px", ge=0, le=4096)

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if not any(self.margins):
            raise ValueError("say by how many pixels: top, bottom, left or right")
        return self

    @property
    def margins(self) -> tuple[int, int, int, int]:
        """Pixels to add at top, bottom, left, right."""
        return self.top, self.bottom, self.left, self.right


class Mend(Painting):
    """Painted regions, folds or missing parts of an image filled by a Boundless model."""

    task: Literal["mend"] = "mend"
    holes: str | None = setting(
        None,
        "Holes",
        "File or store with labels on the same pixels: what is not 0 is filled. One section serves a whole stack. "
        "Empty: where the image is not finite.",
    )
    label: int | None = setting(
        None, "Only label", "Fill this label of the holes alone; empty: all but 0.", ge=1
    )
    lost: Lost = setting(
        "copy",
        "Lost sections",
        "A section that is a hole altogether shows the model nothing: copy the nearest that is not, or refuse.",
    )


class Generate(Settings):
    """Synthetic images of labels with those labels, or unlabelled crops, in a folder."""

    task: Literal["generate"] = "generate"
    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1, le=VERSION)
    model: str = setting(
        ...,
        "Model",
        "Folder of a model that paints labels (cgan with direction map_to_image, cyclegan, seggan) or draws crops "
        "(stylegan).",
    )
    out: str = setting(..., "Folder", "Where image.tif goes, and labels.tif or the check of crops.")
    labels: str | None = setting(
        None, "Labels", "File or store with the labels to paint; empty: synthetic neuropil."
    )
    sections: Span = setting(None, "Sections", "Which sections of the labels, A:B; empty for all.")
    count: int = setting(
        4, "Number", "How many crops, or sections of synthetic neuropil.", ge=1, le=100_000
    )
    side: int = setting(
        512, "Side", "Of a section of synthetic neuropil.", unit="px", ge=32, le=16_384
    )
    seed: int = setting(
        0, "Seed", "Another one gives other crops, or other neuropil.", ge=0, lt=2**32
    )
    psi: float = setting(
        1.0, "Truncation", "Crops: below 1 they are more typical, of fewer kinds.", ge=0, le=1
    )
    gain: float = setting(1.0, "Contrast", "Crops: 1 leaves it as it was learnt.", ge=0.1, le=10)
    images: str | None = setting(
        None,
        "Training images",
        "Crops are compared with them; empty: where they were when the model was trained.",
    )
    gate: str | None = setting(
        None,
        "Gate",
        "Folder of a segmenter trained on real images: only sections in which it finds the labels again are kept.",
    )
    agree: float = setting(
        0.5, "Agreement", "Overlap (IoU) with the labels that the gate asks for.", ge=0, le=1
    )
    overwrite: bool = setting(
        False, "Overwrite", "Replace an existing output once the new one is complete."
    )


class Judge(Settings):
    """One search for what looks false to the critic of a model, in labels that are proofread."""

    task: Literal["judge"] = "judge"
    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1, le=VERSION)
    image: str = setting(..., "Image", "File or store with the raw image.")
    labels: str = setting(..., "Labels", "The labels as they were before any edit.")
    interior: str = setting(
        ..., "Interior map", "The map that they were made from: it says how wide walls are."
    )
    model: str = setting(..., "Model", "Folder of a model that was trained against a critic.")
    journal: str | None = setting(
        None, "Journal", "Folder with the edits of the labels; empty for none."
    )
    order: Literal["critic", "mix"] = setting(
        "critic", "Order", "By the critic alone, or by all that speaks for a place."
    )
    out: str | None = setting(None, "List", "JSON file that the places are written to.")
    prediction: PredictionSettings | None = setting(
        None, "Prediction", "Empty: as the model was trained to."
    )


class Retrain(Settings):
    """From reviewed labels to a better model: trained, judged, and applied with the edits of before."""

    task: Literal["retrain"] = "retrain"
    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1, le=VERSION)
    journal: str = setting(
        ..., "Journal", "Folder of the journal of proofreading, or the labels that it lies beside."
    )
    labels: str | None = setting(
        None, "Labels", "The labels that the journal belongs to, where they have moved."
    )
    image: str = setting(..., "Image", "File or store with the raw image of these labels.")
    model: str = setting(
        ...,
        "Model",
        "Folder of the model to start from and to be better than, or first; it stays as it is.",
    )
    out: str = setting(
        ...,
        "Folder",
        "Where everything goes: what was learnt, the new model and, if it is taken, its labels with the edits.",
    )
    seed: int = setting(0, "Seed", "Every random draw follows from it.", ge=0, lt=2**32)
    training: TrainingSettings | None = setting(
        None, "Training", "Empty: as the model was trained, on the device that is there."
    )
    prediction: PredictionSettings = setting(
        PredictionSettings(), "Prediction", "Tiles, device, precision."
    )
    missing: Missing = setting(
        "refuse",
        "Missing chunks",
        "Chunks that a zarr store has lost: refuse the image, or fill them.",
    )


Recipe = Train | Segment | Label | Tune | Suggest | Extend | Mend | Generate | Judge | Retrain
_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Annotated[Recipe, Field(discriminator="task")])


def check_dimensions(family: str, examples: ExampleSettings) -> None:
    """Nothing, where patches are sections for a family of sections, and blocks for one of volumes.

    Raises:
        ValueError: they are the other way round, or axes shall be exchanged in what is no cube.
    """
    is_volume, depth = families.find(family).dimensions == 3, examples.depth
    if is_volume and depth is None:
        raise ValueError(
            f"{family} learns from blocks of sections and examples.depth is empty; set it, for example to 16"
        )
    if is_volume and examples.augmentation.swap_axes and depth != examples.crop:
        raise ValueError(
            f"axes are exchanged in cubes only, and patches have {depth} sections of {examples.crop} px; set "
            "examples.depth and examples.crop to one number, or examples.augmentation.swap_axes to false"
        )
    volumes = ", ".join(name for name, entry in families.FAMILIES.items() if entry.dimensions == 3)
    if not is_volume and depth is not None:
        raise ValueError(
            f"{family} learns from single sections and examples.depth is {depth}; leave it empty, or choose a family "
            f"of volumes: {volumes}"
        )
    if not is_volume and examples.targets.walls == "volume":
        raise ValueError(
            f"{family} learns from single sections and sees no walls between them; set examples.targets.walls to "
            f"sections, or choose a family of volumes: {volumes}"
        )


def train_recipe(family: str, preset: str, changes: dict[str, Any] | None = None) -> Train:
    """The recipe of a family's preset with nested `changes` on top; steps that they name win over minutes and epochs.

    Raises:
        ValueError: unknown family, preset or setting, or a value out of bounds; the message names it.
    """
    entry = families.find(family)
    if preset not in entry.presets:
        raise ValueError(
            f"{family} has no preset '{preset}'; choose one of: {', '.join(entry.presets)}."
        )
    changes = changes or {}
    if "steps" in changes.get("training", {}):
        changes = merge(changes, {"training": {"minutes": None, "epochs": None}})
    start = {"task": "train", "family": family, "preset": preset, **entry.presets[preset]}
    tree = merge(start, changes)
    recipe = validated(tree)
    if not isinstance(recipe, Train):
        raise TypeError("A training recipe cannot change its task.")
    return recipe


def further(training: TrainingSettings) -> TrainingSettings:
    """How a model is trained further: as it was, on the device that is there."""
    return training.changed(device="auto", precision="auto", threads=None)


def validated(tree: dict[str, Any]) -> Recipe:
    """The recipe in a nested dictionary.

    Raises:
        ValueError: one line that names the first wrong field, its value and what is allowed.
    """
    try:
        return _RECIPE.validate_python(tree)
    except ValidationError as error:
        raise ValueError(in_words(error)) from None


def in_words(error: ValidationError) -> str:
    """The first problem of a validation as one line."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in TASKS)
    if first["type"] == "extra_forbidden":
        return f"There is no setting '{place}'. Check the spelling; docs/settings lists them all."
    text = first["msg"].removeprefix("Value error, ")
    given = repr(first.get("input"))
    whole = isinstance(first.get("input"), dict)
    shown = "" if whole or len(given) > 60 else f" (given: {given})"
    return f"{place}: {text}{shown}." if place else f"{text}{shown}."


def read_tree(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The nested dictionary in a YAML or JSON file.

    Raises:
        ValueError: the file is missing, is not YAML, or holds no settings.
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"There is no recipe {file}; name an existing .yaml file.")
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = " ".join(str(error).split())
        raise ValueError(f"{file} is not a readable YAML file: {place}.") from None
    if not isinstance(tree, dict):
        raise ValueError(f"{file} holds no settings; a recipe is a list of 'name: value' lines.")
    return tree


def recipe_beside(path: str | os.PathLike[str]) -> Path:
    """Where the recipe of an output goes: labels.ome.zarr -> labels.recipe.yaml."""
    out = Path(path)
    suffixes = (".ome.zarr", ".ome.tiff", ".ome.tif", out.suffix)
    ending = next(suffix for suffix in suffixes if out.name.endswith(suffix))
    return out.with_name(f"{out.name.removesuffix(ending)}.recipe.yaml")


def to_yaml(recipe: Recipe) -> str:
    """The recipe as YAML text that `read_tree` and `validated` turn back into an equal one."""
    tree = recipe.model_dump(mode="json")
    text: str = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    return text
