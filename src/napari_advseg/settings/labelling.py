"""How an interior map becomes labels: thresholds, gap closing, sizes, growing the walls away."""

from __future__ import annotations

from typing import Literal

from napari_advseg.settings import Settings, setting


class LinkingSettings(Settings):
    """How labels of neighbouring sections become one object (across_sections "linked")."""

    match: Literal["one-to-one", "many-to-one"] = setting(
        "many-to-one",
        "Match",
        "One-to-one: an object has one label in each section and never branches. Many-to-one: each row of linked "
        "labels may also join one label before its first or behind its last.",
    )
    overlap: float = setting(
        0.3,
        "Least overlap",
        "Two labels that overlap each other most are linked where they share at least this part of both. A larger "
        "value splits more.",
        gt=0.0,
        le=1.0,
    )
    branch: float = setting(
        0.7,
        "Branch overlap",
        "Used by many-to-one: the label that a row joins covers at least this part of the row's end. A larger value "
        "splits more.",
        gt=0.0,
        le=1.0,
    )
    drift: float = setting(
        0.25,
        "Drift",
        "How far an object may move sideways from section to section, as a share of their distance; 1 is 45 "
        "degrees. Small labels need as much less overlap as a disc of their size that moves so far.",
        ge=0.0,
        le=10.0,
    )
    bridge: int = setting(
        1,
        "Bridge",
        "How many empty sections in a row a link may skip.",
        ge=0,
        le=100,
    )


class AgglomerationSettings(Settings):
    """How fragments of a watershed are joined by the evidence between them (across_sections "agglomerated")."""

    fragments: Literal["auto", "2d", "3d"] = setting(
        "auto",
        "Fragments",
        "2d: from a watershed of each section; 3d: of the whole stack; auto: 2d where sections are more than two "
        "pixels apart. Seed settings apply to both.",
    )
    method: Literal["mean", "quantile", "multicut"] = setting(
        "mean",
        "Method",
        "Mean and quantile join the pair with the least wall between it, again and again; the threshold can be "
        "moved afterwards. Multicut weighs all walls at once, for one threshold.",
    )
    quantile: float = setting(
        0.25,
        "Quantile",
        "Used by 'quantile': this part of a contact has less wall than the value that counts. At a smaller one a "
        "small opening joins.",
        ge=0.0,
        le=1.0,
    )
    threshold: float = setting(
        0.65,
        "Merge threshold",
        "Fragments with less wall than this between them are one object. 0 joins none, 1 all that touch. A larger "
        "value merges more.",
        ge=0.0,
        le=1.0,
    )
    keep: bool = setting(
        True,
        "Keep fragments",
        "Write fragments and merge tree beside the labels, to move the threshold without labelling again.",
    )


class LabellingSettings(Settings):
    """Parameters of the gap-closing labelling (methods: thresholding, watershed lines, accepted segments)."""

    threshold: float = setting(
        0.81,
        "Threshold",
        "A pixel is inside a cell where the interior map exceeds this. A larger value makes walls wider.",
        ge=0.0,
        lt=1.0,
    )
    gap_threshold: float = setting(
        0.91,
        "Gap threshold",
        "A watershed line whose mean interior probability is below this closes a gap. At or below the threshold "
        "nothing is closed; above 1 every line is taken. A larger value splits more.",
        ge=0.0,
        le=1.01,
        was="edge_threshold",
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
    across_sections: Literal["sections", "linked", "agglomerated", "components"] = setting(
        "sections",
        "Objects run",
        "Sections: ids of different sections are different objects. Linked: labels that overlap from section to "
        "section are one object. Agglomerated: fragments joined by the wall between them. Components: what hangs "
        "together above the threshold.",
        was="volume",
    )
    anisotropy: float = setting(
        0.0,
        "Section distance",
        "Distance of two sections in pixels of a section, for objects that run through them; 0 takes it from the "
        "voxel size, and 1 where that is unknown.",
        unit="px",
        ge=0.0,
        le=1000.0,
    )
    linking: LinkingSettings = setting(
        LinkingSettings(), "Linking", "Used where objects are linked from section to section."
    )
    agglomeration: AgglomerationSettings = setting(
        AgglomerationSettings(), "Agglomeration", "Used where fragments are joined."
    )
