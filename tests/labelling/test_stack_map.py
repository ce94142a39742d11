"""A map of a whole stack in memory, the distance of its sections, and what fits."""

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_advseg import drain
from napari_advseg.labelling.stack.stack_map import (
    afford_stack,
    is_grown,
    read_stack,
    said_distance,
    section_distance,
)
from napari_advseg.progress import BlockDone, Phase, Said
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume


def test_a_map_is_read_section_by_section():
    maps = np.random.default_rng(0).random((3, 4, 5)).astype(np.float16)
    maps[1, 2, 3] = np.nan
    reports = []
    found = drain(read_stack(Volume(maps, Frame("zyx")), 0.5), reports.append)
    np.testing.assert_array_equal(found.interior, maps > 0.5)
    np.testing.assert_array_equal(found.data, ~np.isnan(maps))
    assert reports == [Phase("read", 3), *(BlockDone("read", k, 3) for k in (1, 2, 3))]


def test_values_that_are_no_probabilities_are_refused():
    with pytest.raises(ValueError, match="not logits"):
        drain(read_stack(Volume(np.full((2, 3, 3), 7.0), Frame("zyx")), 0.5))


@pytest.mark.parametrize(
    ("scale", "expected"), [((50, 4, 4), 12.5), ((10, 10, 10), 1.0), ((8, 4, 16), 1.0)]
)
def test_the_distance_of_sections_is_that_of_the_voxel_size(scale, expected):
    frame = Frame("zyx", tuple(map(float, scale)), ("nanometer",) * 3)
    assert section_distance(frame) == pytest.approx(expected)
    reports = []
    assert drain(said_distance(frame), reports.append) == pytest.approx(expected)
    assert reports == []


@given(st.floats(0.1, 1000))
def test_a_given_distance_wins(distance):
    assert section_distance(Frame("zyx", (50.0, 4.0, 4.0)), distance) == distance


def test_an_unknown_voxel_size_is_said():
    reports = []
    assert drain(said_distance(Frame("czyx")), reports.append) == 1.0
    assert [type(report) for report in reports] == [Said]
    assert "labelling.anisotropy" in reports[0].text
    reports.clear()
    assert drain(said_distance(Frame("zyx"), 5.0), reports.append) == 5.0
    assert reports == []


def test_mixed_units_are_refused():
    frame = Frame("zyx", (0.05, 4.0, 4.0), ("micrometer", "nanometer", "nanometer"))
    with pytest.raises(ValueError, match="mixes units"):
        section_distance(frame)
    assert section_distance(frame, 12.5) == 12.5


def test_what_does_not_fit_is_refused_with_both_amounts():
    free = psutil.virtual_memory().available
    volume = Volume(np.broadcast_to(np.uint8(0), (free // 10**6, 1000, 1000)), Frame("zyx"))
    with pytest.raises(ValueError, match=r"Labels of \d+ x 1000 x 1000 voxels .* about .*B"):
        afford_stack(volume)
    afford_stack(volume.cut(0, 1))


def test_walls_are_grown_over_only_where_both_settings_ask_for_it():
    assert is_grown(LabellingSettings())
    assert not is_grown(LabellingSettings(thin=False))
    assert not is_grown(LabellingSettings(zero="background"))
