"""Images grown beyond their border, and holes in them filled, by a Boundless model; what is painted is marked.

Nothing outside a hole changes, to the last bit. Holes are filled from their rim inwards, a quarter of the side of a
training crop at a time, so that every window shows the model as much as it has learnt to need (methods, 13).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import distance_transform_edt

from napari_advseg import families, model_store
from napari_advseg.examples.sections import plane
from napari_advseg.families.family import Family
from napari_advseg.inference import device as devices
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import BlockDone, Phase, Report, Reports, Said, Warned
from napari_advseg.recipes import Lost
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.volume.formats.files import Source, read
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.synthetic import marked
from napari_advseg.volume.volume import Volume

Planes = npt.NDArray[np.float32]
Array = npt.NDArray[Any]
Hole = npt.NDArray[np.bool_]
Margins = tuple[int, int, int, int]
"""Pixels at top, bottom, left and right."""
Painted = tuple[Array, Hole]
"""A section (y, x) or (c, y, x) and where it is synthetic (y, x)."""

GREY = 0.5
NEAR = (0.8, 1.25)
# How a section is turned by quarters so that this side of it lies at the right, as in training.
TURNS = {"right": 0, "bottom": 1, "left": 2, "top": 3}


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


class Mender:
    """A Boundless model ready to paint."""

    def __init__(self, model: StoredModel, settings: PredictionSettings | None = None) -> None:
        chosen = settings or PredictionSettings()
        devices.use_threads(chosen.threads)
        self.card = model.card
        self._device = devices.choose_device(chosen.device)
        self._family: Family[Any] = families.load(model.family).Model(
            model.card.recipe.model, model.card.channels
        )
        if self._family.makes != "filling":
            raise ValueError(
                f"{model.folder or 'This model'} is of the family {model.family} and paints nothing into images; "
                "extend and mend with a model of the family boundless."
            )
        self._family.put_weights(model.weights)
        for name in self._family.inferring:
            self._family.modules[name].to(self._device).eval()
        self.side = model.card.recipe.examples.crop
        self.step = max(1, self.side // 4)

    @classmethod
    def of(cls, model: StoredModel | str, settings: PredictionSettings | None = None) -> Mender:
        """The mender of a model or of its folder."""
        return cls(model if isinstance(model, StoredModel) else model_store.load(model), settings)

    @property
    def mode(self) -> str:
        """What kind of holes it has learnt to fill."""
        return str(self._family.settings.mask.mode)

    def fits(self, image: Volume) -> None:
        """Nothing, where the model can paint into the image.

        Raises:
            ValueError: a time axis, or another number of channels.
        """
        wanted = self.card.channels.image
        if "t" in image.axes or image.size("c") != wanted:
            raise ValueError(
                f"The image has the axes {image.axes} and {image.size('c')} channels, the model was trained on "
                f"{wanted} and sections alone; choose a matching image."
            )

    def notes(self, frame: Frame, wanted: Sequence[str]) -> Iterator[Report]:
        """What the user should know before it paints."""
        if self.mode not in wanted:
            yield Warned(
                f"The model has learnt to fill holes of the kind '{self.mode}'; train one with model.mask.mode="
                f"{wanted[0]} for better results here."
            )
        factors = self.card.factors(frame)
        if not all(NEAR[0] <= factor <= NEAR[1] for factor in factors):
            yield Warned(
                f"The pixels are {factors[0]:.2g} times as large as those of the training image; expect poor results."
            )

    def extended(self, section: Array, margins: Margins) -> Painted:
        """A section grown on all sides; what was there is there, bit by bit."""
        planes = self._unit(section)
        for name, count in zip(("top", "bottom", "left", "right"), margins, strict=True):
            turned = np.rot90(planes, TURNS[name], (1, 2))
            planes = np.rot90(self._grown(turned, count), -TURNS[name], (1, 2))
        top, bottom, left, right = margins
        height, width = planes.shape[-2:]
        inside = (..., slice(top, height - bottom), slice(left, width - right))
        hole = np.ones((height, width), np.bool_)
        hole[inside] = False
        grey = self._grey(planes, section.dtype).reshape(*section.shape[:-2], height, width)
        grey[inside] = section
        return grey, hole

    def mended(self, section: Array, hole: Hole) -> Painted:
        """A section with its holes filled; the rest as it was, bit by bit.

        Raises:
            ValueError: there is nothing around the holes to fill them from.
        """
        if not hole.any():
            return section, hole
        if hole.all():
            raise ValueError(
                "is missing altogether: the model paints from what is around within a section; leave the section out"
            )
        planes = np.where(hole, np.float32(GREY), self._unit(section))
        unknown = hole.copy()
        while unknown.any():
            rim = unknown & (distance_transform_edt(unknown) <= self.step)
            planes = self._painted(planes, unknown, rim)
            unknown &= ~rim
        grey = self._grey(planes, section.dtype).reshape(section.shape)
        return np.where(hole, grey, section), hole

    def _grown(self, planes: Planes, count: int) -> Planes:
        """Planes with `count` columns more at the right."""
        while count > 0:
            step = min(count, self.step)
            planes = np.pad(planes, [(0, 0), (0, 0), (0, step)], constant_values=GREY)
            first = max(0, planes.shape[-1] - self.side)
            hole = np.zeros(planes.shape[-2:], np.bool_)
            hole[:, -step:] = True
            planes = planes.copy()
            strip = self._painted(planes[..., first:], hole[:, first:], hole[:, first:])
            planes[..., first:] = strip
            count -= step
        return planes

    def _painted(self, planes: Planes, hole: Hole, wanted: Hole) -> Planes:
        """Planes with `wanted`, a part of the hole, painted in overlapping windows."""
        total = np.zeros_like(planes)
        weights = np.zeros(hole.shape, np.float32)
        for rows in _spans(hole.shape[0], self.side):
            for columns in _spans(hole.shape[1], self.side):
                window = (rows, columns)
                if not wanted[window].any() or hole[window].all():
                    continue
                tent = np.outer(_tent(rows), _tent(columns)).astype(np.float32)
                total[:, *window] += tent * self._filled(planes[:, *window], hole[window])
                weights[window] += tent
        reached = wanted & (weights > 0)
        return np.where(reached, total / np.where(reached, weights, 1), planes).astype(np.float32)

    @torch.inference_mode()
    def _filled(self, planes: Planes, hole: Hole) -> Planes:
        image, mask = (
            torch.from_numpy(np.ascontiguousarray(one, np.float32))[None].to(self._device)
            for one in (planes, hole[None])
        )
        made: Planes = self._family.fill(image, mask)[0].float().cpu().numpy()
        return made

    def _unit(self, section: Array) -> Planes:
        return self.card.normaliser(section if section.ndim == 3 else section[None])

    def _grey(self, planes: Planes, kind: np.dtype[Any]) -> Array:
        """Planes in the unit range as grey values of a type."""
        low, high = self.card.normaliser.low, self.card.normaliser.high
        grey = low + planes.astype(np.float64) * (high - low)
        if kind.kind == "f":
            return grey.astype(kind)
        bounds = np.iinfo(kind)
        return np.rint(grey).clip(bounds.min, bounds.max).astype(kind)


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


def _spans(length: int, side: int) -> list[slice]:
    """Windows of `side` that cover a length, each half over the next; one where it is no longer."""
    if length <= side:
        return [slice(0, length)]
    starts = [*range(0, length - side, max(1, side // 2)), length - side]
    return [slice(start, start + side) for start in starts]


def _tent(span: slice) -> npt.NDArray[np.float64]:
    """Weights that fall towards the ends of a window."""
    count = span.stop - span.start
    at = np.arange(count) + 0.5
    return np.asarray(np.minimum(at, count - at))
