"""The invariants of gap closing, and tissue whose gaps are known."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from phantom import voronoi_phantom
from scipy.ndimage import gaussian_filter
from scipy.ndimage import label as pieces
from straightforward import labelled

from napari_advseg.labelling.section.gap_closing import (
    as_probability,
    close_gaps,
    label_section,
    line_statistics,
    prepare,
)
from napari_advseg.scoring import score
from napari_advseg.settings.labelling import LabellingSettings

maps = arrays(np.float32, (24, 20), elements=st.sampled_from([0.05, 0.4, 0.7, 0.82, 0.9, 0.97, 1]))
thresholds = st.sampled_from([0.3, 0.5, 0.73, 0.81, 0.9])
seed_modes = st.sampled_from(["depth", "distance", "number"])
connectivities = st.sampled_from([1, 2])
some_settings = st.builds(
    LabellingSettings,
    threshold=st.sampled_from([0.35, 0.5, 0.65]),
    gap_threshold=st.sampled_from([0.5, 0.6, 0.7, 0.8, 1.01]),
    smoothing=st.sampled_from([0.0, 0.0, 1.0]),
    minima=seed_modes,
    depth=st.sampled_from([0.0, 0.3, 1.0, 2.0]),
    distance=st.sampled_from([1.0, 2.5, 4.0, 8.0]),
    number=st.sampled_from([0, 3, 20]),
    edge_radius=st.integers(0, 3),
    edge_statistic=st.sampled_from(["mean", "median", "quantile"]),
    min_edge_length=st.integers(0, 3),
    connectivity=connectivities,
    minimum_size=st.sampled_from([0, 0, 5, 12]),
    thin=st.booleans(),
)
CORNERS = {1: np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]]), 2: np.ones((3, 3))}


def accepted(prepared, gap_threshold, **more):
    chosen = prepared.settings.changed(gap_threshold=gap_threshold, **more)
    return set(np.flatnonzero(line_statistics(prepared, chosen) < np.float32(gap_threshold)))


def noise(seed, shape, blur=1.2):
    """An interior map with gaps, spurs and islands."""
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.random(shape), blur)
    return ((smooth - smooth.min()) / (np.ptp(smooth) or 1)).astype(np.float32)


class TestAgainstStraightforward:
    @given(st.integers(0, 10**6), some_settings, st.sampled_from([(20, 27), (31, 17), (1, 40)]))
    @settings(deadline=None, max_examples=60)
    def test_every_label_is_the_same(self, seed, chosen, shape):
        interior_map = noise(seed, shape)
        np.testing.assert_array_equal(
            label_section(interior_map, chosen), labelled(interior_map, chosen)
        )

    @pytest.mark.parametrize("minima", ["depth", "distance", "number"])
    def test_also_on_tissue(self, minima):
        interior_map, _ = voronoi_phantom(2, 100)
        chosen = LabellingSettings(threshold=0.8, gap_threshold=0.9, minima=minima)
        np.testing.assert_array_equal(
            label_section(interior_map, chosen), labelled(interior_map, chosen)
        )


class TestInvariants:
    @given(maps, thresholds, seed_modes, connectivities)
    @settings(deadline=None, max_examples=40)
    def test_a_gap_threshold_not_above_the_threshold_is_plain_thresholding(
        self, interior_map, threshold, minima, connectivity
    ):
        chosen = LabellingSettings(
            threshold=threshold,
            gap_threshold=threshold,
            minima=minima,
            connectivity=connectivity,
            thin=False,
        )
        prepared = prepare(interior_map, chosen)
        for statistic in ("mean", "median", "quantile"):
            assert not accepted(prepared, threshold, edge_statistic=statistic)
        expected, count = pieces(interior_map > np.float32(threshold), CORNERS[connectivity])
        labels = close_gaps(prepared, chosen)
        assert labels.max() == count
        assert score(labels, expected, border=0, boundary="count", zero="background").voi == 0

    @given(maps, thresholds)
    @settings(deadline=None, max_examples=30)
    def test_above_one_every_line_is_taken(self, interior_map, threshold):
        prepared = prepare(interior_map, LabellingSettings(threshold=threshold))
        assert len(accepted(prepared, 1.01)) == prepared.lines.max()

    @given(maps, thresholds, seed_modes)
    @settings(deadline=None, max_examples=30)
    def test_the_accepted_lines_grow_with_the_gap_threshold(self, interior_map, threshold, minima):
        prepared = prepare(interior_map, LabellingSettings(threshold=threshold, minima=minima))
        rows = [accepted(prepared, t) for t in (0.4, 0.75, 0.85, 0.95, 1.01)]
        assert all(low <= high for low, high in pairwise(rows))

    @given(maps, thresholds, st.floats(0, 1.01), connectivities)
    @settings(deadline=None, max_examples=30)
    def test_what_is_no_interior_stays_0_where_walls_are_kept(
        self, interior_map, threshold, gap_threshold, connectivity
    ):
        labels = label_section(
            interior_map,
            LabellingSettings(
                threshold=threshold,
                gap_threshold=gap_threshold,
                connectivity=connectivity,
                thin=False,
            ),
        )
        assert not labels[interior_map <= np.float32(threshold)].any()

    @given(maps, thresholds, st.floats(0, 1.01), seed_modes, st.integers(0, 12))
    @settings(deadline=None, max_examples=40)
    def test_growing_walls_away_leaves_no_0_and_keeps_every_label(
        self, interior_map, threshold, gap_threshold, minima, minimum
    ):
        chosen = LabellingSettings(
            threshold=threshold,
            gap_threshold=gap_threshold,
            minima=minima,
            minimum_size=minimum,
        )
        walls = label_section(interior_map, chosen.changed(thin=False))
        grown = label_section(interior_map, chosen)
        np.testing.assert_array_equal(grown[walls > 0], walls[walls > 0])
        assert grown.max() == walls.max()
        assert (grown > 0).all() or not walls.any()

    @given(maps, st.integers(0, 4), st.integers(0, 8))
    @settings(deadline=None, max_examples=30)
    def test_short_lines_are_not_considered(self, interior_map, radius, shortest):
        chosen = LabellingSettings(threshold=0.5, min_edge_length=shortest, edge_radius=radius)
        prepared = prepare(interior_map, chosen)
        lengths = np.bincount(prepared.lines.ravel())[1:]
        assert (lengths >= max(shortest, 1)).all()
        assert line_statistics(prepared, chosen).shape == lengths.shape

    @given(maps, connectivities)
    @settings(deadline=None, max_examples=40)
    def test_taken_lines_separate_the_basins_without_a_leak(self, interior_map, connectivity):
        chosen = LabellingSettings(
            threshold=0.3,
            gap_threshold=1.01,
            connectivity=connectivity,
            depth=0.0,
            thin=False,
        )
        prepared = prepare(interior_map, chosen)
        closed = prepared.interior & (prepared.lines == 0)
        labels = close_gaps(prepared, chosen)
        assert labels.max() == pieces(closed, CORNERS[connectivity])[1]


class TestLines:
    def line(self):
        """Two squares of .9 that touch through one gap of .85."""
        interior_map = np.full((21, 41), 0.9, np.float32)
        interior_map[:, 20] = 0.1
        interior_map[8:13, 20] = 0.85
        return interior_map

    @pytest.mark.parametrize("connectivity", [1, 2])
    def test_a_gap_is_closed(self, connectivity):
        chosen = LabellingSettings(threshold=0.8, gap_threshold=0.899, connectivity=connectivity)
        labels = label_section(self.line(), chosen)
        assert labels.max() == 2
        assert len(np.unique(labels[:, :19])) == len(np.unique(labels[:, 22:])) == 1

    @pytest.mark.parametrize("connectivity", [1, 2])
    def test_a_slanting_line_does_not_leak(self, connectivity):
        y, x = np.mgrid[:60, :60]
        interior_map = np.where(abs(x - y) <= 3, 0.1, 0.95).astype(np.float32)
        interior_map[25:35][abs(x - y)[25:35] <= 3] = 0.86
        chosen = LabellingSettings(
            threshold=0.8, gap_threshold=0.91, connectivity=connectivity, thin=False
        )
        labels = label_section(interior_map, chosen)
        assert labels.max() == 2
        assert labels[5, 50] != labels[50, 5]

    def test_the_statistic_is_taken_over_the_line_and_its_neighbourhood(self):
        chosen = LabellingSettings(threshold=0.8)
        prepared = prepare(self.line(), chosen)
        assert line_statistics(prepared, chosen) == pytest.approx([0.85], abs=0.051)
        for radius in (1, 3):
            y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
            near = np.zeros(prepared.lines.shape, bool)
            for dy, dx in zip(*(axis[y**2 + x**2 <= radius**2] for axis in (y, x)), strict=True):
                near |= np.roll(prepared.lines > 0, (dy, dx), (0, 1))
            values = prepared.probability[near].astype(float)
            for statistic, expected in (
                ("mean", values.mean()),
                ("median", np.median(values)),
                ("quantile", np.quantile(values, 0.25)),
            ):
                wide = chosen.changed(edge_radius=radius, edge_statistic=statistic)
                assert line_statistics(prepared, wide) == pytest.approx([expected])

    def test_with_a_neighbourhood_a_line_can_fall_below_the_threshold(self):
        chosen = LabellingSettings(threshold=0.8, edge_radius=1)
        assert line_statistics(prepare(self.line(), chosen), chosen)[0] < 0.8

    def test_what_is_known_of_a_line_is_not_found_anew(self):
        chosen = LabellingSettings(threshold=0.8, edge_radius=2)
        prepared = prepare(self.line(), chosen)
        first = line_statistics(prepared, chosen)
        assert line_statistics(prepared, chosen.changed(gap_threshold=0.3)) is first
        with pytest.raises(ValueError, match="read-only"):
            first[:] = 0
        for change in ({"edge_radius": 1}, {"edge_statistic": "median"}):
            other = line_statistics(prepared, chosen.changed(**change))
            assert other != pytest.approx(first)

    def test_other_thresholds_ask_for_another_preparation(self):
        prepared = prepare(self.line(), LabellingSettings(threshold=0.8))
        assert prepared.fits(LabellingSettings(threshold=0.8, gap_threshold=0.1, minimum_size=9))
        with pytest.raises(ValueError, match="prepare again"):
            close_gaps(prepared, LabellingSettings(threshold=0.7))


class TestPhantom:
    def scores(self, gap_threshold, seeds=range(6)):
        chosen = LabellingSettings(threshold=0.8, gap_threshold=gap_threshold, thin=False)
        results = []
        for seed in seeds:
            interior_map, truth = voronoi_phantom(seed)
            results.append(
                score(label_section(interior_map, chosen), truth, boundary="ignore", border=0)
            )
        return results

    def test_gaps_merge_cells_until_the_gap_threshold_passes_their_probability(self):
        low, high = self.scores(0.80), self.scores(0.90)
        assert np.mean([one.voi_merge for one in low]) > 0.7
        assert np.mean([one.voi_merge for one in high]) <= 0.40
        assert np.mean([one.voi_split for one in high]) < 0.02

    @pytest.mark.parametrize("gap_threshold", [0.80, 0.84])
    def test_below_the_probability_of_the_gaps_nothing_is_accepted(self, gap_threshold):
        for seed in range(3):
            interior_map, _ = voronoi_phantom(seed)
            assert not accepted(
                prepare(interior_map, LabellingSettings(threshold=0.8)), gap_threshold
            )

    def test_ignoring_is_never_worse_than_counting(self):
        interior_map, truth = voronoi_phantom(0)
        labels = label_section(interior_map, LabellingSettings(threshold=0.8, thin=False))
        ignoring = score(labels, truth, boundary="ignore", border=0)
        counting = score(labels, truth, boundary="count", border=0)
        assert ignoring.voi <= counting.voi
        assert ignoring.adapted_rand_error <= counting.adapted_rand_error

    def test_growing_walls_away_makes_no_new_opening(self):
        interior_map, truth = voronoi_phantom(1)
        chosen = LabellingSettings(threshold=0.8, gap_threshold=0.9)
        thin = score(label_section(interior_map, chosen), truth)
        walls = score(
            label_section(interior_map, chosen.changed(thin=False)), truth, boundary="ignore"
        )
        assert thin.voi_merge == pytest.approx(walls.voi_merge, abs=0.02)


class TestOddMaps:
    @pytest.mark.timeout(10)
    @pytest.mark.parametrize("connectivity", [1, 2])
    def test_plateaus_do_not_hang(self, connectivity):
        rng = np.random.default_rng(0)
        interior_map = np.repeat(np.repeat(rng.integers(0, 2, (20, 20)), 8, 0), 8, 1).astype(
            np.float32
        )
        chosen = LabellingSettings(threshold=0.5, connectivity=connectivity, depth=0.0)
        assert label_section(interior_map, chosen).shape == (160, 160)

    @pytest.mark.parametrize("minima", ["depth", "distance", "number"])
    def test_all_interior_is_one_label(self, minima):
        chosen = LabellingSettings(minima=minima, smoothing=1.0)
        assert (label_section(np.ones((20, 30), np.float32), chosen) == 1).all()

    def test_all_wall_stays_0(self):
        assert not label_section(np.zeros((20, 30), np.float32), LabellingSettings()).any()

    def test_one_pixel(self):
        assert label_section(np.ones((1, 1), np.float32), LabellingSettings()) == 1

    def test_nothing_grows_where_0_is_background(self):
        interior_map, _ = voronoi_phantom(0)
        chosen = LabellingSettings(threshold=0.8, zero="background")
        np.testing.assert_array_equal(
            label_section(interior_map, chosen),
            label_section(interior_map, chosen.changed(thin=False)),
        )

    def test_where_there_is_no_data_there_is_no_label(self):
        interior_map, _ = voronoi_phantom(0)
        interior_map[40:80, 50:] = np.nan
        labels = label_section(interior_map, LabellingSettings(threshold=0.8, edge_radius=2))
        np.testing.assert_array_equal(labels == 0, np.isnan(interior_map))

    def test_no_data_at_all(self):
        interior_map = np.full((9, 9), np.nan, np.float32)
        assert not label_section(interior_map, LabellingSettings()).any()

    def test_small_labels_are_grown_over(self):
        interior_map = np.full((20, 40), 0.95, np.float32)
        interior_map[:, 20] = 0.1
        interior_map[0:4, 21:24] = 0.1
        interior_map[0:3, 21:23] = 0.95
        labels = label_section(interior_map, LabellingSettings(minimum_size=10))
        assert labels.max() == 2
        assert (labels > 0).all()

    def test_smoothing_lowers_the_number_of_lines(self):
        rng = np.random.default_rng(3)
        interior_map = (rng.random((120, 120)) > 0.02).astype(np.float32)
        rough = prepare(interior_map, LabellingSettings(depth=0.25))
        smooth = prepare(interior_map, LabellingSettings(depth=0.25, smoothing=2.0))
        assert (smooth.lines > 0).sum() < (rough.lines > 0).sum()

    def test_a_section_too_large_for_its_numbers_is_refused(self):
        with pytest.raises(ValueError, match="cut it into parts"):
            prepare(np.broadcast_to(np.float32(1), (50_000, 50_000)), LabellingSettings())


class TestProbability:
    def test_uint8_is_scaled(self):
        grey = np.array([[0, 51, 255]], np.uint8)
        np.testing.assert_allclose(as_probability(grey), [[0, 0.2, 1]], rtol=1e-6)

    @pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, ">f4"])
    def test_floats_come_out_as_float32(self, kind):
        interior_map = as_probability(np.array([[0, 0.5, 1]], kind))
        assert interior_map.dtype == np.float32
        np.testing.assert_array_equal(interior_map, [[0, 0.5, 1]])

    def test_a_mask_is_0_and_1(self):
        np.testing.assert_array_equal(as_probability(np.array([[True, False]])), [[1, 0]])

    @pytest.mark.parametrize("wrong", [-3.0, 4.2, np.inf, -np.inf])
    def test_logits_and_infinities_are_refused(self, wrong):
        with pytest.raises(ValueError, match=r"runs from .*give probabilities in \[0, 1\]"):
            as_probability(np.array([[0.5, wrong]]))

    def test_types_without_a_range_are_refused(self):
        with pytest.raises(ValueError, match="int32 has no known range"):
            as_probability(np.ones((2, 2), np.int32))
