"""How an interior map becomes labels: thresholds, gap closing, sizes, growing the walls away."""

from __future__ import annotations

from typing import Literal

from napari_advseg.settings import Settings, setting


class LabellingSettings(Settings):
    """Parameters of the gap-closing labelling (methods: thresholding, watershed lines, accepted segments)."""

    threshold: float = setting(
        0.81,
        "Threshold",
        "A pixel is inside a cell where the interior map exceeds this. A larger value makes walls wider.",
        ge=0.0,
        lt=1.0,
    )
    edge_threshold: float = setting(
        0.91,
        "Gap threshold",
        "A watershed line whose mean interior probability is below this closes a gap. At or below the threshold "
        "nothing is closed; above 1 every line is taken. A larger value splits more.",
        ge=0.0,
        le=1.01,
    )
    smoothing: float = setting(
        0.0,
        "Smoothing",
        "Gaussian smoothing of the distance map before its maxima are found. A larger value gives fewer seeds.",
        unit="px",
        ge=0.0,
        le=10.0,
    )
    minima: Literal["depth", "distance", "number"] = setting(
        "depth",
        "Seeds by",
        "How seeds are chosen among the maxima of the distance map: by depth (h-maxima), by distance from each "
        "other, or the given number of deepest ones.",
    )
    depth: float = setting(
        1.0,
        "Seed depth",
        "Used by 'depth': a larger value gives fewer seeds.",
        unit="px",
        ge=0.0,
        le=20.0,
    )
    distance: float = setting(
        8.0,
        "Seed distance",
        "Used by 'distance': a larger value gives fewer seeds.",
        unit="px",
        ge=1.0,
        le=200.0,
    )
    number: int = setting(
        0,
        "Seed number",
        "Used by 'number': how many seeds per section, 0 for all.",
        ge=0,
        le=1_000_000,
    )
    edge_radius: int = setting(
        0,
        "Edge neighbourhood",
        "A line is judged over the pixels at most this far from it. A larger value looks at the walls beside it too.",
        unit="px",
        ge=0,
        le=10,
    )
    edge_statistic: Literal["mean", "median", "quantile"] = setting(
        "mean", "Edge statistic", "How the probabilities along a line are summed up."
    )
    edge_quantile: float = setting(
        0.25,
        "Edge quantile",
        "Used by 'quantile': a smaller value closes more gaps.",
        ge=0.0,
        le=1.0,
    )
    min_edge_length: int = setting(
        0, "Shortest line", "Shorter watershed lines are not considered.", unit="px", ge=0, le=100
    )
    connectivity: Literal[1, 2] = setting(
        1,
        "Connectivity",
        "1: pixels touch by their sides; 2: by their corners too, which merges more.",
    )
    minimum_size: int = setting(
        0,
        "Minimum size",
        "Smaller labels are removed (and grown over where walls are grown away).",
        unit="px",
        ge=0,
    )
    thin: bool = setting(
        True,
        "Grow walls away",
        "Grow every label into the walls along the boundary evidence until no 0 is left inside tissue. "
        "Off gives the map with its walls.",
    )
    zero: Literal["boundary", "background"] = setting(
        "boundary", "0 means", "Where 0 is background, nothing is grown into it."
    )
