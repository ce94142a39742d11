"""Copies and sections in between as edits: nothing painted is lost unless that is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_advseg.annotation.between import Between
from napari_advseg.annotation.edits import between, copied, fill
from napari_advseg.annotation.shares import Count, Shares, count, hatched, highest_id
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import BACKGROUND, BOUNDARY
from napari_advseg.volume.volume import Volume

FEW = arrays(np.uint64, (9, 7), elements=st.sampled_from([0, 1, 2, 2**63 + 1]))


def applied(edit, section):
    section = section.copy()
    section[edit.rows, edit.columns] = edit.values
    return section


def stack(*sections, axes="zyx"):
    return Volume(np.stack(sections), Frame(axes, (40.0, 4.0, 6.0)), kind="labels")


@settings(max_examples=50, deadline=None)
@given(now=FEW, wanted=FEW, replace=st.booleans())
def test_filling_puts_what_is_wanted_and_keeps_what_is_there(now, wanted, replace):
    edit = fill(2, now, wanted, replace=replace)
    found = applied(edit, now)
    kept = (now != 0) & ~((wanted != 0) & replace)
    np.testing.assert_array_equal(found, np.where(kept, now, wanted))
    assert edit.kept == (0 if replace else ((now != 0) & (wanted != 0) & (now != wanted)).sum())
    assert (edit.values != now[edit.rows, edit.columns]).all()


def test_a_section_is_copied_and_what_was_painted_there_stays():
    source, target = np.array([[1, 1, 2, 0]], np.uint32), np.array([[0, 9, 2, 3]], np.uint32)
    labels = stack(source, target)
    edit = copied(labels, 0, 1)
    assert applied(edit, target).tolist() == [[1, 9, 2, 3]]
    assert (edit.section, edit.kept, len(edit.rows)) == (1, 1, 1)
    assert applied(copied(labels, 0, 1, replace=True), target).tolist() == [[1, 1, 2, 3]]


def test_sections_between_are_filled_from_both_sides_and_in_order():
    ends = [np.zeros((20, 30), np.uint32) for _ in range(5)]
    ends[0][5:15, 5:10], ends[4][5:15, 5:18] = 3, 3
    ends[2][8, 25] = 8
    edits = list(between(stack(*ends), 4, 0))
    assert [edit.section for edit in edits] == [1, 2, 3]
    found = [applied(edit, ends[edit.section]) for edit in edits]
    areas = [(section == 3).sum() for section in (ends[0], *found, ends[4])]
    assert areas == sorted(areas)
    assert found[1][8, 25] == 8


def test_sections_between_follow_the_size_of_pixels_along_y_and_x():
    """A square becomes a larger one: what is near along y is not what is near along x."""
    below, nothing, above = (np.zeros((20, 30), np.uint32) for _ in range(3))
    below[9:11, 13:15], above[2:18, 4:24] = 7, 7
    labels = stack(below, nothing, above)
    expected, turned = (Between.of(below, above, step).at(0.5) for step in ((1.0, 1.5), (1.5, 1.0)))
    (edit,) = between(labels, 0, 2)
    np.testing.assert_array_equal(applied(edit, nothing), expected)
    assert (expected != turned).any()


@pytest.mark.parametrize(
    ("sections", "words"),
    [((0, 1), "no section between"), ((0, 2), "section 2; paint"), ((0, 9), "0 to 2")],
)
def test_what_cannot_be_interpolated_is_said(sections, words):
    full, empty = np.ones((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match=words):
        list(between(stack(full, full, empty), *sections))


def test_an_empty_section_is_not_copied():
    empty = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match="Nothing is annotated in section 1"):
        copied(stack(empty, empty), 1, 0)


changes = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 5), st.integers(0, 2)),
    max_size=12,
)


@settings(max_examples=50, deadline=None)
@given(strokes=changes, first=arrays(np.uint8, (3, 6, 6), elements=st.integers(0, 2)))
def test_shares_follow_what_is_painted_without_counting_again(strokes, first):
    labels = stack(*first)
    shares = Shares(3, 36)
    for section in range(3):
        assert shares.put(section, count(labels, section), shares.version(section))
    for section, y, x, value in strokes:
        part = labels.array[section, y : y + 3, x : x + 3]
        before = part.copy()
        part[...] = value
        shares.change(section, before, value if value % 2 else part)
    for section in range(3):
        assert shares.of(section) == count(labels, section).annotated / 36


def test_a_count_that_was_overtaken_is_not_taken():
    shares = Shares(2, 10)
    begun = shares.version(0)
    shares.change(0, np.zeros(3), 5)
    assert not shares.put(0, Count(4, 9), begun)
    assert shares.of(0) is None
    assert shares.highest == 9  # ids are never given twice, whatever was overtaken
    assert shares.put(0, Count(7, 1), shares.version(0))
    shares.forget(0)
    assert shares.uncounted(near=1) == [1, 0]


def test_gaps_between_annotated_sections_and_words():
    shares = Shares(10, 100)
    for section in range(10):
        shares.put(section, Count({2: 50, 7: 100, 8: 1}.get(section, 0), 0), 0)
    assert [shares.gap(section) for section in (1, 2, 4, 7, 8, 9)] == [
        None,
        (2, 7),
        (2, 7),
        (2, 7),
        None,
        None,
    ]
    assert shares.words == "3 of 10 sections annotated, 15 % of all pixels"


def test_only_what_is_not_annotated_is_hatched():
    ids = np.zeros((40, 40), np.uint32)
    ids[10:20] = BACKGROUND
    stripes = hatched(stack(ids), 0)
    assert not stripes[10:20].any()
    assert 0.2 < stripes[20:].mean() < 0.3


def test_marks_are_no_objects():
    ids = np.array([[3, BOUNDARY, 0]], np.uint32)
    assert highest_id(ids) == 3
    assert highest_id(np.array([BACKGROUND], np.uint64)) == 0
    assert highest_id(np.array([2**63], np.uint64)) == 2**63
