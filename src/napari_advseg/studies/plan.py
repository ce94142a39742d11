"""What a study is given: how large it may be, its images and seeds, and where it stands."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any, Literal

from napari_advseg import families
from napari_advseg.recipes import Train, train_recipe
from napari_advseg.samples import neuropil
from napari_advseg.settings import merge
from napari_advseg.volume.formats.files import as_labels, describe, read
from napari_advseg.volume.formats.sets import read_set
from napari_advseg.volume.units import known_distance
from napari_advseg.volume.volume import Volume

ScaleName = Literal["tiny", "cpu", "gpu", "paper"]
Span = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Scale:
    """How large a study is.

    Attributes:
        words: what is different from the papers.
        preset: of every family.
        steps: of every training; None leaves the preset's.
        crop, batch: of every training; None leaves the preset's.
        seeds: how many.
        repeats: how often something is timed, after so many warm-ups.
        shape: of the synthetic tissue, where no images are named.
    """

    name: ScaleName
    words: str
    preset: str
    steps: int | None
    crop: int | None
    batch: int | None
    seeds: int
    repeats: tuple[int, int]
    shape: tuple[int, int, int]


SCALES: dict[str, Scale] = {
    scale.name: scale
    for scale in (
        Scale("tiny", "a test of the study itself, nothing is learnt", "quick", 2, 32, 2, 1, (1, 2), (12, 64, 64)),
        Scale("cpu", "half width, crops of 128 px, short runs", "quick", 250, 128, 4, 3, (3, 20), (30, 320, 320)),
        Scale("gpu", "widths as published, fewer steps", "seed", 5000, None, None, 3, (3, 20), (60, 640, 640)),
        Scale("paper", "as published", "seed", None, None, None, 3, (3, 20), (125, 1250, 1250)),
    )
}  # fmt: skip

CRITIC = {"widths": [32, 64, 128, 256]}
SMALL_CRITIC = {"widths": [4, 8]}
INTERIOR = {"examples": {"targets": {"kind": "any_diff"}}}
# What each family is at half width, and at the size of a test; larger scales take the presets as they are.
WAYS: dict[str, dict[str, dict[str, Any]]] = {
    "unet": {
        "tiny": {"model": {"widths": [4, 8]}},
        "cpu": {"model": {"widths": [32, 64, 128, 256, 512]}},
    },
    "cgan": {
        "tiny": {"model": {"width": 4, "depth": 3, "critic": SMALL_CRITIC}},
        "cpu": {"model": {"width": 32, "depth": 7, "critic": CRITIC}},
    },
    "cyclegan": {
        "tiny": {"model": {"width": 4, "depth": 3, "critic": SMALL_CRITIC}},
        "cpu": {"model": {"width": 32, "depth": 7, "critic": CRITIC}},
    },
    "seggan": {
        "tiny": {
            **INTERIOR,
            "model": {"segmenter": "unet", "painter_widths": [4, 4, 8, 8], "critic_widths": [4, 8]},
        },
        "cpu": {**INTERIOR, "model": {"painter_widths": [32, 64, 128, 256], "critic_widths": [32, 64, 128]}},
        "gpu": INTERIOR,
        "paper": INTERIOR,
    },
    "deconvnet": {
        "tiny": {"model": {"widths": [4, 8]}},
        "cpu": {"model": {"widths": [32, 64, 128]}},
    },
    "adversarial_unet": {
        "tiny": {"model": {"widths": [4, 8], "quiet_steps": 1, "critic": SMALL_CRITIC}},
        "cpu": {"model": {"widths": [32, 64, 128, 256, 512], "quiet_steps": 150, "critic": CRITIC}},
    },
    # As many pixels a step as four crops, as far as blocks of eight sections allow.
    "unet3d": {
        "tiny": {"model": {"widths": [4, 8]}, "examples": {"depth": 4, "batch": 1}},
        "cpu": {"model": {"widths": [14, 18, 24, 32, 40]}, "examples": {"depth": 8, "batch": 1}},
    },
    "boundless": {
        "tiny": {"model": {"width": 2, "critic_width": 2}, "examples": {"crop": 33}},
        "cpu": {"model": {"width": 16, "critic_width": 32}, "examples": {"crop": 129}},
    },
    "boundless_transfer": {
        "tiny": {"model": {"width": 2, "scenario": "random"}, "examples": {"crop": 33}},
        "cpu": {"model": {"width": 16, "scenario": "random"}, "examples": {"crop": 129}},
        "gpu": {"model": {"scenario": "random"}},
        "paper": {"model": {"scenario": "random"}},
    },
    "stylegan": {
        "tiny": {"model": {"widths": [4, 4, 4, 4], "code": 4, "mapping": 2}},
        "cpu": {"model": {"widths": [256, 256, 256, 256, 128, 64], "code": 256}},
    },
}  # fmt: skip


def span_of(span: Span) -> tuple[int, ...]:
    """The numbers of a span's sections."""
    return tuple(range(*span))


@dataclasses.dataclass(frozen=True)
class Tissue:
    """Images with truth: which sections train, which choose thresholds, and which nothing has seen.

    `unlabelled` are further images to learn from without annotation.
    """

    image: Volume
    labels: Volume
    training: Span
    validation: Span
    test: Span
    unlabelled: tuple[Volume, ...] = ()

    @property
    def words(self) -> str:
        """For example "raw.tif: 20 x 512 x 512 voxels; sections 0:14 train, 14:17 validate, 17:20 test"."""
        spans = (f"{first}:{end}" for first, end in (self.training, self.validation, self.test))
        named = describe(self.image).rstrip(".")
        more = sum(one.size("z") for one in self.unlabelled)
        beside = f"; {more} further sections without annotation" if more else ""
        return "{}; sections {} train, {} validate, {} test".format(named, *spans) + beside

    def facts(self) -> dict[str, Any]:
        """What tells it from other tissue, as JSON."""
        return {
            "image": self.image.source or self.image.frame.name,
            "labels": self.labels.source or self.labels.frame.name,
            "shape": list(self.image.shape),
            "voxel": [*self.image.frame.scale, *self.image.frame.units],
            "spans": [list(self.training), list(self.validation), list(self.test)],
            "unlabelled": [one.source for one in self.unlabelled],
        }


@dataclasses.dataclass(frozen=True)
class Given:
    """What studies of proofreading begin with, where they do not make it themselves.

    Attributes:
        segmentation: labels of the image with errors in them.
        probabilities: interior map of the image.
        model: folder of a model that makes the map and, where it has a critic, judges.
        by: whether each test section is proofread on its own, or the test sections as one volume.
        edits: the most proposals that are looked at.
    """

    segmentation: Volume | None = None
    interior_map: Volume | None = None
    model: Path | None = None
    by: Literal["section", "volume"] = "section"
    edits: int | None = None

    def facts(self) -> dict[str, Any]:
        """What differs from nothing given, as JSON."""
        named = {
            "segmentation": self.segmentation and self.segmentation.source,
            "probabilities": self.interior_map and self.interior_map.source,
            "model": self.model and str(self.model),
            "by": None if self.by == "section" else self.by,
            "edits": self.edits,
        }
        return {name: value for name, value in named.items() if value}


@dataclasses.dataclass(frozen=True)
class Plan:
    """A study to be run: how large, on what, with which seeds, where; `steps` replaces the scale's.

    Models go to `out`, or to the folder `models` that several studies share: what one has trained another one takes.
    `given` is for studies of proofreading.
    """

    scale: Scale
    tissue: Tissue
    seeds: tuple[int, ...]
    out: Path
    steps: int | None = None
    models: Path | None = None
    given: Given = Given()

    def recipe(self, family: str, seed: int, changes: dict[str, Any] | None = None) -> Train:
        """The recipe of a family at this scale with `changes` on top.

        Raises:
            ValueError: the family is one of volumes, and nobody knows how far sections lie apart.
        """
        self._has_distance(family)
        scale = self.scale
        steps = self.steps or scale.steps
        tree: dict[str, Any] = {"seed": seed}
        if steps:
            every = max(1, steps // 5)
            tree["training"] = {"steps": steps, "validate_every": every, "save_every": every}
        sizes = {"crop": scale.crop, "batch": scale.batch}
        tree["examples"] = {name: value for name, value in sizes.items() if value is not None}
        tree = merge(tree, WAYS[family].get(scale.name, {}))
        return train_recipe(family, scale.preset, merge(tree, changes or {}))

    def facts(self) -> dict[str, Any]:
        """What a study that is gone on with must have in common with its beginning, as JSON."""
        given = self.given.facts()
        return {
            "scale": self.scale.name,
            "steps": self.steps,
            **self.tissue.facts(),
            **({"given": given} if given else {}),
        }

    def _has_distance(self, family: str) -> None:
        image = self.tissue.image
        if families.find(family).dimensions == 3 and known_distance(image.frame) is None:
            raise ValueError(
                f"The voxel size of '{image.frame.name}' is not known, and {family} is built for it; name it in nm "
                "(z, y, x), for example --voxel 50,4,4."
            )


def segmenters() -> list[str]:
    """All families that make maps or classes of images, and that studies know how to train."""
    return [
        name
        for name, entry in families.FAMILIES.items()
        if name in WAYS and entry.needs != "unlabelled"
    ]


def tissue_of(
    scale: Scale,
    image: str | None = None,
    labels: str | None = None,
    spans: tuple[Span | None, Span | None, Span | None] = (None, None, None),
    images: str | None = None,
    voxel: tuple[float, float, float] | None = None,
) -> Tissue:
    """The images that are named, or synthetic tissue; spans (training, validation, test) that are not named are found.

    `voxel` is the size of a voxel in nm (z, y, x) where the files do not say it, or say it wrongly.

    Raises:
        ValueError: only one of image and labels is named, they have too few sections, or spans overlap.
    """
    if (image is None) != (labels is None):
        raise ValueError("Name both --image and --labels, or neither for synthetic tissue.")
    if image is None or labels is None:
        raw, truth = neuropil(scale.shape, seed=7, wall=1)
    else:
        raw, truth = read(image), as_labels(read(labels))
    if voxel is not None:
        raw, truth = sized(raw, voxel), sized(truth, voxel)
    more = () if images is None else tuple(read_set(images))
    tissue = Tissue(raw, truth, *_divided(raw.size("z"), spans), more)
    _check(tissue)
    return tissue


def given_of(
    segmentation: str | None,
    interior_map: str | None,
    model: str | None,
    by: Literal["section", "volume"],
    edits: int | None,
) -> Given:
    """What is named, opened; nothing of it is read yet."""
    return Given(
        None if segmentation is None else as_labels(read(segmentation)),
        None if interior_map is None else read(interior_map),
        None if model is None else Path(model),
        by,
        edits,
    )


def sized(volume: Volume, voxel: tuple[float, float, float]) -> Volume:
    """The volume with voxels of this size in nm (z, y, x)."""
    frame = volume.frame
    steps = dict(zip("zyx", voxel, strict=True))
    scale = tuple(steps.get(axis, step) for axis, step in zip(frame.axes, frame.scale, strict=True))
    units = tuple(
        "nanometer" if axis in steps else unit
        for axis, unit in zip(frame.axes, frame.units, strict=True)
    )
    return dataclasses.replace(volume, frame=dataclasses.replace(frame, scale=scale, units=units))


def _divided(
    count: int, spans: tuple[Span | None, Span | None, Span | None]
) -> tuple[Span, Span, Span]:
    """Training, validation and test one behind the other: about 15 % each of the last two, unless named."""
    if count < 5 and None in spans:
        raise ValueError(
            f"{count} sections are too few to be divided into training, validation and test; give at least 5, or name "
            "--sections, --validate and --test."
        )
    part = max(1, round(0.15 * count))
    found = (0, count - 2 * part), (count - 2 * part, count - part), (count - part, count)
    training, validation, test = (own or other for own, other in zip(spans, found, strict=True))
    return training, validation, test


def _check(tissue: Tissue) -> None:
    count = tissue.image.size("z")
    spans = {"train": tissue.training, "validate": tissue.validation, "test": tissue.test}
    for name, (first, end) in spans.items():
        if not 0 <= first < end <= count:
            raise ValueError(
                f"Sections {first}:{end} that {name} are not inside 0:{count}; choose others."
            )
    ordered = sorted(spans.items(), key=lambda one: one[1])
    for (name, (_, end)), (other, (first, _)) in itertools.pairwise(ordered):
        if first < end:
            raise ValueError(
                f"Sections that {name} and sections that {other} overlap; nothing that is tested may have been "
                "learnt from: name --sections, --validate and --test."
            )
