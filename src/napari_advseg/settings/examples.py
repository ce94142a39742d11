"""From volumes to batches: crops, boundary targets, augmentation, normalisation."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from napari_advseg.settings import Settings, setting

Zero = Literal["auto", "unannotated", "boundary", "background"]


class NormalisationSettings(Settings):
    """Robust percentiles of the training image become 0 and 1."""

    low: float = setting(
        0.1, "Low percentile", "This percentile of the image becomes 0.", unit="%", ge=0, lt=50
    )
    high: float = setting(
        99.9, "High percentile", "This percentile of the image becomes 1.", unit="%", gt=50, le=100
    )
    clip: bool = setting(False, "Clip", "Clip to [0, 1] after scaling.")


class TargetSettings(Settings):
    """How instance labels become the interior map (1 inside a cell, 0 on its boundary)."""

    kind: Literal["any_diff", "laplacian3", "connectomics", "distance", "affinities", "classes"] = (
        setting(
            "any_diff",
            "Target",
            "any_diff: a wall where labels differ in a window; laplacian3: sign of a Laplacian (thesis text); "
            "connectomics: dilated central difference (thesis code); distance: as any_diff, rising with the distance "
            "to the wall, which tells a painter of images more; affinities: one map a direction; "
            "classes: the labels are classes (background, axon, myelin), not cells.",
        )
    )
    classes: tuple[int, ...] = setting(
        (),
        "Classes",
        "classes only: the values of the classes in the labels, other values are left out; empty takes "
        "those that are found.",
    )
    walls: Literal["sections", "volume"] = setting(
        "sections",
        "Walls",
        "any_diff only: sections draws walls in every section for itself; volume also between sections, for isotropic "
        "voxels and families of volumes.",
    )
    radius: int = setting(
        1,
        "Radius",
        "A larger value draws wider walls (all kinds but laplacian3).",
        unit="px",
        ge=1,
        le=10,
    )
    signed: bool = setting(
        True, "Signed", "laplacian3 only: mark one side of a border instead of both."
    )
    background_edges: bool = setting(
        True, "Background edges", "connectomics only: draw contours towards 0 too."
    )
    distance: float = setting(
        10.0,
        "Distance",
        "distance only: this far from the wall the map reaches 1.",
        unit="px",
        ge=1,
        le=100,
    )
    widen: int = setting(
        0, "Widen", "Extra dilation of the boundary (not of affinities).", unit="px", ge=0, le=3
    )
    boundary_weight: float = setting(
        1.0,
        "Boundary weight",
        "Weight of boundary pixels in the loss. A larger value leaves fewer gaps.",
        gt=0,
        le=100,
    )

    @model_validator(mode="after")
    def _draws_such_walls(self) -> Self:
        if self.walls == "volume" and self.kind in ("laplacian3", "connectomics", "distance"):
            raise ValueError(
                f"walls of the kind {self.kind} are drawn in sections only; choose walls=sections, or kind=any_diff"
            )
        return self


class AugmentationSettings(Settings):
    """Random changes of every crop; probability 0 switches one off.

    Order: geometry, intensity and defects, blur, noise, clip.
    """

    flip: float = setting(0.5, "Flip", "Probability of a flip, for each in-plane axis.", ge=0, le=1)
    flip_z: float = setting(0.5, "Flip in z", "Probability of reversed sections (3D).", ge=0, le=1)
    rotate: bool = setting(True, "Rotate", "Rotate by 0, 90, 180 or 270 degrees, uniformly.")
    swap_axes: bool = setting(
        False,
        "Exchange axes",
        "z, y and x change places, for cubes of isotropic voxels; with flips, all 48 ways to turn and mirror (3D).",
    )
    elastic: float = setting(0.0, "Elastic", "Probability of an elastic deformation.", ge=0, le=1)
    elastic_grid: float = setting(
        12.0, "Elastic grid", "Spacing of the displacement grid.", unit="px", ge=2, le=128
    )
    elastic_sigma: float = setting(
        4.0, "Elastic strength", "Standard deviation of a displacement.", unit="px", ge=0, le=32
    )
    intensity: float = setting(
        0.0, "Brightness", "Probability of a change of gain, offset and gamma.", ge=0, le=1
    )
    contrast: float = setting(0.3, "Contrast", "Gain is drawn from 1 +- half of this.", ge=0, le=1)
    brightness: float = setting(0.3, "Offset", "Offset is drawn from +- half of this.", ge=0, le=1)
    gamma: float = setting(1.0, "Gamma", "Exponent is 2 to the power of +- this.", ge=0, le=3)
    blur: float = setting(0.5, "Blur", "Probability of a Gaussian blur.", ge=0, le=1)
    blur_sigma: tuple[float, float] = setting(
        (0.01, 3.0), "Blur width", "Range of its width.", unit="px"
    )
    blur_kernel: int = setting(
        11, "Blur kernel", "Pixels of the blur kernel (odd).", unit="px", ge=3, le=63
    )
    noise: float = setting(0.5, "Noise", "Probability of Gaussian noise.", ge=0, le=1)
    noise_std: float = setting(
        0.2,
        "Noise strength",
        "Largest standard deviation, in units of the image range.",
        ge=0,
        le=2,
    )
    local_blur: float = setting(
        0.0, "Local blur", "Probability of blurred ellipses, mostly on boundaries.", ge=0, le=1
    )
    missing_part: float = setting(
        0.0, "Missing part", "Probability of a stripe without data.", ge=0, le=1
    )
    missing_section: float = setting(
        0.0,
        "Missing section",
        "Probability of sections without data; of a section alone a corner is missing.",
        ge=0,
        le=1,
    )
    missing_kept: bool = setting(
        True,
        "Keep target",
        "Missing sections keep their target, to be filled in; else they are deleted (3D).",
    )
    out_of_focus: float = setting(
        0.0,
        "Out of focus",
        "Probability of one or two sections that are strongly blurred; of one alone also only a corner.",
        ge=0,
        le=1,
    )
    misalignment: float = setting(
        0.0,
        "Misalignment",
        "Probability of a slip between sections, or in 2D of a part of the crop.",
        ge=0,
        le=1,
    )
    misalignment_px: int = setting(16, "Largest slip", "Largest slip.", unit="px", ge=0, le=128)
    clip: bool = setting(False, "Clip", "Clip the augmented image to its range.")


class ExampleSettings(Settings):
    """Crops and what is done to them before they become a batch."""

    crop: int = setting(
        160,
        "Crop",
        "Side of a training crop. Larger sees more context, costs more.",
        unit="px",
        ge=16,
        le=4096,
    )
    depth: int | None = setting(
        None,
        "Depth",
        "Sections of a training patch, for families of volumes; empty for families of sections.",
        ge=4,
        le=1024,
    )
    batch: int = setting(
        18, "Batch", "Crops per step. Larger is smoother and slower.", ge=1, le=1024
    )
    mode: Literal["online", "fixed"] = setting(
        "online",
        "Crops",
        "'online' draws new crops at every step, 'fixed' draws a set once and repeats it.",
    )
    fixed_crops: int = setting(6000, "Fixed set", "Crops in the fixed set.", ge=1, le=1_000_000)
    scale: float = setting(
        1.0,
        "Training scale",
        "In-plane resizing before anything else (1250 to 900 px is 0.72).",
        gt=0.05,
        le=4,
    )
    normalisation: NormalisationSettings = setting(
        NormalisationSettings(), "Normalisation", "Grey values to [0, 1]."
    )
    targets: TargetSettings = setting(
        TargetSettings(), "Targets", "From labels to the interior map."
    )
    augmentation: AugmentationSettings = setting(
        AugmentationSettings(), "Augmentation", "Random changes of crops."
    )
