"""Steps, schedule, averaging, device and saving of a training run."""

from __future__ import annotations

from napari_advseg.settings import Settings, setting
from napari_advseg.settings.prediction import Device, Precision


class AdamSettings(Settings):
    """One player's Adam optimiser."""

    learning_rate: float = setting(
        1e-3, "Learning rate", "A larger value learns faster and less stably.", gt=0, le=1
    )
    beta1: float = setting(0.9, "Beta 1", "Memory of the gradient's mean.", ge=0, lt=1)
    beta2: float = setting(0.999, "Beta 2", "Memory of the gradient's square.", ge=0, lt=1)
    eps: float = setting(
        1e-8, "Epsilon", "A larger value damps steps where gradients are small.", gt=0, le=1
    )
    weight_decay: float = setting(
        0.0, "Weight decay", "Decoupled weight decay (AdamW).", ge=0, le=1
    )


class PlateauSettings(Settings):
    """Lower every learning rate when the validation loss no longer falls."""

    factor: float = setting(0.5, "Factor", "The rate is multiplied by this.", gt=0, le=1)
    patience: int = setting(
        5, "Patience", "Validations without a better loss before a reduction.", ge=0, le=1000
    )
    reductions: int = setting(4, "Reductions", "At most this many.", ge=0, le=100)


class TrainingSettings(Settings):
    """How long and on what a model is trained."""

    steps: int = setting(
        1000,
        "Steps",
        "Optimiser steps of the whole run; the schedule runs over them.",
        ge=1,
        le=10_000_000,
    )
    epochs: int | None = setting(
        None,
        "Epochs",
        "Fix the number of steps so that each training section gives one crop so many times.",
        ge=1,
        le=1_000_000,
    )
    minutes: float | None = setting(
        None,
        "Minutes",
        "Time the first steps and fix the number of steps from them.",
        unit="min",
        gt=0,
        le=100_000,
    )
    warmup: int = setting(
        0, "Warm-up", "Steps over which the learning rate rises from 0.", ge=0, le=1_000_000
    )
    cosine: bool = setting(
        False,
        "Cosine decay",
        "Let the learning rate fall along half a cosine over the run, beside the plateau rule.",
    )
    linear: float | None = setting(
        None,
        "Linear decay from",
        "After this share of the run the learning rate falls in a straight line to 0; empty: it does not.",
        ge=0,
        lt=1,
    )
    plateau: PlateauSettings = setting(
        PlateauSettings(), "Plateau", "Reductions of the learning rate."
    )
    ema: float = setting(
        0.0,
        "Weight averaging",
        "Decay of the moving average of the weights; 0 is off. Larger averages longer.",
        ge=0,
        lt=1,
    )
    validate_every: int = setting(
        100, "Validate every", "Steps between validations.", unit="steps", ge=1
    )
    save_every: int = setting(
        200, "Save every", "Steps between saves of the resumable state.", unit="steps", ge=1
    )
    preview_every: int = setting(
        25,
        "Preview every",
        "In the viewer: steps between previews of the section on screen. 0: none. They take at most a tenth of the "
        "time and change nothing in the training.",
        unit="steps",
        ge=0,
    )
    device: Device = setting("auto", "Device", "Where the training runs.")
    precision: Precision = setting(
        "auto", "Precision", "'auto' takes bf16 where the device computes in it."
    )
    threads: int | None = setting(
        None, "Threads", "CPU threads; empty takes all cores.", ge=1, le=1024
    )
    nan_retries: int = setting(
        3,
        "Retries after NaN",
        "How often a non-finite loss or a collapse restores the last good state and halves the rate.",
        ge=0,
        le=20,
    )
    roll_back: bool = setting(
        True,
        "Roll back",
        "Go back to the last healthy state when an adversarial training collapses; off only says so.",
    )
