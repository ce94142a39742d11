"""Synthetic ssTEM-like neuropil with exact instance truth, made by code from a seed.

Neurites are chains of discs in a reference plane; their power diagram tiles it without holes, and a
smooth warp that changes from section to section bends the walls. Everything else (membranes,
mitochondria, vesicles, stain, noise) is drawn on top, so the truth is exact by construction.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import cc3d
import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, find_objects, gaussian_filter
from scipy.signal import fftconvolve
from scipy.spatial import cKDTree
from skimage.segmentation import find_boundaries, relabel_sequential

from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Array, Volume

Field = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]
Random = np.random.Generator

PIXEL_NM = 4.0
MARGIN = 70.0
VESICLE_RADIUS = 5.0


def neuropil(
    shape: tuple[int, ...] = (8, 256, 256),
    seed: int = 0,
    *,
    voxel_nm: tuple[float, float, float] = (40.0, 4.0, 4.0),
    wall: int = 0,
    missing: int = 0,
) -> tuple[Volume, Volume]:
    """An image (uint8) and its labels (uint16, or uint32 above 65535 cells) of one shape and place.

    Ids are 1..K, continue from section to section, and are connected in each; there is no 0 unless
    `wall` asks for it. The same arguments give the same arrays.

    Args:
        shape: (z, y, x) or (y, x).
        seed: what is drawn.
        voxel_nm: size of a voxel; neurites, membranes and organelles keep their size in nm.
        wall: set labels to 0 this far (pixels) on either side of a change of label.
        missing: number of sections without image (their labels stay).

    Raises:
        ValueError: fewer than 2 or more than 3 axes, an empty one, or too many missing sections.
    """
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ValueError(f"Shape {shape} must be (z, y, x) or (y, x), each at least 1.")
    depth, height, width = (1, *shape)[-3:]
    if not 0 <= missing < max(depth, 2) or (missing and depth == 1):
        raise ValueError(f"{missing} of {depth} sections cannot be missing; leave at least one.")
    rng = np.random.default_rng(seed)
    tissue = _Tissue.drawn(rng, (depth, height, width), voxel_nm)
    image = np.zeros((depth, height, width), np.uint8)
    labels = np.zeros((depth, height, width), np.int32)
    for z, noise in enumerate(rng.spawn(depth)):
        labels[z], reference = tissue.section(z)
        image[z] = _photographed(tissue.painted(z, labels[z], reference, noise), noise)
        if wall:
            labels[z][_wall_distance(labels[z]) < wall] = 0
    image[rng.choice(depth, missing, replace=False)] = 0
    frame = Frame("zyx"[-len(shape) :], voxel_nm[-len(shape) :], ("nanometer",) * len(shape))
    return (
        Volume(image.reshape(shape), dataclasses.replace(frame, name="neuropil")),
        Volume(
            _numbered(labels).reshape(shape), dataclasses.replace(frame, name="neuropil labels")
        ),
    )


SAMPLES: dict[str, tuple[str, Callable[[], tuple[Volume, Volume]]]] = {
    "neuropil": (
        "Synthetic ssTEM neuropil, 8 sections of 256 x 256",
        partial(neuropil, (8, 256, 256), seed=1),
    ),
    "neuropil-3d": (
        "Synthetic ssTEM neuropil, 24 sections of 320 x 320, one of them missing",
        partial(neuropil, (24, 320, 320), seed=2, missing=1),
    ),
    "neuropil-2d": (
        "Synthetic ssTEM neuropil, one section of 512 x 512",
        partial(neuropil, (512, 512), seed=3),
    ),
}


@dataclasses.dataclass(frozen=True, eq=False)
class _Noise:
    """Smooth noise over z, y, x of deviation 1: a random grid seen through cubic B-splines."""

    grid: Field
    bases: tuple[Field, Field, Field]

    @staticmethod
    def drawn(rng: Random, shape: tuple[int, int, int], spacing: tuple[float, float]) -> _Noise:
        steps = (spacing[0], spacing[1], spacing[1])
        bases = tuple(_spline(size, step) for size, step in zip(shape, steps, strict=True))
        grid = rng.standard_normal([basis.shape[1] for basis in bases]).astype(np.float32)
        return _Noise(grid, (bases[0], bases[1], bases[2]))

    def at(self, z: int) -> Field:
        """Section `z`, shape (y, x)."""
        plane = np.tensordot(self.bases[0][z], self.grid, 1)
        return np.asarray(self.bases[1] @ plane @ self.bases[2].T)


def _spline(size: int, spacing: float) -> Field:
    """Cubic B-spline weights of each of `size` positions on a grid, shape (size, nodes)."""
    place = np.arange(size) / spacing
    node = np.floor(place).astype(int)
    f = place - node
    weights = np.stack(
        [(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, 1 + 3 * f + 3 * f**2 - 3 * f**3, f**3]
    )
    basis = np.zeros((size, node[-1] + 4), np.float32)
    for k in range(4):
        basis[np.arange(size), node + k] = weights[k] / 6
    # 0.69 is the deviation that a spline leaves of unit noise, along each axis.
    return np.asarray(basis / 0.69, np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class _Neurites:
    """Discs in the reference plane: centre (y, x), radius and owner; and the owners' kinds."""

    centres: npt.NDArray[np.float64]
    radii: npt.NDArray[np.float64]
    owners: npt.NDArray[np.int64]
    pale: Field
    terminal: npt.NDArray[np.bool_]

    @staticmethod
    def packed(rng: Random, size: npt.NDArray[np.float64]) -> _Neurites:
        """Chains of discs thrown large ones first, where they overlap no other chain."""
        area = float(np.prod(size))
        classes = [
            (45, 80, 3, 2e5),
            (22, 44, 5, 3e4),
            (12, 24, 12, 2e3),
            (8, 13, 9, 500),
            (5, 8, 4, 300),
        ]
        centres, radii, owners = np.zeros((0, 2)), np.zeros(0), np.zeros(0, np.int64)
        count = 0
        for low, high, longest, each in classes:
            for _ in range(int(np.ceil(area / each)) * 6):
                chain, radius = _chain(rng, size, rng.uniform(low, high), longest)
                gap = np.linalg.norm(chain[:, None] - centres, axis=-1) - radii - radius
                if gap.size and gap.min() < 1.5:
                    continue
                centres = np.concatenate([centres, chain])
                radii = np.concatenate([radii, np.full(len(chain), radius)])
                owners = np.concatenate([owners, np.full(len(chain), count)])
                count += 1
        pale = rng.normal(0, 1, count).astype(np.float32)
        widest = np.zeros(count)
        np.maximum.at(widest, owners, radii)
        return _Neurites(centres, radii, owners, pale, (rng.random(count) < 0.35) & (widest > 12))


def _chain(
    rng: Random, size: npt.NDArray[np.float64], radius: float, longest: int
) -> tuple[npt.NDArray[np.float64], float]:
    """Centres along a slowly turning curve, so close that discs overlap; and their radius."""
    count = int(rng.integers(1, longest + 1))
    turn = rng.normal(0, 0.25, count).cumsum() + rng.uniform(0, 2 * np.pi)
    steps = 0.85 * radius * np.stack([np.sin(turn), np.cos(turn)], axis=1)
    return rng.uniform(0, size) + steps.cumsum(axis=0), radius


@dataclasses.dataclass(frozen=True, eq=False)
class _Mitochondrion:
    """A bent ellipsoid in the reference plane and over z."""

    centre: npt.NDArray[np.float64]
    axes: tuple[float, float]
    angle: float
    owner: int
    z: float
    z_reach: float
    stripes: float

    def reach(self, z: int) -> float:
        """Size of its cut at section `z` against its largest, 0 where it is not cut."""
        return float(np.sqrt(max(0.0, 1 - ((z - self.z) / self.z_reach) ** 2)))

    def paint(self, bright: Field, z: int, reference: Field, distance: Field) -> None:
        """Write it (dark matrix, cristae, dark rim) into `bright`, in place, clear of the walls."""
        down, right = reference - self.centre[:, None, None]
        along = (np.cos(self.angle) * right + np.sin(self.angle) * down) / self.axes[0]
        across = (np.cos(self.angle) * down - np.sin(self.angle) * right) / self.axes[1]
        across = across + 0.25 * along**2
        level = self.reach(z) - np.hypot(along, across)
        depth = np.minimum(level * min(self.axes), distance - 4)
        wave = self.stripes * along * self.axes[0] + 2.5 * across + 1.5 * np.sin(4 * across)
        matrix = 0.45 - 0.10 * np.clip(np.sin(wave) * 1.6, -0.6, 1)
        rim = 0.24 * np.exp(-0.5 * ((depth - 1.0) / 1.3) ** 2)
        bright[depth > 0] = (matrix - rim)[depth > 0]


@dataclasses.dataclass(frozen=True, eq=False)
class _Tissue:
    """What is there, before it is cut and photographed. Lengths are in units of 4 nm."""

    neurites: _Neurites
    warp: list[tuple[float, _Noise, _Noise]]
    breathing: Field
    mitochondria: list[_Mitochondrion]
    fields: dict[str, _Noise]
    shape: tuple[int, int, int]
    unit: float

    @staticmethod
    def drawn(
        rng: Random, shape: tuple[int, int, int], voxel_nm: tuple[float, float, float]
    ) -> _Tissue:
        unit = PIXEL_NM / voxel_nm[1]
        per_section = voxel_nm[0] / 40.0
        size = np.array(shape[1:]) / unit + 2 * MARGIN
        neurites = _Neurites.packed(rng, size)

        def noise(sections: float, pixels: float) -> _Noise:
            return _Noise.drawn(rng, shape, (sections / per_section, pixels * unit))

        warp = [(26.0, 14.0, 120.0), (9.0, 7.0, 44.0), (3.2, 4.0, 20.0)]
        waves = _spline(shape[0], 8.0 / per_section)
        swelling = rng.normal(0, 0.12, (waves.shape[1], len(neurites.pale))).astype(np.float32)
        return _Tissue(
            neurites,
            [(push, noise(zs, xs), noise(zs, xs)) for push, zs, xs in warp],
            waves @ swelling,
            _mitochondria(rng, neurites, shape[0], per_section),
            {
                "thickness": noise(1.2, 28),
                "stain": noise(1.0, 40),
                "gaps": noise(1.0, 9),
                "shade": noise(1.0, 180),
                "clouds": noise(1.5, 14),
                "density": noise(1.2, 24),
                "strands": noise(1.0, 15),
                "crowds": noise(1.0, 22),
            },
            shape,
            unit,
        )

    def section(self, z: int) -> tuple[Labels, Field]:
        """Cells 1..N of section `z`, connected, and the reference place of each pixel (2, y, x)."""
        grid = np.mgrid[: self.shape[1], : self.shape[2]].astype(np.float32) / self.unit
        reference = grid + MARGIN
        for push, down, right in self.warp:
            reference += push * np.stack([down.at(z), right.at(z)])
        radii = self.neurites.radii * (1 + self.breathing[z][self.neurites.owners])
        # Least power distance d^2 - r^2 is nearest neighbour once lifted by sqrt(R^2 - r^2).
        lift = np.sqrt(radii.max() ** 2 - radii**2)
        tree = cKDTree(np.column_stack([self.neurites.centres, lift]))
        places = np.concatenate([reference, np.zeros_like(reference[:1])]).reshape(3, -1).T
        nearest = self.neurites.owners[tree.query(places, workers=-1)[1]]
        labels = nearest.reshape(self.shape[1:]).astype(np.int32) + 1
        return _connected(labels, int(40 * self.unit**2)), reference

    def painted(self, z: int, labels: Labels, reference: Field, rng: Random) -> Field:
        """Brightness of section `z`, about 0 (black) to 1, without noise."""
        distance = _wall_distance(labels) / np.float32(self.unit)
        bright = 0.60 + 0.04 * self.neurites.pale[labels - 1]
        bright = bright + 0.04 * self.fields["clouds"].at(z) - self._granules(labels, rng)
        bright -= self._reticulum(z, distance)
        boxes = find_objects(labels)
        for one in self.mitochondria:
            if one.owner < len(boxes) and boxes[one.owner] and one.reach(z) > 0:
                box = boxes[one.owner]
                own = labels[box] == one.owner + 1
                one.paint(bright[box], z, reference[:, *box], np.where(own, distance[box], 0))
        bright -= self._vesicles(labels, distance, bright, rng)
        return bright - self._membranes(z, distance, bright) + 0.03 * self.fields["shade"].at(z)

    def _granules(self, labels: Labels, rng: Random) -> Field:
        """Cytoplasmic grain: small dark dots, stronger in some cells than in others."""
        blur = 1.3 * self.unit
        grain = gaussian_filter(rng.standard_normal(labels.shape, np.float32), blur)
        # Blurred white noise of deviation 1 keeps a deviation of 1 / (2 sqrt(pi) blur).
        dots = np.clip(grain * 2 * np.sqrt(np.pi) * blur - 1.1, 0, 2)
        strength = 0.10 + 0.05 * np.sin(7.0 * self.neurites.pale)
        return np.asarray(strength[labels - 1] * dots, np.float32)

    def _reticulum(self, z: int, distance: Field) -> Field:
        """Darkness of thin strands inside large cells: pieces of the level lines of a noise."""
        strand = np.exp(-((self.fields["strands"].at(z) / 0.09) ** 2))
        there = np.clip(self.fields["crowds"].at(z) - 0.6, 0, 1) * np.clip((distance - 9) / 4, 0, 1)
        return np.asarray(0.3 * strand * there, np.float32)

    def _membranes(self, z: int, distance: Field, bright: Field) -> Field:
        """Darkness of the walls: thin and dark, wide and faint where slanting, with gaps."""
        slant = np.exp(0.34 * self.fields["thickness"].at(z))
        stain = np.clip(0.9 + 0.16 * self.fields["stain"].at(z), 0.45, 1.1)
        gaps = 1 / (1 + np.exp(-9 * (self.fields["gaps"].at(z) + 1.65)))
        profile = np.exp(-0.5 * (distance / (1.6 * slant)) ** 2)
        synapse = np.clip(self.fields["density"].at(z) - 2.1, 0, 0.8) * np.exp(-distance / 5)
        dark = np.clip(bright - 0.12, 0, None)
        return np.asarray(dark * stain * gaps * profile / slant**0.55 + 0.5 * synapse, np.float32)

    def _vesicles(self, labels: Labels, distance: Field, bright: Field, rng: Random) -> Field:
        """Darkness of round vesicles (dark ring, paler core), crowded in the terminals."""
        step = 2.0 * VESICLE_RADIUS * self.unit
        corners = np.mgrid[0 : labels.shape[0] : step, 0 : labels.shape[1] : step].reshape(2, -1).T
        places = (corners + rng.uniform(0, 0.6 * step, corners.shape)).astype(int)
        y, x = places[(places < labels.shape).all(axis=1)].T
        often = np.where(self.neurites.terminal[labels[y, x] - 1], 0.55, 0.02)
        there = (rng.random(len(y)) < often) & (distance[y, x] > 8) & (bright[y, x] > 0.5)
        impulses = np.zeros(labels.shape, np.float32)
        impulses[y[there], x[there]] = rng.uniform(0.6, 1.1, int(there.sum()))
        reach = np.arange(-int(8 * self.unit), int(8 * self.unit) + 1) / self.unit
        radius = np.hypot(*np.meshgrid(reach, reach))
        ring = np.exp(-0.5 * ((radius - 0.8 * VESICLE_RADIUS) / 1.1) ** 2)
        core = np.exp(-0.5 * (radius / 2.0) ** 2)
        return np.asarray(fftconvolve(impulses, 0.2 * ring - 0.06 * core, mode="same"), np.float32)


def _mitochondria(
    rng: Random, neurites: _Neurites, depth: int, per_section: float
) -> list[_Mitochondrion]:
    """Mitochondria for about a third of the discs that have room for one."""
    found = []
    for centre, radius, owner in zip(
        neurites.centres, neurites.radii, neurites.owners, strict=True
    ):
        if radius < 16 or rng.random() > 0.3:
            continue
        across = min(rng.uniform(11, 19), 0.62 * radius)
        along = min(across * rng.uniform(1.2, 2.6), 0.8 * radius)
        found.append(
            _Mitochondrion(
                centre + rng.normal(0, 0.3 * (radius - across), 2),
                (max(along, across), across),
                rng.uniform(0, np.pi),
                int(owner),
                rng.uniform(-5, depth + 5),
                rng.uniform(5, 14) / per_section,
                rng.uniform(0.55, 0.9),
            )
        )
    return found


def _wall_distance(labels: Labels) -> Field:
    """Distance of each pixel's centre to the nearest change of label, at least 0.5."""
    edge = find_boundaries(labels)
    if not edge.any():
        return np.full(labels.shape, np.float32(max(labels.shape)))
    return np.asarray(distance_transform_edt(~edge), np.float32) + np.float32(0.5)


def _connected(labels: Labels, smallest: int) -> Labels:
    """Every label in one piece of at least `smallest`; other pieces go to their neighbours."""
    for _ in range(8):
        pieces, owner, size = _pieces(labels)
        order = np.lexsort((-size, owner))
        largest = order[np.unique(owner[order], return_index=True)[1]]
        keep = np.zeros(len(size), np.bool_)
        keep[largest] = size[largest] >= smallest
        if keep.all() or not keep.any():
            break
        lost = ~keep[pieces]
        rows, columns = distance_transform_edt(lost, return_distances=False, return_indices=True)
        labels = labels[rows, columns]
    return labels


def _pieces(labels: Labels) -> tuple[Labels, Labels, npt.NDArray[np.intp]]:
    """4-connected pieces of equal label, shape (y, x), and the label and size of each piece."""
    found: Labels = cc3d.connected_components(labels, connectivity=4) - 1
    _, first, size = np.unique(found, return_index=True, return_counts=True)
    return found, labels.reshape(-1)[first], size


def _photographed(bright: Field, rng: Random) -> npt.NDArray[np.uint8]:
    """A section as the microscope sees it: blur, shot noise, contrast that drifts, 8 bits."""
    blur = rng.uniform(1.4, 2.0) if rng.random() < 0.06 else rng.uniform(0.6, 0.9)
    seen = gaussian_filter(bright, blur)
    fine = rng.standard_normal(bright.shape, np.float32)
    coarse = gaussian_filter(rng.standard_normal(bright.shape, np.float32), 1.0)
    seen = seen + 0.045 * fine + 0.19 * coarse
    gain, offset = rng.uniform(0.88, 1.12), rng.normal(0, 0.03)
    return np.asarray(np.clip(255 * ((seen - 0.5) * gain + 0.5 + offset), 0, 255), np.uint8)


def _numbered(labels: Labels) -> Array:
    """Ids 1..K in their order, 0 kept, in the narrowest of 16 and 32 bits."""
    numbers: Array = relabel_sequential(labels)[0]
    return numbers.astype(np.uint32 if numbers.max() > np.iinfo(np.uint16).max else np.uint16)
