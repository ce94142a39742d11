"""A set of images segmented in turn: every one is looked at before the first, and what is complete is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from napari_advseg.disk.atomic import replace_file
from napari_advseg.model_store import RECIPE
from napari_advseg.progress import IMAGES, BlockDone, Phase, Reports, Said, Saved, Warned
from napari_advseg.recipes import Segment, read_tree, to_yaml, validated
from napari_advseg.volume.formats.sets import files_of, outputs
from napari_advseg.volume.refusals import denied

Result = TypeVar("Result")
Made = dict[str, Any]

LOOKING = "look at the images"


def segment_set(
    recipe: Segment,
    check: Callable[[Segment], object],
    segment: Callable[[Segment], Reports[Made]],
    *,
    resume: bool = False,
) -> Reports[Made]:
    """Segment every image of a folder or pattern into a folder, which also gets the one recipe.

    `check` refuses what `segment` cannot do with the recipe of a single image. Each image is complete or not there,
    whatever happens; `resume` goes on with those that are not.

    Raises:
        ValueError: an image cannot be segmented, something is in the way, or there is nothing to resume.
    """
    every = one_by_one(recipe)
    beside = Path(every[0].out).with_name(RECIPE)
    todo = check_what_remains(every, recipe, beside, resume=resume)
    with ExitStack() as places:
        for place in {Path(path).parent for one in every for path in outputs_of(one)}:
            places.enter_context(new_folder(place))
        yield from look_at(todo, check)
        replace_file(beside, to_yaml(recipe).encode())
        done = len(every) - len(todo)
        kept = f", {done} of them segmented already and kept" if done else ""
        yield Said(f"{len(every)} images{kept}.")
        made = yield from in_turn(todo, len(every), segment)
    return {**made, "labels": str(beside.parent), "recipe": str(beside), "images": len(every)}


def in_turn(
    todo: list[Segment], total: int, segment: Callable[[Segment], Reports[Made]]
) -> Reports[Made]:
    """Segment the last images of `total`; what was made of the last comes back, with the number of all objects."""
    made: Made = {}
    heard: set[str] = set()
    objects = 0
    yield Phase(IMAGES, total)
    for done, one in enumerate(todo, start=total - len(todo)):
        with name_the_image(
            one.image, f" {done} of {total} images are complete; go on with --resume."
        ):
            made = yield from said_once(segment(one), heard)
        # Counted first: whoever stops here is told of this image too.
        yield BlockDone(IMAGES, done + 1, total)
        yield Saved(one.out, "classes" if "classes" in made else "labels")
        if "objects" in made:
            objects += made["objects"]
            made["objects"] = objects
    return {"segmented": len(todo), **made}


def one_by_one(recipe: Segment) -> list[Segment]:
    """The recipe of each image of a set.

    Raises:
        ValueError: sections are chosen, or an output has the name of another file.
    """
    if recipe.sections:
        raise ValueError(
            "Sections are chosen from one image; leave --sections out to segment several."
        )
    files = files_of(recipe.image)
    places = outputs(files, recipe.out)
    kept = recipe.interior_map
    maps = outputs(files, kept) if kept else None
    for taken in (set(files), set(maps or ())):
        if taken & set(places):
            raise ValueError(
                "Labels would have the names of images or interior maps; choose another folder for them."
            )
    return [
        recipe.changed(
            image=str(file), out=str(places[k]), interior_map=str(maps[k]) if maps else None
        )
        for k, file in enumerate(files)
    ]


def check_what_remains(
    every: list[Segment], recipe: Segment, beside: Path, *, resume: bool
) -> list[Segment]:
    """The images that are to be segmented: all, or those that `resume` finds missing.

    Raises:
        ValueError: something is in the way, or what is there was made in another way.
    """
    if resume:
        check_resumed(recipe, beside)
        # What was begun and not completed is thrown away.
        return [one.changed(overwrite=True) for one in every if not Path(one.out).exists()]
    there = [path for one in every for path in outputs_of(one) if Path(path).exists()]
    there += [str(beside)] if beside.exists() else []
    if there and not recipe.overwrite:
        more = f" and {len(there) - 1} more files" if there[1:] else ""
        raise ValueError(
            f"'{there[0]}'{more} exist already; go on with --resume, start again with --overwrite, or choose "
            "another folder."
        )
    return every


def check_resumed(recipe: Segment, beside: Path) -> None:
    """Nothing, where the segmentation described by the file `beside` can be gone on with.

    Raises:
        ValueError: there is none, it was another one, or all is to be replaced.
    """
    if recipe.overwrite:
        raise ValueError(
            "--resume keeps what is complete and --overwrite replaces it; choose one of them."
        )
    if not beside.exists():
        raise ValueError(
            f"There is nothing to resume in {beside.parent}; start it without --resume."
        )
    stored = validated(read_tree(beside))
    if not isinstance(stored, Segment) or stored.changed(overwrite=False) != recipe:
        raise ValueError(
            f"'{beside}' describes another segmentation than this one; choose another folder, or start again with "
            "--overwrite."
        )


def look_at(todo: list[Segment], check: Callable[[Segment], object]) -> Reports[None]:
    """Pass if every image can be segmented.

    Raises:
        ValueError: one cannot; it is named.
    """
    yield Phase(LOOKING, len(todo))
    for done, one in enumerate(todo, start=1):
        with name_the_image(one.image):
            check(one)
        yield BlockDone(LOOKING, done, len(todo))


@contextmanager
def name_the_image(path: str, more: str = "") -> Iterator[None]:
    """Refusals name the file, and say more."""
    try:
        yield
    except ValueError as error:
        text, name = str(error), Path(path).name
        raise ValueError(f"{text if name in text else f'{name}: {text}'}{more}") from error


@contextmanager
def new_folder(place: Path) -> Iterator[None]:
    """A folder is made where there is none; it goes again if nothing was put into it.

    Raises:
        ValueError: it cannot be made.
    """
    is_new = not place.exists()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise denied(fault, place) from fault
    try:
        yield
    finally:
        if is_new:
            with suppress(OSError):  # it holds something
                place.rmdir()


def said_once(reports: Reports[Result], heard: set[str]) -> Reports[Result]:
    """The reports of one image among many: sentences of the first alone, and warnings that are new."""
    is_first = not heard
    with closing(reports):
        while True:
            try:
                report = next(reports)
            except StopIteration as end:
                return cast(Result, end.value)
            if isinstance(report, Said | Warned):
                is_news = report.text not in heard
                heard.add(report.text)
                if not is_news or (isinstance(report, Said) and not is_first):
                    continue
            yield report


def outputs_of(recipe: Segment) -> list[str]:
    """The paths that the recipe of one image writes to."""
    return [recipe.out, *([recipe.interior_map] if recipe.interior_map else [])]
