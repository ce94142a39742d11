"""Locks: one of many gets it, the dead lose it, and what cannot be known is asked."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import pytest

from napari_advseg.disk import lock
from napari_advseg.disk.lock import Held, holder_of, take

WHAT = "Project 'tissue'"
RACE = """
import sys
from pathlib import Path
from napari_advseg.disk.lock import Held, take
folder = Path(sys.argv[1])
for _ in range(int(sys.argv[2])):
    line = sys.stdin.readline()
    try:
        held, left = take(folder / line.strip(), "it")
        sys.stdout.write("got\\n")
    except Held:
        sys.stdout.write("no\\n")
    sys.stdout.flush()
sys.stdin.readline()
"""


def left_behind(folder, **changes):
    """A lock as somebody else left it."""
    holder = lock.this_process()
    other = dataclasses.replace(holder, **{"session": "another", **changes})
    (folder / lock.NAME).write_text(json.dumps(dataclasses.asdict(other)), encoding="utf-8")
    return other


def test_a_second_window_is_refused_with_who_holds_it_also_in_the_same_program(tmp_path):
    held, left = take(tmp_path, WHAT)
    assert left is None
    with pytest.raises(Held, match=rf"Project 'tissue' .*process {os.getpid()} on this computer"):
        take(tmp_path, WHAT)
    with pytest.raises(Held) as refused:
        take(tmp_path, WHAT, takes_over=True)
    assert not refused.value.may_take_over
    assert holder_of(tmp_path) == held.holder
    held.release()
    assert holder_of(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    take(tmp_path, WHAT)


def test_the_lock_of_a_process_that_has_gone_is_taken_and_it_is_said_whose_it_was(tmp_path):
    gone = left_behind(tmp_path, pid=2**22 + 5)
    held, left = take(tmp_path, WHAT)
    assert left == gone
    assert held.is_ours
    assert [path.name for path in tmp_path.iterdir()] == [lock.NAME]


def test_a_number_that_another_process_has_now_is_not_mistaken_for_it(tmp_path):
    left_behind(tmp_path, born=1.0)
    assert take(tmp_path, WHAT)[1] is not None


def test_a_lock_of_another_computer_is_only_taken_over_on_request(tmp_path):
    left_behind(tmp_path, host="microscope-2", pid=1)
    with pytest.raises(Held, match="the computer microscope-2") as refused:
        take(tmp_path, WHAT)
    assert refused.value.may_take_over
    held, left = take(tmp_path, WHAT, takes_over=True)
    assert left.host == "microscope-2"
    assert held.is_ours


def test_a_lock_that_cannot_be_read_is_only_taken_over_on_request(tmp_path):
    (tmp_path / lock.NAME).write_text("{", encoding="utf-8")
    with pytest.raises(Held, match="cannot be read") as refused:
        take(tmp_path, WHAT)
    assert refused.value.may_take_over
    held, left = take(tmp_path, WHAT, takes_over=True)
    assert left is None
    assert held.is_ours


def test_who_was_taken_over_notices_and_takes_nothing_away(tmp_path):
    held, _ = take(tmp_path, WHAT)
    other = left_behind(tmp_path)
    assert not held.is_ours
    held.release()
    assert holder_of(tmp_path) == other


def test_a_lock_taken_meanwhile_is_put_back(tmp_path):
    """Two find the same dead lock; the slower one must not take away what the faster one made."""
    dead = left_behind(tmp_path, pid=2**22 + 5)
    faster, _ = take(tmp_path, WHAT)
    assert not lock._move_away(tmp_path / lock.NAME, dead)
    assert faster.is_ours


def test_where_there_are_no_links_a_new_file_does(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(lock.os, "link", no_links)
    held, _ = take(tmp_path, WHAT)
    with pytest.raises(Held):
        take(tmp_path, WHAT)
    held.release()
    assert list(tmp_path.iterdir()) == []


def test_of_many_that_find_a_dead_lock_at_once_one_gets_it(tmp_path):
    rounds = 15
    for number in range(rounds):
        folder = tmp_path / str(number)
        folder.mkdir()
        left_behind(folder, pid=2**22 + 5)
    command = [sys.executable, "-c", RACE, str(tmp_path), str(rounds)]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for number in range(rounds):
        for racer in racers:
            racer.stdin.write(f"{number}\n")
            racer.stdin.flush()
        answers = [racer.stdout.readline().strip() for racer in racers]
        assert sorted(answers) == ["got", "no", "no", "no"]
    for racer in racers:
        racer.communicate("\n")


def test_times_are_said_as_people_say_them():
    assert lock.when(lock.now()).count(":") == 1
    assert lock.when("2020-02-03T04:05:06+00:00").startswith("2020-02-0")
