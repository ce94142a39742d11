"""A search for thresholds from file to file: sections, interior map, grid, tables, picture, and the model's card."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg import model_store
from napari_advseg.disk.atomic import replace_file
from napari_advseg.examples.census import take_census
from napari_advseg.examples.sections import split_sections
from napari_advseg.inference.fitting import fits
from napari_advseg.inference.predict import predict, ready
from napari_advseg.model_store import Card
from napari_advseg.progress import Reports, Said, Saved, Warned
from napari_advseg.recipes import Train, Tune, to_yaml
from napari_advseg.scoring.measures.instances import check_alike
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.tasks.once import at_once
from napari_advseg.tuning import Tuned, tune
from napari_advseg.tuning.heat_map import heat_map
from napari_advseg.tuning.table import to_csv
from napari_advseg.tuning.tuned import listed
from napari_advseg.volume.formats.files import as_labels, read
from napari_advseg.volume.formats.target import Target
from napari_advseg.volume.synthetic_voxels import blanked
from napari_advseg.volume.volume import Volume

TABLE, ROWS, PICTURE, MAP, RECIPE = (
    "tuning.json",
    "tuning.csv",
    "heatmap.png",
    "interior.ome.zarr",
    "recipe.yaml",
)


@at_once
def run(recipe: Tune) -> Reports[dict[str, Any]]:
    """Search the recipe's grid; the paths of what was written come back, as plain JSON.

    The folder holds tuning.json (all that was found), tuning.csv (one row for each cell), heatmap.png, recipe.yaml
    and, where a model made it, interior.ome.zarr; it appears when it is complete. With `save` the choice then goes
    into the model's card. `sections` are the indices in the truth, `map_sections` those in the interior map.

    Raises:
        ValueError: the data do not fit together, hold no truth, or the folder is taken; nothing was changed.
    """
    out = Path(recipe.out)
    check_folder(out, recipe)
    card = model_store.read_card(recipe.model) if recipe.model else None
    truth = as_labels(read(recipe.labels, missing=recipe.missing))
    shown = read(recipe.interior_map or recipe.image or "", missing=recipe.missing)
    sections = yield from sections_for(recipe, card, truth, shown)
    true, source = cut(truth, sections, shown), cut(shown, sections, truth)
    check_alike(source, true)
    true, _ = blanked(true, dataclasses.replace(true, synthetic=source.synthetic))
    labelling, scoring = measures(recipe, card)
    check_truth(true, scoring)
    with folder_for(out) as place:
        interior_map, ran = source, recipe
        if not recipe.interior_map:
            interior_map, ran = yield from predicted(recipe, source, place)
        found = yield from tune(interior_map, true, recipe.tuning, labelling, scoring)
        found = dataclasses.replace(
            found, sections=tuple(sections), image=recipe.image, labels=recipe.labels
        )
        found = found.choose(*recipe.choose) if recipe.choose else found
        write_tables(place, found, ran)
    yield Saved(str(out), "search")
    yield Said(describe_search(found))
    if found.disagreement:
        yield Said(found.disagreement)
    if recipe.save and recipe.model:
        model_store.save_choice(recipe.model, found.chosen, found)
        yield Saved(recipe.model, "model")
    picked = recipe.interior_map and shown.size("z") > len(sections)
    return {
        "out": str(out),
        "table": str(out / TABLE),
        "picture": str(out / PICTURE),
        "probabilities": recipe.interior_map or str(out / MAP),
        "sections": sections,
        "map_sections": sections if picked else list(range(len(sections))),
        "model": recipe.model,
        "saved": recipe.save,
    }


def sections_for(
    recipe: Tune, card: Card | None, truth: Volume, shown: Volume
) -> Reports[list[int]]:
    """Indices of the sections to tune on, with a sentence that says which and what that means."""
    learnt: list[int] = []
    withheld: list[int] = []
    if card is not None and same_data(recipe, card.recipe):
        learnt, withheld = yield from divided(card.recipe, truth)
    if recipe.sections:
        sections, why = list(range(*recipe.sections)), "as asked"
        if len(sections) not in (truth.size("z"), shown.size("z")):
            check_depth(truth, shown)
    elif learnt:
        sections, why = withheld or learnt, "which the model's training withheld"
    else:
        check_depth(truth, shown)
        sections, why = list(range(truth.size("z"))), "all there are"
    taught = sorted(set(sections) & set(learnt))
    why = "all that the model was trained on" if taught and not recipe.sections else why
    yield Said(
        f"Tuning on sections {listed(sections)} ({why}). Scores on them are optimistic, as they choose the "
        "thresholds; measure on others."
    )
    if taught:
        yield Warned(
            f"The model learnt from sections {listed(taught)}: its maps are better there than anywhere else, so "
            "thresholds chosen on them will not fit new sections. Name withheld sections (--sections)."
        )
    return sections


def same_data(recipe: Tune, trained: Train) -> bool:
    """Whether the image or, without one, the labels are those that the model was trained with."""
    theirs = trained.image if recipe.image else trained.labels
    if theirs is None:
        return False
    return os.path.realpath(recipe.image or recipe.labels) == os.path.realpath(theirs)


def divided(trained: Train, truth: Volume) -> Reports[tuple[list[int], list[int]]]:
    """Sections that a training learnt from and those that it withheld, told from its recipe and annotation."""
    first, end = trained.sections or (0, truth.size("z"))
    if end > truth.size("z"):
        return [], []
    census = yield from take_census(truth, range(first, end))
    annotated = census.annotated("unannotated" if trained.zero == "auto" else trained.zero)
    if trained.validation is None:
        return split_sections(annotated) if annotated else ([], [])
    withheld = [index for index in annotated if index in range(*trained.validation)]
    return [index for index in annotated if index not in withheld], withheld


def check_depth(truth: Volume, shown: Volume) -> None:
    """Nothing, where both have as many sections.

    Raises:
        ValueError: they have not, so it is not known which belong together.
    """
    if truth.size("z") != shown.size("z"):
        raise ValueError(
            f"The labels have {truth.size('z')} sections and the image or map {shown.size('z')}; name with "
            "--sections which of the longer one the shorter one holds, or cut one of them."
        )


def check_truth(truth: Volume, scoring: ScoringSettings) -> None:
    """Nothing, where some pixel of the truth may be scored; hours of predicting should not end with that message.

    Raises:
        ValueError: the truth is empty.
    """
    if scoring.zero == "boundary" and not any(section.any() for section in truth.sections()):
        raise ValueError(
            "The labels are 0 everywhere in these sections, so no thresholds can be chosen on them; name sections "
            "with annotations."
        )


def cut(volume: Volume, sections: Sequence[int], beside: Volume) -> Volume:
    """These sections of a volume; one that holds just as many, unlike the other, holds these already.

    Raises:
        ValueError: they are not all there.
    """
    if volume.size("z") == len(sections) != beside.size("z"):
        return volume
    first, end = sections[0], sections[-1] + 1
    whole = volume.cut(first, end)
    if len(sections) == end - first:
        return whole
    axis = whole.axes.index("z")
    picked = np.stack([volume.section(index) for index in sections], axis=axis)
    return Volume(picked, whole.frame, kind=volume.kind)


def predicted(recipe: Tune, raw: Volume, folder: Path) -> Reports[tuple[Volume, Tune]]:
    """The model's interior map of these sections, kept in the folder as `segment` keeps it, and how it was made."""
    model = model_store.load(recipe.model or "")
    fits(raw, model)
    predictors, place = ready(model, recipe.prediction), Target(folder / MAP)
    made = yield from predict(raw, model, recipe.prediction, predictors, target=place)
    return made, recipe.changed(prediction=predictors[0].ran)


def measures(recipe: Tune, card: Card | None) -> tuple[LabellingSettings, ScoringSettings]:
    """How labels are made and scored: as the recipe says, else as the model's calibration did."""
    labelling = recipe.labelling or (card.labelling if card else LabellingSettings())
    scoring = ScoringSettings(zero=labelling.zero)
    if card is not None:
        scoring = card.recipe.scoring.changed(zero=labelling.zero)
    return labelling, (recipe.scoring or scoring).changed(by="section")


def describe_search(found: Tuned) -> str:
    """The best pair, its scores, and what the plain threshold would give."""
    best, plain = found.best, found.plain
    text = (
        f"Best: threshold {best.threshold:g}, gap threshold {best.gap_threshold:g} (VOI {best.voi:.4f}, adapted "
        f"Rand error {best.adapted_rand_error:.4f})"
    )
    if plain is None:
        return f"{text}."
    return (
        f"{text}; without gap closing {plain.threshold:g} (VOI {plain.voi:.4f}, adapted Rand error "
        f"{plain.adapted_rand_error:.4f})."
    )


def write_tables(folder: Path, found: Tuned, recipe: Tune) -> None:
    """The outcome as JSON, CSV and picture, and the recipe with all that the model's card decided."""
    first, end = found.sections[0], found.sections[-1] + 1
    span = (first, end) if len(found.sections) == end - first else recipe.sections
    ran = recipe.changed(labelling=found.labelling, scoring=found.scoring, sections=span)
    picture = BytesIO()
    heat_map(found).save(picture, "PNG")
    document = json.dumps(found.to_json(), indent=1, allow_nan=False)
    replace_file(folder / ROWS, to_csv(found).encode())
    replace_file(folder / PICTURE, picture.getvalue())
    replace_file(folder / RECIPE, to_yaml(ran).encode())
    replace_file(folder / TABLE, document.encode())


def check_folder(out: Path, recipe: Tune) -> None:
    """Nothing, where the folder can be written or replaced.

    Raises:
        ValueError: it is taken, holds something else than an earlier search, or holds the map to be used.
    """
    if not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not (out / TABLE).is_file()):
        raise ValueError(f"{out} holds something that is no earlier search; choose another --out.")
    if any(out.iterdir()) and not recipe.overwrite:
        raise ValueError(
            f"{out} holds an earlier search already; choose another --out, or --overwrite."
        )
    kept = os.path.realpath(recipe.interior_map or "/")
    if Path(kept).is_relative_to(out.resolve()):
        raise ValueError(
            f"The interior map {kept} lies in the folder that would be replaced; choose another --out."
        )


@contextmanager
def folder_for(out: Path) -> Iterator[Path]:
    """A folder to fill that takes the place of `out` at the end, and is removed where that is not reached.

    Raises:
        ValueError: it cannot be made, or cannot be put in its place.
    """
    place = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        try:
            place.mkdir(parents=True)
            yield place
            put(place, out)
        except OSError as error:
            raise ValueError(
                f"Cannot write {out}: {error.strerror or error}. Free some space or choose another folder."
            ) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def put(place: Path, out: Path) -> None:
    """Move a complete folder to its name; an earlier one is removed only afterwards."""
    older = out.with_name(f".{out.name}.{os.getpid()}.older")
    if out.exists():
        out.rename(older)
    place.rename(out)
    shutil.rmtree(older, ignore_errors=True)
