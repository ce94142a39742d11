"""What a training learns from: data read, checked, divided and turned into batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from napari_advseg import families
from napari_advseg.examples.augment import NO_AUGMENTATION
from napari_advseg.examples.census import Census, take_census
from napari_advseg.examples.classes import decide_classes, unseen_classes
from napari_advseg.examples.marks import read_marks
from napari_advseg.examples.pairs import check_pairs, check_sizes
from napari_advseg.examples.patches import Batch, Batches
from napari_advseg.examples.sections import Row, describe_split, split_sections
from napari_advseg.examples.targets import Meaning
from napari_advseg.examples.unpaired import Side, Unpaired
from napari_advseg.examples.withheld import whole_section, withheld_blocks
from napari_advseg.examples.zero import MEANS, check_trainable, decide_zero
from napari_advseg.progress import Reports, Said, Warned
from napari_advseg.recipes import Missing, Train
from napari_advseg.settings.examples import ExampleSettings, TargetSettings
from napari_advseg.volume.formats.files import Source, Unreadable, as_labels, read
from napari_advseg.volume.formats.sets import files_of, is_set, matched, read_set
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.painted import is_painted
from napari_advseg.volume.synthetic_voxels import whole, without_synthetic
from napari_advseg.volume.volume import Volume

JUDGED_CROPS, JUDGED_AT_ONCE, JUDGED_SEED = 16, 4, 0
"""Of withheld sections without labels, so many crops of the training's size are looked at."""
UNJUDGED = (
    "no pairs: nothing can be validated, and a model with inside and outside swapped is not noticed"
)


class Lessons(Protocol):
    """Batch k, a pure function of k."""

    def __getitem__(self, k: int) -> Batch: ...


@dataclasses.dataclass(frozen=True)
class Data:
    """What a training learns from and is judged by; `examples` are the settings as they were resolved.

    `training` and `validation` are section indices, a list for each image.
    """

    images: list[Volume]
    labels: list[Volume]
    zero: Meaning
    examples: ExampleSettings
    normaliser: Normaliser
    training: list[list[int]]
    validation: list[list[int]]
    batches: Lessons
    withheld: Sequence[Batch]
    has_gaps: bool = False

    @property
    def recorded_zero(self) -> Meaning:
        """What a recipe has to say of 0 for the same training: where it was not annotated, that."""
        return "unannotated" if self.has_gaps else self.zero


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a training will learn from, known from the labels alone.

    `training` and `validation` are section numbers through all volumes; `voxels` are annotated. Where `has_gaps`, the
    labels have -1 where nothing is annotated, and 0 is what was marked as boundary or background.
    """

    labels: list[Volume]
    zero: Meaning
    examples: ExampleSettings
    censuses: list[Census]
    training: list[int]
    validation: list[int]
    voxels: int
    has_gaps: bool = False

    @property
    def zero_words(self) -> str:
        """What the zeros of the file are, as a sentence."""
        if self.has_gaps:
            return f"0 is {MEANS['unannotated']}; {self.zero} is painted."
        return f"0 is {MEANS[self.zero]}."

    @property
    def words(self) -> str:
        """For example "17 sections train, 3 validate; 412,000 annotated voxels"."""
        return describe_split(self.training, self.validation, self.voxels)


def plan(truths: Sequence[Volume], recipe: Train) -> Reports[Plan]:
    """Decide what the labels mean, check that they can be learnt, and divide their sections.

    Raises:
        ValueError: nothing is annotated, one class only, or the recipe's sections are not there.
    """
    row = Row(truths)
    first, end = recipe.sections or (0, len(row))
    if not 0 <= first < end <= len(row):
        raise ValueError(
            f"Sections {first}:{end} are not inside 0:{len(row)}; choose a range inside it."
        )
    wanted = row.by_volume(range(first, end))
    censuses = []
    for truth, own in zip(truths, wanted, strict=True):
        censuses.append((yield from take_census(truth, own)))
    marked = None
    if recipe.examples.targets.kind != "classes":
        marked = yield from read_marks(truths, censuses, wanted, recipe.zero)
    if marked is None:
        zero, examples = yield from meaning_of(truths, censuses, wanted, recipe)
    else:
        (truths, censuses, zero, _), examples = marked, recipe.examples
    known = [census.annotated(zero) for census in censuses]
    if examples.targets.kind != "classes":
        check_trainable(truths, examples.targets, zero, known)
    training, validation = split_sections(
        row.numbers(known), range(*recipe.validation) if recipe.validation else None
    )
    voxels = sum(census.voxels(zero) for census in censuses if census.annotated(zero))
    has_gaps = marked is not None and marked.has_gaps
    return Plan(
        list(truths), zero, examples, censuses, training, validation, voxels, has_gaps=has_gaps
    )


def prepare(
    image: Source | Sequence[Source],
    labels: Source | Sequence[Source],
    recipe: Train,
    *,
    as_pairs: bool = False,
) -> Reports[Data]:
    """Read, check, decide what the labels mean, split by sections, fit the grey values.

    Raises:
        ValueError: the data do not fit each other or the family.
    """
    alone = families.find(recipe.family).needs == "unpaired" and not as_pairs
    with unpaired_hint(alone=alone):
        images, truths = paired(image, labels, recipe.missing)
        check_pairs(images, truths)
    truths = [without_synthetic(truth, image) for image, truth in zip(images, truths, strict=True)]
    if recipe.examples.depth:
        check_sizes(images, recipe.examples)
    planned = yield from plan(truths, recipe)
    truths = planned.labels
    yield Said(planned.words + ".")
    yield from warn_of_division(planned, truths)
    row, zero, examples = Row(images), planned.zero, planned.examples
    learnt, judged = row.by_volume(planned.training), row.by_volume(planned.validation)
    normaliser = Normaliser.fit(images, examples.normalisation, learnt)
    batches: Lessons = Batches(
        images,
        truths,
        examples,
        zero,
        normaliser,
        recipe.seed,
        learnt,
        censuses=planned.censuses,
        readable=row.by_volume(free_sections(row, recipe, planned.validation)),
    )
    if alone:
        yield Said(
            f"{recipe.family} does not look at which image belongs to which labels; only validation does."
        )
        sides = Side(images, learnt), Side(truths, learnt, planned.censuses)
        batches = Unpaired(*sides, examples, zero, normaliser, recipe.seed)
    withheld = judged_on(images, truths, judged, examples, zero, normaliser)
    data = Data(images, truths, zero, examples, normaliser, learnt, judged, batches, withheld)
    return dataclasses.replace(data, has_gaps=planned.has_gaps)


def free_sections(row: Row, recipe: Train, validation: Sequence[int]) -> list[int]:
    """The sections that blocks may hold: those the recipe names, annotated or not, without the withheld ones."""
    first, end = recipe.sections or (0, len(row))
    withheld = set(validation)
    return [number for number in range(first, end) if number not in withheld]


def judged_on(
    images: Sequence[Volume],
    truths: Sequence[Volume],
    sections: Sequence[Sequence[int]],
    examples: ExampleSettings,
    zero: Meaning,
    normaliser: Normaliser,
) -> list[Batch]:
    """The withheld sections (a list for each image) whole, or some blocks of them."""
    found = []
    for image, truth, own in zip(images, truths, sections, strict=True):
        if examples.depth:
            found += withheld_blocks(image, truth, own, examples, zero, normaliser)
        else:
            found += [
                whole_section(image, truth, index, examples, zero, normaliser) for index in own
            ]
    return found


@contextmanager
def unpaired_hint(*, alone: bool) -> Iterator[None]:
    """Where a family that needs no pairs refuses what are none, say how such data are given."""
    try:
        yield
    except ValueError as error:
        if not alone or isinstance(error, Unreadable):
            raise
        raise ValueError(
            f"{error} What does not belong together goes into --images and --masks."
        ) from error


def warn_of_division(planned: Plan, truths: Sequence[Volume]) -> Reports[None]:
    """Warn of a model that will look better than it is, and of classes that it cannot learn."""
    if not planned.validation:
        count = len(planned.training)
        yield Warned(
            f"Only {count} annotated {'sections' if count > 1 else 'section'}: nothing can be withheld, so the scores "
            "of this model will look too good; annotate at least 3 sections or images."
        )
        return
    if planned.examples.targets.kind != "classes":
        return
    row = Row(truths)
    sides = row.by_volume(planned.training), row.by_volume(planned.validation)
    missing = yield from unseen_classes(truths, sides[0], planned.examples.targets.classes)
    if missing:
        nowhere = yield from unseen_classes(truths, sides[1], missing)
        withheld = ", ".join(str(value) for value in missing if value not in nowhere)
        if withheld:
            yield Warned(
                f"The class {withheld} occurs only in the withheld sections: it is not learnt, and counts as an error "
                "there. Withhold others (--validate), or annotate it elsewhere too."
            )


def prepare_unpaired(recipe: Train) -> Reports[Data]:
    """As `prepare`, from images and masks that do not belong together, and a few pairs where the recipe names some.

    Raises:
        ValueError: the family learns from pairs, or one of the two sets is missing or of no use.
    """
    if families.find(recipe.family).needs == "paired":
        raise ValueError(
            f"{recipe.family} learns from images with their own labels: name --image and --labels; "
            "--images and --masks are for families that need no pairs, such as cyclegan."
        )
    if recipe.images is None or recipe.masks is None:
        raise ValueError("Name both --images and --masks; they need not belong together.")
    images = read_set(recipe.images, missing=recipe.missing)
    masks = [as_labels(one) for one in read_set(recipe.masks, missing=recipe.missing)]
    same_channels(images)
    everything = [range(mask.size("z")) for mask in masks]
    censuses = []
    for mask, own in zip(masks, everything, strict=True):
        censuses.append((yield from take_census(mask, own)))
    zero, examples = yield from meaning_of(masks, censuses, everything, recipe)
    pairs = None
    if recipe.image and recipe.labels:
        both = recipe.changed(images=None, masks=None, examples=examples, zero=zero)
        pairs = yield from prepare(recipe.image, recipe.labels, both, as_pairs=True)
    learnt = [list(range(image.size("z"))) for image in images]
    normaliser = Normaliser.fit(images, examples.normalisation, learnt)
    yield Said(
        f"{sum(map(len, learnt))} sections of images and {sum(map(len, everything))} of masks, which need not "
        f"belong together; {'some pairs beside them' if pairs else UNJUDGED}."
    )
    few = pairs.batches if pairs and isinstance(pairs.batches, Batches) else None
    sides = Side(images, learnt), Side(masks, everything, censuses)
    batches = Unpaired(*sides, examples, zero, normaliser, recipe.seed, few)
    if pairs:
        return dataclasses.replace(pairs, normaliser=normaliser, batches=batches)
    nothing: list[list[int]] = [[] for _ in images]
    return Data(images, masks, zero, examples, normaliser, learnt, nothing, batches, [])


def prepare_unlabelled(image: Source | Sequence[Source], recipe: Train) -> Reports[Data]:
    """As `prepare`, from images alone: all that a microscope has seen is learnt from, but sections are withheld.

    Raises:
        ValueError: an image cannot be read or they do not fit each other, or the recipe's sections are not there.
    """
    if recipe.labels or recipe.masks:
        yield Said(f"{recipe.family} learns from images alone; the labels are not looked at.")
    images = [one for given in several(image) for one in read_set(given, missing=recipe.missing)]
    same_channels(images)
    truths = [whole(one) for one in images]
    row = Row(images)
    first, end = recipe.sections or (0, len(row))
    if not 0 <= first < end <= len(row):
        raise ValueError(
            f"Sections {first}:{end} are not inside 0:{len(row)}; choose a range inside it."
        )
    validate = range(*recipe.validation) if recipe.validation else None
    training, validation = split_sections(range(first, end), validate)
    yield Said(f"{images_in_words(training, validation)}; no labels are needed.")
    learnt, judged = row.by_volume(training), row.by_volume(validation)
    settings = recipe.examples.changed(targets=TargetSettings())
    normaliser = Normaliser.fit(images, settings.normalisation, learnt)
    made = partial(Batches, images, truths, zero="boundary", normaliser=normaliser)
    batches = made(settings=settings, seed=recipe.seed, sections=learnt)
    withheld: Sequence[Batch] = []
    if validation:
        plain = settings.changed(augmentation=NO_AUGMENTATION, mode="online", batch=JUDGED_AT_ONCE)
        row_of = made(settings=plain, seed=JUDGED_SEED, sections=judged)
        withheld = [row_of[k] for k in range(-(-JUDGED_CROPS // JUDGED_AT_ONCE))]
    return Data(images, truths, "boundary", settings, normaliser, learnt, judged, batches, withheld)


def images_in_words(training: Sequence[int], validation: Sequence[int]) -> str:
    """For example "17 sections train, 3 validate"."""
    return describe_split(training, validation, 0).partition(";")[0]


def same_channels(images: Sequence[Volume]) -> None:
    """Nothing, where all images have as many channels.

    Raises:
        ValueError: they have not.
    """
    channels = sorted({image.size("c") for image in images})
    if len(channels) > 1:
        raise ValueError(
            f"The images have {' and '.join(map(str, channels))} channels; give equal ones."
        )


def paired(
    image: Source | Sequence[Source], labels: Source | Sequence[Source], missing: Missing
) -> tuple[list[Volume], list[Volume]]:
    """Images and their labels: one of each, two folders or patterns matched by name, or two lists."""
    images, truths = several(image), several(labels)
    if any(map(is_set, (*images, *truths))):
        names = matched(all_files(images), all_files(truths))
        images, truths = [name for name, _ in names], [name for _, name in names]
    return (
        [read(one, missing=missing) for one in images],
        [as_labels(read(one, missing=missing)) for one in truths],
    )


def all_files(sources: Sequence[Source]) -> list[Path]:
    """The files that several folders, patterns or files name."""
    return [file for one in sources for file in files_of(one)]


def several(given: Source | Sequence[Source]) -> list[Source]:
    """What was given, as a list; a list of sources is one already."""
    if isinstance(given, list | tuple):
        return list(given)
    return [given]  # type: ignore[list-item] # an array is a sequence to the type checker


def meaning_of(
    truths: Sequence[Volume],
    censuses: Sequence[Census],
    sections: Sequence[Sequence[int]],
    recipe: Train,
) -> Reports[tuple[Meaning, ExampleSettings]]:
    """What 0 means, and the example settings with the classes that were found."""
    examples = recipe.examples
    if examples.targets.kind == "classes":
        zero: Meaning = recipe.zero if recipe.zero != "auto" else "background"
        if recipe.zero == "auto" and all(is_painted(truth.frame) for truth in truths):
            zero = "unannotated"
        decided = decide_classes(truths, sections, examples.targets.classes, zero)
        classes, *words = yield from decided
        examples = examples.changed(targets=examples.targets.changed(classes=classes))
    else:
        # One annotator paints all images in one way: the first that is painted tells.
        at = next((k for k, census in enumerate(censuses) if census.painted), 0)
        zero, *words = decide_zero(truths[at], recipe.zero, censuses[at])
    sentence, warning = words
    yield Said(sentence)
    if warning:
        yield Warned(warning)
    return zero, examples
