"""The list of mutations: each can be made, is guarded by tests that are there, and no room is without."""

from __future__ import annotations

import collections
import subprocess
import sys
from pathlib import Path

import pytest

import mutants

REPOSITORY = Path(__file__).resolve().parent.parent
LEAST, LEAST_A_ROOM = 60, 3
PACKAGES = [path.parent.name for path in (REPOSITORY / mutants.PACKAGE).glob("*/__init__.py")]
LISTED = mutants.read_list()


@pytest.mark.parametrize("mutation", LISTED, ids=str)
def test_every_text_stands_once_in_its_file_and_is_changed(mutation):
    assert not mutation.is_stale
    assert mutation.old != mutation.new


def test_every_mutation_names_tests_that_are_there():
    named = {test.partition("::")[0] for one in LISTED for test in one.tests}
    assert all(one.tests for one in LISTED)
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_there_are_enough_and_some_in_every_room():
    rooms = collections.Counter(one.room for one in LISTED)
    assert rooms.total() >= LEAST
    assert [room for room in PACKAGES if rooms[room] < LEAST_A_ROOM] == []


def test_no_two_print_the_same_line():
    assert len({str(one) for one in LISTED}) == len(LISTED)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_mutation_is_killed():
    done = subprocess.run(
        [sys.executable, "tools/mutants.py", "--jobs", "2"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
