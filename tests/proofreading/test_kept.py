"""Journals of proofreading: what was said to be done is there after a kill, and other labels are refused."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from proofreader import act, base

from napari_advseg.disk.lock import Held
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import NAME, Proof, open_proof, reopened
from napari_advseg.proofreading.store import journal as journals
from napari_advseg.proofreading.store.journal import Journal
from napari_advseg.proofreading.store.kept import OtherLabels, beside, kept_in
from napari_advseg.proofreading.store.log import MARK
from napari_advseg.proofreading.store.records import Damaged, Grid, masked
from napari_advseg.proofreading.store.steps import Step, Turn
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.refusals import Unreadable, Unwritable
from napari_advseg.volume.volume import Volume

PROOFREADER = Path(__file__).with_name("proofreader.py")


def killed_after(folder, start, acts, delay):
    """The last act that was said to be done before a kill at any moment, and the records there were."""
    command = [sys.executable, str(PROOFREADER), str(folder), str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        worker.stdout.readline()
        said = [worker.stdout.readline() for _ in range(acts)]
        time.sleep(delay)
        worker.kill()
        said += worker.stdout.read().splitlines()
    number, records = max(
        (line.split() for line in said if line.count(" ")), key=lambda s: int(s[0])
    )
    return int(number), int(records)


def survives(folder, kills, seed):
    draw = np.random.default_rng(seed)
    plain, number = Proof(base()), 0
    for _ in range(kills):
        moment = int(draw.integers(1, 30)), float(draw.uniform(0, 0.05))
        said, records = killed_after(folder, number + 1, *moment)
        for number in range(number + 1, said + 1):  # noqa: B020 - goes on where it was
            act(plain, number)
        kept = kept_in(folder)
        assert plain.records == records
        assert len(kept.records) - records in (0, 1)
        while plain.records < len(kept.records):  # was on disk and not yet said
            number += 1
            act(plain, number)
        found = reopened(kept, base())
        np.testing.assert_array_equal(found.labels[...], plain.labels[...])
        assert kept.left_out == 0
        assert (len(found.steps), found.can_redo) == (len(plain.steps), plain.can_redo)
    while plain.undo():
        found.undo()
    np.testing.assert_array_equal(found.labels[...], base().array)


def test_kills_lose_nothing_that_was_said_and_undo_survives(tmp_path):
    survives(tmp_path / "cells.proofreading", 2, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
def test_many_kills_lose_nothing_that_was_said(tmp_path, seed):
    survives(tmp_path / "cells.proofreading", 12, seed)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cells.proofreading"


def worked(folder, *numbers):
    """Labels after each of some acts, as they were left; the journal is closed."""
    proof = open_proof(base(), folder, author="Ada")
    states = [proof.labels[...]]
    for number in numbers:
        act(proof, number)
        states.append(proof.labels[...])
    proof.close()
    return states


def test_a_journal_cut_anywhere_leaves_the_last_whole_edit_and_goes_on(folder):
    states = worked(folder, 0, 1, 2)
    (log,) = folder.glob("*.journal")
    content = log.read_bytes()
    starts = [k for k in range(len(content)) if content.startswith(MARK, k)]
    for end in (starts[0], starts[1] + 5, len(content) - 1):
        log.write_bytes(content[:end])
        whole = sum(k < end for k in [*starts[1:], len(content)] if k <= end)
        kept = kept_in(folder)
        assert len(kept.records) == whole
        assert not kept.warning
        np.testing.assert_array_equal(reopened(kept, base()).labels[...], states[whole])
    proof = open_proof(base(), folder)
    step = proof.do(edits.delete(proof, ids=[100]))
    proof.close()
    assert [one.ids for one in kept_in(folder).steps][-1] == step.ids


def test_after_damage_the_last_good_edit_counts_and_what_is_lost_is_told(folder):
    states = worked(folder, 0, 1, 2)
    worked(folder, 4)
    first, _ = sorted(folder.glob("*.journal"))
    content = bytearray(first.read_bytes())
    starts = [k for k in range(len(content)) if content.startswith(MARK, k)]
    content[starts[1] + 30] ^= 0xFF
    first.write_bytes(content)
    proof = open_proof(base(), folder)
    np.testing.assert_array_equal(proof.labels[...], states[1])
    assert "3 later edits cannot be used" in proof.warning
    assert "after edit 1" in proof.warning
    proof.do(edits.delete(proof, ids=[100]))
    now = proof.labels[...]
    proof.close()
    np.testing.assert_array_equal(reopened(kept_in(folder), base()).labels[...], now)


@pytest.mark.parametrize("other", ["ids", "shape", "type"])
def test_the_journal_of_other_labels_is_refused_and_both_are_named(folder, other):
    worked(folder, 0)
    ours = base().array
    theirs = {"ids": ours + 1, "shape": ours[:2], "type": ours.astype(np.uint64)}[other]
    with pytest.raises(OtherLabels, match=r"belongs to other labels \(3 x 30 x 30, uint32.*replay"):
        open_proof(Volume(theirs, base().frame), folder)
    open_proof(base(), folder).close()


def test_two_windows_do_not_edit_at_once_and_a_dead_one_is_no_hindrance(folder):
    proof = open_proof(base(), folder)
    with pytest.raises(Held, match="open in another window"):
        open_proof(base(), folder)
    proof.close()
    held = (folder / NAME).with_suffix(".old")
    again = open_proof(base(), folder)
    held.write_text((folder / NAME).read_text().replace(f'"pid": {os.getpid()}', '"pid": 99999999'))
    again.close()
    held.rename(folder / NAME)
    open_proof(base(), folder).close()


def test_a_folder_of_annotations_is_refused(folder):
    array = np.zeros((3, 4), np.int32)
    grid = Grid(array.shape, array.dtype)
    window = slice(0, 1), slice(0, 2)
    Journal(folder, grid, "one").append(
        [journals.Edit((masked(grid, window, None, array[window], 1),))]
    )
    with pytest.raises(Unreadable, match="no proofreading"):
        kept_in(folder)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    def read_only(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(
        Unwritable, match=r"cells\.proofreading.*choose a folder that may be written"
    ):
        open_proof(base(), tmp_path / "cells.proofreading")


def test_an_edit_that_cannot_be_put_on_disk_is_not_done(folder, monkeypatch):
    proof = open_proof(base(), folder)
    step = edits.delete(proof, ids=[3])
    with monkeypatch.context() as patch:
        patch.setattr(journals, "sync", _full)
        with pytest.raises(Unwritable, match="free some space"):
            proof.do(step)
    assert proof.steps == []
    np.testing.assert_array_equal(proof.labels[...], base().array)
    proof.do(step)
    proof.close()
    assert len(kept_in(folder).steps) == 1


def _full(descriptor):
    raise OSError(28, "No space left on device")


def test_labels_in_no_file_need_a_folder():
    with pytest.raises(ValueError, match="in no file"):
        open_proof(base())


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.ome.zarr", "a"), ("b.tif", "b"), ("c d.zarr", "c d"), ("e", "e")],
)
def test_a_journal_lies_beside_its_labels(name, expected):
    assert beside(Path("x") / name) == Path("x") / f"{expected}.proofreading"


def test_a_step_is_the_same_in_bytes():
    proof = Proof(base(), author="Ada Ä")
    step = proof.do(edits.paint(proof, (slice(0, 2),) * 3, None, 2**64 - 1), 'because "so"')
    again = Step.from_bytes(step.to_bytes(), Grid((3, 30, 30), np.dtype(np.uint64)))
    assert again.to_json() == step.to_json()
    plain = base().array.astype(np.uint64)
    again.apply(plain)
    np.testing.assert_array_equal(plain, proof.labels[...])
    turn = Turn(True, "now", "Ada")
    assert Turn.from_bytes(turn.to_bytes(), Grid((1,), np.dtype(np.uint64))) == turn


@pytest.mark.parametrize("spoilt", [b"", b"\x05\x00\x00\x00[1,2]", b"\x02\x00\x00\x00{}"])
def test_bytes_that_are_no_step_are_damaged(spoilt):
    for kind in (Step, Turn):
        with pytest.raises(Damaged):
            kind.from_bytes(spoilt, Grid((3, 4), np.dtype(np.uint64)))


def test_the_frame_of_the_labels_is_remembered(folder):
    worked(folder, 0)
    kept = kept_in(folder)
    assert kept.frame == Frame("zyx", (40.0, 4.0, 6.0))
    assert kept.steps[0].author == "Ada"
