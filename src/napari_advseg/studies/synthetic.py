"""Does it help to train on painted images too? On real, on synthetic and on both, over several seeds.

Methods, section 9: a painter learns real images of real labels; it paints turned and mirrored labels of the
training sections; a segmenter trained on real images judges which of them may be used; U-Nets trained on each kind
of data are scored on real sections that nothing has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg import model_store
from napari_advseg.inference.painter import generate
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import Reports, Said, Saved
from napari_advseg.recipes import Train, train_recipe
from napari_advseg.scoring import score
from napari_advseg.studies.tables import Row, describe_spread, numbers, to_csv, to_markdown
from napari_advseg.tasks.generate.gate import through_the_gate
from napari_advseg.tasks.segment import segment
from napari_advseg.training.fit import fit
from napari_advseg.volume.formats.files import Source, as_labels, read, write
from napari_advseg.volume.volume import Volume

ROWS, REPORT = "rows.csv", "report.md"
MEASURES = ("adapted_rand_error", "voi_split", "voi_merge", "voi")
KINDS = ("real", "synthetic", "both")


@dataclass(frozen=True)
class Plan:
    """Which sections train, validate and test (first, end), how long, how often, who paints, how strict the gate is.

    `gate` is the least overlap that passes, `painter` a family, `painter_targets` the kind of map that it paints of.
    """

    training: tuple[int, int]
    validation: tuple[int, int]
    test: tuple[int, int]
    steps: int
    painter_steps: int
    seeds: tuple[int, ...] = (0, 1, 2)
    gate: float = 0.5
    painter: str = "cgan"
    painter_targets: str = "any_diff"


def synthetic(image: Source, labels: Source, plan: Plan, out: Path) -> Reports[dict[str, Any]]:
    """Run the study into `out`: rows.csv, report.md, the painter, and the images it painted.

    What is there already is not made again.

    Raises:
        ValueError: the spans overlap or do not follow each other, or the gate lets nothing through.
    """
    check(plan)
    raw, truth = read(image), as_labels(read(labels))
    real = [one.cut(plan.training[0], plan.validation[1]) for one in (raw, truth)]
    withheld = plan.validation[1] - plan.validation[0]
    judge = yield from trained(recipe_of(plan, 0, withheld, real[0]), real, out / "judge")
    painter = yield from trained(painter_of(plan, withheld, real[0]), real, out / "painter")
    turned = turned_labels(truth.cut(*plan.training))
    painted = yield from generate(turned, painter)
    passed = yield from through_the_gate(painted, turned, judge, plan.gate)
    yield Said(passed.words)
    kept = passed.image, passed.labels
    (out / "synthetic").mkdir(parents=True, exist_ok=True)
    for volume, name in zip(kept, ("image.tif", "labels.tif"), strict=True):
        write(volume, out / "synthetic" / name, overwrite=True)
    rows = []
    for kind in KINDS:
        for seed in plan.seeds:
            data, sections = mixed(kind, real, kept, withheld)
            recipe = recipe_of(plan, seed, withheld, real[0]).changed(
                sections=sections, validation=(len_of(real[0]) - withheld, len_of(real[0]))
            )
            model = yield from trained(recipe, data, out / f"{kind}-{seed}")
            made = yield from segment(raw.cut(*plan.test), model)
            found = score(made.labels, truth.cut(*plan.test))
            rows.append(
                {"data": kind, "seed": seed, "steps": plan.steps}
                | {name: getattr(found, name) for name in MEASURES}
            )
    (out / ROWS).write_bytes(to_csv(rows))
    (out / REPORT).write_text(report(rows, plan, passed.words), encoding="utf-8")
    yield Saved(str(out / REPORT), "report")
    return {"rows": str(out / ROWS), "report": str(out / REPORT)}


def check(plan: Plan) -> None:
    """Nothing, where the spans can be used.

    Raises:
        ValueError: they overlap, or validation does not follow training.
    """
    if plan.training[1] != plan.validation[0]:
        raise ValueError(
            f"Validation {plan.validation} must follow training {plan.training} at once; "
            "for example --sections 0:14 --validate 14:17 --test 17:20."
        )
    if plan.test[0] < plan.validation[1] and plan.test[1] > plan.training[0]:
        raise ValueError(
            f"The test sections {plan.test} have been trained or validated on; choose others."
        )


def trained(recipe: Train, data: Sequence[Any], folder: Path) -> Reports[StoredModel]:
    """The model of a recipe; as it stands in its folder where it is complete."""
    if (folder / model_store.CARD).is_file() and model_store.read_card(folder).calibration:
        return model_store.load(folder)
    images, labels = data
    return (yield from fit(images, labels, recipe.changed(out=str(folder))))


def recipe_of(plan: Plan, seed: int, withheld: int, image: Volume) -> Train:
    """The U-Net of the comparison; equal steps whatever it learns from."""
    length = len_of(image)
    changes = {
        "seed": seed,
        "validation": [length - withheld, length],
        "training": {"steps": plan.steps},
    }
    return train_recipe("unet", "quick", changes)


def painter_of(plan: Plan, withheld: int, image: Volume) -> Train:
    """The painter: the conditional GAN with its direction turned, or CycleGAN, which paints as it is."""
    length = len_of(image)
    model = {"direction": "map_to_image"} if plan.painter == "cgan" else {}
    changes = {
        "model": model,
        "examples": {"targets": {"kind": plan.painter_targets}},
        "validation": [length - withheld, length],
        "training": {"steps": plan.painter_steps},
    }
    return train_recipe(plan.painter, "quick", changes)


def turned_labels(labels: Volume) -> Volume:
    """The training labels mirrored and turned by half: shapes the painter has not seen, but real ones."""
    array = np.ascontiguousarray(labels.numpy()[..., ::-1, :])
    return Volume(array, labels.frame.after("mirrored"), kind="labels")


def mixed(
    kind: str, real: Sequence[Volume], painted: Sequence[Volume], withheld: int
) -> tuple[tuple[list[Volume], list[Volume]], tuple[int, int]]:
    """Images and labels of one kind of data, and which sections of their row may be used.

    Real sections come first, those withheld at their end, so that all kinds are validated on the same ones.
    """
    length, count = len_of(real[0]), len_of(painted[0])
    if kind == "real":
        return ([real[0]], [real[1]]), (0, length)
    data = [real[0], painted[0]], [real[1], painted[1]]
    return data, ((length - withheld) if kind == "synthetic" else 0, length + count)


def len_of(volume: Volume) -> int:
    """Sections of a volume."""
    return volume.size("z")


def report(rows: Sequence[Row], plan: Plan, gate: str) -> str:
    """The answer as Markdown: means and deviations over seeds, and the differences to real data alone."""
    lines = [
        "# Real, synthetic, and both",
        "",
        (
            f"U-Net `quick`, {plan.steps} steps each, seeds {', '.join(map(str, plan.seeds))}; painted by "
            f"{plan.painter} of {plan.painter_targets} maps; tested on real sections "
            f"{plan.test[0]}:{plan.test[1]}. {gate}"
        ),
        "",
    ]
    values = {(row["data"], row["seed"]): row for row in rows}
    cells = [[kind, *_spreads([values[kind, seed] for seed in plan.seeds])] for kind in KINDS]
    for kind in KINDS[1:]:
        pairs = [(values[kind, seed], values["real", seed]) for seed in plan.seeds]
        gains = [{name: own[name] - base[name] for name in MEASURES} for own, base in pairs]
        cells.append([f"{kind} - real", *_spreads(gains)])
    return "\n".join([*lines, *to_markdown(("data", *MEASURES), cells), ""])


def _spreads(rows: Sequence[Row]) -> list[str]:
    return [describe_spread(numbers(rows, name)) for name in MEASURES]
