"""What a search leaves to look at: a row for every cell, and a picture with its best cells framed."""

from __future__ import annotations

import csv
import dataclasses
from io import StringIO

import numpy as np
import pytest
from phantom import voronoi_phantom

from napari_advseg import drain, tune
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.tuning import heat_panel as pictures
from napari_advseg.tuning.heat_grid import HeatGrid, axis_words, colour, combination_of, honest
from napari_advseg.tuning.heat_map import BEST, CHOSEN, FLATTERED, heat_map
from napari_advseg.tuning.table import to_csv

LISTS = {"thresholds": (0.5, 0.8), "gaps": (0.0, 0.08, 0.2)}


@pytest.fixture(scope="module")
def found():
    return drain(tune(*voronoi_phantom(0, size=96, cells=9, gaps=4), **LISTS))


@pytest.fixture(scope="module")
def varied():
    lists = {**LISTS, "minima": "depth,distance", "radii": "0,1"}
    return drain(tune(*voronoi_phantom(0, size=96, cells=9, gaps=4), **lists))


def rgb(colour):
    return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]


def has(picture, colour):
    return (np.asarray(picture) == rgb(colour)).all(axis=-1).any()


def rows_of(tuned):
    return list(csv.DictReader(StringIO(to_csv(tuned))))


def test_the_table_has_a_row_for_every_cell_with_both_scores(varied):
    rows = rows_of(varied)
    assert len(rows) == len(varied.cells) == 24
    for row, cell in zip(rows, varied.cells, strict=True):
        assert float(row["threshold"]) == cell.threshold
        assert row["minima"] == cell.minima
        assert float(row["voi"]) == pytest.approx(cell.voi, abs=1e-6)
        assert float(row["flattering_voi"]) == pytest.approx(cell.flattering.voi, abs=1e-6)
        assert float(row["objective"]) == pytest.approx(cell.cremi_score, abs=1e-6)
    assert sum("best" in row["marks"].split(", ") for row in rows) == 1
    assert sum("flattering best" in row["marks"] for row in rows) == 1


def test_a_score_that_is_not_there_is_blank(found):
    blank = dataclasses.replace(found.cells[0], flattering=None)
    rows = rows_of(dataclasses.replace(found, cells=(blank,), flattering_best=None))
    assert rows[0]["flattering_voi"] == rows[0]["flattering_objective"] == ""


def test_the_picture_frames_the_best_the_flattered_and_the_chosen(found):
    picture = heat_map(found)
    assert picture.mode == "RGB"
    assert all(has(picture, colour) for colour in (BEST, CHOSEN, FLATTERED))
    alone = heat_map(dataclasses.replace(found, flattering_best=None))
    assert not has(alone, FLATTERED)


def test_choosing_another_cell_moves_only_its_frame(found):
    other = dataclasses.replace(found, chosen=found.cells[0])
    assert other.chosen != found.best
    changed = np.asarray(heat_map(other)) != np.asarray(heat_map(found))
    assert changed.any()
    assert changed.mean() < 0.02


def test_the_numbers_are_in_the_cells(found, monkeypatch):
    written = []
    real = pictures.ImageDraw.ImageDraw.text

    def text(self, place, words, *given, **named):
        written.append(words)
        return real(self, place, words, *given, **named)

    monkeypatch.setattr(pictures.ImageDraw.ImageDraw, "text", text)
    heat_map(found)
    for cell in found.cells:
        for number in (cell.voi_split, cell.voi_merge, cell.voi, cell.flattering.voi):
            shown = f"{number:.3f}"
            assert (shown[1:] if shown.startswith("0.") else shown) in written
    for words in ("split (bits)", "merge (bits)", "share of pixels left out", ".50", ".08"):
        assert words in written


def test_with_more_than_two_thresholds_one_slice_is_shown_and_the_others_listed(varied, found):
    assert heat_map(varied).height > heat_map(found).height
    slices = {combination_of(cell) for cell in varied.cells}
    assert len(slices) == 4
    pictures_of = {heat_map(varied, one).tobytes() for one in slices}
    assert len(pictures_of) == 4
    assert heat_map(varied).tobytes() == heat_map(varied, combination_of(varied.best)).tobytes()


@pytest.mark.parametrize("objective", ["voi", "adapted_rand_error", "weighted"])
def test_a_picture_of_one_cell_and_of_any_objective_can_be_drawn(objective):
    phantom = voronoi_phantom(1, size=64, cells=5)
    one = drain(tune(*phantom, thresholds=(0.5,), gap_thresholds=(0.9,), objective=objective))
    assert heat_map(one).width > 1000


def test_cells_without_a_flattering_score_are_grey():
    interior_map, truth = voronoi_phantom(1, size=64, cells=5)
    scoring = ScoringSettings(boundary="count")
    dark = drain(tune(np.full_like(interior_map, 0.1), truth, None, None, scoring, **LISTS))
    picture = heat_map(dark)
    assert has(picture, pictures.GREY)
    assert not has(picture, FLATTERED)


def test_labels_of_the_axes_are_short_and_never_touch():
    assert axis_words([0.0, 0.02, 0.1]) == ["0", ".02", ".10"]
    assert axis_words([-0.05, 1.01]) == ["-.05", "1.01"]
    assert list(pictures._thinned(6, 10.0, 25.0)) == [0, 3]
    assert list(pictures._thinned(3, 30.0, 25.0)) == [0, 1, 2]


def test_colours_fall_evenly_from_good_to_bad_and_end_where_most_cells_lie(found):
    shares = [pictures._lightness(colour(share)) for share in np.linspace(0, 1, 9)]
    assert shares == sorted(shares, reverse=True)
    grid = HeatGrid.of(found, combination_of(found.chosen))
    (shades,) = grid.shades(honest(lambda values: values.voi))
    numbers = sorted(shades.numbers.values())
    assert shades.low == numbers[0]
    assert shades.high == pytest.approx(np.quantile(numbers, 0.85))
    assert shades.colour(grid.marks["best"]) == colour(0)
    worst = max(shades.numbers, key=shades.numbers.__getitem__)
    assert shades.colour(worst) == colour(1)


@pytest.mark.parametrize("place", [(0, 0), (1, 2)])
def test_a_point_in_the_box_of_a_cell_is_at_its_place(place):
    panel = pictures.Panel(7, 11, (13.5, 17.25))
    left, top, right, bottom = panel.box(place)
    assert panel.place_at((left + right) / 2, (top + bottom) / 2) == place
    assert panel.place_at(left - 1, top - 1) == (place[0] - 1, place[1] - 1)
