"""The search for thresholds: every cell is what label and score give, and nothing is computed twice."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phantom import voronoi_phantom
from scipy.ndimage import distance_transform_edt
from skimage import measure
from skimage.segmentation import find_boundaries

import napari_advseg as advseg
from napari_advseg import drain, label, score
from napari_advseg.progress import BlockDone
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.settings.tuning import TuningSettings
from napari_advseg.tuning import Tuned, choose_thresholds, grid, search, search_grid, truth, tune
from napari_advseg.tuning.tuned import Values
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

NAMES = ("voi_split", "voi_merge", "voi", "adapted_rand_error", "cremi_score", "ignored_fraction")
SMALL = {"thresholds": (0.5, 0.8), "gaps": (0.0, 0.08, 0.2)}


@pytest.fixture(scope="module")
def stack():
    """Two sections of 96 x 120 with gaps in their walls: interior map and truth."""
    pairs = [voronoi_phantom(seed, size=96, cells=9, gaps=4) for seed in (0, 1)]
    return tuple(np.stack(arrays) for arrays in zip(*pairs, strict=True))


@pytest.fixture(scope="module")
def shifted():
    """A map whose walls lie 8 px beside the true ones and grow wider with the threshold."""
    true = voronoi_phantom(3, size=128, cells=12)[1]
    walls = find_boundaries(true, mode="thick")
    interior_map = np.clip(distance_transform_edt(~walls) / 12, 0, 1).astype(np.float32)
    return np.roll(interior_map, 8, axis=1)[:, 8:], true[:, 8:]


def values_of(measured):
    return Values(*(getattr(measured, name) for name in NAMES))


def same(ours, theirs):
    return [getattr(ours, name) for name in NAMES] == pytest.approx(
        [getattr(theirs, name) for name in NAMES], abs=1e-12
    )


@pytest.mark.parametrize(
    "scoring",
    [
        ScoringSettings(),
        ScoringSettings(border=0, rand="snemi"),
        ScoringSettings(boundary="count", rand="scikit-image"),
        ScoringSettings(zero="background"),
    ],
    ids=lambda scoring: f"{scoring.boundary}-{scoring.zero}",
)
def test_every_cell_is_what_label_and_score_give(stack, scoring):
    maps, true = stack
    base = LabellingSettings(minimum_size=9, zero=scoring.zero)
    lists = {**SMALL, "minima": "depth,distance", "radii": "0,1", "statistics": "mean,quantile"}
    found = drain(tune(maps, true, TuningSettings(**lists), base, scoring))
    assert len(found.cells) == 2 * 3 * 2 * 2 * 2
    for cell in found.cells[::5]:
        labels = drain(label(maps, cell.labelling(base)))
        walls = drain(label(maps, cell.labelling(base), thin=False))
        assert same(cell.honest, score(labels, true, scoring))
        assert same(cell.flattering, score(walls, true, scoring, boundary="ignore"))


def test_every_stage_runs_once_for_what_changes_it(stack, monkeypatch):
    calls = {}

    def counted(module, name):
        real = getattr(module, name)

        def count(*given, **named):
            calls[name] = calls.get(name, 0) + 1
            return real(*given, **named)

        monkeypatch.setattr(module, name, count)

    for name in ("prepare", "line_statistics", "close_gaps", "grow"):
        counted(search, name)
    counted(truth, "near_change")
    maps, true = stack
    lists = {"minima": ("depth", "distance"), "radii": (0, 1, 2), "statistics": ("mean", "median")}
    found = drain(tune(maps, true, TuningSettings(**SMALL, **lists)))
    work = found.work
    assert work.truths == calls["near_change"] == 2
    assert work.prepared == calls["prepare"] == 2 * 2 * 2
    assert work.judged == calls["line_statistics"] == 2 * 2 * 2 * 6
    assert work.cells == 2 * len(found.cells) == 2 * 2 * 2 * 6 * 3
    assert work.labelled == calls["close_gaps"] == calls["grow"] < work.cells / 2


def test_equal_sets_of_accepted_lines_are_labelled_once(stack):
    found = drain(tune(*stack, thresholds=(0.5,), gaps=(-0.2, -0.1, 0.0)))
    assert found.work.labelled == 2
    assert len({cell.honest for cell in found.cells}) == 1


def test_the_thesis_grid_is_the_published_one(stack):
    found = drain(tune(*stack, grid="thesis"))
    assert len(found.cells) == 36
    assert {cell.threshold for cell in found.cells} == {0.73, 0.80, 0.83, 0.86, 0.88, 0.90}
    assert {cell.gap for cell in found.cells} == {0, 0.02, 0.04, 0.06, 0.08, 0.10}
    assert max(cell.gap_threshold for cell in found.cells) == 1.0


def test_the_wide_grid_looks_closer_around_its_best(stack):
    reports = []
    found = drain(tune(*stack), reports.append)
    tried = sorted({cell.threshold for cell in found.cells})
    assert set(grid.COARSE) < set(tried)
    assert len(tried) == len(grid.COARSE) + len(grid.FINE)
    last = reports[-1]
    assert isinstance(last, BlockDone)
    assert last.done == last.total


def test_no_threshold_is_tried_twice():
    tried = grid.Grid.of(TuningSettings(thresholds=(0.5, 0.52)), LabellingSettings())
    assert tried.finer(0.5) == [0.46, 0.47, 0.48, 0.49, 0.51, 0.53, 0.54]


@pytest.mark.parametrize("threshold", [0.0, 0.98])
def test_refining_stays_inside_the_thresholds_there_are(stack, threshold):
    reports = []
    found = drain(tune(*stack, thresholds=(threshold,), gaps=(0.0,), refine=True), reports.append)
    assert all(0 <= cell.threshold < 1 for cell in found.cells)
    assert 1 < len(found.cells) < 9
    assert reports[-1].done == reports[-1].total


def test_edge_thresholds_by_themselves_are_the_same_at_every_threshold(stack):
    found = drain(tune(*stack, thresholds=(0.5, 0.8), gap_thresholds=(0.6, 0.9, 1.01)))
    pairs = [cell.pair for cell in found.cells]
    assert pairs == [(t, e) for t in (0.5, 0.8) for e in (0.6, 0.9, 1.01)]
    assert found.cells[0].closed == found.cells[3].closed == 0
    assert found.cells[5].closed > 0


@given(first=st.floats(1, 10), more=st.floats(0, 20))
@settings(max_examples=25, deadline=None)
def test_a_larger_merge_weight_never_chooses_more_merges(search_of_phantom, first, more):
    chosen = []
    for weight in (first, first + more):
        values = [cell.honest for cell in search_of_phantom.cells]
        chosen.append(min(values, key=lambda one: one.objective("weighted", weight)))
    assert chosen[1].voi_merge <= chosen[0].voi_merge + 1e-12


@pytest.fixture(scope="module")
def search_of_phantom(stack):
    return drain(tune(*stack, grid="thesis"))


@pytest.mark.parametrize("objective", ["voi", "adapted_rand_error", "cremi_score", "weighted"])
def test_the_best_cell_has_the_lowest_objective(stack, objective):
    found = drain(tune(*stack, **SMALL, objective=objective, merge_weight=3))
    values = [found.objective(cell) for cell in found.cells]
    assert found.objective(found.best) == min(values)
    assert found.chosen == found.best
    if objective == "weighted":
        assert values[0] == found.cells[0].voi_split + 3 * found.cells[0].voi_merge


def test_plain_is_the_best_of_those_that_close_nothing(stack):
    found = drain(tune(*stack, **SMALL))
    assert found.plain.closed == 0
    assert found.best.closed > 0
    assert found.best.voi_merge < found.plain.voi_merge
    without = drain(tune(*stack, thresholds=(0.5,), gaps=(0.51,)))
    assert without.plain is None


def test_wide_walls_fake_a_low_score_and_the_search_says_so(shifted):
    found = drain(tune(*shifted, thresholds=".1:.5:.2", gaps="0", objective="voi"))
    flattering = [cell.flattering for cell in found.cells]
    assert all(np.diff([values.ignored_fraction for values in flattering]) > 0)
    assert all(np.diff([values.voi for values in flattering]) < -0.4)
    assert len({cell.voi for cell in found.cells}) == 1, "the walls are as wrong as before"
    assert (found.best.threshold, found.flattering_best.threshold) == (0.1, 0.5)
    for word in ("0.5, 0.5", "left out", f"{found.best.voi:.4f}"):
        assert word in found.disagreement


def test_agreement_needs_no_sentence(stack):
    assert drain(tune(*stack, thresholds=(0.5,), gaps=(0.2,))).disagreement is None


def test_the_flattering_score_decides_only_on_request(shifted):
    lists = {"thresholds": ".1:.5:.2", "gaps": "0", "objective": "voi"}
    ignoring = ScoringSettings(boundary="ignore")
    found = drain(tune(*shifted, TuningSettings(**lists), None, ignoring))
    assert found.best == found.flattering_best
    assert found.disagreement
    assert same(found.best.honest, drain(tune(*shifted, **lists)).flattering_best.honest)


def test_the_outcome_survives_json(stack):
    found = drain(tune(*stack, **SMALL, radii="0,1", minima="number"))
    assert Tuned.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found
    with pytest.raises(ValueError, match=r"no table of a threshold search \(.*tuning.json"):
        Tuned.from_json({"best": 1})


def test_any_cell_of_the_grid_can_be_chosen_and_no_other(stack):
    found = drain(tune(*stack, **SMALL, radii="0,1"))
    chosen = found.choose(0.8, 0.88)
    assert chosen.chosen.pair == (0.8, 0.88)
    assert chosen.best == found.best
    assert chosen.objective(chosen.chosen) == min(
        found.objective(cell) for cell in found.cells if cell.pair == (0.8, 0.88)
    )
    with pytest.raises(ValueError, match=r"0.8, 0.9 was not tried; the nearest .* 0.8, 0.88"):
        found.choose(0.8, 0.9)


def test_ids_of_64_bit_and_a_single_section_are_like_any(stack):
    maps, true = stack
    large = np.where(true > 0, true.astype(np.uint64) + np.uint64(2**63), 0)
    small, wide = (drain(tune(maps[0], ids[0], **SMALL)) for ids in (true, large))
    assert small == wide
    volume = Volume(maps[0], Frame("yx"))
    assert drain(advseg.tune(volume, true[0], **SMALL)) == small


def test_a_mask_is_tuned_on_by_its_components(stack):
    maps, true = stack
    mask = ~np.stack([find_boundaries(section, mode="thick") for section in true])
    cells = np.stack([measure.label(section, connectivity=1) for section in mask])
    of_mask, of_cells = (drain(tune(maps, ids, **SMALL)) for ids in (mask.astype(np.uint8), cells))
    assert all(map(same, of_mask.cells, of_cells.cells))


def test_no_data_in_the_map_is_an_answer_and_not_nan(stack):
    maps, true = stack
    holed = maps.copy()
    holed[0, :40] = np.nan
    found = drain(tune(holed, true, **SMALL))
    assert np.isfinite([value for cell in found.cells for value in astuple(cell.honest)]).all()


def astuple(values):
    return [getattr(values, name) for name in NAMES]


def test_a_section_that_is_all_wall_has_no_flattering_score(stack):
    maps, true = stack
    dark = maps.copy()
    dark[1] = 0.1
    found = drain(tune(dark, true, thresholds=(0.5,), gaps=(0.0,)))
    assert found.best.flattering is None
    assert found.flattering_best is None
    assert found.disagreement is None
    with pytest.raises(ValueError, match="nothing but walls"):
        drain(tune(dark, true, None, None, ScoringSettings(boundary="ignore"), **SMALL))


@pytest.mark.parametrize(
    ("change", "fields", "words"),
    [
        (lambda m, t: (m, t * 0), {}, "no truth that is scored"),
        (lambda m, t: (m, t[:1]), {}, r"shape \(2, 96, 120\) and truth of shape \(1, 96, 120\)"),
        (lambda m, t: (m * 255, t), {}, r"probabilities in \[0, 1\]"),
        (lambda m, t: (t, t), {}, "type int64 has no known range"),
        (lambda m, t: (m, -t), {}, "negative id"),
        (lambda m, t: (m, t + 0.5), {}, "no id"),
        (lambda m, t: (m[None], t), {}, "4 axes"),
        (lambda m, t: (Volume(m, Frame("cyx")), t), {}, "axes"),
        (lambda m, t: (m, t), {"thresholds": "1.2"}, r"thresholds.*outside \[0, 1\)"),
        (lambda m, t: (m, t), {"thresholds": "-.1"}, r"outside \[0, 1\)"),
        (lambda m, t: (m, t), {"thresholds": ()}, "the list is empty"),
        (lambda m, t: (m, t), {"gaps": "a"}, "'a' is no number"),
        (lambda m, t: (m, t), {"gaps": "0:1"}, "no range"),
        (lambda m, t: (m, t), {"gaps": "0:1:0"}, "step must be above 0"),
        (lambda m, t: (m, t), {"gaps": "0:1:.0001"}, "10001 values"),
        (lambda m, t: (m, t), {"gaps": (0,), "gap_thresholds": (0.5,)}, "not both"),
        (lambda m, t: (m, t), {"radii": "1.5"}, "integer"),
        (lambda m, t: (m, t), {"minima": "deep"}, "'depth', 'distance' or 'number'"),
        (lambda m, t: (m, t), {"merge_weight": 0.5}, "greater than or equal to 1"),
        (lambda m, t: (m, t), {"threshold": 0.5}, "no setting threshold"),
    ],
)
def test_bad_input_is_one_clear_line(stack, change, fields, words):
    with pytest.raises(ValueError, match=words) as error:
        drain(tune(*change(*stack), **{**SMALL, **fields}))
    assert "\n" not in str(error.value)


def test_a_border_that_takes_all_truth_is_said(stack):
    with pytest.raises(ValueError, match="border smaller than 100 px"):
        drain(tune(*stack, None, None, ScoringSettings(border=100)))


def test_lists_of_sections_must_fit_each_other(stack):
    maps, true = stack
    with pytest.raises(ValueError, match=r"\(96, 120\) and the truth of shape \(96, 90\)"):
        drain(choose_thresholds(list(maps), [true[0], true[1, :, :90]]))


def test_closing_the_search_ends_it(stack, monkeypatch):
    begun = []
    real = search.prepare
    monkeypatch.setattr(search, "prepare", lambda *a: begun.append(1) or real(*a))
    running = search_grid(list(stack[0]), list(stack[1]), TuningSettings())
    for report in running:
        if isinstance(report, BlockDone):
            running.close()
    assert len(begun) < 20


@given(
    st.lists(st.integers(0, 999), min_size=1, max_size=6, unique=True),
)
@settings(max_examples=30, deadline=None)
def test_a_list_reads_the_same_as_text_and_as_numbers(thousandths):
    numbers = tuple(value / 1000 for value in thousandths)
    text = TuningSettings(thresholds=",".join(map(str, numbers)))
    assert text == TuningSettings(thresholds=numbers)
    assert TuningSettings.model_validate(text.model_dump(mode="json")) == text


def test_a_range_includes_its_end():
    assert TuningSettings(thresholds=".5:.95:.05").thresholds[::3] == (0.5, 0.65, 0.8, 0.95)
    assert TuningSettings(thresholds=".1,.2:.4:.1,.3").thresholds == (0.1, 0.2, 0.3, 0.4)
