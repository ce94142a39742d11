"""One model on one device in one precision, ready for sections."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import psutil
import torch

from napari_advseg import families
from napari_advseg.examples.resize import resized_image
from napari_advseg.families.family import Family
from napari_advseg.inference import device as devices
from napari_advseg.inference.blend import Blender
from napari_advseg.inference.fitting import Map, around, gives_classes, stored
from napari_advseg.inference.mender import Mender
from napari_advseg.inference.precision import Agreement
from napari_advseg.inference.slabs import block
from napari_advseg.inference.tiles import Tile, TileGrid
from napari_advseg.model_store import StoredModel
from napari_advseg.networks.convolution import folded
from napari_advseg.progress import BlockDone, Report, Reports, Said, Warned
from napari_advseg.settings.prediction import TILES, PredictionSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.part import Part
from napari_advseg.volume.units import known_distance, unit_symbol
from napari_advseg.volume.volume import Volume

MEMORY_SHARE = 0.5
PROBE = 512
SMALLEST_TILE = 64
SEAM_OVERLAP = 32
VOXELS = 4_000_000
"""Largest tile of a volume: larger ones gain nothing, and a run is cancelled between tiles."""
SLAB_SHARE = 0.25
SHALLOWEST = 4
DISTANT = 1.6
NEAR = (0.8, 1.25)
RESIZED = (1 / 8, 3.0)
"""Voxel sizes of image and training that count as equal, and those between which the image is resized."""
REDUCED = {"bf16": torch.bfloat16, "fp16": torch.float16}
Work = Literal["infer", "paint", "judge"]


class Predictor:
    """One model on one device in one precision, ready for sections.

    Its work is to make maps of images (`section`), images of target maps (`painted`), or to say how false maps look
    to its critic (`judged`).
    """

    def __init__(
        self, model: StoredModel, settings: PredictionSettings, work: Work = "infer"
    ) -> None:
        """The networks that the work needs.

        Raises:
            ValueError: the weights do not fit, or the model has no critic and should judge.
        """
        self.threads = devices.use_threads(settings.threads)
        self.model = model
        self.settings = settings
        self.device = devices.choose_device(settings.device)
        self.precision: devices.Resolved = "fp32"
        self.family: Family[Any] = families.load(model.family).Model(
            model.card.recipe.model, model.card.channels
        )
        self.family.put_weights(model.weights)
        self.work = work
        critic = self.family.critic
        if work == "judge" and critic is None:
            raise ValueError(without_critic(model.family))
        self.stride: int = self.family.stride
        self._context: int = self.family.context
        if work == "judge" and critic is not None:
            self.stride, self._context = critic.step, critic.sees // 2 + critic.step
        trained = model.card.recipe.examples.scale
        self.scale: tuple[float, float] = (trained, trained)
        self.is_volume = self.family.dimensions == 3
        players = {"infer": self.family.inferring, "paint": self.family.painting}
        for name in players.get(work, ("critic",)):
            self.family.modules[name] = folded(self.family.modules[name]).to(  # type: ignore[call-overload]
                device=self.device, memory_format=self.family.memory_format
            )
        self._largest: int | None = None
        self._side = settings.tile
        # A multiple of the stride, so that pixels are pooled with the same neighbours as without it.
        self._border = -(-settings.border // self.stride) * self.stride
        paints_border = self._border and settings.border_model
        if paints_border and self.family.dimensions == 3:
            raise ValueError(
                "A border model paints around sections one by one and this model looks at several together; leave "
                "prediction.border_model out, so that the border is mirrored."
            )
        self._mender = Mender.of(settings.border_model or "", settings) if paints_border else None
        self._depth = settings.depth
        self._normaliser = model.card.normaliser

    @property
    def ran(self) -> PredictionSettings:
        """The settings with all that was chosen here: with them the same image gives the same map again."""
        return self.settings.changed(
            device=self.device.type,
            precision=self.precision,
            threads=self.threads,
            tile=None if self._side is None else min(max(self._side, TILES[0]), TILES[1]),
            depth=None if self._depth is None else max(self._depth, SHALLOWEST),
        )

    @property
    def halo(self) -> int:
        chosen = self.settings.halo
        return self._context if chosen is None else chosen

    @property
    def sections_around(self) -> int:
        """Sections before and behind a slab that are computed and thrown away, as the halo around a tile."""
        return -(-self.halo * self.family.depth_stride // self.stride)

    def around(self, index: int, count: int) -> range:
        """The sections to look at for one of `count`: as many as in a training patch, where there are."""
        return around(self.model.card, index, count)

    def slab_depth(self, count: int, height: int, width: int) -> int:
        """How many of `count` sections are read at once: a tile is as deep, and all of its maps fit memory."""
        if self.settings.depth is not None:
            return self.settings.depth
        memory = MEMORY_SHARE * devices.free_memory(self.device) / self.family.bytes_per_pixel
        flatness = self.family.depth_stride / self.stride
        as_cube = (min(memory, VOXELS) * flatness**2) ** (1 / 3)
        channels = self._made + 2 * self.model.card.channels.image
        held = SLAB_SHARE * psutil.virtual_memory().available / (4 * channels * height * width)
        step = self.family.depth_stride
        least = 2 * self.sections_around + 2 * step
        depth = int(max(min(as_cube, held), least)) // step * step
        self._depth = min(count, depth)
        return depth

    @property
    def _made(self) -> int:
        """Channels of what is made."""
        channels = self.model.card.channels
        if self.work != "infer":
            return channels.image if self.work == "paint" else 1
        return channels.output if self._gives_classes else 1

    @property
    def _gives_classes(self) -> bool:
        return gives_classes(self.model)

    def prepare(self, volume: Volume) -> Iterator[Report]:
        """Choose precision, and say what the user should know."""
        yield from self._choose_precision(volume)
        if self.family.tile_dependent:
            yield from self._report_seams(self._probe(volume))

    def _probe(self, volume: Volume) -> npt.NDArray[Any]:
        """What to try things on: the section in the middle, or a block around it."""
        index = volume.size("z") // 2
        if not self.is_volume:
            return volume.section(index)
        sections = self.around(index, volume.size("z"))
        return block(volume, sections.start, sections.stop)

    def match(self, frame: Frame) -> tuple[Report, ...]:
        """Show images in the place of `frame` at the voxel size of the training; what is to be said of it."""
        trained = self.model.card.recipe.examples.scale
        self.scale = (trained, trained)
        factors = self.model.card.factors(frame)
        if self.is_volume and (words := self._other_distance(frame)):
            return (Warned(words),)
        if all(NEAR[0] <= factor <= NEAR[1] for factor in factors):
            return ()
        here, there = frame.axes.index("y"), self.model.card.voxel_size[-2]
        words = (
            f"The image has {frame.scale[here]:g} {unit_symbol(frame.units[here])} along y, the model was trained "
            f"at {there:g} {unit_symbol(self.model.card.units[-2])}"
        )
        if not self.settings.resize:
            return (Warned(f"{words}; resize the image to that size for good results."),)
        if not all(RESIZED[0] <= factor <= RESIZED[1] for factor in factors):
            return (Warned(f"{words}; that is too far apart to expect good results."),)
        self.scale = (trained * factors[0], trained * factors[1])
        return (Said(f"{words}; the network sees it at that size."),)

    def _other_distance(self, frame: Frame) -> str:
        """What is to be said of sections that lie further apart, or nearer, than in training; else nothing."""
        trained = getattr(self.model.card.recipe.model, "anisotropy", None)
        here = known_distance(frame)
        if trained is None or (here is not None and 1 / DISTANT < here / trained < DISTANT):
            return ""
        if here is None:
            return (
                f"The voxel size of the image is not known; its sections are taken to lie {trained:g} pixels apart, as "
                "those that the model was trained on."
            )
        return (
            f"Sections lie {here:.3g} pixels apart, those that the model was trained on {trained:g}; do not expect "
            "good results, and train a model on such images."
        )

    def take_grey(self, volume: Volume) -> None:
        """Fit the grey values to this very volume where the settings ask for it; else they are the training's."""
        card = self.model.card
        self._normaliser = card.normaliser
        if self.settings.refit:
            self._normaliser = Normaliser.fit(volume, card.recipe.examples.normalisation)

    def sees(self, part: Part, shape: tuple[int, int]) -> Part:
        """What of a section of `shape` the network looks at for a part of it."""
        scale = min(self.scale)
        step = self.stride if self.scale == (1.0, 1.0) else 1
        return part.grown(math.ceil((self.halo + self.stride) / scale), shape, step)

    def section(self, image: npt.NDArray[Any], index: int = 0, count: int = 1) -> Reports[Map]:
        """What the model makes of one section (y, x) or (c, y, x), NaN where the image is not finite.

        An interior map (y, x), or one map a class (k, y, x); float32 in [0, 1]. A model of volumes takes
        neighbouring sections and has an axis z before y everywhere.
        """
        inside = slice(self._border, -self._border or None)
        planes = self._planes(self._surrounded(image))
        height, width = (side + 2 * self._border for side in image.shape[-2:])
        small = yield from self._tiled(padded(planes, self.stride), index, count)
        small = small[..., : planes.shape[-2], : planes.shape[-1]]
        section = (
            small if planes.shape[-2:] == (height, width) else resized_image(small, height, width)
        )
        section = section[..., inside, inside]
        if image.dtype.kind == "f":
            finite = np.isfinite(image)
            finite = finite.all(axis=0) if self._has_channels(image) else finite
            section[:, ~finite] = np.nan
        return section if self._gives_classes else section[0]

    def painted(self, maps: Map, index: int = 0, count: int = 1) -> Reports[Map]:
        """The image (c, y, x) of target maps (k, y, x) in [0, 1]: float32, in the unit range of the training image."""
        image = yield from self._tiled(padded(maps, self.stride), index, count)
        return image[:, : maps.shape[-2], : maps.shape[-1]]

    def judged(
        self, image: npt.NDArray[Any], interior_map: Map, index: int = 0, count: int = 1
    ) -> Reports[Map]:
        """How false a map (k, y, x) of a section (y, x) or (c, y, x) looks to the critic: (y, x), all in [0, 1]."""
        grey = self._planes(image)
        height, width = grey.shape[-2:]
        planes = np.concatenate([grey, resized_image(interior_map, height, width)])
        found = yield from self._tiled(padded(planes, self.stride), index, count)
        return resized_image(found[0, :height, :width], *interior_map.shape[-2:])

    def as_classes(self, shares: Map) -> npt.NDArray[Any]:
        """The most probable class of every pixel, from (k, ...), as its value in the annotation."""
        targets = self.model.card.recipe.examples.targets
        values = np.array(targets.classes, stored(self.model))
        best: npt.NDArray[Any] = values[np.nan_to_num(shares).argmax(0)]
        return best

    def _surrounded(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A section with context around it, where the settings ask for some."""
        if not self._border:
            return image
        if self._mender is not None:
            return self._mender.extended(image, (self._border,) * 4)[0]
        around = [(0, 0)] * (image.ndim - 2) + [(self._border, self._border)] * 2
        return np.pad(image, around, mode="symmetric")

    def _has_channels(self, image: npt.NDArray[Any]) -> bool:
        return image.ndim > self.family.dimensions

    def _planes(self, image: npt.NDArray[Any]) -> Map:
        """A section, or neighbouring ones, as the network knows them: channels, grey values, training scale."""
        planes = self._normaliser(image if self._has_channels(image) else image[None])
        if self.scale == (1.0, 1.0):
            return planes
        height, width = (
            max(1, round(side * scale))
            for side, scale in zip(planes.shape[-2:], self.scale, strict=True)
        )
        return resized_image(planes, height, width)

    def _report_seams(self, image: npt.NDArray[Any]) -> Iterator[Report]:
        """How far two neighbouring tiles differ where they overlap."""
        planes = padded(self._planes(image), self.stride)
        pair = list(islice(self.grid(planes.shape[1:]), 2))
        if len(pair) < 2:
            return
        sections = np.full((2, *planes.shape[1:]), np.nan, np.float32)
        for section, tile in zip(sections, pair, strict=True):
            output = self._tile(planes, tile)
            if output is None:
                return
            section[(..., *tile.counts)] = output[(0, ..., *tile.inside)]
        difference = np.nanmean(np.abs(sections[0] - sections[1]))
        yield Said(
            f"The network's {'output' if self.is_volume else 'normalisation'} depends on the tile: neighbouring tiles "
            f"differ by {difference:.4f} on average where they overlap, and are blended there. A larger tile differs "
            "less."
        )

    def _tiled(self, planes: Map, index: int, count: int) -> Reports[Map]:
        grid = self.grid(planes.shape[1:])
        blender = Blender((self._made, *planes.shape[1:]))
        waiting = deque(grid)
        total, done = len(grid), 0
        while waiting:
            tile = waiting.popleft()
            if (
                self._largest is not None
                and tile.side > self._largest
                and tile.side > SMALLEST_TILE
            ):
                quarters = tile.quarters(self.stride)
                if len(quarters) > 1:
                    waiting.extendleft(reversed(quarters))
                    total += len(quarters) - 1
                    continue
            output = self._tile(planes, tile)
            if output is None:
                yield Warned(self._shrink(tile))
                waiting.appendleft(tile)
                continue
            blender.add(tile, output)
            done += 1
            yield BlockDone("predict", index * total + done, count * total)
        return blender.section

    def grid(self, shape: tuple[int, ...]) -> TileGrid:
        """The tiles for a padded section (y, x), or a slab (z, y, x), of this shape."""
        overlap = SEAM_OVERLAP if self.family.tile_dependent else 0
        tile = self.settings.tile or self._affordable(max(shape[-2:]), math.prod(shape[:-2]))
        self._side = min(tile, self._largest or tile)
        height, width = shape[-2:]
        return TileGrid.over((height, width), tile, self.halo, self.stride, overlap)

    def _affordable(self, longest: int, depth: int) -> int:
        """The largest tile of so many sections that fits memory, at most the whole section."""
        pixels = MEMORY_SHARE * devices.free_memory(self.device) / self.family.bytes_per_pixel
        if self.is_volume:
            pixels = min(pixels, VOXELS) / depth
        least = 2 * self.halo + 4 * self.stride
        return int(min(longest, max(pixels**0.5, least)))

    def _shrink(self, tile: Tile) -> str:
        side = tile.side
        if side <= max(SMALLEST_TILE, 2 * self.halo + self.stride):
            raise ValueError(
                f"Memory does not suffice for a tile of {side} px on {self.device}; close other programs, or choose "
                "device cpu or a smaller model."
            )
        self._largest = side // 2
        return f"Memory did not suffice for a tile of {side} px; going on with half of it."

    def _tile(self, planes: Map, tile: Tile) -> Map | None:
        """The map of what the tile reads, None where memory does not suffice."""
        try:
            return self.infer(planes[(..., *tile.reads)])
        except RuntimeError as error:
            if not devices.is_out_of_memory(error):
                raise
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    @torch.inference_mode()
    def infer(self, planes: Map, precision: str | None = None) -> Map:
        """The maps (k, ...) of normalised planes (c, ...) whose sides are multiples of the stride."""
        tile = torch.from_numpy(np.ascontiguousarray(planes))[None].to(self.device)
        reduced = REDUCED.get(precision or self.precision)
        with torch.autocast(self.device.type, dtype=reduced, enabled=reduced is not None):
            if not self.settings.flips:
                output = self._forward(tile)
            else:
                output = torch.stack([self._turned(tile, turn) for turn in range(8)]).mean(0)
        return output[0].float().cpu().numpy()

    def _forward(self, tile: torch.Tensor) -> torch.Tensor:
        tile = tile.contiguous(memory_format=self.family.memory_format)
        if self.work == "judge":
            channels = self.model.card.channels.image
            return self.family.judge(tile[:, :channels], tile[:, channels:])
        return self.family.paint(tile) if self.work == "paint" else self.family.infer(tile)

    def _turned(self, tile: torch.Tensor, turn: int) -> torch.Tensor:
        """The output for one of the eight flips and rotations, turned back."""
        there = torch.rot90(tile, turn % 4, (-2, -1))
        there = there.flip(-1) if turn >= 4 else there
        back = self._forward(there)
        back = back.flip(-1) if turn >= 4 else back
        return torch.rot90(back, -(turn % 4), (-2, -1))

    def _choose_precision(self, volume: Volume) -> Iterator[Report]:
        wanted = self.settings.precision
        if wanted != "auto":
            self.precision = wanted
            return
        self.precision = "fp32"  # the volume before may have been another
        half = devices.half_precision(self.device)
        pixels = volume.size("z") * volume.size("y") * volume.size("x")
        if half == "fp32" or pixels < 4 * PROBE * PROBE:
            return
        agreement = self.agreement(self._probe(volume), half)
        if agreement.good:
            self.precision = half
        yield Said(
            f"{half} {'is used' if agreement.good else 'is not used'}: {agreement.in_words}."
        )

    def agreement(self, section: npt.NDArray[Any], half: devices.Resolved) -> Agreement:
        """How well `half` agrees with fp32 on the middle of a section, or of neighbouring ones."""
        side = PROBE if not self.is_volume else PROBE // 2
        planes = section if self._has_channels(section) else section[None]
        planes = self._normaliser(middle(planes, side))
        planes = padded(planes, self.stride)
        full, reduced = (self.infer(planes, precision) for precision in ("fp32", half))
        if self._gives_classes:
            return Agreement(float((full.argmax(0) == reduced.argmax(0)).mean()), 0.0)
        return Agreement.between(full[0], reduced[0], self.model.card.labelling)


def without_critic(family: str) -> str:
    """Why a model of a family cannot judge."""
    return (
        f"This model ({family}) has no critic that has seen images and maps together; train an adversarial_unet or a "
        "cgan on such images, or sort by boundary evidence."
    )


def padded(planes: Map, stride: int) -> Map:
    """Planes (..., y, x) reflected below and to the right until both sides are multiples of `stride`."""
    missing = [(0, -side % stride) for side in planes.shape[-2:]]
    if not any(after for _, after in missing):
        return planes
    around = [*[(0, 0)] * (planes.ndim - 2), *missing]
    return np.pad(planes, around, mode="reflect" if min(planes.shape[-2:]) > 1 else "edge")


def middle(planes: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """The middle square of planes (..., y, x), at most `side` long."""
    top, left = (max(0, (length - side) // 2) for length in planes.shape[-2:])
    return planes[..., top : top + side, left : left + side]
