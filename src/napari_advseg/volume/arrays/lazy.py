"""Arrays that are read only where they are indexed: one place that understands keys, many that read
windows.
"""

from __future__ import annotations

import abc
import dataclasses
import operator
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from napari_advseg.volume.refusals import Unreadable, afford

Array = npt.NDArray[Any]
Window = tuple[slice, ...]


class LazyArray(Protocol):
    """What a volume reads from: numpy, zarr, h5py and TIFF arrays all have it."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __getitem__(self, key: Any) -> Any: ...


class Windowed(abc.ABC):
    """An array that can read a window; from that follows indexing by numbers, slices, `...` and
    lists.

    Nothing is cached here and nothing larger than the answer is read; a list or a step in a
    leading axis
    reads only the places that it names; a step inside a section reads what lies between too.
    """

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Length along each axis."""

    @property
    @abc.abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """Type of an element, in the byte order of this machine."""

    @abc.abstractmethod
    def read(self, window: Window) -> Array:
        """The part inside `window`: one slice an axis, step 1, inside the shape."""

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=object))

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:  # noqa: FBT001 - numpy's protocol
        return np.asarray(self[...], dtype=dtype)

    def __getitem__(self, key: Any) -> Any:
        keys = self._spread(key)
        scattered = [k for k, one in enumerate(keys) if _scattered(one, leading=k < self.ndim - 2)]
        if scattered:
            return self._gathered(keys, scattered[0])
        window, after = zip(*map(_split, keys, self.shape), strict=True) if keys else ((), ())
        afford(_volume(window) * self.dtype.itemsize, f"Reading {_spelled(window)} at once")
        return np.asarray(self.read(window))[after]

    def _spread(self, key: Any) -> list[Any]:
        """One number, slice or list an axis."""
        keys = list(key) if isinstance(key, tuple) else [key]
        holes = [k for k, one in enumerate(keys) if one is Ellipsis]
        missing = self.ndim - (len(keys) - len(holes))
        if len(holes) > 1 or missing < 0 or any(one is None for one in keys):
            raise IndexError(f"{key!r} does not index an array of {self.ndim} axes.")
        at = holes[0] if holes else len(keys)
        keys[at : at + len(holes)] = [slice(None)] * missing
        return keys

    def _gathered(self, keys: list[Any], axis: int) -> Array:
        """The answer put together from one reading for each place along `axis`."""
        chosen = keys[axis]
        length = self.shape[axis]
        places = range(length)[chosen] if isinstance(chosen, slice) else _listed(chosen, length)
        parts = [self[(*keys[:axis], place, *keys[axis + 1 :])] for place in places]
        kept = sum(1 for one in keys[:axis] if not _is_number(one))
        if not parts:
            return self[(*keys[:axis], slice(0, 0), *keys[axis + 1 :])]  # type: ignore[no-any-return]
        return np.stack(parts, axis=kept)


class Stored(Windowed):
    """An array in a file, of the shape, type and chunks (() where it has none) that the file says."""

    def __init__(
        self, shape: Sequence[int], dtype: Any, chunks: Sequence[int] | None = None
    ) -> None:
        self._shape = tuple(int(length) for length in shape)
        self._dtype = native(dtype)
        self.chunks = tuple(int(length) for length in chunks or ())

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype


class Derived(Windowed):
    """What is made of another array where it is read; of its shape, type and chunks unless it says otherwise."""

    array: LazyArray

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(length) for length in self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return native(self.array.dtype)

    @property
    def chunks(self) -> Any:
        """Those of the other array, so that a run of sections reads each of them at most twice."""
        return getattr(self.array, "chunks", None)


@dataclasses.dataclass(frozen=True, eq=False)
class Mapped(Derived):
    """Every element of another array through `work`, which gives `kind` and leaves what it gets as it is."""

    array: LazyArray
    work: Callable[[Array], Array]
    kind: np.dtype[Any]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.kind

    def read(self, window: Window) -> Array:
        return self.work(np.asarray(self.array[window]))


class Cut(Derived):
    """What lies inside a window of another array; all of it without one."""

    def __init__(self, array: LazyArray, window: Window | None = None) -> None:
        self.array = array
        self.window = window or tuple(slice(0, int(length)) for length in array.shape)

    @classmethod
    def along(cls, array: LazyArray, axis: int, first: int, end: int) -> Self:
        """A range along one axis."""
        whole = [slice(0, int(length)) for length in array.shape]
        return cls(array, (*whole[:axis], slice(first, end), *whole[axis + 1 :]))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(one.stop - one.start for one in self.window)

    def read(self, window: Window) -> Array:
        return in_native(self.array[self._within(window)])

    def _within(self, window: Window) -> Window:
        """A window of what is cut out, as one of the whole."""
        return tuple(
            slice(ours.start + one.start, ours.start + one.stop)
            for ours, one in zip(self.window, window, strict=True)
        )


class Level(Cut):
    """A level of a pyramid for napari, which cuts the view out of all sections first and takes one section of that.

    A key of nothing but slices is only noted; what comes back is read when one of its sections is asked for, or all
    of it by `np.asarray`.
    """

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple) and len(key) == self.ndim and all(map(_is_plain_slice, key)):
            return Level(self.array, self._within(_limits(key, self.shape)))
        return super().__getitem__(key)


def _is_plain_slice(one: Any) -> bool:
    return isinstance(one, slice) and one.step in (None, 1)


def _limits(key: Window, shape: tuple[int, ...]) -> Window:
    """Slices with both ends, inside the shape."""
    ends = (one.indices(length) for one, length in zip(key, shape, strict=True))
    return tuple(slice(start, max(start, stop)) for start, stop, _ in ends)


@dataclasses.dataclass(frozen=True, eq=False)
class Arranged(Derived):
    """Another array with its axes in another order, some taken at index 0 and some (None) new
    of length 1.

    Attributes:
        array: where the data comes from.
        order: for each axis of the result the axis of `array` it is; axes of `array` not
            named have length 1.
        white: the largest value, where 0 is white in the file: values are subtracted from it.
    """

    array: LazyArray
    order: tuple[int | None, ...]
    white: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self._ordered(self.array.shape)

    @property
    def chunks(self) -> Any:
        chunks = getattr(self.array, "chunks", None)
        return chunks and self._ordered(chunks)

    def read(self, window: Window) -> Array:
        keys: list[slice] = [slice(0, 1)] * len(self.array.shape)
        for axis, one in zip(self.order, window, strict=True):
            if axis is not None:
                keys[axis] = one
        found = np.asarray(self.array[tuple(keys)])
        named = [axis for axis in self.order if axis is not None]
        rest = [axis for axis in range(found.ndim) if axis not in named]
        found = found.transpose(*named, *rest).reshape([found.shape[axis] for axis in named])
        new = tuple(k for k, axis in enumerate(self.order) if axis is None)
        return self._value(np.expand_dims(found, new))

    def _ordered(self, lengths: Sequence[int]) -> tuple[int, ...]:
        return tuple(1 if axis is None else lengths[axis] for axis in self.order)

    def _value(self, found: Array) -> Array:
        return in_native(found if self.white is None else self.white - in_native(found))


@dataclasses.dataclass(frozen=True, eq=False)
class OneChannel(Derived):
    """One place along `axis`, or the mean of all where `place` is None; the axis is gone."""

    array: LazyArray
    axis: int
    place: int | None

    @property
    def shape(self) -> tuple[int, ...]:
        return self._without_axis(self.array.shape)

    @property
    def chunks(self) -> Any:
        """Those of the other axes."""
        chunks = getattr(self.array, "chunks", None)
        return chunks and self._without_axis(chunks)

    def read(self, window: Window) -> Array:
        if self.place is not None:
            return self._part(window, slice(self.place, self.place + 1)).squeeze(0)
        found = self._part(window, slice(None))
        wide = np.float64 if found.dtype.itemsize > 2 else np.float32
        mean: Array = found.mean(0, dtype=wide)
        return (np.rint(mean) if found.dtype.kind in "iu" else mean).astype(found.dtype)

    def _part(self, window: Window, places: slice) -> Array:
        """Several places of a window, which lie along the first axis."""
        keys = (*window[: self.axis], places, *window[self.axis :])
        return np.moveaxis(in_native(self.array[keys]), self.axis, 0)

    def _without_axis(self, lengths: Sequence[int]) -> tuple[int, ...]:
        return (*lengths[: self.axis], *lengths[self.axis + 1 :])


@dataclasses.dataclass(frozen=True, eq=False)
class Grey(OneChannel):
    """The first channel of an array whose channels along `axis` are to be equal; `where` names its file."""

    where: str

    def read(self, window: Window) -> Array:
        found = self._part(window, slice(None))
        if any(not np.array_equal(found[0], other) for other in found[1:]):
            raise Unreadable(
                f"'{self.where}' is grey stored as RGB where it was looked at, but has colour in "
                f"{_spelled(window)}; convert it to grey and save it again."
            )
        return np.asarray(found[0])


def overlap(one: slice, other: slice) -> tuple[slice, slice]:
    """What two ranges along an axis have in common, counted from the start of each; empty where that is nothing."""
    first = max(one.start, other.start)
    end = max(first, min(one.stop, other.stop))
    return slice(first - one.start, end - one.start), slice(first - other.start, end - other.start)


def native(dtype: Any) -> np.dtype[Any]:
    """The type in this machine's byte order; bool becomes uint8."""
    kind = np.dtype(dtype)
    return np.dtype(np.uint8) if kind.kind == "b" else kind.newbyteorder("=")


def in_native(array: Any) -> Array:
    """The array in this machine's byte order, bool as uint8; not copied where it is so already."""
    found = np.asarray(array)
    return found.astype(native(found.dtype), copy=False)


def _is_number(key: Any) -> bool:
    return hasattr(key, "__index__") and not (isinstance(key, np.ndarray) and key.ndim > 0)


def _scattered(key: Any, *, leading: bool) -> bool:
    """Whether single places are read: lists, and steps over sections (not over pixels, which lie
    together).
    """
    if isinstance(key, slice):
        return leading and abs(key.step or 1) > 1
    return not _is_number(key)


def _listed(key: Any, length: int) -> list[int]:
    """The places a list of numbers or a mask names."""
    places = np.asarray(key)
    if places.ndim != 1 or places.dtype.kind not in "biu":
        raise IndexError(f"{key!r} is no number, slice or list of numbers.")
    if places.dtype == bool:
        if len(places) != length:
            raise IndexError(f"A mask of {len(places)} does not fit an axis of {length}.")
        places = np.flatnonzero(places)
    return [int(place) for place in places]


def _split(key: Any, length: int) -> tuple[slice, Any]:
    """The window to read and how to index it afterwards."""
    if not isinstance(key, slice):
        place = operator.index(key)
        if not -length <= place < length:
            raise IndexError(f"Index {place} is outside 0..{length - 1}.")
        return slice(place % length, place % length + 1), 0
    places = range(length)[key]
    if not places:
        return slice(0, 0), slice(None)
    return slice(min(places[0], places[-1]), max(places[0], places[-1]) + 1), slice(
        None, None, places.step
    )


def _volume(window: Window) -> int:
    count = 1
    for one in window:
        count *= one.stop - one.start
    return count


def _spelled(window: Window) -> str:
    return "[" + ", ".join(f"{one.start}:{one.stop}" for one in window) + "]"
