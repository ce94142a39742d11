"""Images grown beyond their border, and holes in them filled, section by section; what is painted is marked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_advseg.examples.sections import plane
from napari_advseg.inference.mender import Array, Hole, Margins, Mender, Painted
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import BlockDone, Phase, Report, Reports, Said, Warned
from napari_advseg.recipes import Lost
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.volume.formats.files import Source, read
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.synthetic_voxels import marked
from napari_advseg.volume.volume import Volume


def extend(
    image: Source,
    model: StoredModel | str,
    *,
    top: int = 0,
    bottom: int = 0,
    left: int = 0,
    right: int = 0,
    settings: PredictionSettings | None = None,
) -> Reports[Volume]:
    """The image grown by so many pixels at each side, which `synthetic` marks; it lies where it lay.

    Raises:
        ValueError: the image cannot be read or does not fit the model, or the model paints nothing.
    """
    work = Extending(read(image), Mender.of(model, settings), (top, bottom, left, right))
    return (yield from _whole(work))


def mend(
    image: Source,
    model: StoredModel | str,
    holes: Source | None = None,
    *,
    label: int | None = None,
    lost: Lost = "copy",
    settings: PredictionSettings | None = None,
) -> Reports[Volume]:
    """The image with its holes filled, where `holes` is not 0 or the image is not finite; `synthetic` marks them.

    With a `label` only where `holes` is just that. A section that is a hole altogether is a copy of the nearest that
    is not, as far as that was there or is filled; or, with `lost` "refuse", it is refused.

    Raises:
        ValueError: as `extend`, the holes lie on other pixels, there are none, or all sections are nothing but hole.
    """
    given = None if holes is None else read(holes)
    work = Mending(read(image), Mender.of(model, settings), given, label, lost)
    return (yield from _whole(work))


@dataclasses.dataclass(frozen=True, eq=False)
class Extending:
    """One image to be grown."""

    image: Volume
    mender: Mender
    margins: Margins

    def __post_init__(self) -> None:
        self.mender.fits(self.image)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the image that comes out."""
        more = {"y": sum(self.margins[:2]), "x": sum(self.margins[2:])}
        return tuple(self.image.size(axis) + more.get(axis, 0) for axis in self.image.axes)

    @property
    def frame(self) -> Frame:
        """Where it lies: what was there stays in its place."""
        top, bottom, left, right = self.margins
        said = f"grown by a model ({top} px above, {bottom} below, {left} left, {right} right)"
        return self.image.frame.shifted("y", -top).shifted("x", -left).after(said)

    def sections(self) -> Reports[Iterator[Painted]]:
        """Warnings first; then every section as it comes."""
        yield from self.mender.notes(self.image.frame, ("right",))
        return self._made()

    def remarks(self) -> Iterator[Report]:
        """What the user should know afterwards: nothing."""
        return iter(())

    def _made(self) -> Iterator[Painted]:
        for index, section in enumerate(self.image.sections()):
            made, hole = self.mender.extended(section, self.margins)
            before = _synthetic(self.image, index)
            if before is not None:
                top, bottom, left, right = self.margins
                hole |= np.pad(before, ((top, bottom), (left, right)))
            yield made, hole


@dataclasses.dataclass(frozen=True, eq=False)
class Mending:
    """One image whose holes are to be filled."""

    image: Volume
    mender: Mender
    holes: Volume | None
    label: int | None = None
    lost: Lost = "copy"
    copies: dict[int, int] = dataclasses.field(default_factory=dict)
    """Sections that are a hole altogether, and those that they were copied of; filled in while they come."""

    def __post_init__(self) -> None:
        self.mender.fits(self.image)
        if self.holes is None and self.image.dtype.kind != "f":
            raise ValueError(
                "There is nothing to mend: whole numbers are all finite; name the labels of the holes with --holes."
            )
        if self.holes is None:
            return
        sizes = [tuple(one.size(axis) for axis in "yx") for one in (self.image, self.holes)]
        counts = self.image.size("z"), self.holes.size("z")
        if sizes[0] != sizes[1] or counts[1] not in (1, counts[0]) or "c" in self.holes.axes:
            raise ValueError(
                f"The holes of {counts[1]} sections of {sizes[1]} do not lie on the pixels of the image, {counts[0]} "
                f"sections of {sizes[0]}; paint them on this image."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the image that comes out."""
        return self.image.shape

    @property
    def frame(self) -> Frame:
        """Where it lies."""
        return self.image.frame.after("holes filled by a model")

    def sections(self) -> Reports[Iterator[Painted]]:
        """Warnings first; then every section as it comes."""
        yield from self.mender.notes(self.image.frame, ("random", "center"))
        return self._made()

    def remarks(self) -> Iterator[Report]:
        """What the user should know afterwards: which sections are copies."""
        for index, other in self.copies.items():
            yield Warned(
                f"Section {index} was missing altogether, which shows the model nothing: it is a copy of section "
                f"{other}, and synthetic."
            )

    def _made(self) -> Iterator[Painted]:
        has_any = False
        for index, section in enumerate(self.image.sections()):
            hole = self._hole(section, index)
            has_any = has_any or bool(hole.any())
            made = self._filled(section, hole, index)
            before = _synthetic(self.image, index)
            yield made, hole if before is None else hole | before
        if not has_any:
            raise ValueError("There is nothing to mend: no pixel is marked as a hole.")

    def _filled(self, section: Array, hole: Hole, index: int) -> Array:
        if hole.all() and self.lost == "copy":
            section, hole = self._nearest(section, hole, index)
        try:
            return self.mender.mended(section, hole)[0]
        except ValueError as error:
            raise ValueError(f"Section {index} {error}.") from None

    def _nearest(self, section: Array, hole: Hole, index: int) -> Painted:
        """The nearest section of which something is there, the one before where two are as near; else the same."""
        others = sorted(range(self.image.size("z")), key=lambda other: abs(other - index))
        for other in others[1:]:
            there = self.image.section(other)
            around = self._hole(there, other)
            if not around.all():
                self.copies[index] = other
                return there, around
        return section, hole

    def _hole(self, section: Array, index: int) -> Hole:
        if self.holes is None:
            finite = np.isfinite(section.reshape(-1, *section.shape[-2:])).all(0)
            return np.asarray(~finite)
        at = index if self.holes.size("z") > 1 else 0
        labels = plane(self.holes.section(at))
        return np.asarray(labels != 0 if self.label is None else labels == self.label)


def paint_into(work: Extending | Mending, keep: Any, keep_mask: Any) -> Reports[int]:
    """Every section to `keep(index, section)` and its mask to `keep_mask`; how many pixels were painted comes back."""
    count, painted = work.image.size("z"), 0
    made = yield from work.sections()
    yield Phase("paint", count)
    for index, (section, hole) in enumerate(made):
        keep(index, section)
        keep_mask(index, hole.astype(np.uint8))
        painted += int(np.count_nonzero(hole))
        yield BlockDone("paint", index + 1, count)
    yield from work.remarks()
    yield Said(f"{painted:,} pixels are painted by the model and marked as synthetic.")
    return painted


def mask_frame(frame: Frame) -> Frame:
    """Where the mask of an image in `frame` lies."""
    return frame.without("c") if "c" in frame.axes else frame


def _whole(work: Extending | Mending) -> Reports[Volume]:
    axes = work.image.axes
    spatial = tuple(length for axis, length in zip(axes, work.shape, strict=True) if axis in "zyx")
    has_z = "z" in axes
    at = axes.index("z") if has_z else 0
    stack = np.empty(work.shape if has_z else (1, *work.shape), work.image.dtype)
    mask = np.empty(spatial if has_z else (1, *spatial), np.uint8)

    def keep(index: int, section: Array) -> None:
        np.moveaxis(stack, at, 0)[index] = section

    def keep_mask(index: int, hole: Array) -> None:
        mask[index] = hole

    yield from paint_into(work, keep, keep_mask)
    whole = Volume(stack if has_z else stack[0], work.frame)
    return marked(whole, mask if has_z else mask[0])


def _synthetic(image: Volume, index: int) -> Hole | None:
    """Where a section was synthetic before."""
    if image.synthetic is None:
        return None
    key = index if "z" in image.axes else ...
    return np.asarray(np.asarray(image.synthetic[key]) != 0)
