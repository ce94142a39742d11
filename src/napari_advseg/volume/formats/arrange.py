"""From the axes of a file to the order t, c, z, y, x: what is transposed, dropped or refused, and
said.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from napari_advseg.volume.arrays.lazy import Arranged, Cut, Grey, LazyArray, native
from napari_advseg.volume.formats.attributes import Place
from napari_advseg.volume.frame import AXES, Frame
from napari_advseg.volume.refusals import Unreadable
from napari_advseg.volume.units import PIXEL
from napari_advseg.volume.volume import Kind, Volume

LOOKED_AT_BYTES = 1 << 28


@dataclasses.dataclass(frozen=True)
class Found:
    """What a file said about its array, axis by axis, before anything is put in order.

    Attributes:
        axes: one letter an axis; "s" are the samples of a colour, "?" an axis without a name.
        place: scale, units and translate, as far as they were said.
        keep: axes of the result that stay even where their length is 1 or the array has none.
    """

    array: LazyArray
    axes: str
    where: str
    name: str = ""
    place: Place = dataclasses.field(default_factory=Place)
    history: tuple[str, ...] = ()
    kind: Kind = "image"
    keep: str = "zyx"

    def after(self, array: LazyArray, axes: str, what: str) -> Found:
        """The same file with another array and one more line of history."""
        history = (*self.history, what) if what else self.history
        return dataclasses.replace(self, array=array, axes=axes, history=history)


def arrange(found: Found, *, white: int | None = None) -> Volume:
    """The volume in the order t, c, z, y, x and this machine's byte order; a length-1 t or c is
    dropped.

    Raises:
        Unreadable: the elements are no real numbers, the array is empty or an axis has no name.
    """
    _numeric(found)
    letters = _named(found)
    lengths = dict(zip(letters, found.array.shape, strict=True))
    kept = [
        axis
        for axis in AXES
        if (axis in lengths and (lengths[axis] > 1 or axis in found.keep))
        or (axis == "z" and "Z" in found.keep)
    ]
    order = tuple(letters.index(axis) if axis in lengths else None for axis in kept)
    array = found.array
    if (
        white is not None
        or order != tuple(range(len(letters)))
        or native(array.dtype) != np.dtype(array.dtype)
    ):
        array = Arranged(array, order, white)
    return Volume(array, _frame(found, "".join(kept)), source=found.where, kind=found.kind)


def without_colour(found: Found, alpha: int) -> Found:
    """The samples "s" as channel axis "c": `alpha` last ones dropped, equal ones made one; the
    history says it.
    """
    if "s" not in found.axes:
        return found
    at = found.axes.index("s")
    colours = found.array.shape[at] - alpha
    if alpha and colours > 0:
        found = found.after(
            Cut.along(found.array, at, 0, colours), found.axes, "alpha channel dropped"
        )
    if colours == 3 and _all_grey(found.array, at):
        grey = Grey(found.array, at, 0, found.where)
        return found.after(grey, found.axes.replace("s", ""), "grey stored as RGB made one channel")
    return found.after(found.array, found.axes.replace("s", "c"), "")


def axis_letters(shape: Sequence[int], where: str, axes: str | None, own: str | None = None) -> str:
    """The letters of an array's axes: those the user names, else its `own`, else "yx" or "zyx".

    Raises:
        Unreadable: `axes` names more or fewer, or nothing says what they are.
    """
    count = len(shape)
    if axes is not None and len(axes) != count:
        raise Unreadable(
            f"'{where}' has {count} axes {tuple(shape)}, not the {len(axes)} of '{axes}'."
        )
    letters = axes or own
    if letters is None and count not in (2, 3):
        raise Unreadable(
            f"'{where}' has {count} axes {tuple(shape)} and no names for them; say them as axes='czyx'."
        )
    return letters or "zyx"[-count:]


def _numeric(found: Found) -> None:
    dtype = np.dtype(found.array.dtype)
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise Unreadable(
            f"'{found.where}' holds elements of type {dtype}; only integer, boolean and real "
            "numbers of up to "
            "64 bit are read: convert it."
        )
    if 0 in found.array.shape:
        raise Unreadable(f"'{found.where}' is empty: its shape is {tuple(found.array.shape)}.")


def _named(found: Found) -> list[str]:
    """A letter of tczyx an axis; other axes of length 1 get a digit, to be dropped."""
    letters = []
    for k, (letter, length) in enumerate(zip(found.axes, found.array.shape, strict=True)):
        known = letter in AXES and letter not in letters
        letters.append(letter if known else str(k) if length == 1 else "?")
    if letters.count("?") == 1 and "z" not in letters and "s" not in found.axes:
        letters[letters.index("?")] = "z"
    if "?" in letters or "y" not in letters or "x" not in letters:
        shape = " x ".join(map(str, found.array.shape))
        raise Unreadable(
            f"'{found.where}' has axes '{found.axes}' of {shape}, which are not all known; "
            "name them, for example axes='zyx', or save it with ImageJ or OME metadata."
        )
    return letters


def _all_grey(array: LazyArray, axis: int) -> bool:
    """Whether the channels along `axis` are equal; of a large array only a part is looked at."""
    shape = array.shape
    total = int(np.prod(shape, dtype=object)) * np.dtype(array.dtype).itemsize
    leading = len(shape) - 3
    if leading <= 0 or total <= LOOKED_AT_BYTES:
        places: Sequence[tuple[int, ...]] = (
            list(np.ndindex(*shape[:leading])) if leading > 0 else [()]
        )
    else:
        corners = ((0, length // 2, length - 1) for length in shape[:leading])
        places = list(zip(*corners, strict=True))
    for place in places:
        part = np.moveaxis(np.asarray(array[place]), axis - max(0, leading), 0)
        if any(not np.array_equal(part[0], other) for other in part[1:]):
            return False
    return True


def _frame(found: Found, axes: str) -> Frame:
    place = found.place
    scale = [place.scale.get(axis, 1.0) for axis in axes]
    good = [step if np.isfinite(step) and step > 0 else 1.0 for step in scale]
    units = [place.units.get(axis, PIXEL if axis in "zyx" else "") for axis in axes]
    bad = [axis for axis, step, kept in zip(axes, scale, good, strict=True) if step != kept]
    history = found.history
    if bad:
        history = (*history, f"meaningless scale of {', '.join(bad)} read as 1 pixel")
        units = [
            PIXEL if axis in bad and axis in "zyx" else unit
            for axis, unit in zip(axes, units, strict=True)
        ]
    translate = [place.translate.get(axis, 0.0) for axis in axes]
    return Frame(axes, tuple(good), tuple(units), tuple(translate), found.name, history)
