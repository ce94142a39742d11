"""Augmentation: geometry for image and labels alike, faults of the microscope for the image alone.

Images have the shape (c, z, y, x) and labels (z, y, x); a 2D crop has one section. Whatever is
drawn comes from the numpy generator that is given: equal generators give equal examples.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from napari_advseg.examples.resize import add_scaled
from napari_advseg.examples.sections import mirrored
from napari_advseg.settings.examples import AugmentationSettings
from napari_advseg.volume.compiled import compiled

Floats = npt.NDArray[np.float32]
Array = npt.NDArray[Any]
FLOWS = 16
TILE = 256
BLACK = np.float32(1e-30)
NO_AUGMENTATION = AugmentationSettings(flip=0, flip_z=0, rotate=False, blur=0, noise=0)


def rearranged(
    image: Array, labels: Array, settings: AugmentationSettings, rng: Generator
) -> tuple[Array, Array]:
    """Image and labels after the same flips, rotation, deletion, slip and elastic deformation.

    Labels are only ever moved (nearest), never mixed; an image that is not deformed keeps its type.
    A patch that is not square in-plane is rotated by 0 or 180 degrees only; a cube may exchange its axes.
    """
    image, labels = _turned(image, labels, settings, rng)
    if settings.swap_axes and len(set(labels.shape)) == 1:
        image, labels = _with_axes_exchanged(image, labels, rng)
    if len(labels) > 1 and not settings.missing_kept and rng.random() < settings.missing_section:
        image, labels = _without_sections(image, labels, rng)
    if rng.random() < settings.misalignment:
        image, labels = _misaligned(image, labels, settings.misalignment_px, rng)
    if rng.random() < settings.elastic:
        image, labels = _elastic(image, labels, settings, rng)
    return np.ascontiguousarray(image), np.ascontiguousarray(labels)


def spoiled(
    image: Floats, interior: Array, settings: AugmentationSettings, rng: Generator
) -> Floats:
    """The normalised image (float32, about 0 to 1) with other grey values, defects, blur and noise.

    `interior` (z, y, x) is 0 on boundaries; localised blur looks for them there. The image is
    changed in place and returned.
    """
    if rng.random() < settings.intensity:
        _change_intensity(image, settings, rng)
    if image.shape[1] > 1 and settings.missing_kept and rng.random() < settings.missing_section:
        _blank_sections(image, rng)
    is_plane = image.shape[1] == 1
    # Drawn only where asked for, so that crops without these faults stay what they were.
    if is_plane and settings.missing_kept and _happens(settings.missing_section, rng):
        _blank_corner(image, rng)
    if _happens(settings.out_of_focus, rng):
        _defocus(image, rng)
    if rng.random() < settings.missing_part:
        _blank_stripe(image, rng)
    if rng.random() < settings.local_blur:
        _blur_places(image, interior, rng)
    if rng.random() < settings.blur:
        _blur_some(image, settings, rng)
    if rng.random() < settings.noise:
        _add_noise(image, settings.noise_std, rng)
    if settings.clip:
        np.clip(image, 0, 1, out=image)
    return image


def blurred(image: Floats, sigma: float, kernel: int) -> Floats:
    """Every (y, x) plane of the image under a Gaussian of `kernel` pixels, mirrored at the edge."""
    half = min(kernel // 2, max(1, int(np.ceil(4 * sigma))))
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / max(sigma, 1e-3)) ** 2)
    weights /= weights.sum()
    out = np.empty_like(image)
    planes = np.ascontiguousarray(image).reshape(-1, *image.shape[-2:])
    _gauss(planes, weights.astype(np.float32), out.reshape(planes.shape))
    return out


def _turned(
    image: Array, labels: Array, settings: AugmentationSettings, rng: Generator
) -> tuple[Array, Array]:
    flips = [settings.flip_z if len(labels) > 1 else 0.0, settings.flip, settings.flip]
    axes = tuple(axis for axis, p in zip((-3, -2, -1), flips, strict=True) if rng.random() < p)
    if axes:
        image, labels = np.flip(image, axes), np.flip(labels, axes)
    if settings.rotate:
        square = labels.shape[-1] == labels.shape[-2]
        turns = int(rng.integers(4)) if square else 2 * int(rng.integers(2))
        image, labels = np.rot90(image, turns, (-2, -1)), np.rot90(labels, turns, (-2, -1))
    return image, labels


def _with_axes_exchanged(image: Array, labels: Array, rng: Generator) -> tuple[Array, Array]:
    order = rng.permutation(3)
    return image.transpose(0, *(1 + order)), labels.transpose(*order)


def _without_sections(image: Array, labels: Array, rng: Generator) -> tuple[Array, Array]:
    """Some sections deleted; those behind move up and the last ones are mirrored."""
    gone = _some_sections(len(labels), rng)
    left = np.delete(np.arange(len(labels)), gone)
    order = np.pad(left, (0, len(gone)), mode="symmetric")
    return image[:, order], labels[order]


def _some_sections(count: int, rng: Generator) -> Array:
    """1 to 5 neighbouring sections, never all."""
    length = int(rng.integers(1, min(5, count - 1) + 1))
    return int(rng.integers(count - length + 1)) + np.arange(length)


def _misaligned(image: Array, labels: Array, most: int, rng: Generator) -> tuple[Array, Array]:
    """Some sections moved in-plane: one (a slip) or all from it on (a translation).

    A section alone is cut at a row, and what lies below moves sideways, as in a bad mosaic.
    """
    most = min(most, min(labels.shape[-2:]) - 1)
    down, right = (int(shift) for shift in rng.integers(-most, most + 1, 2))
    image, labels = image.copy(), labels.copy()
    if len(labels) == 1:
        row = int(rng.integers(1, max(2, labels.shape[-2])))
        below = (..., slice(row, None), slice(None))
        image[below], labels[below] = (
            _moved(image[below], 0, right),
            _moved(labels[below], 0, right),
        )
        return image, labels
    first = int(rng.integers(len(labels)))
    end = first + 1 if rng.random() < 0.5 else len(labels)
    image[:, first:end] = _moved(image[:, first:end], down, right)
    labels[first:end] = _moved(labels[first:end], down, right)
    return image, labels


def _moved(array: Array, down: int, right: int) -> Array:
    """The array moved in-plane and mirrored where nothing comes in."""
    rows = mirrored(np.arange(array.shape[-2]) - down, array.shape[-2])
    columns = mirrored(np.arange(array.shape[-1]) - right, array.shape[-1])
    return array[..., rows[:, None], columns]


def _elastic(
    image: Array, labels: Array, settings: AugmentationSettings, rng: Generator
) -> tuple[Array, Array]:
    flow = flow_pool(settings.elastic_grid)[int(rng.integers(FLOWS))]
    strength = rng.choice(np.array([-1, 1], np.float32), 2) * np.float32(settings.elastic_sigma)
    first = rng.integers(flow.shape[-1], size=2)
    rows, columns = (
        (start + np.arange(length)) % flow.shape[-1]
        for start, length in zip(first, labels.shape[-2:], strict=True)
    )
    part = flow.take(rows, axis=1).take(columns, axis=2) * strength[:, None, None]
    moved = np.empty(image.shape, np.float32)
    carried = np.empty(labels.shape, labels.dtype)
    grey = np.ascontiguousarray(image, dtype=np.float32)
    _warp(grey, np.ascontiguousarray(labels), part[0], part[1], moved, carried)
    return moved, carried


@lru_cache(maxsize=4)
def flow_pool(grid: float) -> Floats:
    """16 smooth, seamless flows of standard deviation 1 px, float32 of shape (16, 2, side, side).

    Normal displacements on a grid of about `grid` pixels, interpolated by cubic B-splines.
    """
    nodes = max(4, round(TILE / grid))
    side = round(nodes * grid)
    at = np.arange(side) * nodes / side
    steps = np.floor(at).astype(int)[:, None] + np.arange(-1, 3)
    t = (at - np.floor(at))[:, None] - np.arange(-1, 3)
    near = np.abs(t)
    weights = np.where(near < 1, 2 / 3 - near**2 + near**3 / 2, np.maximum(2 - near, 0) ** 3 / 6)
    spline = np.zeros((side, nodes))
    np.add.at(spline, (np.arange(side)[:, None], steps % nodes), weights)
    rng = np.random.default_rng(np.random.SeedSequence([nodes, side]))
    flows = spline @ rng.standard_normal((FLOWS, 2, nodes, nodes)) @ spline.T
    flows /= flows.std(axis=(-2, -1), keepdims=True)
    return np.ascontiguousarray(flows, dtype=np.float32)


def _change_intensity(image: Floats, settings: AugmentationSettings, rng: Generator) -> None:
    """Gain, offset and gamma of the whole patch or of every section (Lee et al. 2017)."""
    each = image.shape[1] if image.shape[1] > 1 and rng.random() < 0.5 else 1
    for section in range(each):
        part = image[:, section : section + 1] if each > 1 else image
        u = rng.random(3)
        part *= np.float32(1 + settings.contrast * (u[0] - 0.5))
        part += np.float32(settings.brightness * (u[1] - 0.5))
        # a power by way of logarithms, which numpy computes eight at a time
        np.log(np.clip(part, BLACK, 1, out=part), out=part)
        part *= np.float32(2 ** (settings.gamma * (2 * u[2] - 1)))
        np.exp(part, out=part)


def _blank_sections(image: Floats, rng: Generator) -> None:
    gone = _some_sections(image.shape[1], rng)
    image[:, gone] = 0 if rng.random() < 0.5 else image.mean()


def _happens(chance: float, rng: Generator) -> bool:
    return chance > 0 and bool(rng.random() < chance)


def _blank_corner(image: Floats, rng: Generator) -> None:
    """The part of a single section beyond a point without data: what is left of a section that is missing in part."""
    corner = (slice(None), slice(None), *_corner(image.shape[-2:], rng))
    image[corner] = 0 if rng.random() < 0.5 else image.mean()


def _defocus(image: Floats, rng: Generator) -> None:
    """One or two neighbouring sections blurred by 2 to 5 px, as where the microscope lost its focus.

    A section alone is blurred whole or in a corner (Lee et al. 2017, section 3.2).
    """
    first = int(rng.integers(image.shape[1]))
    sigma = float(rng.uniform(2, 5))
    gone: tuple[Any, ...] = (slice(None), slice(first, first + int(rng.integers(1, 3))))
    if image.shape[1] == 1 and rng.random() < 0.5:
        gone = (*gone, *_corner(image.shape[-2:], rng))
    image[gone] = blurred(image[gone], sigma, 2 * int(np.ceil(2 * sigma)) + 1)


def _corner(shape: tuple[int, ...], rng: Generator) -> tuple[slice, slice]:
    """The rows and columns of a plane before or behind a point, at least one of each and never all."""
    parts = []
    for length in shape:
        at = int(rng.integers(1, max(2, length)))
        parts.append(slice(0, at) if rng.random() < 0.5 else slice(min(at, length - 1), None))
    return parts[0], parts[1]


def _blank_stripe(image: Floats, rng: Generator) -> None:
    """A stripe of any direction, up to a quarter of the side wide, at the mean, in one section."""
    height, width = image.shape[-2:]
    section = int(rng.integers(image.shape[1]))
    angle = rng.uniform(0, np.pi)
    y, x = np.ogrid[:height, :width]
    across = np.cos(angle) * (y - rng.uniform(0, height)) + np.sin(angle) * (
        x - rng.uniform(0, width)
    )
    half = rng.uniform(1, max(2, min(height, width) / 8))
    image[:, section, np.abs(across) <= half] = image[:, section].mean()


def _blur_places(image: Floats, interior: Array, rng: Generator) -> None:
    """1 to 5 feathered ellipses of 5-25 px radius out of focus, 7 of 10 centred on a boundary."""
    section = int(rng.integers(image.shape[1]))
    plane = image[:, section]
    walls = np.argwhere(interior[section] == 0)
    for _ in range(int(rng.integers(1, 6))):
        on_wall = len(walls) > 0 and rng.random() < 0.7
        centre = walls[rng.integers(len(walls))] if on_wall else rng.integers(plane.shape[-2:])
        radii = rng.uniform(5, 25, 2)
        sigma = float(rng.uniform(1, 4))
        window, share = _ellipse(plane.shape[-2:], centre, radii, rng.uniform(0, np.pi))
        part = plane[:, window[0], window[1]]
        part += share * (blurred(part, sigma, 2 * int(np.ceil(3 * sigma)) + 1) - part)


def _ellipse(
    shape: tuple[int, ...], centre: Array, radii: Array, angle: float
) -> tuple[tuple[slice, slice], Floats]:
    """The window around a turned ellipse, and 1 in its inner half falling to 0 at its rim."""
    size = int(np.ceil(radii.max())) + 1
    low = [max(0, int(at) - size) for at in centre]
    high = [min(length, int(at) + size + 1) for at, length in zip(centre, shape, strict=True)]
    y, x = np.ogrid[low[0] : high[0], low[1] : high[1]]
    y, x = y - centre[0], x - centre[1]
    along = (np.cos(angle) * y + np.sin(angle) * x) / radii[0]
    across = (np.cos(angle) * x - np.sin(angle) * y) / radii[1]
    share = np.clip(2 - 2 * np.hypot(along, across), 0, 1).astype(np.float32)
    return (slice(low[0], high[0]), slice(low[1], high[1])), share


def _blur_some(image: Floats, settings: AugmentationSettings, rng: Generator) -> None:
    for section in _chosen(image.shape[1], rng):
        sigma = float(rng.uniform(*settings.blur_sigma))
        image[:, section] = blurred(image[:, section], sigma, settings.blur_kernel)


def _add_noise(image: Floats, most: float, rng: Generator) -> None:
    for section in _chosen(image.shape[1], rng):
        noise = rng.standard_normal(image[:, section].shape, dtype=np.float32)
        noise *= np.float32(rng.uniform(0, most))
        image[:, section] += noise


def _chosen(count: int, rng: Generator) -> Array:
    """The only section, or a random subset of several (at least one)."""
    if count == 1:
        return np.zeros(1, int)
    return np.sort(rng.permutation(count)[: int(rng.integers(1, count + 1))])


@compiled
def _gauss(planes: Floats, weights: Floats, out: Floats) -> None:
    height, width = planes.shape[1:]
    half = len(weights) // 2
    row = np.empty(width + 2 * half, np.float32)
    middle = row[half : half + width]
    for plane in range(planes.shape[0]):
        for y in range(height):
            middle[:] = 0
            for tap in range(2 * half + 1):
                above = (y + tap - half) % (2 * height)
                above = above if above < height else 2 * height - 1 - above
                add_scaled(middle, weights[tap], planes[plane, above])
            for x in range(half):
                left, right = (-1 - x) % (2 * width), (width + x) % (2 * width)
                row[half - 1 - x] = middle[left if left < width else 2 * width - 1 - left]
                row[half + width + x] = middle[right if right < width else 2 * width - 1 - right]
            out[plane, y] = 0
            for tap in range(2 * half + 1):
                add_scaled(out[plane, y], weights[tap], row[tap : tap + width])


@compiled
def _warp(
    image: Array,
    labels: Array,
    down: Floats,
    right: Floats,
    moved: Floats,
    carried: Array,
) -> None:
    """Sample image (bilinear) and labels (nearest) where the flow points, held at the edge."""
    height, width = labels.shape[1:]
    lowest, furthest = np.float32(height - 1), np.float32(width - 1)
    for y in range(height):
        for x in range(width):
            v = min(max(np.float32(y) + down[y, x], np.float32(0)), lowest)
            u = min(max(np.float32(x) + right[y, x], np.float32(0)), furthest)
            top, left = int(v), int(u)
            below, beside = min(top + 1, height - 1), min(left + 1, width - 1)
            dy, dx = v - np.float32(top), u - np.float32(left)
            near_y, near_x = int(v + np.float32(0.5)), int(u + np.float32(0.5))
            for z in range(labels.shape[0]):
                carried[z, y, x] = labels[z, near_y, near_x]
            for c in range(image.shape[0]):
                for z in range(image.shape[1]):
                    plane = image[c, z]
                    upper = plane[top, left] * (1 - dx) + plane[top, beside] * dx
                    lower = plane[below, left] * (1 - dx) + plane[below, beside] * dx
                    moved[c, z, y, x] = upper * (1 - dy) + lower * dy
