"""Gap closing: threshold an interior map, and close openings in its walls by watershed lines.

The algorithm of the bachelor thesis S003 (methods, section 5), for one section. `prepare` does what
the gap threshold does not change (steps 1-6), `close_gaps` the cheap rest, so that a slider or a
grid search repeats only that.
"""

from __future__ import annotations

import dataclasses

import cc3d
import edt
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from napari_advseg.labelling.clean import remove_small
from napari_advseg.labelling.seeds import HIGHEST, find_seeds, quantise
from napari_advseg.labelling.watershed import Labels, Mask, flood, grow
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

Probability = npt.NDArray[np.float32]

PREPARED = (
    "threshold",
    "smoothing",
    "minima",
    "depth",
    "distance",
    "number",
    "min_edge_length",
    "connectivity",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """A section after steps 1-6: what every gap threshold shares.

    Attributes:
        probability: interior map in [0, 1], shape (y, x), float32; NaN where there is no data.
        interior: True where it exceeds the threshold.
        lines: candidate lines 1..K on the interior, 0 elsewhere, shape (y, x), int32.
        settings: with which it was made; only the fields in `PREPARED` matter.
    """

    probability: Probability
    interior: Mask
    lines: Labels
    settings: LabellingSettings

    def fits(self, settings: LabellingSettings) -> bool:
        """Whether `close_gaps` with these settings may use it, or `prepare` has to run again."""
        return all(getattr(self.settings, name) == getattr(settings, name) for name in PREPARED)


def label_section(probability: Array, settings: LabellingSettings) -> Labels:
    """Labels 1..K of one section, shape (y, x), int32; all of section 5 in one call."""
    return close_gaps(prepare(probability, settings), settings)


def prepare(probability: Array, settings: LabellingSettings) -> Prepared:
    """Steps 1-6: interior, distance to its walls, seeds, watershed, candidate lines.

    `probability` is a float map in [0, 1] of shape (y, x), or uint8 with 255 for 1; NaN is no data.

    Raises:
        ValueError: values outside [0, 1], or of a type that is no probability.
    """
    map_ = as_probability(probability)
    interior = map_ > np.float32(settings.threshold)
    heights = quantise(_distance(interior, settings.smoothing))
    basins = flood(HIGHEST - heights, find_seeds(heights, settings))
    lines = _candidates(_line_map(basins, settings.connectivity) & interior)
    if settings.min_edge_length > 1:
        lines = remove_small(lines, settings.min_edge_length)
    return Prepared(map_, interior, lines, settings)


def close_gaps(prepared: Prepared, settings: LabellingSettings) -> Labels:
    """Steps 7-10: accepted lines become walls, components become labels 1..K, walls are grown away.

    Raises:
        ValueError: `prepared` was made with another threshold or other seeds.
    """
    if not prepared.fits(settings):
        raise ValueError("These settings ask for another threshold or other seeds; prepare again.")
    judged = line_statistics(prepared, settings)
    accepted = np.concatenate([[False], judged < np.float32(settings.edge_threshold)])
    cells = prepared.interior & ~accepted[prepared.lines]
    neighbours = 4 if settings.connectivity == 1 else 8
    found = cc3d.connected_components(cells, connectivity=neighbours, out_dtype=np.uint32)
    labels = remove_small(found.astype(np.int32), settings.minimum_size)
    if not settings.thin or settings.zero == "background":
        return labels
    return grow(labels, prepared.probability, ~np.isnan(prepared.probability))


def line_statistics(prepared: Prepared, settings: LabellingSettings) -> npt.NDArray[np.float64]:
    """Interior probability along each candidate line (step 7), shape (lines,), in [0, 1].

    It is the mean, median or quantile over the pixels at most `edge_radius` from the line. With
    radius 0 all of them exceed the threshold, so a gap threshold not above it accepts no line.
    """
    flat = prepared.lines.reshape(-1)
    pixels = np.flatnonzero(flat)
    pixels = pixels[np.argsort(flat[pixels], kind="stable")]
    values, ends = _values_near(
        prepared.probability, flat, pixels, _disk(settings.edge_radius), int(flat.max(initial=0))
    )
    if not len(ends):
        return np.zeros(0)
    counts = np.diff(ends, prepend=0)
    if settings.edge_statistic == "mean":
        return np.add.reduceat(values, ends - counts) / counts
    share = 0.5 if settings.edge_statistic == "median" else settings.edge_quantile
    return _quantiles(values, ends - counts, counts, share)


def as_probability(section: Array) -> Probability:
    """A section as float32 in [0, 1]; uint8 is divided by 255, NaN stays.

    Raises:
        ValueError: values outside [0, 1] or infinite, or a type other than float, uint8 or bool.
    """
    if section.dtype == np.uint8:
        return section.astype(np.float32) / np.float32(255)
    if section.dtype == np.bool_:
        return section.astype(np.float32)
    if section.dtype.kind != "f":
        raise ValueError(
            f"An interior map of type {section.dtype} has no known range; "
            "give float values in [0, 1] or uint8."
        )
    map_ = np.ascontiguousarray(section, dtype=np.float32)
    low, high = np.fmin.reduce(map_, axis=None), np.fmax.reduce(map_, axis=None)
    if low < -0.01 or high > 1.01:
        raise ValueError(
            f"The interior map runs from {low:.3g} to {high:.3g}; give probabilities in [0, 1], "
            "not logits or grey values."
        )
    return np.clip(map_, 0, 1)


def _distance(interior: Mask, smoothing: float) -> Probability:
    """Distance to the nearest wall; the edge of the image is none."""
    distance: Probability = edt.edt(interior, black_border=False)
    if smoothing > 0 and np.isfinite(distance).all():
        distance = gaussian_filter(distance, smoothing) * interior
    return distance


def _line_map(basins: Labels, connectivity: int) -> Mask:
    """True on pixels whose right or lower neighbour lies in another basin.

    A line must be as thick as the labels' connectivity asks, or labels leak through its corners:
    under connectivity 2 the diagonal neighbours count too.
    """
    line = np.zeros(basins.shape, np.bool_)
    line[:, :-1] |= basins[:, :-1] != basins[:, 1:]
    line[:-1] |= basins[:-1] != basins[1:]
    if connectivity == 2:
        line[:-1, :-1] |= basins[:-1, :-1] != basins[1:, 1:]
        line[:-1, 1:] |= basins[:-1, 1:] != basins[1:, :-1]
    return line


def _candidates(line: Mask) -> Labels:
    lines: Labels = cc3d.connected_components(line, connectivity=8, out_dtype=np.uint32)
    return lines.astype(np.int32)


def _disk(radius: int) -> npt.NDArray[np.int64]:
    """Offsets (dy, dx) at most `radius` away, shape (n, 2)."""
    reach = np.arange(-radius, radius + 1)
    offsets = np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2)
    disk: npt.NDArray[np.int64] = offsets[(offsets**2).sum(axis=1) <= radius**2]
    return disk


def _quantiles(values: Array, starts: Array, counts: Array, share: float) -> Array:
    """Linear quantile of each stretch of `values`."""
    stretch = np.repeat(np.arange(len(counts)), counts)
    ordered = values[np.lexsort((values, stretch))]
    place = share * (counts - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, counts - 1)
    low, high = ordered[starts + below], ordered[starts + above]
    quantiles: Array = low + (place - below) * (high - low)
    return quantiles


@compiled
def _values_near(
    probability: Array, lines: Array, pixels: Array, disk: Array, count: int
) -> tuple[Array, Array]:
    """Values at most a disk away from each line, one line after the other, and where each ends.

    `pixels` lists the pixels of line 1, then of line 2, and so on.
    """
    height, width = probability.shape
    seen = np.zeros((height, width), np.int32)
    values = np.empty(len(pixels) * len(disk), np.float64)
    ends = np.zeros(count, np.int64)
    used = 0
    for pixel in pixels:
        line = lines[pixel]
        for k in range(len(disk)):
            y, x = pixel // width + disk[k, 0], pixel % width + disk[k, 1]
            if 0 <= y < height and 0 <= x < width and seen[y, x] != line:
                seen[y, x] = line
                if not np.isnan(probability[y, x]):
                    values[used] = probability[y, x]
                    used += 1
        ends[line - 1] = used
    return values[:used], ends
