"""One training run."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol, Self, runtime_checkable

from pydantic import SerializeAsAny, ValidationInfo, field_validator, model_validator

from napari_advseg import families
from napari_advseg.recipes.base import Missing, Recipe, Span, model_folder, numbers, place
from napari_advseg.settings import Settings, setting
from napari_advseg.settings.examples import ExampleSettings, Zero
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.settings.training import TrainingSettings

Rates = Annotated[
    tuple[float, ...], numbers(float, "are no learning rates; write --sweep 1e-3,1e-4,1e-5")
]


@runtime_checkable
class OfOneSize(Protocol):
    """Settings of a family that learns crops of one side only."""

    @property
    def resolution(self) -> int: ...


class Train(Recipe):
    """One training run: data, family, every setting, seed and where the model goes."""

    task: Literal["train"] = "train"
    family: str = setting("unet", "Family", "Which kind of model.")
    preset: str = setting("quick", "Preset", "The defaults that this recipe started from.")
    seed: int = setting(0, "Seed", "Every random draw follows from it.", ge=0, lt=2**32)
    image: str | None = place(
        None, "Image", "Raw image: TIFF, zarr, OME-Zarr, HDF5, PNG, or a folder of them."
    )
    labels: str | None = place(None, "Labels", "Its annotation, on the same voxels.")
    images: str | None = place(
        None,
        "Unpaired images",
        "For families that need no pairs: a folder, a pattern or a file of images.",
    )
    masks: str | None = place(
        None,
        "Unpaired masks",
        "Labels that need not belong to these images, in number, order or size.",
    )
    sections: Span = setting(
        None, "Sections", "Which sections may be used; empty for all.", form="A:B"
    )
    validation: Span = setting(
        None,
        "Validation sections",
        "Which of them are withheld to validate on; empty splits by blocks.",
        form="A:B",
    )
    missing: Missing = "refuse"
    folds: int | None = setting(
        None,
        "Folds",
        "Cross-validation: so many models, each withholding another block of sections or images.",
        ge=2,
        le=1000,
    )
    sweep: Rates = setting(
        (),
        "Learning rates to try",
        "One model for each, for example 1e-3,1e-4; the lowest validation loss wins.",
        form="RATES",
    )
    zero: Zero = setting("auto", "0 means", "What 0 in the annotation means.")
    start_from: str | None = model_folder(
        None,
        "Start from",
        "Folder of a trained model of any family, or first: tensors that fit by name and shape are taken over, the "
        "rest begins at random.",
    )
    start_only: tuple[str, ...] = setting(
        (),
        "Start only",
        "Patterns (generator.down*) of the tensors that may be taken over; empty: all that fit.",
    )
    out: str | None = place(None, "Model folder", "Where the model is written; new or empty.")
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


def further(training: TrainingSettings) -> TrainingSettings:
    """How a model is trained further: as it was, on the device that is there."""
    return training.changed(device="auto", precision="auto", threads=None)
