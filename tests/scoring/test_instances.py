"""The score of labels: boundaries, grouping, odd input, and its shape as JSON."""

import json

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import adapted_rand_error, variation_of_information

from napari_advseg import score
from napari_advseg.scoring import Score
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

stacks = arrays(np.uint16, (2, 6, 7), elements=st.integers(0, 4))
dense = arrays(np.uint16, (2, 6, 7), elements=st.integers(1, 4))


def cells(shape=(40, 60), count=12, seed=0):
    """A Voronoi map without 0."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, shape, (count, 2))
    grid = np.stack(np.mgrid[: shape[0], : shape[1]], -1)[:, :, None]
    return (((grid - points) ** 2).sum(-1).argmin(-1) + 1).astype(np.int32)


def walled(labels, reach=1):
    """The same map with 0 drawn on its walls."""
    out = labels.copy()
    for axis in (0, 1):
        for shift in range(-reach, reach + 1):
            out[np.roll(labels, shift, axis) != labels] = 0
    return out


@given(dense)
@settings(deadline=None, max_examples=20)
def test_labels_against_themselves_are_perfect(labels):
    for boundary in ("thin", "ignore", "count"):
        measured = score(labels, labels, boundary=boundary, border=0)
        assert measured.voi == measured.adapted_rand_error == measured.cremi_score == 0.0
        assert measured.scored == labels.size


@given(stacks, stacks)
@settings(deadline=None, max_examples=20)
def test_a_volume_agrees_with_scikit_image(labels, truth):
    truth[0, 0, :2] = labels[0, 0, :2] = 1
    inside = truth > 0
    measured = score(labels, truth, by="volume", boundary="count", border=0, rand="scikit-image")
    split, merge = variation_of_information(truth[inside], labels[inside])
    assert (measured.voi_split, measured.voi_merge) == pytest.approx((split, merge), abs=1e-12)
    assert measured.adapted_rand_error == pytest.approx(adapted_rand_error(truth, labels)[0])
    assert measured.cremi_score == pytest.approx(
        np.sqrt(measured.voi * measured.adapted_rand_error)
    )
    assert measured.sections == ()


@given(stacks, stacks, st.permutations(range(1, 5)), st.permutations(range(1, 5)))
@settings(deadline=None, max_examples=20)
def test_renumbering_and_flipping_change_nothing(labels, truth, new_labels, new_truth):
    names, true_names = np.array([0, *new_labels]), np.array([0, *new_truth])
    for boundary in ("ignore", "count"):
        plain = score(labels, truth, boundary=boundary)
        renumbered = score(names[labels], true_names[truth], boundary=boundary)
        flipped = score(labels[:, ::-1, ::-1], truth[:, ::-1, ::-1], boundary=boundary)
        for other in (renumbered, flipped):
            assert list(other.values().values()) == pytest.approx(
                list(plain.values().values()), abs=1e-12
            )


@given(stacks, stacks)
@settings(deadline=None, max_examples=20)
def test_sections_are_scored_one_by_one_and_averaged(labels, truth):
    measured = score(labels, truth)
    alone = [score(a, b) for a, b in zip(labels, truth, strict=True)]
    assert [section.values() for section in measured.sections] == [one.values() for one in alone]
    scored = [one for one in alone if one.scored]
    for name in ("voi_split", "voi_merge", "voi", "adapted_rand_error", "cremi_score"):
        expected = np.mean([getattr(one, name) for one in scored]) if scored else 0.0
        assert getattr(measured, name) == pytest.approx(expected)
    assert measured.scored == sum(one.scored for one in alone)


def test_ids_that_restart_in_every_section_count_only_by_volume():
    truth = np.stack([cells(), cells()])
    labels = truth.copy()
    labels[1] = np.where(labels[1] > 0, 13 - labels[1], 0)
    assert score(labels, truth).cremi_score == 0
    assert score(labels, truth, by="volume").voi_merge > 0.5


class TestBoundary:
    def test_walls_are_grown_away(self):
        truth = cells()
        assert score(walled(truth), truth).adapted_rand_error < 0.01
        assert score(walled(truth), truth, boundary="count").adapted_rand_error > 0.05

    def test_ignoring_flatters_and_says_how_much_it_left_out(self):
        truth = cells()
        labels = walled(truth)
        ignoring = score(labels, truth, boundary="ignore", border=0)
        counting = score(labels, truth, boundary="count", border=0)
        assert ignoring.voi == 0 < counting.voi
        assert ignoring.ignored_fraction == pytest.approx(np.mean(labels == 0))
        assert counting.ignored_fraction == 0
        assert score(labels, truth, border=0).ignored_fraction == 0

    def test_the_flattering_score_stands_beside_the_honest_one(self):
        truth = cells()
        honest = score(walled(truth), truth)
        alone = score(walled(truth), truth, boundary="ignore")
        assert honest.flattering is not None
        assert honest.flattering.values() == alone.values()
        assert honest.flattering.settings.boundary == "ignore"
        assert alone.flattering is None

    def test_wide_walls_do_not_help(self):
        truth = cells((80, 80))
        labels = np.where(walled(truth, 8) > 0, 1, 0)
        assert score(labels, truth).voi_merge > 2

    def test_the_border_mask_counts_as_border_not_as_ignored(self):
        truth = np.ones((10, 20), int)
        truth[:, 10:] = 2
        measured = score(truth, truth, border=1)
        assert measured.border_fraction == pytest.approx(4 / 20)
        assert measured.scored == 160
        assert measured.ignored_fraction == 0
        assert score(truth, truth, border=0).scored == 200

    def test_ignored_pixels_under_the_border_are_not_counted_twice(self):
        truth = np.ones((10, 20), int)
        truth[:, 10:] = 2
        labels = truth.copy()
        labels[:, 8:12] = 0
        labels[:, 0:4] = 0
        measured = score(labels, truth, border=1, boundary="ignore")
        assert measured.ignored_fraction == pytest.approx(4 / 16)

    def test_growing_happens_in_the_plane(self):
        truth = np.ones((2, 6, 6), int)
        truth[1] = 2
        labels = truth.copy()
        labels[1, 1:] = 0
        assert score(labels, truth, by="volume").voi == 0


class TestZero:
    def test_truth_0_is_left_out(self):
        truth = walled(cells())
        labels = np.where(truth > 0, truth, 99)
        measured = score(labels, truth, border=0)
        assert measured.voi == 0
        assert measured.scored == np.count_nonzero(truth)

    def test_background_is_an_object_on_both_sides(self):
        truth = np.zeros((10, 10), int)
        truth[2:5, 2:5] = 1
        perfect = score(truth, truth, zero="background", border=0)
        assert (perfect.voi, perfect.adapted_rand_error, perfect.scored) == (0, 0, 100)
        wrong = score(np.ones_like(truth), truth, zero="background", border=0)
        assert wrong.voi_merge > 0

    def test_nothing_grows_into_background(self):
        truth = np.zeros((10, 10), int)
        truth[2:5, 2:5] = 1
        thin = score(truth, truth, zero="background", boundary="thin", border=0)
        count = score(truth, truth, zero="background", boundary="count", border=0)
        assert thin.values() == count.values()


class TestNothingToScore:
    @pytest.mark.parametrize("boundary", ["thin", "ignore", "count"])
    @pytest.mark.parametrize("by", ["section", "volume"])
    def test_an_empty_truth_scores_exact_zeros(self, boundary, by):
        labels = np.ones((2, 5, 5), int)
        measured = score(labels, np.zeros_like(labels), boundary=boundary, by=by)
        assert set(measured.values().values()) == {0}

    @pytest.mark.parametrize("boundary", ["thin", "ignore", "count"])
    def test_no_labels_at_all_is_no_crash(self, boundary):
        truth = cells()
        measured = score(np.zeros_like(truth), truth, boundary=boundary, border=0)
        if boundary == "ignore":
            assert (measured.scored, measured.ignored_fraction) == (0, 1)
        else:
            assert measured.adapted_rand_error > 0.99
            assert measured.voi_merge > 2

    def test_no_labels_at_all_score_exactly_this(self):
        truth = np.repeat([[1, 2]], 8, axis=0)
        for rand, alone in (("cremi", 1), ("snemi", 16)):
            measured = score(np.zeros_like(truth), truth, boundary="count", border=0, rand=rand)
            assert (measured.voi_split, measured.voi_merge) == (0.0, 1.0)
            assert measured.adapted_rand_error == 1 - 2 * alone / (alone + 2 * 8**2)

    @pytest.mark.parametrize("by", ["section", "volume"])
    def test_one_label_everywhere_scores_exactly_this(self, by):
        truth = np.repeat([[[1, 2, 3, 4]]], 8, axis=1)
        one = np.full_like(truth, 9)
        joined = score(one, truth, by=by, border=0)
        assert (joined.voi_split, joined.voi_merge) == (0.0, 2.0)
        assert joined.adapted_rand_error == 1 - 2 * 4 * 8**2 / (32**2 + 4 * 8**2)
        assert set(score(one, one, by=by).values().values()) == {0.0, 32}

    def test_a_section_without_truth_is_listed_but_not_averaged(self):
        truth = np.stack([cells(), np.zeros((40, 60), np.int32)])
        labels = np.stack([cells(seed=1), cells(seed=2)])
        measured = score(labels, truth)
        assert measured.sections[1].scored == 0
        assert measured.voi == measured.sections[0].voi

    def test_a_section_ignored_whole_shows_in_the_ignored_fraction(self):
        truth = np.stack([cells(), cells()])
        labels = truth.copy()
        labels[1] = 0
        measured = score(labels, truth, boundary="ignore", border=0)
        assert measured.ignored_fraction == 0.5

    def test_one_voxel(self):
        one = np.ones((1, 1, 1), int)
        measured = score(one, one)
        assert (measured.voi, measured.adapted_rand_error, measured.scored) == (0, 0, 1)

    @pytest.mark.parametrize("shape", [(0, 4, 4), (2, 0, 4), (2, 4, 0), (0, 0)])
    @pytest.mark.parametrize("by", ["section", "volume"])
    def test_an_empty_stack(self, shape, by):
        none = np.zeros(shape, int)
        for border in (0, 1):
            assert set(score(none, none, by=by, border=border).values().values()) == {0}

    @given(
        arrays(np.uint16, (2, 4, 5), elements=st.integers(0, 2)),
        arrays(np.uint16, (2, 4, 5), elements=st.integers(0, 2)),
        st.fixed_dictionaries(
            {
                "by": st.sampled_from(["section", "volume"]),
                "boundary": st.sampled_from(["thin", "ignore", "count"]),
                "zero": st.sampled_from(["boundary", "background"]),
                "rand": st.sampled_from(["cremi", "snemi", "scikit-image"]),
                "border": st.integers(0, 3),
            }
        ),
    )
    @settings(deadline=None, max_examples=60)
    def test_every_value_is_a_number_in_its_range(self, labels, truth, chosen):
        measured = score(labels, truth, **chosen)
        for one in (measured, measured.flattering or measured, *measured.sections):
            values = one.values()
            assert np.isfinite(list(values.values())).all()
            assert min(values.values()) >= 0
            for name in ("adapted_rand_error", "ignored_fraction", "border_fraction"):
                assert values[name] <= 1


class TestInput:
    def test_shapes_that_differ_are_both_named(self):
        with pytest.raises(ValueError, match=r"\(4, 5\).*\(5, 4\)"):
            score(np.ones((4, 5), int), np.ones((5, 4), int))

    def test_a_section_may_come_as_a_stack_of_one(self):
        truth = cells()
        assert score(truth[None], truth).scored > 0

    def test_voxel_sizes_that_differ_are_both_named(self):
        truth = Volume(cells(), Frame("yx", (4.0, 6.0), ("nanometer",) * 2))
        labels = Volume(cells(), Frame("yx", (8.0, 6.0), ("nanometer",) * 2))
        with pytest.raises(ValueError, match=r"8\.0.*4\.0.*resample"):
            score(labels, truth)

    def test_the_same_size_in_other_units_is_the_same(self):
        truth = Volume(cells(), Frame("yx", (4.0, 6.0), ("nanometer",) * 2))
        labels = Volume(cells(), Frame("yx", (0.004, 0.006), ("micrometer",) * 2))
        assert score(labels, truth).voi == 0
        assert score(truth.numpy(), truth).voi == 0

    @pytest.mark.parametrize("kind", ["u1", "i2", ">u4", "<i8", "f4", "f8"])
    def test_the_type_of_the_ids_does_not_matter(self, kind):
        truth = cells()
        expected = score(cells(seed=1), truth)
        assert score(cells(seed=1).astype(kind), truth.astype(kind)) == expected

    def test_ids_beyond_32_bits(self):
        truth = cells().astype(np.uint64)
        expected = score(cells(seed=1), truth).values()
        assert (
            score(
                cells(seed=1).astype(np.uint64) + np.uint64(2**63 + 2**33), truth + 2**40
            ).values()
            == expected
        )

    @pytest.mark.parametrize("by", ["section", "volume"])
    def test_ids_that_are_equal_modulo_2_to_the_32_stay_apart(self, by):
        truth = np.stack([cells(), cells(seed=2)]).astype(np.uint64)
        far = np.where(truth % np.uint64(2), truth, truth % np.uint64(4) + np.uint64(2**32))
        near = np.where(truth % np.uint64(2), truth, truth % np.uint64(4) + np.uint64(100))
        assert score(far, truth, by=by) == score(near, truth, by=by)
        assert score(truth, far, by=by).values() == score(truth, near, by=by).values()

    @pytest.mark.parametrize("kind", [object, "U1", "M8[s]", complex])
    def test_what_holds_no_numbers_is_refused(self, kind):
        with pytest.raises(ValueError, match=r"Labels of type .* hold no ids"):
            score(np.zeros((3, 3), kind), np.ones((3, 3), int))

    @pytest.mark.parametrize("wrong", [-1, 0.5, np.nan])
    def test_what_is_no_id_is_refused(self, wrong):
        labels = np.ones((4, 4)) * wrong
        with pytest.raises(ValueError, match="0 or positive"):
            score(labels, np.ones((4, 4), int))
        with pytest.raises(ValueError, match="0 or positive"):
            score(np.ones((4, 4), int), labels)

    @pytest.mark.parametrize("shape", [(4,), (1, 2, 3, 4)])
    def test_other_axes_are_refused(self, shape):
        with pytest.raises(ValueError, match="axes"):
            score(np.ones(shape, int), np.ones(shape, int))

    def test_the_input_is_left_as_it_was(self):
        truth, labels = cells(), walled(cells(seed=1))
        before = truth.copy(), labels.copy()
        score(labels, truth)
        np.testing.assert_array_equal((truth, labels), before)

    def test_chunks_on_disk_are_read_once(self, tmp_path):
        truth = np.stack([cells(seed=k) for k in range(5)])
        store = zarr.create_array(
            tmp_path / "t.zarr", shape=(5, 40, 60), chunks=(2, 16, 60), dtype="i4"
        )
        store[:] = truth
        reads = Counting(store)
        measured = score(Volume(reads, Frame("zyx")).cut(1, 5), truth[1:])
        assert measured.voi == 0
        assert len(measured.sections) == 4
        assert reads.count <= 3


class Counting:
    """A lazy array that counts how often it is read."""

    def __init__(self, source):
        self.source, self.shape, self.dtype, self.chunks = (
            source,
            source.shape,
            source.dtype,
            source.chunks,
        )
        self.count = 0

    def __getitem__(self, key):
        self.count += 1
        return self.source[key]


class TestSettings:
    def test_keywords_win_over_settings(self):
        truth = cells()
        measured = score(truth, truth, ScoringSettings(border=5, rand="snemi"), border=0)
        assert measured.settings == ScoringSettings(border=0, rand="snemi")

    def test_an_unknown_keyword_is_named(self):
        with pytest.raises(ValueError, match=r"no setting bordr; choose among by, boundary"):
            score(cells(), cells(), bordr=1)

    def test_a_value_out_of_bounds_is_named_in_one_line(self):
        with pytest.raises(ValueError, match=r"^border=-1: [^\n]*$"):
            score(cells(), cells(), border=-1)


def test_json_holds_the_same_names():
    truth = np.stack([cells(), cells(seed=3)])
    measured = score(walled(truth[0])[None].repeat(2, 0), truth)
    page = json.loads(json.dumps(measured.to_json(), allow_nan=False))
    for name in (*Score.VALUES, "scored"):
        assert page[name] == getattr(measured, name)
        assert page["flattering"][name] == getattr(measured.flattering, name)
        assert page["sections"][1][name] == getattr(measured.sections[1], name)
    assert page["settings"]["boundary"] == "thin"
