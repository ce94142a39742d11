"""Brushes: new objects get ids and colours of their own, classes names and values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_advseg.annotation.brushes import (
    COLOURS,
    MARKS,
    class_brushes,
    classes_in,
    next_object,
    turn_of,
)


@given(highest=st.integers(0, 10**6))
def test_a_new_object_has_a_free_id_and_no_colour_of_a_mark(highest):
    value = next_object(highest)
    assert highest < value <= highest + 3
    assert turn_of(value) not in {turn_of(mark.value) for mark in MARKS}
    assert 1 <= turn_of(value) <= COLOURS


def test_colours_come_by_turns_from_the_first_id_on():
    assert [turn_of(value) for value in (1, 2, 50, 51, 100, 101)] == [1, 2, 50, 1, 50, 1]


def test_objects_are_counted_from_1():
    assert next_object(0) == 1


def test_ids_are_shown_in_all_colours_by_turns():
    assert [turn_of(value) for value in range(1, 2 * COLOURS + 1)] == [*range(1, COLOURS + 1)] * 2


def test_classes_are_named_by_commas():
    assert classes_in(" background,axon ;myelin  sheath,") == {
        1: "background",
        2: "axon",
        3: "myelin sheath",
    }
    brushes = class_brushes({2: "axon", 1: "background"}, {2: "#ffffff"})
    assert [brush.name for brush in brushes] == ["background", "axon"]
    assert [brush.colour for brush in brushes] == ["", "#ffffff"]


@pytest.mark.parametrize(
    ("text", "words"), [("axon", "at least two"), ("a, b, a", "twice"), ("", "at least two")]
)
def test_names_that_make_no_classes_are_refused(text, words):
    with pytest.raises(ValueError, match=words):
        classes_in(text)
    with pytest.raises(ValueError, match="too many"):
        classes_in(",".join(map(str, range(99))))
