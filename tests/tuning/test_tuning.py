"""Thresholds chosen on tissue whose best thresholds are known."""

import json

import numpy as np
import pytest

from napari_advseg import drain, label, score
from napari_advseg.progress import BlockDone, Phase
from napari_advseg.samples import neuropil
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.tuning import STEPS, choose_thresholds


@pytest.fixture(scope="module")
def tissue():
    """Interior maps whose walls have holes of .7 in cells of .9, and the truth."""
    truth = neuropil((2, 112, 144), seed=6)[1].numpy()
    drawn = neuropil((2, 112, 144), seed=6, wall=2)[1].numpy()
    rng = np.random.default_rng(0)
    maps = np.where(drawn > 0, 0.9, 0.2).astype(np.float32)
    holes = np.kron(rng.random((2, 14, 18)) < 0.12, np.ones((1, 8, 8))).astype(bool)
    maps[holes & (drawn == 0)] = 0.7
    return list(maps), list(truth)


def test_the_best_pair_closes_the_gaps(tissue):
    chosen = drain(choose_thresholds(*tissue))
    assert chosen.best.cremi_score < 0.7 * chosen.plain.cremi_score or chosen.threshold >= 0.7
    assert chosen.best.cremi_score == min(cell.cremi_score for cell in chosen.cells)


def test_in_a_given_grid_gap_closing_beats_the_plain_threshold(tissue):
    chosen = drain(choose_thresholds(*tissue, thresholds=[0.5, 0.6]))
    assert chosen.best.cremi_score < 0.7 * chosen.plain.cremi_score
    assert chosen.gap_threshold > 0.7
    assert len(chosen.cells) == 2 * len(STEPS)


def test_a_cell_is_what_label_and_score_give(tissue):
    maps, truths = tissue
    labelling = LabellingSettings(minimum_size=20, thin=False)
    scoring = ScoringSettings(boundary="count")
    chosen = drain(
        choose_thresholds(maps, truths, labelling, scoring, thresholds=[0.6], steps=(0.0, 0.15))
    )
    for cell in chosen.cells:
        settings = labelling.changed(threshold=cell.threshold, gap_threshold=cell.gap_threshold)
        whole = score(drain(label(np.stack(maps), settings)), np.stack(truths), scoring)
        assert cell.cremi_score == pytest.approx(whole.cremi_score)
        assert cell.voi_merge == pytest.approx(whole.voi_merge)


def test_the_objective_is_a_choice(tissue):
    chosen = drain(choose_thresholds(*tissue, thresholds=[0.5, 0.8], objective="voi"))
    assert chosen.best.voi == min(cell.voi for cell in chosen.cells)


def test_progress_runs_to_its_end(tissue):
    reports = []
    drain(choose_thresholds(*tissue), reports.append)
    assert isinstance(reports[0], Phase)
    assert [r.done for r in reports[1:]] == list(range(1, reports[0].total + 1))
    assert all(isinstance(r, BlockDone) for r in reports[1:])


def test_the_table_is_plain_json(tissue):
    chosen = drain(choose_thresholds(*tissue, thresholds=[0.5]))
    page = json.loads(json.dumps(chosen.to_json(), allow_nan=False))
    assert page["best"]["threshold"] == 0.5
    assert len(page["cells"]) == len(STEPS)


def test_ignoring_everything_is_not_the_best(tissue):
    maps, truths = tissue
    chosen = drain(
        choose_thresholds(
            maps,
            truths,
            LabellingSettings(thin=False),
            ScoringSettings(boundary="ignore"),
            thresholds=[0.5, 0.95],
        )
    )
    assert chosen.threshold == 0.5


def test_a_section_without_truth_does_not_count(tissue):
    maps, truths = tissue
    alone = drain(choose_thresholds(maps[:1], truths[:1], thresholds=[0.6]))
    beside = drain(choose_thresholds(maps, [truths[0], np.zeros_like(truths[1])], thresholds=[0.6]))
    assert beside == alone


def test_nothing_to_choose_on_is_refused(tissue):
    maps, truths = tissue
    with pytest.raises(ValueError, match="no truth that is scored"):
        drain(choose_thresholds(maps, [np.zeros_like(truth) for truth in truths]))
    with pytest.raises(ValueError, match="no section"):
        drain(choose_thresholds([], []))
