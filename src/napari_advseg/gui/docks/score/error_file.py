"""The list of errors as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from napari_advseg.gui.kit.comparison import Row

HEAD = (
    "gain_bits",
    "what",
    "kind",
    "labels",
    "truth",
    "section",
    "size",
    *(f"{axis}{end}" for axis in "zyx" for end in (0, 1)),
    *"zyx",
)


def write_csv(path: str, rows: Iterable[Row]) -> str:
    """The rows as a CSV file; its path comes back.

    Raises:
        ValueError: the file cannot be written.
    """
    place = Path(path).expanduser()
    try:
        with place.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEAD)
            writer.writerows(_cells(row) for row in rows)
    except OSError as error:
        raise ValueError(
            f"'{place}' cannot be written ({error.strerror}); choose another place."
        ) from None
    return str(place)


def _cells(row: Row) -> list[object]:
    return [
        f"{row.gain:.9g}",
        row.what,
        row.kind,
        " ".join(map(str, row.labels)),
        " ".join(map(str, row.truth)),
        "" if row.section is None else row.section,
        row.size,
        *(end for span in row.box for end in span),
        *row.point,
    ]
