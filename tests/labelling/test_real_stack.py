"""Labels that run through a stack, on annotated FIB-SEM."""

import cc3d
import numpy as np
import pytest
import tifffile

from napari_advseg import drain, label, link, score

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def bodies(real_data):
    return tifffile.imread(real_data / "fibsem_medulla" / "neuron_ids.tif", key=range(110, 120))


def test_sections_of_true_bodies_link_without_a_merge_and_branch_with_few(bodies):
    sections = np.stack(
        [cc3d.connected_components(section, connectivity=4) for section in bodies]
    ).astype(np.int32)
    scores = {}
    for match in ("one-to-one", "many-to-one"):
        labels = drain(link(sections, match=match))
        scores[match] = score(labels, bodies, by="volume", border=0)
    assert scores["one-to-one"].voi_merge < 0.01
    assert scores["one-to-one"].voi_split < 1.0
    assert scores["many-to-one"].voi < scores["one-to-one"].voi


@pytest.mark.parametrize("method", ["mean", "quantile", "multicut"])
def test_true_walls_give_the_true_bodies(bodies, method):
    wall = np.zeros(bodies.shape, bool)
    for axis in range(3):
        ids, walls = np.moveaxis(bodies, axis, 0), np.moveaxis(wall, axis, 0)
        walls[1:] |= ids[1:] != ids[:-1]
        walls[:-1] |= ids[1:] != ids[:-1]
    interior_map = np.where(wall, np.float32(0.05), np.float32(0.95))
    labels = drain(
        label(
            interior_map,
            across_sections="agglomerated",
            minimum_size=100,
            agglomeration={"method": method},
        )
    )
    result = score(labels, bodies, by="volume", border=1)
    assert result.adapted_rand_error < 0.05
    assert result.voi_merge < 0.15
