"""What 0 means: told from share and shape, said in one line; nothing to learn is refused."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from napari_advseg.examples.census import SQUARE, take_census
from napari_advseg.examples.sections import as_volume
from napari_advseg.examples.zero import check_trainable, decide_zero
from napari_advseg.progress import BlockDone, Phase, drain
from napari_advseg.settings.examples import TargetSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume


def tissue(side=256, cells=40, seed=0):
    """Cells that fill a section, like neurites: of many sizes, none without a neighbour."""
    rng = np.random.default_rng(seed)
    y, x = rng.integers(0, side, (2, cells))
    seeds = np.ones((side, side), bool)
    seeds[y, x] = False
    nearest = ndimage.distance_transform_edt(seeds, return_distances=False, return_indices=True)
    names = np.zeros((side, side), np.int32)
    names[y, x] = np.arange(1, cells + 1)
    return names[tuple(nearest)]


def walled(labels, wall=2):
    low, high = ndimage.minimum_filter(labels, wall + 1), ndimage.maximum_filter(labels, wall + 1)
    return np.where(low == high, labels, 0)


def discs(count=30, side=256, radius=9, seed=0):
    """Objects of one kind that lie apart in a background."""
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:side, :side]
    labels = np.zeros((side, side), np.uint8)
    for name in range(1, count + 1):
        v, u = rng.integers(0, side, 2)
        disc = (y - v) ** 2 + (x - u) ** 2 <= (radius + rng.integers(-1, 2)) ** 2
        if not labels[ndimage.binary_dilation(disc)].any():
            labels[disc] = name
    return labels


def strokes(sections=8, side=256):
    """A hand-painted layer: a few strokes in one section of several."""
    labels = np.zeros((sections, side, side), np.uint8)
    labels[3, 40:52, 40:120] = 1
    labels[3, 52:60, 40:120] = 2
    labels[3, 150:190, 60:70] = 3
    return labels


def meaning(labels):
    return decide_zero(labels).meaning


def test_thin_walls_around_most_cells_are_the_boundary():
    assert meaning(walled(tissue())) == "boundary"
    assert meaning(np.stack([walled(tissue(seed=s), 6) for s in range(3)])) == "boundary"


def test_a_mask_of_cells_between_thin_walls_is_one_too():
    assert meaning(255 * (walled(tissue()) > 0).astype(np.uint8)) == "boundary"


def test_empty_sections_beside_walls_are_left_out():
    labels = np.zeros((4, 256, 256), np.int32)
    labels[1] = walled(tissue())
    decision = decide_zero(labels)
    assert decision.meaning == "boundary"
    assert "3 of 4 sections are empty and left out" in decision.sentence


def test_dense_labels_with_specks_of_0_have_them_masked():
    labels = tissue()
    assert meaning(labels) == "unannotated"
    labels[100, 100:110] = 0
    decision = decide_zero(labels)
    assert decision.meaning == "unannotated"
    assert "specks" in decision.sentence


def test_a_hand_painted_layer_is_annotated_only_where_it_is_painted():
    assert meaning(strokes()) == "unannotated"
    assert meaning(strokes()[3]) == "unannotated"
    assert meaning(strokes() > 0) == "unannotated"


def test_a_painted_part_of_tissue_is_no_set_of_objects():
    part = np.zeros((256, 256), np.int32)
    part[60:160, 60:160] = tissue()[60:160, 60:160]
    assert meaning(part) == "unannotated"


def test_objects_of_one_kind_lie_in_a_background():
    assert meaning(discs()) == "background"
    assert meaning(discs() > 0) == "background"
    assert meaning(np.stack([discs(seed=s) for s in range(3)])) == "background"


def test_a_wrong_guess_is_overruled_and_the_sentence_says_how():
    decision = decide_zero(discs())
    assert "set zero to boundary or unannotated" in decision.sentence
    assert "\n" not in decision.sentence
    for requested in ("boundary", "unannotated", "background"):
        assert decide_zero(discs(), requested).meaning == requested


def test_a_mask_of_the_walls_is_warned_of_as_inverted():
    walls = 255 * (walled(tissue()) == 0).astype(np.uint8)
    decision = decide_zero(walls)
    assert "inverted" in decision.warning
    assert decision.meaning == "unannotated"
    assert "inverted" in decide_zero(walls, "boundary").warning
    for upright in (255 - walls, discs(), tissue(), strokes()):
        assert not decide_zero(upright).warning


def check(labels, zero, sections=None):
    volume = labels if isinstance(labels, Volume) else as_volume(labels)
    check_trainable([volume], TargetSettings(), zero, [sections or range(volume.size("z"))])


def test_empty_labels_are_refused_before_anything_starts():
    labels = Volume(np.zeros((3, 8, 8), np.uint8), Frame("zyx", name="truth"))
    with pytest.raises(ValueError, match=r"'truth' are empty in the 3 sections.*paint some cells"):
        decide_zero(labels)
    with pytest.raises(ValueError, match="are empty in the chosen sections"):
        check(labels, "boundary")


def test_negative_ids_are_counted_and_said():
    labels = walled(tissue())
    labels[:10] = -1
    assert "2,560 voxels with a negative id are left out" in decide_zero(labels).sentence


def test_one_class_only_is_refused_with_what_to_do():
    one_cell = np.ones((3, 40, 40), np.uint8)
    with pytest.raises(ValueError, match=r"all inside cells.*set zero to boundary"):
        check(one_cell, "unannotated")
    with pytest.raises(ValueError, match="all inside cells"):
        check(one_cell, "boundary")
    crumbs = np.arange(1, 1601).reshape(40, 40)
    with pytest.raises(ValueError, match=r"all boundary.*paint whole cells"):
        check(crumbs, "unannotated")


def test_a_mask_trains_where_0_is_the_wall_and_not_where_it_is_unknown():
    mask = walled(tissue()) > 0
    check(mask, "boundary")
    check(mask, "background")
    with pytest.raises(ValueError, match="all inside cells"):
        check(mask, "unannotated")


def test_only_the_chosen_sections_are_looked_at():
    labels = strokes()
    check(labels, "unannotated", [3])
    with pytest.raises(ValueError, match="empty in the chosen sections"):
        check(labels, "unannotated", [0, 1, 2])


def test_a_census_counts_every_voxel_once_and_tells_where_they_are():
    labels = strokes()
    labels[5, :, :] = 7
    reports = []
    census = drain(take_census(labels), reports.append)
    assert reports[0] == Phase("Looking at the labels", 8)
    assert reports[-1] == BlockDone("Looking at the labels", 8, 8)
    assert census.painted == [3, 5]
    assert census.blank == [0, 1, 2, 4, 6, 7]
    assert census.annotated("background") == list(range(8))
    assert census.annotated("boundary") == census.annotated("unannotated") == [3, 5]
    assert census.voxels("unannotated") == np.count_nonzero(labels)
    assert census.voxels("boundary") == 2 * 256 * 256
    assert census.voxels("unannotated", [5]) == 256 * 256
    assert census.zero_share == (labels == 0).mean()
    count = census.counts[3]
    for square, painted in zip(count.squares, count.painted_in, strict=True):
        y, x = SQUARE * (square // 16), SQUARE * (square % 16)
        assert painted == np.count_nonzero(labels[3, y : y + SQUARE, x : x + SQUARE]) > 0
    assert count.painted_in.sum() == count.painted
    assert census.counts[5].everywhere
    assert not count.everywhere


def test_a_census_needs_one_channel_of_labels():
    with pytest.raises(ValueError, match="3 channels"):
        drain(take_census(Volume(np.ones((3, 4, 4), np.uint8), Frame("cyx"))))
    with pytest.raises(ValueError, match="2 time points"):
        drain(take_census(Volume(np.ones((2, 4, 4), np.uint8), Frame("tyx"))))
    with pytest.raises(ValueError, match="neither a section nor a stack"):
        drain(take_census(np.ones(4, np.uint8)))


REAL = {
    "isbi2012/neurites_2d_cc.tif": "boundary",
    "isbi2012/labels.tif": "boundary",
    "vnc_stack1/neurites_2d_cc.tif": "boundary",
    "vnc_stack1/mitochondria.tif": "background",
    "gala_fibsem_mini/train_gt.tif": "boundary",
    "fibsem_medulla/neuron_ids.tif": "unannotated",
}
# one to three objects could as well be all that somebody has painted so far
TOO_FEW = {"Sample000306_cp_masks", "0a3b53c7-e7ab-4135-80aa-fd2079d727d6", "train_14_anno"}


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "expected"), REAL.items())
def test_real_annotations_are_understood(real_data, name, expected):
    decision = decide_zero(tifffile.imread(real_data / name))
    assert decision.meaning == expected
    assert not decision.warning


@pytest.mark.real_data
def test_a_real_mask_of_membranes_is_inverted(real_data):
    decision = decide_zero(tifffile.imread(real_data / "vnc_stack1" / "membranes.tif"))
    assert "look inverted" in decision.warning


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["tio2_sem", "bacteria_omnipose", "rbc_bccd", "glas"])
def test_real_objects_lie_in_a_background(real_data, folder):
    for path in sorted((real_data / folder / "masks").iterdir()):
        labels = tifffile.imread(path) if path.suffix == ".tif" else np.asarray(Image.open(path))
        expected = "unannotated" if path.stem in TOO_FEW else "background"
        assert decide_zero(labels).meaning == expected, path.name
        if expected == "background":
            check(labels, "background")


@pytest.mark.real_data
def test_a_part_of_real_tissue_is_no_set_of_objects(real_data):
    walls = tifffile.imread(real_data / "isbi2012" / "neurites_2d_cc.tif", key=0)
    dense = tifffile.imread(real_data / "fibsem_medulla" / "neuron_ids.tif", key=0)
    for whole, side in ((walls, 200), (dense, 100)):
        part = np.zeros_like(whole)
        part[40 : 40 + side, 40 : 40 + side] = whole[40 : 40 + side, 40 : 40 + side]
        assert meaning(part) == "unannotated"
