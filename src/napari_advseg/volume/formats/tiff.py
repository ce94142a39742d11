"""TIFF files of any make as volumes: memory-mapped where they lie flat, else decoded strip by strip
where indexed."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile

from napari_advseg.volume.arrays.kept import Kept
from napari_advseg.volume.arrays.lazy import Array, LazyArray, Stored, Window, in_native, overlap
from napari_advseg.volume.formats.arrange import Found, arrange, without_colour
from napari_advseg.volume.formats.tiff_metadata import as_number, place_and_notes
from napari_advseg.volume.refusals import DAMAGE, CorruptChunk, Unreadable, amount, reason
from napari_advseg.volume.volume import Volume

CACHE_BYTES = 1 << 28
SEGMENT_BYTES = 1 << 31
# A strip or tile above this size is believed only where its packed bytes could hold it.
SMALL_SEGMENT = 1 << 26
LARGEST_RATIO = 4000

MINISWHITE, PALETTE, CMYK, YCBCR = 0, 3, 5, 6
JPEGS = (6, 7, 34892, 33007)
STRANGE_COLOURS = {
    4: "a transparency mask",
    CMYK: "CMYK colours",
    8: "Lab colours",
    9: "Lab colours",
}
LETTERS = {"T": "t", "C": "c", "Z": "z", "Y": "y", "X": "x", "S": "s"}

# tifffile reports damaged tags by logging; what matters of it is raised here as one sentence.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def read_tiff(path: Path, inside: str = "", *, axes: str | None = None, level: int = 0) -> Volume:
    """The image in the file, lazy; `inside` is the number of an image where there are several.

    Raises:
        Unreadable: the file is cut short or damaged, claims more than it holds, or stores
            colours other than RGB.
    """
    try:
        with tifffile.TiffFile(path, _multifile=False) as file:
            _whole(file, path)
            return _volume(file, path, inside, axes, level)
    except Unreadable:
        raise
    except DAMAGE as fault:
        raise Unreadable(
            f"'{path}' is no readable TIFF ({reason(fault)}); copy it again or save it anew."
        ) from fault


class Pages(Stored):
    """The pages of a TIFF series; reading decodes the strips or tiles it touches and keeps the
    last ones.

    Axes are those of the series: leading ones over pages, then those of a page.
    """

    def __init__(self, path: Path, series: tifffile.TiffPageSeries) -> None:
        page = series.keyframe
        self.path = path
        self._page = page
        super().__init__(series.shape, series.dtype)
        self._page_axes = page.axes
        self._leading = self._shape[: len(self._shape) - len(page.shape)]
        if series.shape[len(self._leading) :] != page.shape or page.imagedepth != 1:
            raise Unreadable(
                f"'{path}' has pages within pages, which are not read; save it as a plain stack."
            )
        self._offsets, self._counts = _segments(series, path, math.prod(self._leading))
        _believable(page, path, int(self._counts.max()))
        self._kept: Kept[tuple[int, int]] = Kept(CACHE_BYTES)

    def read(self, window: Window) -> Array:
        leading, inner = window[: len(self._leading)], window[len(self._leading) :]
        out = np.empty([one.stop - one.start for one in window], self._dtype)
        if out.size == 0:
            return out
        with self._file() as file:
            for place in np.ndindex(*out.shape[: len(leading)]):
                at = tuple(one.start + k for one, k in zip(leading, place, strict=True))
                number = int(np.ravel_multi_index(at, self._leading)) if at else 0
                self._read_page(
                    file, number, dict(zip(self._page_axes, inner, strict=True)), out[place]
                )
        return out

    def _file(self) -> Any:
        try:
            return self.path.open("rb")
        except OSError as fault:
            raise Unreadable(
                f"'{self.path}' cannot be opened any more ({reason(fault)})."
            ) from fault

    def _read_page(self, file: Any, number: int, window: dict[str, slice], out: Array) -> None:
        """Fill `out`, in the axes of the page, with the window of one page."""
        rows, columns = window["Y"], window["X"]
        colours = window.get("S", slice(0, 1))
        separate = self._page.planarconfig == 2 and "S" in window
        planes = range(colours.start, colours.stop) if separate else range(1)
        coloured = out[..., None] if separate else out[None]
        target = coloured if "S" in window else out[None, :, :, None]
        for k, plane in enumerate(planes):
            for index in self._touched(plane, rows, columns):
                segment, top, left = self._segment(file, number, index)
                kept = segment if separate or "S" not in window else segment[..., colours]
                _paste(target[k], kept, (rows, columns), (top, left))

    def _touched(self, plane: int, rows: slice, columns: slice) -> Iterator[int]:
        """Numbers of the segments of one plane that a window touches."""
        height, width, down, across = _grid(self._page)
        for row in range(rows.start // height, -(-rows.stop // height)):
            for column in range(columns.start // width, -(-columns.stop // width)):
                yield (plane * down + row) * across + column

    def _segment(self, file: Any, number: int, index: int) -> tuple[Array, int, int]:
        """One decoded segment of shape (y, x, samples) and where it begins."""
        height, width, down, across = _grid(self._page)
        top, left = index // across % down * height, index % across * width
        decoded = self._kept.get((number, index))
        if decoded is None:
            decoded = self._decode(file, number, index)
            self._kept.add((number, index), decoded)
        return decoded, top, left

    def _decode(self, file: Any, number: int, index: int) -> Array:
        offset, count = int(self._offsets[number, index]), int(self._counts[number, index])
        more = {}
        if self._page.jpegtables is not None:
            more["jpegtables"] = self._page.jpegtables
        if self._page.jpegheader is not None:
            more["jpegheader"] = self._page.jpegheader
        file.seek(offset)
        try:
            decoded = self._page.decode(file.read(count), index, **more)[0]
        except DAMAGE as fault:
            raise CorruptChunk(
                f"'{self.path}': page {number} is damaged ({reason(fault)}); copy it again or "
                "save it anew."
            ) from fault
        if decoded is None:
            raise CorruptChunk(
                f"'{self.path}': page {number} has a strip without data; save it anew."
            )
        return in_native(decoded[0])


def _paste(target: Array, segment: Array, window: tuple[slice, slice], at: tuple[int, int]) -> None:
    """Copy the part of a segment (beginning at `at`) that lies inside the window, in place."""
    spots = (slice(n, n + length) for n, length in zip(at, segment.shape[:2], strict=True))
    into, out_of = zip(*map(overlap, window, spots), strict=True)
    target[into] = segment[out_of]


def _grid(page: Any) -> tuple[int, int, int, int]:
    """Height and width of a segment, and how many there are down and across one plane."""
    height = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
    width = page.tilewidth if page.is_tiled else page.imagewidth
    return height, width, -(-page.imagelength // height), -(-page.imagewidth // width)


def _segments(series: Any, path: Path, pages: int) -> tuple[Array, Array]:
    """Offset and byte count of every segment, shape (pages, segments), all inside the file."""
    page = series.keyframe
    _, _, down, across = _grid(page)
    wanted = down * across * (page.samplesperpixel if page.planarconfig == 2 else 1)
    listed = list(series.pages)
    if len(listed) != pages or any(one is None for one in listed):
        have = sum(one is not None for one in listed)
        raise Unreadable(
            f"'{path}' should have {pages} pages and {have} are in it; it is cut short, or one "
            "of several "
            "files that belong together: save it as one file."
        )
    size = path.stat().st_size
    rows = []
    for number, one in enumerate(listed):
        row = np.array([one.dataoffsets, one.databytecounts], np.int64)
        if row.shape == (2, wanted) and not row[1].all():
            raise Unreadable(
                f"'{path}' lacks pixels: page {number} has strips or tiles without data; save "
                "it anew."
            )
        if row.shape != (2, wanted) or (row <= 0).any() or int(row.sum(axis=0).max()) > size:
            raise Unreadable(
                f"'{path}' is cut short or damaged: the data of page {number} lies outside its "
                f"{size} bytes; "
                "copy it again."
            )
        rows.append(row)
    stacked = np.stack(rows)
    return stacked[:, 0], stacked[:, 1]


def _believable(page: Any, path: Path, most: int) -> None:
    height, width, _, _ = _grid(page)
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    size = height * width * samples * page.dtype.itemsize
    packed = size * page.bitspersample // (8 * page.dtype.itemsize)
    too_little = most < packed if page.compression == 1 else most * LARGEST_RATIO < size
    if size > SEGMENT_BYTES or (too_little and (page.compression == 1 or size > SMALL_SEGMENT)):
        raise Unreadable(
            f"'{path}' claims strips or tiles of {amount(size)} from {amount(most)} on disk; "
            "it is damaged: copy it again or save it anew with smaller strips."
        )


def _whole(file: tifffile.TiffFile, path: Path) -> None:
    """Nothing, where the list of pages ends inside the file and ImageJ's count of them is kept.

    tifffile takes what is left of a file that was cut short; half a stack must not pass for a
    whole one.

    Raises:
        Unreadable: pages are missing.
    """
    size = path.stat().st_size
    pages, lost = _chain(file.filehandle, file.tiff, size)
    if lost:
        raise Unreadable(
            f"'{path}' is cut short: page {pages} should begin at byte {lost} and the file has "
            f"{size}; "
            "copy it again."
        )
    said = file.imagej_metadata if file.is_imagej else None
    claimed = as_number((said or {}).get("images", 1))
    if pages < claimed and file.series and file.series[0].kind != "imagej":
        page = file.pages.first
        there = (size - page.dataoffsets[0]) // max(1, page.nbytes) if page.is_final else pages
        raise Unreadable(
            f"'{path}' is cut short: it has the data of {there} of {claimed:.0f} sections; "
            "copy it again."
        )


def _chain(file: Any, tiff: Any, size: int) -> tuple[int, int]:
    """How many pages the file lists, and where it wants one that lies outside it (0 where it does
    not).
    """
    count, following = (8, 8) if tiff.is_bigtiff else (2, 4)
    order: Literal["little", "big"] = "little" if tiff.byteorder == "<" else "big"
    file.seek(8 if tiff.is_bigtiff else 4)
    at = int.from_bytes(file.read(following), order)
    seen: set[int] = set()
    while at and at not in seen:
        if at + count > size:
            return len(seen), at
        seen.add(at)
        file.seek(at)
        file.seek(at + count + int.from_bytes(file.read(count), order) * tiff.tagsize)
        at = int.from_bytes(file.read(following), order)
    return len(seen), 0


def _volume(
    file: tifffile.TiffFile, path: Path, inside: str, axes: str | None, level: int
) -> Volume:
    series = _series(file, path, inside)
    page = series.keyframe
    if not 0 <= level < len(series.levels):
        raise Unreadable(f"'{path}' has the levels 0 to {len(series.levels) - 1}, not {level}.")
    _grey_or_rgb(page, path)
    chosen = series.levels[level]
    letters = _letters(chosen.axes, axes, path)
    place, ours = place_and_notes(file, series)
    factor = series.shape[series.axes.index("X")] / chosen.shape[chosen.axes.index("X")]
    scale = {k: v * factor if k in "yx" else v for k, v in place.scale.items()}
    place = dataclasses.replace(place, scale=scale)
    history = tuple(str(line) for line in ours.get("history", ()))
    if page.photometric == PALETTE:
        history = (*history, "palette indices kept")
    keep = "zyxZ" if "z" in str(ours.get("axes", "")) else "zyx"
    found = Found(
        _array(path, chosen),
        letters,
        f"{path}::{inside}" if inside else str(path),
        str(ours.get("name") or path.name.partition(".")[0] or path.name),
        place,
        history,
        "labels" if ours.get("kind") == "labels" else "image",
        keep,
    )
    alpha = sum(1 for extra in page.extrasamples if int(extra) in (1, 2))
    white = _white(page, chosen.dtype)
    if white is not None:
        found = found.after(found.array, found.axes, "stored with 0 as white, inverted")
    return arrange(without_colour(found, alpha), white=white)


def _white(page: Any, dtype: np.dtype[Any]) -> int | None:
    """The value of white where it is stored as 0 and has to be turned round; None where all is
    well.

    Masks of one bit stay as stored: tifffile writes True as 1 and calls 0 white.
    """
    if page.photometric != MINISWHITE or dtype.kind != "u":
        return None
    return (1 << page.bitspersample) - 1 if page.bitspersample < 8 else int(np.iinfo(dtype).max)


def _series(file: tifffile.TiffFile, path: Path, inside: str) -> Any:
    whole = [one for one in file.series if 0 not in one.shape]
    # Thumbnails and pages within pages show the same image again.
    main = [
        one for one in whole if len(one.keyframe.treeindex) == 1 and not one.keyframe.is_reduced
    ]
    found = main or whole
    if not found:
        raise Unreadable(f"'{path}' holds no image; copy it again or save it anew.")
    if inside:
        if not inside.isdigit() or int(inside) >= len(found):
            raise Unreadable(f"'{path}' has the images 0 to {len(found) - 1}, not '{inside}'.")
        return found[int(inside)]
    if len(found) > 1:
        shapes = ", ".join(" x ".join(map(str, one.shape)) for one in found[:10])
        raise Unreadable(
            f"'{path}' holds {len(found)} images of different shape ({shapes}); choose one, "
            "for example "
            f"'{path.name}::0', or save them as files of their own."
        )
    return found[0]


def _grey_or_rgb(page: Any, path: Path) -> None:
    strange = STRANGE_COLOURS.get(int(page.photometric))
    if page.photometric == YCBCR and page.compression not in JPEGS:
        strange = "YCbCr colours"
    if strange:
        raise Unreadable(f"'{path}' stores {strange}; convert it to grey or RGB and save it again.")


def _letters(said: str, axes: str | None, path: Path) -> str:
    """Our letters for the axes of a series; `axes` names those of them that are no samples."""
    letters = [LETTERS.get(letter, "?") for letter in said]
    if axes is None:
        return "".join(letters)
    places = [k for k, letter in enumerate(letters) if letter != "s"]
    if len(axes) == len(letters):
        return axes
    if len(axes) != len(places):
        raise Unreadable(f"'{path}' has {len(places)} axes, not the {len(axes)} of '{axes}'.")
    for k, letter in zip(places, axes, strict=True):
        letters[k] = letter
    return "".join(letters)


def _array(path: Path, series: Any) -> LazyArray:
    if series.dataoffset is None:
        return Pages(path, series)
    end = series.dataoffset + series.nbytes
    size = path.stat().st_size
    if end > size:
        whole = max(0, size - series.dataoffset) // max(1, series.nbytes // max(1, series.shape[0]))
        raise Unreadable(
            f"'{path}' is cut short: it claims {' x '.join(map(str, series.shape))} pixels, "
            f"{amount(end)}, "
            f"and has {amount(size)} (about {whole} of {series.shape[0]}); copy it again."
        )
    dtype = np.dtype(series.dtype).newbyteorder(series.keyframe.parent.byteorder)
    return np.memmap(path, dtype, "r", series.dataoffset, tuple(series.shape))
