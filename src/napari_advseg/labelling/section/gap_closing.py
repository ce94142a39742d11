"""Gap closing: threshold an interior map, and close openings in its walls by watershed lines.

The algorithm of the bachelor thesis S003 (methods, section 5), for one section. `prepare` does what
the gap threshold does not change (steps 1-6), `close_gaps` the cheap rest, so that a slider or a
grid search repeats only that.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from napari_advseg.labelling.section.clean import pieces, remove_small
from napari_advseg.labelling.section.distance import distance_to_walls
from napari_advseg.labelling.section.memory import keep_freed_memory
from napari_advseg.labelling.section.seeds import HIGHEST, find_seeds, quantise
from napari_advseg.labelling.section.watershed import Labels, Mask, flood, grow
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

Probability = npt.NDArray[np.float32]
Statistics = npt.NDArray[np.float64]

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
LARGEST = 2**31 - 1
JUDGED = ("edge_radius", "edge_statistic", "edge_quantile")


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """A section after steps 1-6: what every gap threshold shares.

    Attributes:
        probability: interior map in [0, 1], shape (y, x), float32; NaN where there is no data.
        interior: True where it exceeds the threshold.
        lines: candidate lines 1..K on the interior, 0 elsewhere, shape (y, x), int32.
        settings: with which it was made; only the fields in `PREPARED` matter.
        judged: what `line_statistics` has found so far, by the fields in `JUDGED`.
    """

    probability: Probability
    interior: Mask
    lines: Labels
    settings: LabellingSettings
    judged: dict[tuple[object, ...], Statistics] = dataclasses.field(
        default_factory=dict, repr=False
    )

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
        ValueError: values outside [0, 1], or of a type that is no probability; a section of 2^31
            pixels or more (with a frame of one pixel).
    """
    height, width = probability.shape
    if (height + 2) * (width + 2) > LARGEST:
        raise ValueError(
            f"A section of {height} x {width} pixels is too large to label in one piece; "
            "cut it into parts of less than 2^31 pixels."
        )
    keep_freed_memory()
    interior_map = as_probability(probability)
    interior = interior_map > np.float32(settings.threshold)
    heights = quantise(_distance(interior, settings.smoothing))
    basins = flood(HIGHEST - heights, find_seeds(heights, settings))
    lines = pieces(_line_map(basins, settings.connectivity) & interior, 8)
    if settings.min_edge_length > 1:
        lines = remove_small(lines, settings.min_edge_length)
    return Prepared(interior_map, interior, lines, settings)


def close_gaps(prepared: Prepared, settings: LabellingSettings) -> Labels:
    """Steps 7-10: accepted lines become walls, components become labels 1..K, walls are grown away.

    Raises:
        ValueError: `prepared` was made with another threshold or other seeds.
    """
    if not prepared.fits(settings):
        raise ValueError("These settings ask for another threshold or other seeds; prepare again.")
    accepted = line_statistics(prepared, settings) < np.float32(settings.gap_threshold)
    cells = _cells(prepared.interior, prepared.lines, np.concatenate([[False], accepted]))
    found = pieces(cells, 4 if settings.connectivity == 1 else 8)
    labels = remove_small(found, settings.minimum_size)
    if not settings.thin or settings.zero == "background":
        return labels
    return grow(labels, prepared.probability, ~np.isnan(prepared.probability))


def line_statistics(prepared: Prepared, settings: LabellingSettings) -> Statistics:
    """Interior probability along each candidate line (step 7), shape (lines,), in [0, 1], read-only.

    It is the mean, median or quantile over the pixels at most `edge_radius` from the line. With
    radius 0 all of them exceed the threshold, so a gap threshold not above it accepts no line.
    """
    key = tuple(getattr(settings, name) for name in JUDGED)
    if key not in prepared.judged:
        statistics = _judge(prepared, settings)
        statistics.flags.writeable = False
        prepared.judged[key] = statistics
    return prepared.judged[key]


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
    interior_map = np.ascontiguousarray(section, dtype=np.float32)
    low, high = np.fmin.reduce(interior_map, axis=None), np.fmax.reduce(interior_map, axis=None)
    if low < -0.01 or high > 1.01:
        raise ValueError(
            f"The interior map runs from {low:.3g} to {high:.3g}; give probabilities in [0, 1], "
            "not logits or grey values."
        )
    return np.clip(interior_map, 0, 1)


def _distance(interior: Mask, smoothing: float) -> Probability:
    """Distance to the nearest wall; the edge of the image is none."""
    distance = distance_to_walls(interior)
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


@compiled
def _cells(interior: Mask, lines: Labels, accepted: Mask) -> Mask:
    """The interior without accepted lines."""
    cells = np.empty(interior.shape, np.bool_)
    for y in range(interior.shape[0]):
        for x in range(interior.shape[1]):
            cells[y, x] = interior[y, x] and not accepted[lines[y, x]]
    return cells


def _judge(prepared: Prepared, settings: LabellingSettings) -> Statistics:
    pixels = _along_lines(prepared.lines.reshape(-1), int(prepared.lines.max(initial=0)))
    seen = np.zeros(prepared.lines.shape, np.int32)
    values, ends = _values_near(prepared.probability, *pixels, _disk(settings.edge_radius), seen)
    if not len(ends):
        return np.zeros(0)
    if settings.edge_statistic == "mean":
        counts = np.diff(ends, prepend=0)
        return np.asarray(np.add.reduceat(values, ends - counts) / counts)
    share = 0.5 if settings.edge_statistic == "median" else settings.edge_quantile
    return _quantiles(values, ends, share)


def _disk(radius: int) -> npt.NDArray[np.int64]:
    """Offsets (dy, dx) at most `radius` away, shape (n, 2)."""
    reach = np.arange(-radius, radius + 1)
    offsets = np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2)
    disk: npt.NDArray[np.int64] = offsets[(offsets**2).sum(axis=1) <= radius**2]
    return disk


@compiled
def _along_lines(lines: Array, count: int) -> tuple[Array, Array]:
    """Flat places of the pixels of line 1, then of line 2, and so on; and where each line ends."""
    ends = np.zeros(count + 1, np.int64)
    for line in lines:
        if line > 0:
            ends[line] += 1
    ends = np.cumsum(ends)
    pixels = np.empty(ends[-1], np.int64)
    filled = ends.copy()
    for place in range(len(lines)):
        if lines[place] > 0:
            pixels[filled[lines[place] - 1]] = place
            filled[lines[place] - 1] += 1
    return pixels, ends[1:]


@compiled
def _values_near(
    probability: Array, pixels: Array, ends: Array, disk: Array, seen: Labels
) -> tuple[Statistics, Array]:
    """Values at most a disk away from each line, one line after the other, and where each ends.

    `seen` is filled with the last line that looked at each pixel, 0 before.
    """
    height, width = probability.shape
    values = np.empty(len(pixels) * len(disk), np.float64)
    reached = np.zeros(len(ends), np.int64)
    used = begin = 0
    for line in range(len(ends)):
        for pixel in pixels[begin : ends[line]]:
            for k in range(len(disk)):
                y, x = pixel // width + disk[k, 0], pixel % width + disk[k, 1]
                if not (0 <= y < height and 0 <= x < width) or seen[y, x] == line + 1:
                    continue
                seen[y, x] = line + 1
                if not np.isnan(probability[y, x]):
                    values[used] = probability[y, x]
                    used += 1
        begin = ends[line]
        reached[line] = used
    return values[:used], reached


@compiled
def _quantiles(values: Statistics, ends: Array, share: float) -> Statistics:
    """Linear quantile of each stretch of `values`."""
    quantiles = np.empty(len(ends), np.float64)
    begin = 0
    for k in range(len(ends)):
        ordered = np.sort(values[begin : ends[k]])
        place = share * (len(ordered) - 1)
        below = int(np.floor(place))
        low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
        quantiles[k] = low + (place - below) * (high - low)
        begin = ends[k]
    return quantiles
