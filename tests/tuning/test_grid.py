"""Which thresholds are tried: the published pairs, the wide grid, or one's own lists, and what stays in bounds."""

from __future__ import annotations

import pytest

from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.tuning import TuningSettings
from napari_advseg.tuning.grid import Grid

OWN = LabellingSettings(minima="distance", edge_radius=3, edge_statistic="quantile")


def grid(**lists):
    return Grid.of(TuningSettings(**lists), OWN)


def test_the_wide_grid_tries_every_twentieth_from_30_to_95_and_then_finer_ones():
    wide = grid()
    assert wide.thresholds == pytest.approx([0.30 + 0.05 * k for k in range(14)])
    assert wide.gaps == (0, 0.02, 0.04, 0.06, 0.08, 0.10, 0.15, 0.20)
    assert wide.edges == ()
    assert wide.refine


def test_the_thesis_tries_its_36_pairs_and_no_finer_ones():
    thesis = grid(grid="thesis")
    assert thesis.thresholds == (0.73, 0.80, 0.83, 0.86, 0.88, 0.90)
    assert thesis.gaps == (0, 0.02, 0.04, 0.06, 0.08, 0.10)
    assert not thesis.refine


def test_lists_of_ones_own_are_tried_in_rising_order_and_as_they_are():
    own = grid(thresholds=(0.8, 0.4), gaps=(0.3, 0.1))
    assert (own.thresholds, own.gaps) == ((0.4, 0.8), (0.1, 0.3))
    assert not own.refine
    assert grid(thresholds=(0.8,), refine=True).refine
    assert not grid(refine=False).refine
    assert grid(gaps=(0.1,)).refine


def test_what_no_list_names_is_that_of_the_labelling():
    assert (grid().minima, grid().radii, grid().statistics) == (("distance",), (3,), ("quantile",))
    named = grid(minima=("depth", "number"), radii=(0, 2), statistics=("mean", "median"))
    assert named.minima == ("depth", "number")
    assert named.judgements() == [(0, "mean"), (0, "median"), (2, "mean"), (2, "median")]


def test_a_gap_threshold_is_so_far_above_the_threshold_and_stays_in_its_bounds():
    raised = grid(gaps=(-0.5, 0.0, 0.1, 0.9))
    assert raised.pairs(0.3) == [(-0.5, 0.0), (0.0, 0.3), (0.1, 0.4), (0.9, 1.01)]


def test_gap_thresholds_that_are_named_are_the_same_at_every_threshold():
    named = grid(gap_thresholds=(0.9, 0.6))
    assert named.gaps == ()
    assert named.pairs(0.5) == [(0.1, 0.6), (0.4, 0.9)]
    assert named.pairs(0.7) == [(-0.1, 0.6), (0.2, 0.9)]


def test_finer_thresholds_lie_up_to_4_hundredths_around_the_best_and_were_not_tried():
    own = grid(thresholds=(0.5, 0.52))
    assert own.finer(0.5) == [0.46, 0.47, 0.48, 0.49, 0.51, 0.53, 0.54]
    assert own.finer(0.02) == [0.0, 0.01, 0.03, 0.04, 0.05, 0.06]
    assert own.finer(0.98) == [0.94, 0.95, 0.96, 0.97, 0.99]
