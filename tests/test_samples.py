"""Synthetic neuropil: exact truth, the same for one seed, hard enough to need a network."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.ndimage import label as pieces

from napari_advseg.samples import SAMPLES, neuropil
from napari_advseg.scoring import score


@pytest.fixture(scope="module")
def stack():
    image, labels = neuropil((4, 200, 220), seed=2)
    return image.numpy(), labels.numpy()


def test_shapes_types_and_places():
    image, labels = neuropil((2, 40, 50), voxel_nm=(50.0, 8.0, 8.0))
    assert image.shape == labels.shape == (2, 40, 50)
    assert (image.dtype, labels.dtype) == (np.uint8, np.uint16)
    assert image.frame.scale == labels.frame.scale == (50.0, 8.0, 8.0)
    assert image.frame.units == ("nanometer",) * 3


def test_one_section_has_two_axes():
    image, labels = neuropil((40, 50))
    assert image.axes == labels.axes == "yx"
    assert image.frame.scale == (4.0, 4.0)


def test_the_same_seed_gives_the_same_tissue_and_another_another():
    first, again, other = (neuropil((2, 64, 64), seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first[0].numpy(), again[0].numpy())
    np.testing.assert_array_equal(first[1].numpy(), again[1].numpy())
    assert (first[0].numpy() != other[0].numpy()).mean() > 0.5


def test_truth_is_dense_and_numbered_without_holes(stack):
    labels = stack[1]
    np.testing.assert_array_equal(np.unique(labels), np.arange(1, labels.max() + 1))


def test_every_cell_is_one_piece_in_every_section(stack):
    for section in stack[1]:
        for cell in np.unique(section):
            assert pieces(section == cell)[1] == 1


def test_cells_continue_into_the_next_section(stack):
    labels = stack[1]
    same = np.mean(labels[1:] == labels[:-1])
    assert 0.75 < same < 0.98


def test_walls_are_darker_than_cytoplasm(stack):
    image, labels = stack
    wall = np.zeros(labels.shape, bool)
    wall[:, :, 1:] |= labels[:, :, 1:] != labels[:, :, :-1]
    wall[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    assert image[wall].mean() + 40 < image[~wall].mean()


def test_brightness_alone_does_not_segment_it(stack):
    image, truth = stack
    smooth = gaussian_filter(image.astype(float), (0, 1.5, 1.5))
    cuts = [[pieces(section > cut)[0] for section in smooth] for cut in range(90, 150, 10)]
    assert min(score(np.stack(cut), truth).voi for cut in cuts) > 0.4


def test_a_wall_can_be_drawn_as_0():
    dense = neuropil((2, 80, 80), seed=3)[1].numpy()
    drawn = neuropil((2, 80, 80), seed=3, wall=1)[1].numpy()
    assert 0.02 < np.mean(drawn == 0) < 0.4
    assert score(drawn, dense, boundary="ignore", border=0).voi == 0


def test_missing_sections_are_black_but_have_truth():
    image, labels = neuropil((4, 40, 40), missing=2)
    black = ~image.numpy().any(axis=(1, 2))
    assert black.sum() == 2
    assert labels.numpy().all()


def test_coarser_voxels_show_more_cells():
    fine = neuropil((1, 128, 128), seed=1)[1].numpy()
    coarse = neuropil((1, 128, 128), seed=1, voxel_nm=(40.0, 8.0, 8.0))[1].numpy()
    assert coarse.max() > 2 * fine.max()


@pytest.mark.parametrize("shape", [(1, 1), (1, 3, 3), (2, 1, 40)])
def test_tiny_shapes(shape):
    image, labels = neuropil(shape)
    assert image.shape == labels.shape == shape
    assert labels.numpy().min() == 1


@pytest.mark.parametrize("shape", [(5,), (2, 2, 5, 5), (0, 5, 5)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="Shape"):
        neuropil(shape)


@pytest.mark.parametrize("shape", [(4, 20, 20), (20, 20)])
def test_not_every_section_can_be_missing(shape):
    with pytest.raises(ValueError, match="missing"):
        neuropil(shape, missing=4)


def test_every_sample_has_a_summary_and_can_be_made():
    assert {"neuropil", "neuropil-3d"} <= set(SAMPLES)
    summary, make = SAMPLES["neuropil"]
    image, labels = make()
    assert summary
    assert image.shape == labels.shape == (8, 256, 256)
