"""Gap closing and scores on annotated ssTEM sections."""

import numpy as np
import pytest
import tifffile

from napari_advseg import drain, label, score

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def sections(real_data):
    folder = real_data / "isbi2012"
    files = ("labels.tif", "neurites_2d_cc.tif")
    return [tifffile.imread(folder / name, key=range(2)) for name in files]


def test_true_membranes_give_the_true_neurites(sections):
    membranes, neurites = sections
    labels = drain(label(membranes, threshold=0.5, gap_threshold=0.5, thin=False))
    measured = score(labels, neurites, boundary="count", border=0, zero="background")
    assert measured.voi == measured.adapted_rand_error == 0


def test_walls_grown_away_change_no_neurite(sections):
    membranes, neurites = sections
    labels = drain(label(membranes, threshold=0.5, gap_threshold=0.5))
    assert (labels.numpy() > 0).all()
    assert score(labels, neurites, border=0).voi == 0


def test_restarting_ids_mean_something_only_by_section(sections):
    neurites = sections[1]
    unique = neurites + np.array([0, 1000], np.uint16)[:, None, None] * (neurites > 0)
    assert score(unique, neurites).voi == 0
    assert score(unique, neurites, by="volume").voi > 0.5
