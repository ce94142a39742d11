"""`score` of folders: labels and truth matched by name, a row for each image, and what they come to."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import napari_advseg as advseg
from napari_advseg.cli.score.measure import Measured, Wanted, measured
from napari_advseg.cli.terminal import run_visibly, say
from napari_advseg.disk.atomic import replace_file
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.recipes import Missing
from napari_advseg.scoring.measures.several import columns_of, summary
from napari_advseg.scoring.table.pair import paired
from napari_advseg.tasks.many import name_the_image
from napari_advseg.volume.formats.sets import files_of, matched

Files = tuple[Path, ...]
SIDES = ("labels file", "truth")


def score_sets(
    paths: Sequence[str], wanted: Wanted, missing: Missing
) -> list[tuple[Files, Measured]]:
    """Labels, truth and perhaps maps of every image, named by folders or patterns, with their scores.

    Raises:
        ValueError: files have no partner, or a pair cannot be compared; it is named before the first is.
    """
    several = together([files_of(path) for path in paths])
    found = run_visibly(in_turn(several, wanted, missing), "nothing was written.")
    for files, one in found:
        for text in one.warnings:
            say(f"Warning: {files[0].name}: {text}")
    return list(found)


def together(sides: list[list[Path]]) -> list[Files]:
    """Labels with the truth, and the map, of the same name.

    Raises:
        ValueError: one has no partner, or several.
    """
    labels = sides[0]
    partners = [dict(_matched(labels, other)) for other in sides[1:]]
    return [(one, *(side[one] for side in partners)) for one in labels]


def _matched(labels: list[Path], others: list[Path]) -> list[tuple[Path, Path]]:
    """The longer names may stand on either side: cell1.tif and cell1_mask.png, or the reverse."""
    try:
        return matched(labels, others, SIDES)
    except ValueError:
        with suppress(ValueError):
            return [(one, other) for other, one in matched(others, labels)]
        raise


def in_turn(
    several: list[Files], wanted: Wanted, missing: Missing
) -> Reports[list[tuple[Files, Measured]]]:
    """The scores of every image, after a look at all of them."""
    for files in several:
        with name_the_image(str(files[0])):
            paired(*(_read(file, missing) for file in files[:2]))
    wanted = wanted.without_void(_read(files[1], missing) for files in several)
    found = []
    yield Phase("score", len(several))
    for files in several:
        with name_the_image(str(files[0])):
            found.append((files, measured([_read(file, missing) for file in files], wanted)))
        yield BlockDone("score", len(found), len(several))
    return found


def document(found: list[tuple[Files, Measured]]) -> dict[str, Any]:
    """The scores of each image, and what they come to, as plain JSON."""
    images = [
        {"image": files[0].name, "labels": str(files[0]), "truth": str(files[1]), **one.document}
        for files, one in found
    ]
    return {"images": images, "summary": summary([one.row for _, one in found])}


def write_csv(path: str, found: list[tuple[Files, Measured]]) -> None:
    """The rows of the images as CSV; a file that is there is replaced.

    Raises:
        ValueError: the file cannot be written.
    """
    names = columns_of([one.row for _, one in found])
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["labels", "truth", *names])
    for files, one in found:
        writer.writerow([*map(str, files[:2]), *(one.row.get(name) for name in names)])
    replace_file(Path(path), text.getvalue().encode())
    say(f"The table is in {path}.")


def _read(file: Path, missing: Missing) -> Any:
    return advseg.read(file, missing=missing)
