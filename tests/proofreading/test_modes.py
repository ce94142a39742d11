"""Modes: what places that were clicked stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_advseg.proofreading.editing.modes import ON_CLICK, Click, step_of
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume


@pytest.fixture
def proof():
    """Two objects side by side; the first has a hole that is open in the volume and closed in section 0."""
    labels = np.ones((2, 12, 12), np.uint32)
    labels[:, :, 6:] = 2
    labels[0, 4, 3] = 0
    labels[1, 4, :4] = 0
    return Proof(Volume(labels, Frame("zyx"), kind="labels"))


@given(
    mode=st.sampled_from(sorted(ON_CLICK)),
    colours=st.lists(st.integers(0, 2), max_size=4),
)
def test_an_edit_follows_from_clicks_exactly_where_they_are_enough(mode, colours):
    clicks = [Click((0, 0, k), colour) for k, colour in enumerate(colours)]
    wanted = {"merge": len(colours) > 1, "split": len(set(colours)) > 1}
    assert ON_CLICK[mode].is_enough(clicks) == wanted.get(mode, bool(colours))


def test_each_mode_makes_its_edit(proof):
    one, other = Click((0, 0, 0)), Click((0, 0, 11))
    assert step_of("merge", proof, [one, other]).ids == (1, 2)
    assert step_of("delete", proof, [one, other]).ids == (1, 2)
    assert step_of("new", proof, [other]).ids == (3, 2)
    assert step_of("split", proof, [one, Click((0, 11, 0), 1)]).operation == "split"


def test_a_hole_that_is_open_elsewhere_is_filled_in_its_section(proof):
    step = step_of("fill", proof, [Click((0, 4, 3))])
    proof.do(step)
    assert proof.labels.at((0, 4, 3)) == 1
    assert step.voxels == 1


def test_correct_marks_what_is_free_and_frees_what_is_marked(proof):
    both = [Click((0, 0, 0)), Click((0, 0, 11))]
    proof.do(step_of("correct", proof, both[:1]))
    assert proof.locked == {1}
    proof.do(step_of("correct", proof, both))
    assert proof.locked == {1, 2}
    proof.do(step_of("correct", proof, both))
    assert proof.locked == set()


def test_too_few_clicks_are_refused(proof):
    with pytest.raises(ValueError, match="more places"):
        step_of("merge", proof, [Click((0, 0, 0))])
