"""`study`: a declared comparison, with its rows and its report."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import PositiveFloat

from napari_advseg.cli.options import Option, Tree, judged, takes
from napari_advseg.cli.terminal import answer, app, run_visibly
from napari_advseg.progress import Reports
from napari_advseg.recipes.base import Span, model_folder, numbers, place
from napari_advseg.settings import Settings, setting

SYNTHETIC = "synthetic"
DONE = "the runs that are complete are saved. Go on with the same command."


Voxel = Annotated[
    tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None,
    numbers(float, "is no voxel size; write --voxel 50,4,4 for z, y and x in nm", 3),
]
Seeds = Annotated[tuple[int, ...] | None, numbers(int, "are no seeds; write --seeds 0,1,2")]


class OfTissue(Settings):
    """Which images a study is made on, and which of their sections serve what."""

    image: str | None = place(None, "Image", "Raw image; without one the tissue is synthetic.")
    labels: str | None = place(None, "Labels", "Its annotation.")
    images: str | None = place(
        None, "Images", "Further images without annotation, to learn from before."
    )
    sections: Span = setting(None, "Sections", "Sections that train.", form="A:B")
    validate_: Span = setting(None, "Validation", "Sections that choose thresholds.", form="A:B")
    test: Span = setting(None, "Test", "Sections that nothing has seen.", form="A:B")
    voxel: Voxel = setting(
        None,
        "Voxel",
        "Size of a voxel in nm, where the image does not say it.",
        form="Z,Y,X",
    )


class OfRuns(Settings):
    """How large a study is, how often it runs, and where."""

    out: str | None = setting(
        None, "Folder", "Folder for models, rows.csv and report.md [study-NAME].", form="folder"
    )
    scale: Literal["tiny", "cpu", "gpu", "paper"] = setting("cpu", "Scale", "How large all is.")
    seed: int = setting(0, "Seed", "The first of the seeds.", ge=0)
    seeds: Seeds = setting(None, "Seeds", "All seeds by name, for example 0,1,2.")
    steps: int | None = setting(
        None, "Steps", "Steps of every training; else as the scale says.", ge=1
    )
    models: str | None = setting(
        None,
        "Models",
        "Folder for models that several studies share; else each has its own.",
        form="folder",
    )

    def seeds_or(self, count: int) -> tuple[int, ...]:
        """The seeds that are named, or so many from the first on."""
        return self.seeds or tuple(range(self.seed, self.seed + count))


class OfProofreading(Settings):
    """What studies of proofreading begin with; the others leave it alone."""

    segmentation: str | None = setting(
        None,
        "Labels to mend",
        "critic, proofreading: labels of the image to be proofread; else the model's own, or made errors.",
        form="file",
    )
    interior_map: str | None = setting(
        None,
        "Interior map",
        "critic, proofreading: interior map of the image; else the model's.",
        form="file",
    )
    model: str | None = model_folder(
        None,
        "Model",
        "critic, proofreading: folder of a trained model; else one is trained.",
    )
    by: Literal["section", "volume"] = setting(
        "section",
        "By",
        "critic, proofreading: whether objects go on in the next section.",
    )
    edits: int | None = setting(
        None, "Edits", "proofreading: most proposals that are looked at.", ge=1
    )


class OfPainting(Settings):
    """What only the study of painted images is told."""

    painter_steps: int = setting(1500, "Steps", "synthetic: steps of the painter.", ge=1)
    gate: float = setting(
        0.5,
        "Gate",
        "synthetic: least overlap by which a frozen segmenter must find the labels again.",
        ge=0,
        le=1,
    )
    painter: Literal["cgan", "cyclegan"] = setting(
        "cgan", "Painter", "synthetic: family that paints the images."
    )
    painter_targets: str = setting(
        "any_diff", "Targets", "synthetic: what it paints of, any_diff (walls) or distance."
    )


class Chosen(OfPainting, OfProofreading, OfRuns, OfTissue):
    """All that studies are told."""

    @property
    def spans(self) -> tuple[Span, Span, Span]:
        """Sections that train, that choose thresholds, and that test."""
        return self.sections, self.validate_, self.test


@app.command()
@takes(
    Chosen,
    *("image", "labels", "images", "out", "scale", "seed", "seeds", "sections"),
    Option("validate_", "--validate"),
    *("test", "steps", "voxel", "models", "segmentation"),
    Option("interior_map", "--probabilities"),
    *("model", "by", "edits", "painter_steps", "gate", "painter", "painter_targets"),
)
def study(
    given: Tree,
    name: Annotated[
        str,
        typer.Argument(
            help="synthetic (does training on painted images help?), small-sets, speed, unet-2d-3d, folds, "
            "reduced-data, freeze, scenarios, mask-modes, hyper-parameters, empty-masks, "
            "critic (does it find errors?), proofreading (which order of the queue mends fastest?)."
        ),
    ],
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACTOR=VALUE,...",
            help="Only the runs with these values of a factor, for example percent=10; may be repeated.",
        ),
    ] = None,
) -> None:
    """Answer one question by several trainings; what is there already is not run again."""
    chosen = judged(Chosen, given)
    out = Path(chosen.out or f"study-{name}")
    values = values_of(only or [])
    made = synthetic(chosen, out) if name == SYNTHETIC else declared(name, chosen, out, values)
    answer(run_visibly(made, DONE))


def synthetic(chosen: Chosen, out: Path) -> Reports[Any]:
    """The study of painted images.

    Raises:
        ValueError: the tissue is not named.
    """
    if chosen.image is None or chosen.labels is None or None in chosen.spans:
        raise ValueError(
            "The study synthetic needs --image, --labels, --sections, --validate and --test."
        )
    module = import_module("napari_advseg.studies.synthetic")
    plan = module.Plan(
        *chosen.spans,
        steps=chosen.steps or 1000,
        seeds=chosen.seeds_or(3),
        **{field: getattr(chosen, field) for field in OfPainting.model_fields},
    )
    return (yield from module.synthetic(chosen.image, chosen.labels, plan, out))


def declared(name: str, chosen: Chosen, out: Path, only: dict[str, list[str]]) -> Reports[Any]:
    """One of the studies that are declared, or those of its runs that have the values in `only`.

    Raises:
        ValueError: there is no such study, or it cannot be made on the tissue.
    """
    studies = import_module("napari_advseg.studies.declared").STUDIES
    if name not in studies:
        known = ", ".join((SYNTHETIC, *studies))
        raise ValueError(f"There is no study '{name}'; choose one of: {known}.")
    plans = import_module("napari_advseg.studies.plan")
    size = studies[name].scales[chosen.scale]
    plan = plans.Plan(
        size,
        plans.tissue_of(
            size, chosen.image, chosen.labels, chosen.spans, chosen.images, chosen.voxel
        ),
        chosen.seeds_or(size.seeds),
        out,
        chosen.steps,
        chosen.models and Path(chosen.models),
        plans.given_of(*(getattr(chosen, field) for field in OfProofreading.model_fields)),
    )
    queue = import_module("napari_advseg.studies.queue")
    return (yield from queue.run(studies[name], plan, only))


def values_of(texts: list[str]) -> dict[str, list[str]]:
    """The chosen values by factor, from "percent=10".

    Raises:
        ValueError: there is no = in one.
    """
    found = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not (equals and name and values):
            raise ValueError(f"'{text}' chooses no runs; write --only percent=10.")
        found[name] = values.split(",")
    return found
