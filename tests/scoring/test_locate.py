"""Errors located: shares that sum to the score, gains that edits prove, places that can be looked at."""

import itertools
import json
from collections import defaultdict

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import napari_advseg as advseg
from napari_advseg import locate, score
from napari_advseg.scoring.finding.locate import ERROR_KINDS, Errors, Site, WrongObject, error_map
from napari_advseg.scoring.table.boundary import grow_nearest
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

SHAPE = (2, 12, 14)


def blocks(rows, columns):
    """Stacks of blocks of one id each."""
    shape = (2, 12 // rows, 14 // columns)
    coarse = arrays(np.uint16, shape, elements=st.integers(0, 4))
    return coarse.map(lambda ids: ids.repeat(rows, 1).repeat(columns, 2))


noise = arrays(np.uint16, SHAPE, elements=st.integers(0, 4))
stacks = st.one_of(blocks(3, 2), blocks(6, 7), noise)
ways = st.builds(
    ScoringSettings,
    by=st.sampled_from(["section", "volume"]),
    boundary=st.sampled_from(["thin", "ignore", "count"]),
    border=st.integers(0, 1),
    zero=st.sampled_from(["boundary", "background"]),
)
few = settings(deadline=None, max_examples=40)


def as_counted(labels, way):
    """Labels that are counted as they stand: grown where the score would grow them."""
    grows = way.boundary == "thin" and way.zero == "boundary"
    return np.stack([grow_nearest(one) for one in labels]) if grows else labels.copy()


def edited(labels, way, where, new):
    """The labels with other ids at `where`; predicted 0 that is ignored stays 0."""
    labels = labels.copy()
    where = where & (labels != 0) if way.boundary == "ignore" else where
    labels[where] = new[where] if isinstance(new, np.ndarray) else new
    return labels


def voi(labels, truth, way):
    """VOI of labels that are grown already."""
    return score(
        labels, truth, way.changed(boundary="ignore" if way.boundary == "ignore" else "count")
    ).voi


def inside(found, shape):
    """Where an object or a site may be edited: in its section, or anywhere."""
    z = slice(None) if found.section is None else found.section
    there = np.zeros(shape, bool)
    there[z] = True
    return there


def neurites(seed=0, shape=(4, 30, 40), count=12):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, shape, (count, 3))
    grid = np.stack(np.mgrid[tuple(map(slice, shape))], -1)[..., None, :]
    return (((grid - points) ** 2).sum(-1).argmin(-1) + 1).astype(np.int32)


def walled(labels):
    """The same ids with 0 on both sides of every wall within a section."""
    out = labels.copy()
    for axis in (1, 2):
        for shift in (-1, 1):
            out[np.roll(labels, shift, axis) != labels] = 0
    return out


class TestShares:
    @given(stacks, stacks, ways)
    @few
    def test_they_sum_to_the_score(self, labels, truth, way):
        found = locate(labels, truth, way)
        assert found.score.values() == score(labels, truth, way).values()
        for side in ("truth", "labels"):
            ours = [one for one in found.objects if one.side == side]
            assert sum(one.split for one in ours) == pytest.approx(found.score.voi_split)
            assert sum(one.merge for one in ours) == pytest.approx(found.score.voi_merge)
            assert sum(one.size for one in ours) == found.score.scored

    @given(stacks, ways)
    @few
    def test_labels_against_themselves_have_no_errors(self, labels, way):
        found = locate(labels, labels, way.changed(boundary="ignore"))
        assert not found.sites
        assert {one.gain for one in found.objects} <= {0.0}
        assert not error_map(labels, labels, way.changed(boundary="ignore")).numpy().any()


class TestGains:
    @given(stacks, stacks, ways)
    @few
    def test_a_true_object_gains_what_repainting_it_gains(self, labels, truth, way):
        labels = as_counted(labels, way)
        before = voi(labels, truth, way)
        found = locate(labels, truth, way)
        for one in (one for one in found.objects if one.side == "truth"):
            where = inside(one, truth.shape) & (truth == one.id)
            after = voi(edited(labels, way, where, 99), truth, way)
            assert one.gain == pytest.approx(before - after, abs=1e-9)

    @given(stacks, stacks, ways)
    @few
    def test_a_label_gains_what_cutting_it_along_the_truth_gains(self, labels, truth, way):
        labels = as_counted(labels, way)
        before = voi(labels, truth, way)
        for one in (one for one in locate(labels, truth, way).objects if one.side == "labels"):
            where = inside(one, truth.shape) & (labels == one.id)
            after = voi(edited(labels, way, where, 100 + truth), truth, way)
            assert one.gain == pytest.approx(before - after, abs=1e-9)

    @given(stacks, stacks, ways)
    @few
    def test_a_split_gains_what_joining_gains(self, labels, truth, way):
        labels = as_counted(labels, way)
        before = voi(labels, truth, way)
        for site in (site for site in locate(labels, truth, way).sites if site.kind == "split"):
            where = inside(site, truth.shape) & np.isin(labels, site.labels)
            after = voi(edited(labels, way, where, 99), truth, way)
            assert 0 < site.gain == pytest.approx(before - after, abs=1e-9)

    @given(stacks, stacks, ways)
    @few
    def test_a_merge_gains_what_cutting_the_smaller_part_off_gains(self, labels, truth, way):
        labels = as_counted(labels, way)
        before = voi(labels, truth, way)
        counted = scored(labels, truth, way)
        for site in (site for site in locate(labels, truth, way).sites if site.kind == "merge"):
            here = inside(site, truth.shape) & (labels == site.labels[0])
            sizes = [np.count_nonzero(here & counted & (truth == one)) for one in site.truth]
            where = here & (truth == site.truth[int(np.argmin(sizes))])
            after = voi(edited(labels, way, where, 99), truth, way)
            assert 0 < site.gain == pytest.approx(before - after, abs=1e-9)

    def test_largest_come_first(self):
        found = locate(neurites(1), neurites(0))
        for kind in (found.objects, found.sites):
            gains = [one.gain for one in kind]
            assert gains == sorted(gains, reverse=True)


def scored(labels, truth, way):
    """Voxels that the score counts, by the definition."""
    keep = np.ones(truth.shape, bool)
    if way.border:
        near = np.zeros(truth.shape, bool)
        for axis in (1, 2):
            edge = np.diff(truth.astype(int), axis=axis) != 0
            pad = [(0, 0)] * 3
            pad[axis] = (0, 1)
            near |= np.pad(edge, pad)
            pad[axis] = (1, 0)
            near |= np.pad(edge, pad)
        wide = near.copy()
        for axis, shift in itertools.product((1, 2), (-1, 1)):
            moved = np.roll(near, shift, axis)
            edge = [slice(None)] * 3
            edge[axis] = 0 if shift == 1 else -1
            moved[tuple(edge)] = False
            wide |= moved
        keep &= ~wide
    if way.zero == "boundary":
        keep &= truth != 0
    if way.boundary == "ignore":
        keep &= labels != 0
    return keep


class TestObjects:
    @given(stacks, stacks, ways)
    @few
    def test_boxes_are_tight_and_points_lie_inside(self, labels, truth, way):
        counted = as_counted(labels, way)
        keep = scored(labels, truth, way)
        listed = set()
        for one in locate(labels, truth, way).objects:
            ids, given_ids = (truth, truth) if one.side == "truth" else (counted, labels)
            voxels = np.nonzero(keep & (ids == one.id) & inside(one, truth.shape))
            assert one.size == len(voxels[0])
            assert one.box == tuple((k.min(), k.max() + 1) for k in voxels)
            assert given_ids[one.point] == one.id
            assert one.section in (None, one.point[0])
            listed.add((one.side, one.id, one.section))
        z = np.nonzero(keep)[0]
        expected = {
            (side, id_, section if way.by == "section" else None)
            for side, ids in (("truth", truth), ("labels", counted))
            for id_, section in zip(ids[keep].tolist(), z.tolist(), strict=True)
        }
        assert listed == expected

    def test_the_point_is_one_that_is_scored_where_there_is_one(self):
        truth = np.ones((1, 9, 20), int)
        truth[:, :, 10:] = 2
        truth[:, 5, :10] = 0
        labels = np.zeros_like(truth)
        labels[:, 5, :18] = 3
        labels[:, 1, 1:5] = 3
        found = {(one.side, one.id): one for one in locate(labels, truth, border=2).objects}
        _, y, x = found["labels", 3].point
        assert y == 5
        assert 14 <= x < 18


def faces(outer, inner, by):
    """Faces between voxels of other outer ids and one inner id, by hand."""
    found = defaultdict(list)
    for axis in (0, 1, 2) if by == "volume" else (1, 2):
        lower = [slice(None)] * 3
        upper = [slice(None)] * 3
        lower[axis], upper[axis] = slice(None, -1), slice(1, None)
        lower, upper = tuple(lower), tuple(upper)
        meet = (outer[lower] != outer[upper]) & (inner[lower] == inner[upper])
        for voxel in np.argwhere(meet):
            other = voxel + np.eye(3, dtype=int)[axis]
            ends = sorted((int(outer[tuple(voxel)]), int(outer[tuple(other)])))
            section = None if by == "volume" else int(voxel[0])
            found[(*ends, int(inner[tuple(voxel)]), section)].append((tuple(voxel), tuple(other)))
    return found


class TestSites:
    @given(stacks, stacks, ways.filter(lambda way: way.zero == "boundary"))
    @few
    def test_contacts_are_those_of_ids_grown_into_0(self, labels, truth, way):
        grown, around = (np.stack([grow_nearest(one) for one in k]) for k in (labels, truth))
        splits, merges = faces(grown, around, way.by), faces(around, grown, way.by)
        for site in locate(labels, truth, way).sites:
            split = site.kind == "split"
            ends, within = (site.labels, site.truth) if split else (site.truth, site.labels)
            pairs = (splits if split else merges)[(*sorted(ends), *within, site.section)]
            voxels = np.array(pairs).reshape(-1, 3)
            assert site.contact == len(pairs) > 0
            assert site.box == tuple(
                (a, b + 1) for a, b in zip(voxels.min(0), voxels.max(0), strict=True)
            )
            assert site.point in {lower for lower, _ in pairs}

    @given(stacks, stacks, ways.filter(lambda way: way.zero == "boundary"))
    @few
    def test_every_contact_worth_mending_is_listed(self, labels, truth, way):
        counted, keep = as_counted(labels, way), scored(labels, truth, way)
        grown, around = (np.stack([grow_nearest(one) for one in k]) for k in (labels, truth))
        before = voi(counted, truth, way)
        listed = {(s.kind, s.labels, s.truth, s.section) for s in locate(labels, truth, way).sites}
        for first, second, label, section in faces(around, grown, way.by):
            here = (
                (counted == label)
                & keep
                & ((np.arange(2) == section)[:, None, None] | (section is None))
            )
            if first and all((here & (truth == one)).any() for one in (first, second)):
                assert ("merge", (label,), (first, second), section) in listed
        joins = {(kind, labels_, section) for kind, labels_, _, section in listed}
        for first, second, one, section in faces(grown, around, way.by):
            here = keep & ((np.arange(2) == section)[:, None, None] | (section is None))
            there = [here & (counted == label) for label in (first, second)]
            if not first or not all((part & (truth == one)).any() for part in there):
                continue
            where = np.isin(counted, (first, second)) & (
                (np.arange(2) == section)[:, None, None] | (section is None)
            )
            gain = before - voi(edited(counted, way, where, 99), truth, way)
            assert (("split", (first, second), section) in joins) == (gain > 1e-9)

    def test_a_cut_neurite_is_found_where_it_was_cut(self):
        truth = np.ones((1, 20, 30), int)
        truth[:, 10:] = 2
        labels = truth.copy()
        labels[:, :10, 12:] = 7
        (site,) = locate(labels, truth, border=0).sites
        assert (site.kind, site.labels, site.truth, site.section) == ("split", (1, 7), (1,), 0)
        assert site.contact == 10
        assert site.box == ((0, 1), (0, 10), (11, 13))
        assert site.point[2] == 11
        assert site.point[1] in (4, 5)

    def test_a_wall_between_two_pieces_does_not_hide_their_contact(self):
        truth = np.ones((1, 20, 30), int)
        labels = truth.copy()
        labels[:, :, 12:] = 7
        labels[:, :, 11:14] = 0
        (site,) = locate(labels, truth).sites
        assert (site.labels, site.truth, site.contact) == ((1, 7), (1,), 20)

    def test_a_membrane_of_the_truth_does_not_hide_a_merge_and_the_point_lies_in_the_gap(self):
        truth = np.ones((1, 20, 30), int)
        truth[:, :, 16:] = 2
        truth[:, :, 14:16] = 0
        labels = np.full_like(truth, 5)
        labels[:, :, 14:16] = 0
        labels[:, 3:6, 14:16] = 5
        (site,) = locate(labels, truth, border=0).sites
        assert (site.kind, site.labels, site.truth) == ("merge", (5,), (1, 2))
        assert site.contact == 20
        assert site.point == (0, 4, 14)

    def test_only_by_volume_do_sections_touch(self):
        truth = np.ones((2, 5, 5), int)
        labels = truth.copy()
        labels[1] = 2
        assert not locate(labels, truth).sites
        (site,) = locate(labels, truth, by="volume").sites
        assert (site.labels, site.section, site.contact) == ((1, 2), None, 25)
        assert (site.box, site.point) == (((0, 2), (0, 5), (0, 5)), (0, 2, 2))

    def test_by_volume_the_point_lies_where_most_of_the_contact_is(self):
        truth = np.ones((3, 9, 10), int)
        labels = truth.copy()
        labels[:, :, 5:] = 2
        truth[::2, 4:] = 9
        found = locate(labels, truth, by="volume", border=0).sites
        (site,) = (site for site in found if site.kind == "split")
        assert site.point == (1, 4, 4)

    def test_a_join_is_listed_once_in_the_object_that_gains_most(self):
        truth = np.ones((1, 20, 30), int)
        truth[:, 15:] = 2
        labels = np.ones_like(truth)
        labels[:, :, 10:] = 2
        (split,) = (one for one in locate(labels, truth).sites if one.kind == "split")
        assert split.truth == (1,)

    def test_missing_and_extra_objects_are_sites_where_0_is_background(self):
        truth = np.zeros((1, 30, 30), int)
        truth[:, 3:9, 3:9] = 4
        labels = np.zeros_like(truth)
        labels[:, 20:26, 20:26] = 6
        sites = locate(labels, truth, zero="background", border=0).sites
        named = {(site.kind, site.labels, site.truth) for site in sites}
        assert named == {("merge", (0,), (0, 4)), ("split", (0, 6), (0,))}

    def test_a_line_of_background_does_not_hide_a_split(self):
        truth = np.zeros((1, 30, 30), int)
        truth[:, 3:20, 3:20] = 4
        labels = truth.copy()
        labels[:, 12:] = np.where(labels[:, 12:], 5, 0)
        labels[:, 12] = 0
        best = locate(labels, truth, zero="background", border=0).sites[0]
        assert (best.kind, best.labels, best.truth) == ("split", (4, 5), (4,))


class TestErrorMap:
    @given(stacks, stacks, ways)
    @few
    def test_every_voxel_follows_the_definition(self, labels, truth, way):
        painted = error_map(labels, truth, way)
        counted, keep = as_counted(labels, way), scored(labels, truth, way)
        groups = range(len(labels)) if way.by == "section" else [slice(None)]
        expected = np.zeros(truth.shape, np.uint8)
        for z in groups:
            expected[z] = painted_by_hand(counted[z], truth[z], keep[z])
        np.testing.assert_array_equal(painted.numpy(), expected)
        assert painted.dtype == np.uint8
        assert painted.kind == "labels"

    @pytest.mark.parametrize("by", ["section", "volume"])
    def test_a_part_of_it_is_read_alone(self, by):
        painted = error_map(neurites(1), neurites(0), by=by)
        whole = painted.numpy()
        assert whole.any()
        np.testing.assert_array_equal(painted.section(2), whole[2])
        np.testing.assert_array_equal(painted.array[1:3, 4:9, ::2], whole[1:3, 4:9, ::2])
        np.testing.assert_array_equal(np.stack(list(painted.sections())), whole)
        assert painted.array[2:2].shape == (0, 30, 40)

    def test_a_section_alone_is_painted_too(self):
        painted = error_map(neurites(1)[0], neurites(0)[:1])
        assert painted.shape == (30, 40)
        assert painted.numpy().any()

    def test_it_lies_where_the_labels_lie_and_is_written_section_by_section(self, tmp_path):
        frame = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3, (80.0, 0.0, 0.0))
        painted = error_map(Volume(neurites(1), frame), neurites(0))
        again = advseg.read(advseg.write(painted, tmp_path / "errors.ome.zarr"))
        assert (again.frame.scale, again.frame.translate) == (frame.scale, frame.translate)
        np.testing.assert_array_equal(again.numpy(), painted.numpy())

    @pytest.mark.parametrize("by", ["section", "volume"])
    def test_chunks_on_disk_are_read_once_for_a_run_of_sections(self, tmp_path, by):
        store = zarr.create_array(
            tmp_path / "l.zarr", shape=(4, 30, 40), chunks=(2, 16, 40), dtype="i4"
        )
        store[:] = neurites(1)
        counting = Counting(store)
        painted = error_map(Volume(counting, Frame("zyx")), neurites(0), by=by)
        counting.count = 0
        list(painted.sections())
        assert counting.count == 2


def painted_by_hand(labels, truth, keep):
    counts = defaultdict(int)
    for pair in zip(labels[keep].tolist(), truth[keep].tolist(), strict=True):
        counts[pair] += 1
    owner, piece = {}, {}
    for label, one in sorted(counts, key=lambda pair: (-counts[pair], pair[1])):
        if label and one:
            owner.setdefault(label, one)
    for label, one in sorted(counts, key=lambda pair: (-counts[pair], pair[0])):
        if owner.get(label) == one:
            piece.setdefault(one, label)
    kinds = np.zeros(truth.shape, np.uint8)
    for place in zip(*np.nonzero(keep), strict=True):
        label, one = int(labels[place]), int(truth[place])
        if not (label and one):
            wrong = {(0, 0): None, (0, 1): "missing", (1, 0): "extra"}[bool(label), bool(one)]
        elif owner[label] != one:
            wrong = "merge"
        else:
            wrong = None if piece[one] == label else "split"
        kinds[place] = ERROR_KINDS.get(wrong, 0)
    return kinds


class Counting:
    """A lazy array that counts how often it is read."""

    def __init__(self, source):
        self.source, self.shape, self.dtype = source, source.shape, source.dtype
        self.chunks = source.chunks
        self.count = 0

    def __getitem__(self, key):
        self.count += 1
        return self.source[key]


class TestInput:
    @pytest.mark.parametrize("by", ["section", "volume"])
    @pytest.mark.parametrize("boundary", ["thin", "ignore", "count"])
    @pytest.mark.parametrize("shape", [(2, 5, 6), (0, 5, 6), (2, 0, 6), (2, 5, 0)])
    def test_an_empty_truth_has_no_errors(self, by, boundary, shape):
        found = locate(np.ones(shape, int), np.zeros(shape, int), by=by, boundary=boundary)
        assert (len(found.objects), len(found.sites), found.score.scored) == (0, 0, 0)
        assert json.loads(json.dumps(found.to_json(), allow_nan=False))["objects_found"] == 0
        painted = error_map(np.ones(shape, int), np.zeros(shape, int), by=by, boundary=boundary)
        assert not painted.numpy().any()

    @pytest.mark.parametrize("by", ["section", "volume"])
    def test_without_any_label_all_is_merged_in_0_or_nothing_is_counted(self, by):
        truth = neurites()
        none = np.zeros_like(truth)
        assert len(locate(none, truth, by=by, boundary="ignore").objects) == 0
        found = locate(none, truth, by=by)
        assert {one.id for one in found.objects if one.side == "labels"} == {0}
        assert {(site.kind, site.labels) for site in found.sites} == {("merge", (0,))}
        painted = error_map(none, truth, by=by).numpy()
        assert set(np.unique(painted)) == {0, ERROR_KINDS["missing"]}

    def test_one_label_for_everything_is_merged(self):
        truth = neurites()
        found = locate(np.ones_like(truth), truth, by="volume")
        assert {site.kind for site in found.sites} == {"merge"}
        assert found.objects[0].side == "labels"
        assert found.objects[0].gain == pytest.approx(found.score.voi)

    def test_ids_beyond_63_bits_are_kept(self):
        large, larger = np.uint64(2**64 - 50), np.uint64(2**33)
        plain = locate(neurites(1), neurites(0), by="volume")
        ids = locate(
            neurites(1).astype(np.uint64) + larger,
            large + neurites(0).astype(np.uint64),
            by="volume",
        )
        assert len(ids.sites) == len(plain.sites)
        assert sum(site.gain for site in ids.sites) == pytest.approx(
            sum(s.gain for s in plain.sites)
        )
        splits = {(s.labels, s.truth) for s in plain.sites if s.kind == "split"}
        assert {(s.labels, s.truth) for s in ids.sites if s.kind == "split"} == {
            (tuple(k + 2**33 for k in labels), (2**64 - 50 + truth[0],)) for labels, truth in splits
        }
        painted = error_map(
            neurites(1).astype(np.uint64) + larger, large + neurites(0).astype(np.uint64)
        )
        np.testing.assert_array_equal(painted.numpy(), error_map(neurites(1), neurites(0)).numpy())

    @pytest.mark.parametrize("kind", ["u1", "i2", ">u4", "<i8", "f4"])
    def test_the_type_of_the_ids_does_not_matter(self, kind):
        plain = locate(neurites(1), neurites(0))
        other = locate(neurites(1).astype(kind), neurites(0).astype(kind))
        assert list(other.sites) == list(plain.sites)
        assert list(other.objects) == list(plain.objects)

    @pytest.mark.parametrize("verb", [locate, error_map])
    def test_shapes_that_differ_are_both_named(self, verb):
        with pytest.raises(ValueError, match=r"\(4, 5\).*\(5, 4\)"):
            verb(np.ones((4, 5), int), np.ones((5, 4), int))

    @pytest.mark.parametrize("wrong", [-1, 0.5, np.nan])
    def test_what_is_no_id_is_refused(self, wrong):
        with pytest.raises(ValueError, match="0 or positive"):
            locate(np.ones((4, 4)) * wrong, np.ones((4, 4), int))
        with pytest.raises(ValueError, match="0 or positive"):
            error_map(np.ones((4, 4), int), np.ones((4, 4)) * wrong).numpy()

    def test_an_unknown_keyword_is_named(self):
        for verb in (locate, error_map):
            with pytest.raises(ValueError, match="no setting bordr"):
                verb(neurites(), neurites(), bordr=1)

    def test_the_input_is_left_as_it_was(self):
        labels, truth = walled(neurites(1)), neurites()
        before = labels.copy(), truth.copy()
        locate(labels, truth)
        error_map(labels, truth, by="volume").numpy()
        np.testing.assert_array_equal((labels, truth), before)


class TestErrors:
    def test_top_keeps_what_was_found(self):
        found = locate(neurites(1), neurites(0))
        top = found.top(3)
        assert list(top.objects) == list(found.objects[:3])
        assert list(top.sites) == [found.sites[k] for k in range(3)]
        assert (top.objects_found, top.sites_found) == (len(found.objects), len(found.sites))
        assert isinstance(top.objects[0], WrongObject)
        assert isinstance(top.sites[-1], Site)
        assert "Site(kind=" in repr(top.sites)

    def test_places_in_a_cut_are_moved_to_those_of_the_whole(self):
        labels, truth = neurites(1), neurites(0)
        cut = locate(labels[1:], truth[1:]).top(3)
        for one, before in zip(cut.moved(1).sites, cut.sites, strict=True):
            assert one.section == before.section + 1
            assert one.point == (before.point[0] + 1, *before.point[1:])
            assert one.box == ((one.section, one.section + 1), *before.box[1:])
        assert locate(labels, truth, by="volume").moved(1).objects[0].section is None

    def test_json_holds_the_score_and_everything_listed(self):
        found = locate(neurites(1), neurites(0), by="volume").top(2)
        page = json.loads(json.dumps(found.to_json(), allow_nan=False))
        assert page["voi"] == found.score.voi
        assert page["settings"]["by"] == "volume"
        assert page["sites_found"] == found.sites_found > len(page["sites"]) == 2
        for listed, one in zip(page["objects"], found.objects, strict=True):
            assert listed["gain"] == one.gain
            assert tuple(listed["point"]) == one.point
            assert listed["section"] is None
        assert set(page["sites"][0]) == {
            "kind", "labels", "truth", "section", "contact", "gain", "box", "point",
        }  # fmt: skip

    def test_they_can_be_made_of_plain_tuples(self):
        found = locate(neurites(1), neurites(0))
        some = Errors(tuple(found.objects[:2]), (), found.score, found.settings)
        assert (some.objects_found, some.sites_found) == (2, 0)


def test_by_volume_many_sections_are_joined_as_they_come(monkeypatch):
    labels, truth = neurites(1, (9, 20, 20)), neurites(0, (9, 20, 20))
    expected = locate(labels, truth, by="volume")
    monkeypatch.setattr("napari_advseg.scoring.table.places.FEW", 1)
    found = locate(labels, truth, by="volume")
    assert list(found.sites) == list(expected.sites)
    assert list(found.objects) == list(expected.objects)


@pytest.mark.real_data
def test_supervoxels_of_the_medulla_against_its_neurons(real_data):
    labels, truth = (
        advseg.read(real_data / "fibsem_medulla" / name)
        for name in ("supervoxels.tif", "neuron_ids.tif")
    )
    found = locate(labels.cut(0, 40), truth.cut(0, 40), by="volume")
    for side in ("truth", "labels"):
        ours = [one for one in found.objects if one.side == side]
        assert sum(one.split for one in ours) == pytest.approx(found.score.voi_split)
        assert sum(one.merge for one in ours) == pytest.approx(found.score.voi_merge)
    ids = truth.numpy()
    for site in found.sites[:20]:
        assert ids[site.point] in (0, *site.truth)
