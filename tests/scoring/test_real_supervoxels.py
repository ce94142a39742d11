"""Published supervoxels against neurons: the 3D scores, by two ways that share nothing with ours.

Everywhere true 0 is left out, and no supervoxel has the id 0. scikit-image counts pairs of distinct
voxels, the CREMI and SNEMI conventions all ordered pairs: they part after the fourth digit.
"""

import numpy as np
import pytest
from scipy.sparse import coo_array
from skimage.metrics import adapted_rand_error as scikit_rand
from skimage.metrics import variation_of_information as scikit_voi

from napari_advseg import read, score
from napari_advseg.scoring.measures.live import LiveScore
from napari_advseg.scoring.table.contingency import tabulate

pytestmark = pytest.mark.real_data

# Labels, truth; VOI split and merge in bits; adapted Rand error of CREMI and SNEMI, of scikit-image.
CASES = [
    pytest.param(
        "fibsem_medulla/supervoxels.tif",
        "fibsem_medulla/neuron_ids.tif",
        (2.381252, 0.321561, 0.334941, 0.334942),
        id="fibsem_medulla",
    ),
    pytest.param(
        "gala_fibsem_mini/train_supervoxels.tif",
        "gala_fibsem_mini/train_gt.tif",
        (1.335565, 0.121189, 0.249631, 0.249636),
        id="gala_fibsem_mini",
    ),
    pytest.param(
        "snemi_mini_labels_only/train-fragments.tif",
        "snemi_mini_labels_only/train-labels.tif",
        (5.656484, 0.550661, 0.937380, 0.937403),
        id="snemi_mini",
    ),
]
PLAIN = {"by": "volume", "boundary": "count", "border": 0}


def walled(labels):
    """The labels with 0 on one side of every wall inside a section."""
    out = labels.copy()
    out[:, :, 1:][labels[:, :, 1:] != labels[:, :, :-1]] = 0
    return out


def by_entropies(labels, truth):
    """VOI as joint minus single entropy, the Rand error by counting ordered pairs of voxels."""
    labels, truth = labels[truth > 0].astype(np.uint64), truth[truth > 0].astype(np.uint64)
    total = len(truth)
    counts = [
        np.unique(ids, return_counts=True)[1] for ids in (labels << np.uint64(32) | truth, labels)
    ]
    counts.append(np.unique(truth, return_counts=True)[1])
    joint, one, other = (-np.sum(n / total * np.log2(n / total)) for n in counts)
    together, predicted, true = (sum(n**2 for n in part.tolist()) for part in counts)
    return joint - other, joint - one, 1 - 2 * together / (predicted + true)


def by_matrix(labels, truth, zeros):
    """Conditional entropies and the F-score on a sparse matrix, as the CREMI challenge has them.

    `zeros` says what each voxel with predicted 0 adds: 1 (SNEMI) or 1 / voxels (CREMI).
    """
    inside = truth > 0
    matrix = coo_array(
        (np.ones(inside.sum()), (truth[inside], labels[inside].astype(np.int64)))
    ).tocsr()
    total, sizes = matrix.sum(), matrix.sum(axis=1)
    found = matrix.sum(axis=0)
    cells = matrix.tocoo()
    of_truth, of_labels = cells.data / sizes[cells.row], cells.data / found[cells.col]
    split = -np.sum(cells.data / total * np.log2(of_truth))
    merge = -np.sum(cells.data / total * np.log2(of_labels))
    alone = found[0] * zeros(total)
    together = np.sum(cells.data[cells.col > 0] ** 2) + alone
    precision = together / (np.sum(found[1:] ** 2) + alone)
    recall = together / np.sum(sizes**2)
    return split, merge, 1 - 2 * precision * recall / (precision + recall)


def three(measured):
    return measured.voi_split, measured.voi_merge, measured.adapted_rand_error


@pytest.mark.parametrize(("labels", "truth", "figures"), CASES)
class TestSupervoxels:
    def test_the_scores_to_six_digits_three_ways(self, real_data, labels, truth, figures):
        pair = read(real_data / labels), read(real_data / truth)
        measured = three(score(*pair, **PLAIN))
        assert [round(value, 6) for value in measured] == list(figures[:3])
        arrays = [volume.numpy() for volume in pair]
        assert measured == pytest.approx(by_entropies(*arrays), abs=1e-11)
        assert measured == pytest.approx(by_matrix(*arrays, lambda total: 1 / total), abs=1e-11)

    def test_scikit_image_agrees(self, real_data, labels, truth, figures):
        labels, truth = (read(real_data / name).numpy() for name in (labels, truth))
        measured = score(labels, truth, rand="scikit-image", **PLAIN)
        voi = scikit_voi(truth[truth > 0], labels[truth > 0])
        assert (measured.voi_split, measured.voi_merge) == pytest.approx(tuple(voi), abs=1e-11)
        assert round(measured.adapted_rand_error, 6) == figures[3]
        assert measured.adapted_rand_error == pytest.approx(scikit_rand(truth, labels)[0])

    @pytest.mark.parametrize(
        ("rand", "zeros"), [("cremi", lambda total: 1 / total), ("snemi", lambda total: 1)]
    )
    def test_with_walls_the_conventions_part(self, real_data, labels, truth, figures, rand, zeros):
        labels, truth = walled(read(real_data / labels).numpy()), read(real_data / truth).numpy()
        measured = three(score(labels, truth, rand=rand, **PLAIN))
        assert measured == pytest.approx(by_matrix(labels, truth, zeros), abs=1e-11)

    def test_live_scores_follow_the_best_merges(self, real_data, labels, truth, figures):
        """Each supervoxel joined to the others of its neuron leaves only merge errors."""
        labels, truth = (read(real_data / name).numpy() for name in (labels, truth))
        live = LiveScore(tabulate(labels, truth))
        table = live.table
        largest = np.lexsort((-table.counts, table.predicted))
        first = np.unique(table.predicted[largest], return_index=True)[1]
        neuron = dict(
            zip(
                table.predicted[largest][first].tolist(),
                table.truth[largest][first].tolist(),
                strict=True,
            )
        )
        names = {}
        for piece, whole in neuron.items():
            if whole in names:
                live.merge(names[whole], piece)
            names.setdefault(whole, piece)
        new = np.array([names[neuron[p]] if p in neuron else p for p in range(labels.max() + 1)])
        anew = score(new[labels], truth, **PLAIN)
        assert three(anew) == three(live.values)
        assert anew.voi_split < 0.2 * figures[0]
