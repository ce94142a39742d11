"""The record of a review: time, edits, what is reviewed and the score, as a journal tells them."""

from __future__ import annotations

import csv
import dataclasses
from datetime import timedelta

import numpy as np
import pytest

from napari_advseg.proofreading.afterwards.review import record_of, write_record
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import open_proof, reopened
from napari_advseg.proofreading.store.kept import kept_in
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

CELLS = np.repeat(np.repeat(np.arange(1, 7).reshape(1, 2, 3), 8, 1), 8, 2).repeat(2, 0)
ALL = slice(None)


def at(minutes):
    return f"2026-03-01T10:{minutes:02d}:00.000+00:00"


@pytest.fixture
def journal(tmp_path):
    """A merge too many that was taken back, a split put right, and a section that is reviewed."""
    labels = Volume(np.where(CELLS == 2, 1, CELLS), Frame("zyx"), kind="labels")
    proof = open_proof(labels, tmp_path / "cells.proofreading", author="Ada")

    def do(step, minutes):
        proof.do(dataclasses.replace(step, time=at(minutes)))

    do(edits.merge(proof, ids=[3, 4]), 0)
    proof.undo()
    pieces = np.where(CELLS == 1, 1, np.where(CELLS == 2, 2, 0))
    do(edits.split_along(proof, (slice(0, 2), slice(0, 16), slice(0, 24)), pieces), 2)
    do(edits.mark(proof, ids=[3, 4]), 4)
    do(edits.unmark(proof, ids=[4]), 14)
    do(edits.review(proof, (slice(0, 1), ALL, ALL)), 15)
    proof.close()
    return kept_in(proof.folder), labels


def timed(kept, minutes):
    """The journal with its undo and all before at a known time."""
    records = [
        one if type(one).__name__ == "Step" else dataclasses.replace(one, time=at(minutes))
        for one in kept.records
    ]
    return dataclasses.replace(kept, records=tuple(records))


def test_pauses_do_not_count_and_what_was_taken_back_is_no_edit(journal):
    record = record_of(timed(journal[0], 1))
    assert record.active == timedelta(minutes=1 + 1 + 2 + 1)
    assert record.pauses == 1
    assert record.edits == {"split": 1, "mark": 1, "unmark": 1, "review": 1}
    assert record.taken_back == 1
    assert (record.objects, record.boxes) == (1, (((0, 1), (0, 16), (0, 24)),))
    assert record.share == 0.5
    assert record.authors == ("Ada",)
    assert record.scored is None


def test_with_a_truth_the_score_before_and_after(journal):
    kept, labels = journal
    record = record_of(kept, reopened(kept, labels), Volume(CELLS, Frame("zyx")), by="volume")
    assert record.scored.before.voi > 0.1
    assert record.scored.after.voi == 0
    text = record.markdown()
    assert "| VOI (bits) |" in text
    assert "| 0.0000 |" in text


def test_a_truth_without_labels_is_refused(journal):
    kept, labels = journal
    with pytest.raises(ValueError, match=r"no labelled pixel.*choose the true labels"):
        record_of(kept, reopened(kept, labels), Volume(CELLS * 0, Frame("zyx")))


def test_both_files_are_written_and_replaced(journal, tmp_path):
    record = record_of(timed(journal[0], 1))
    for _ in range(2):
        text, table = write_record(record, tmp_path / "report")
    assert "5 min of work by Ada, 2026-03-01T10:00 to 2026-03-01T10:15 (UTC)" in text.read_text()
    with table.open(newline="", encoding="utf-8") as file:
        rows = {(one["part"], one["name"]): one["value"] for one in csv.DictReader(file)}
    assert rows["time", "active_s"] == "300.0"
    assert rows["edits", "all"] == "4"
    assert rows["reviewed", "box_voxels"] == "384"
    assert record.to_json()["edits"]["split"] == 1


def test_an_empty_journal_has_a_record_too(journal):
    empty = dataclasses.replace(journal[0], records=())
    record = record_of(empty)
    assert (record.active, record.first, record.edits) == (timedelta(), "", {})
    assert "0 s of work." in record.markdown()
