"""Linking: true cells come back from their sections, ids of a section mean nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from stack_phantom import one_to_one, refines, stack_phantom

from napari_advseg import drain, label
from napari_advseg.labelling import label_into
from napari_advseg.labelling.section.gap_closing import label_section
from napari_advseg.labelling.stack.linking import Linker, disc_overlap, link
from napari_advseg.progress import BlockDone, Phase
from napari_advseg.samples import neuropil
from napari_advseg.settings.labelling import LabellingSettings, LinkingSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

MATCHES = ["one-to-one", "many-to-one"]


def linked(sections, distance=1.0, **fields):
    linker = Linker(LinkingSettings(**fields), distance)
    ids = np.stack([linker.add(np.asarray(section)) for section in sections])
    return linker.objects()[ids]


def discs(*places, size=40, radius=6):
    """One section with discs 1, 2, ... at (y, x)."""
    section = np.zeros((size, size), np.int32)
    rows, columns = np.mgrid[:size, :size]
    for number, (y, x) in enumerate(places, 1):
        section[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = number
    return section


def shuffled(stack, seed):
    """The same sections, each with ids of its own drawn at random, up to 64 bits."""
    rng = np.random.default_rng(seed)
    fresh = []
    for section in stack:
        present, own = np.unique(section, return_inverse=True)
        ids = rng.choice(2**62, len(present), replace=False) + 1
        ids[present == 0] = 0
        fresh.append(ids[own].reshape(section.shape))
    return np.stack(fresh)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("voxel", [(20.0, 4.0, 4.0), (10.0, 10.0, 10.0)])
def test_sections_of_true_cells_become_the_cells_again(seed, voxel):
    truth = neuropil((6, 80, 96), seed=seed, voxel_nm=voxel)[1]
    sections = Volume(shuffled(truth.numpy(), seed), truth.frame)
    found = drain(link(sections, match="one-to-one"))
    assert one_to_one(found.numpy(), truth.numpy())
    assert found.frame.scale == voxel


@given(st.integers(0, 2**31), st.sampled_from(MATCHES))
@settings(deadline=None, max_examples=15)
def test_the_ids_of_a_section_mean_nothing(seed, match):
    rng = np.random.default_rng(seed)
    blurred = ndimage.gaussian_filter(rng.random((5, 24, 24)), (0.7, 2, 2))
    stack = np.stack([ndimage.label(section > 0.5)[0] for section in blurred])
    one, other = linked(stack, match=match), linked(shuffled(stack, seed), match=match)
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(one == 0, stack == 0)


@given(st.integers(0, 2**31), st.floats(0.05, 1), st.floats(0, 2))
@settings(deadline=None, max_examples=25)
def test_one_to_one_never_joins_two_labels_of_a_section(seed, overlap, drift):
    rng = np.random.default_rng(seed)
    stack = np.stack([ndimage.zoom(rng.integers(0, 9, (6, 6)), 4, order=0) for _ in range(4)])
    found = linked(stack, match="one-to-one", overlap=overlap, drift=drift)
    for section, labels in zip(found, stack, strict=True):
        assert one_to_one(section, labels)
    branched = linked(stack, match="many-to-one", overlap=overlap, drift=drift)
    assert refines(found, branched)


def test_a_branch_joins_its_stem_where_many_may():
    stem, branches = discs((20, 20), radius=12), discs((20, 14), (20, 27), radius=5)
    sections = [stem, branches, branches]
    assert linked(sections, match="many-to-one").max() == 1
    apart = linked(sections, match="one-to-one")
    assert len(np.unique(apart[1][apart[1] > 0])) == 2


def test_a_sliver_between_two_cells_does_not_join_them():
    left = np.ones((20, 20), np.int32)
    left[:, 10:] = 2
    sliver = left.copy()
    sliver[:, 9:11] = 3
    moved = np.ones((20, 20), np.int32)
    moved[:, 9:] = 2
    found = linked([left, sliver, moved], match="many-to-one")
    assert len({found[0, 0, 0], found[0, 0, 19]}) == 2
    np.testing.assert_array_equal(found[0, :, [0, 19]], found[2, :, [0, 19]])


def test_the_best_partner_is_the_one_with_the_most_overlap():
    below = discs((20, 20), radius=8)
    above = discs((20, 22), (20, 8), radius=8)
    found = linked([below, above], match="one-to-one")
    assert found[1, 20, 22] == found[0, 20, 20]
    assert found[1, 20, 4] != found[0, 20, 20]


@pytest.mark.parametrize(("distance", "joined"), [(1.0, False), (10.0, True)])
def test_thick_sections_may_move_further(distance, joined):
    sections = [discs((20, 14)), discs((20, 23))]
    found = linked(sections, distance, match="one-to-one", overlap=0.3, drift=0.9)
    assert (found.max() == 1) == joined


def test_a_disc_that_moves_keeps_its_share():
    disc = discs((20, 15), radius=10) > 0
    for shift in (0, 3, 8, 15, 25):
        moved = np.roll(disc, shift, axis=1) & (np.arange(40) >= shift)
        share = np.count_nonzero(disc & moved) / np.count_nonzero(disc)
        expected = disc_overlap(np.array([np.count_nonzero(disc)]), shift)[0]
        assert expected == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(
    ("empty", "bridge", "joined"), [(1, 1, True), (2, 1, False), (2, 2, True), (1, 0, False)]
)
@pytest.mark.parametrize("match", MATCHES)
def test_empty_sections_are_bridged_as_far_as_asked(empty, bridge, joined, match):
    section, nothing = discs((20, 20)), np.zeros((40, 40), np.int32)
    found = linked([section, *[nothing] * empty, section], match=match, bridge=bridge)
    assert (found.max() == 1) == joined
    assert not found[1].any()


def test_an_empty_stack_has_no_objects():
    assert not linked(np.zeros((3, 4, 4), np.int32)).any()


@pytest.mark.parametrize("match", MATCHES)
def test_labels_of_a_map_are_its_linked_sections(match, tmp_path):
    interior_map, truth = stack_phantom(1, noise=0.1)
    settings_ = LabellingSettings(threshold=0.6, across_sections="linked", linking={"match": match})
    volume = Volume(interior_map, truth.frame)
    found = drain(label(volume, settings_))
    sections = np.stack([label_section(section, settings_) for section in interior_map])
    np.testing.assert_array_equal(found.numpy(), drain(link(sections, match=match)).numpy())
    assert set(np.unique(found.numpy())) == set(range(1, found.numpy().max() + 1))
    assert found.frame.history[-1].endswith(f"linked {match}")
    streamed, reports = {}, []
    running = label_into(streamed.__setitem__, volume, settings_, tmp_path / "labels.tif")
    assert drain(running, reports.append) == found.numpy().max()
    np.testing.assert_array_equal(np.stack(list(streamed.values())), found.numpy())
    done = [BlockDone(phase, k + 1, 12) for phase in ("label", "link") for k in range(12)]
    assert [report for report in reports if isinstance(report, BlockDone)] == done
    assert list(tmp_path.iterdir()) == []


def test_small_objects_go_by_all_their_voxels():
    interior_map = np.zeros((4, 30, 30), np.float32)
    interior_map[:, 2:14, 2:14] = 1
    interior_map[:, 20:23, 20:23] = 1  # 9 pixels in each of 4 sections
    interior_map[2, 20:26, 4:10] = 1  # 36 pixels in one section
    for minimum, count in ((0, 3), (36, 3), (37, 1), (577, 0)):
        found = drain(
            label(interior_map, across_sections="linked", minimum_size=minimum, thin=False)
        ).numpy()
        assert found.max() == count


def test_what_is_too_small_is_grown_over_in_its_section():
    interior_map, truth = stack_phantom(2, noise=0.1)
    volume, fields = (
        Volume(interior_map, truth.frame),
        {"across_sections": "linked", "threshold": 0.6},
    )
    whole = drain(label(volume, **fields)).numpy()
    sizes = np.bincount(whole.ravel())
    minimum = int(np.median(sizes[1:]))
    kept = drain(label(volume, minimum_size=minimum, **fields)).numpy()
    assert (kept > 0).all()
    assert kept.max() == np.count_nonzero(sizes[1:] >= minimum)
    large = sizes[whole] >= minimum
    assert one_to_one(kept[large], whole[large])


def test_what_is_not_a_stack_of_labels_is_refused():
    with pytest.raises(ValueError, match="axes 'zyx', not 'yx'"):
        drain(link(np.ones((4, 4), np.int32)))
    with pytest.raises(ValueError, match="no setting overlp"):
        drain(link(np.ones((2, 4, 4), np.int32), overlp=0.3))
    with pytest.raises(ValueError, match="must not be negative"):
        drain(link(np.full((2, 4, 4), -1)))


def test_closing_it_early_leaves_nothing(tmp_path):
    settings_ = LabellingSettings(across_sections="linked")
    volume = Volume(np.ones((3, 8, 8), np.float32), Frame("zyx", (2.0, 1.0, 1.0)))
    running = label_into(lambda *_: None, volume, settings_, tmp_path / "a.tif")
    assert next(running) == Phase("label", 3)
    next(running)
    running.close()
    assert list(tmp_path.iterdir()) == []
