"""Agglomeration: fragments cover the tissue, true cells come back, settings keep their meaning."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stack_phantom import one_to_one, refines, stack_phantom

from napari_advseg import drain, label
from napari_advseg.labelling import label_into
from napari_advseg.labelling.stack import stack_map
from napari_advseg.labelling.stack.agglomeration import agglomerate
from napari_advseg.labelling.stack.fragments import open_fragments
from napari_advseg.progress import Phase, Saved
from napari_advseg.scoring import score
from napari_advseg.settings.labelling import AgglomerationSettings, LabellingSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume


def chosen(method="mean", threshold=0.5, fragments="auto", **fields):
    groups = AgglomerationSettings(method=method, threshold=threshold, fragments=fragments)
    fields = {"threshold": 0.6, "minimum_size": 0, **fields}
    return LabellingSettings(across_sections="agglomerated", agglomeration=groups, **fields)


@pytest.mark.parametrize("method", ["mean", "quantile", "multicut"])
@pytest.mark.parametrize(("fragments", "voxel"), [("3d", (10, 10, 10)), ("2d", (30, 10, 10))])
def test_cells_with_walls_come_back(method, fragments, voxel):
    interior_map, truth = stack_phantom(1, voxel_nm=tuple(map(float, voxel)), noise=0.03)
    volume = Volume(interior_map, truth.frame)
    found = drain(label(volume, chosen(method, fragments=fragments, minimum_size=30)))
    result = score(found, truth, by="volume")
    assert result.adapted_rand_error < (0.02 if fragments == "3d" else 0.2)
    assert found.dtype == np.int32
    assert (found.numpy() > 0).all()


@pytest.mark.parametrize("fragments", ["2d", "3d"])
def test_fragments_cover_the_data_and_stay_on_one_side_of_each_wall(fragments):
    interior_map, truth = stack_phantom(2)
    interior_map[:, :5, :7] = np.nan
    found = drain(agglomerate(Volume(interior_map, truth.frame), chosen(fragments=fragments)))
    ids = found.volume.numpy()
    np.testing.assert_array_equal(ids == 0, np.isnan(interior_map))
    assert set(np.unique(ids)) == set(range(len(found.tree.sizes)))
    np.testing.assert_array_equal(np.bincount(ids.ravel())[1:], found.tree.sizes[1:])
    inside = interior_map > 0.6
    assert refines(ids[inside], truth.numpy()[inside])


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 500), st.sampled_from(["mean", "quantile"]))
@settings(deadline=None, max_examples=10)
def test_labels_are_the_fragments_through_the_table_and_nested(one, other, minimum, method):
    interior_map, truth = stack_phantom(0, noise=0.2)
    volume = Volume(interior_map, truth.frame)
    low, high = sorted((one, other))
    settings_ = chosen(method, low, minimum_size=minimum)
    found = drain(agglomerate(volume, settings_))
    labels = drain(label(volume, settings_)).numpy()
    np.testing.assert_array_equal(labels, found.lut(low)[found.volume.numpy()])
    np.testing.assert_array_equal(labels, found.relabelled().numpy())
    assert refines(labels, found.relabelled(high).numpy())


def test_the_ends_of_the_threshold():
    interior_map, truth = stack_phantom(3, noise=0.1)
    volume = Volume(interior_map, truth.frame)
    apart = drain(label(volume, chosen(threshold=0.0))).numpy()
    whole = drain(label(volume, chosen(threshold=1.0))).numpy()
    assert apart.max() == drain(agglomerate(volume, chosen())).volume.numpy().max()
    assert (whole == 1).all()


def test_auto_cuts_thick_sections_one_by_one():
    interior_map, _ = stack_phantom(0, shape=(4, 48, 48))
    for scale, flat in ((1.0, False), (2.0, False), (5.0, True)):
        frame = Frame("zyx", (scale, 1.0, 1.0), ("nanometer",) * 3)
        ids = drain(agglomerate(Volume(interior_map, frame), chosen())).volume.numpy()
        alone = all(not np.isin(a, b).any() for a, b in pairwise(ids))
        assert alone == flat
    by_hand = drain(agglomerate(Volume(interior_map, Frame("zyx")), chosen(anisotropy=5.0)))
    assert one_to_one(by_hand.volume.numpy(), ids)


@pytest.mark.parametrize("change", [{"thin": False}, {"zero": "background"}])
@pytest.mark.parametrize("fragments", ["2d", "3d"])
def test_walls_stay_0_where_they_are_not_grown_away(change, fragments):
    interior_map, truth = stack_phantom(4)
    volume = Volume(interior_map, truth.frame)
    grown = drain(label(volume, chosen(fragments=fragments))).numpy()
    kept = drain(label(volume, chosen(fragments=fragments, **change))).numpy()
    np.testing.assert_array_equal(kept > 0, interior_map > 0.6)
    assert refines(kept[kept > 0], grown[kept > 0])
    assert set(np.unique(kept)) == set(range(kept.max() + 1))


@pytest.mark.parametrize("fragments", ["2d", "3d"])
@pytest.mark.parametrize("value", [0.0, np.nan])
def test_without_interior_all_is_0(fragments, value):
    interior_map = np.full((3, 8, 8), value, np.float32)
    assert not drain(label(interior_map, chosen(fragments=fragments))).numpy().any()


@pytest.mark.parametrize("fragments", ["2d", "3d"])
def test_all_interior_is_one_object(fragments):
    assert (drain(label(np.ones((3, 8, 8)), chosen(fragments=fragments))).numpy() == 1).all()


@pytest.mark.parametrize("fragments", ["2d", "3d"])
def test_a_section_without_data_stays_0_and_parts_the_stack(fragments):
    interior_map = np.ones((3, 8, 8), np.float32)
    interior_map[1] = np.nan
    found = drain(label(interior_map, chosen(fragments=fragments))).numpy()
    assert [section.max() for section in found] == [1, 0, 2]


def test_a_part_that_is_too_small_and_touches_nothing_is_0():
    interior_map = np.ones((2, 8, 8), np.float32)
    interior_map[:, :, 3] = np.nan
    found = drain(label(interior_map, chosen(minimum_size=50))).numpy()
    assert not found[:, :, :4].any()
    assert (found[:, :, 4:] == 1).all()


def test_fragments_are_kept_beside_the_labels_where_asked(tmp_path):
    interior_map, truth = stack_phantom(5, shape=(4, 40, 40), noise=0.2)
    volume, sections, reports = Volume(interior_map, truth.frame), {}, []
    running = label_into(sections.__setitem__, volume, chosen(), tmp_path / "cells.tif")
    count = drain(running, reports.append)
    stack = np.stack([sections[k] for k in range(4)])
    found = open_fragments(tmp_path / "cells.tif")
    np.testing.assert_array_equal(found.relabelled().numpy(), stack)
    assert count == stack.max()
    assert Saved(str(tmp_path / "cells-fragments.ome.zarr"), "fragments") in reports
    phases = [report.name for report in reports if isinstance(report, Phase)]
    assert phases == ["read", "cut", "contacts", "join", "fragments", "label"]


def test_fragments_are_not_kept_where_not_asked(tmp_path):
    groups = AgglomerationSettings(keep=False)
    asked = LabellingSettings(across_sections="agglomerated", agglomeration=groups)
    drain(
        label_into(
            lambda *_: None, Volume(np.ones((2, 8, 8)), Frame("zyx")), asked, tmp_path / "a.tif"
        )
    )
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_into_memory_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(stack_map, "BYTES_A_VOXEL", 10**12)
    with pytest.raises(
        ValueError, match="Labels of 2 x 4 x 4 voxels made in one piece need about 32 TB"
    ):
        drain(label(np.ones((2, 4, 4)), chosen()))


def test_closing_it_early_ends_it():
    running = agglomerate(Volume(np.ones((3, 8, 8)), Frame("zyx", (2.0, 1.0, 1.0))), chosen())
    for _ in range(4):
        next(running)
    running.close()
    assert list(running) == []
