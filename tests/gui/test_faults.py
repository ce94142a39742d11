"""What can go wrong with the child, in one viewer: it falls silent, dies while idle, freezes, is asked to stop."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from fake_child import CRASHES, ENDLESS
from napari.utils.notifications import notification_manager
from one_viewer import come_to_rest, one_viewer
from waiting import SOON

from napari_advseg.engine import Patience, parent
from napari_advseg.gui.compute.session import RESTART

SILENT_S = 4.0  # a child beats each second, on a crowded computer late
SIGNALS = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@pytest.fixture(scope="module")
def bench(qapp, tmp_path_factory):
    """The Train dock of a viewer whose child computes nothing and may be silent for 4 s."""
    fake = str(Path(__file__).with_name("fake_child.py"))
    command, patience = (sys.executable, fake), Patience(SOON / 1000, SILENT_S, SILENT_S)
    home = tmp_path_factory.mktemp("home")
    with one_viewer(home, (4, 64, 64), command, patience) as (_, docks):
        yield docks.train


@pytest.fixture
def train(bench, qtbot):
    """The Train dock with a child that is ready, and nothing running or said."""
    come_to_rest(bench._session, qtbot)
    bench.buttons.log.clear()
    notification_manager.records.clear()
    yield bench
    if sys.platform != "win32" and bench._session._engine.alive:
        to_child(bench, signal.SIGCONT)
    come_to_rest(bench._session, qtbot)


def start(train, qtbot, seed=ENDLESS):
    """Start and wait until it computes."""
    train.forms.advanced.row("seed").editor.write(seed)
    qtbot.waitUntil(train.buttons.run.isEnabled, timeout=SOON)
    train.buttons.run.click()
    qtbot.waitUntil(lambda: train._job.done > 3, timeout=SOON)


def to_child(train, number):
    os.kill(train._session.process_id, number)


def freeze(train, qtbot):
    """Let the child hear and say nothing, from now on and not a moment later."""
    process = psutil.Process(train._session.process_id)
    to_child(train, signal.SIGSTOP)
    qtbot.waitUntil(lambda: process.status() == psutil.STATUS_STOPPED, timeout=SOON)


def notices():
    return [record.message for record in notification_manager.records]


def noticed(words):
    return any(words in message for message in notices())


@SIGNALS
def test_an_idle_child_that_falls_silent_is_said_and_restarted_with_a_click(train, qtbot):
    session = train._session
    frozen = session.process_id
    freeze(train, qtbot)
    qtbot.waitUntil(lambda: bool(session.trouble), timeout=SOON)
    (notice,) = notification_manager.records
    assert "no sign of life" in notice.message
    assert RESTART in train.device.text()
    ((word, restart),) = notice.actions
    assert word == RESTART
    restart(None)
    qtbot.waitUntil(lambda: not session.trouble and session.device is not None, timeout=SOON)
    assert session.process_id != frozen
    assert train.device.text().startswith("Computes on: CPU")


@SIGNALS
def test_a_child_that_falls_silent_at_work_is_said_and_may_come_back(train, qtbot):
    start(train, qtbot)
    job = train._job
    freeze(train, qtbot)
    qtbot.waitUntil(lambda: bool(train._session.trouble), timeout=SOON)
    assert any("busy with one long calculation" in line.text for line in job.log if line.is_warning)
    to_child(train, signal.SIGCONT)
    before = job.done
    qtbot.waitUntil(lambda: not train._session.trouble and job.done > before, timeout=SOON)
    assert not job.is_over


@SIGNALS
def test_a_frozen_training_is_restarted_from_the_line_below_the_form(train, qtbot):
    start(train, qtbot)
    frozen = train._session.process_id
    freeze(train, qtbot)
    qtbot.waitUntil(lambda: RESTART in train.device.text(), timeout=SOON)
    train.device.linkActivated.emit("restart")
    qtbot.waitUntil(lambda: not train._is_running, timeout=SOON)
    assert "ended as asked" in train.buttons.log.toPlainText()
    qtbot.waitUntil(lambda: train._session.device is not None, timeout=SOON)
    assert train._session.process_id != frozen


@SIGNALS
def test_a_cancel_that_a_frozen_child_does_not_hear_ends_it(train, qtbot, monkeypatch):
    monkeypatch.setattr(parent, "CANCEL_GRACE_S", 0.3)
    start(train, qtbot)
    freeze(train, qtbot)
    train.buttons.cancel.click()
    assert train._job.progress_words() == "Stopping"
    qtbot.waitUntil(lambda: not train._is_running, timeout=SOON)
    assert "Cancelled" in train.buttons.log.toPlainText()
    assert not notices()
    qtbot.waitUntil(lambda: train._session.device is not None, timeout=SOON)


@SIGNALS
def test_an_idle_child_that_dies_is_replaced_before_it_is_missed(train, qtbot):
    dead = train._session.process_id
    to_child(train, signal.SIGKILL)
    qtbot.waitUntil(lambda: noticed("A new one is started"), timeout=SOON)
    qtbot.waitUntil(lambda: train._session.device is not None, timeout=SOON)
    assert train._session.process_id != dead


@SIGNALS
def test_a_job_that_waits_behind_one_that_dies_goes_on_in_the_next_child(train, qtbot, tmp_path):
    start(train, qtbot)
    session = train._session
    recipe = train._job.recipe.changed(seed=0, out=str(tmp_path / "behind"))
    behind = session.run("other", "Behind", lambda _: recipe)
    qtbot.waitUntil(lambda: behind.state == "waiting", timeout=SOON)
    assert behind.waits_for == train._job.title
    to_child(train, signal.SIGKILL)
    qtbot.waitUntil(lambda: not train._is_running, timeout=SOON)
    assert noticed("ended by signal 9")
    qtbot.waitUntil(lambda: behind.is_over, timeout=SOON)
    assert (tmp_path / "behind").is_dir()


def test_a_cancel_is_obeyed_whenever_it_comes_and_start_works_again(train, qtbot):
    rng = np.random.default_rng(0)
    train.forms.advanced.row("seed").editor.write(ENDLESS)
    for moment_ms in rng.integers(0, 150, 6):
        qtbot.waitUntil(train.buttons.run.isEnabled, timeout=SOON)
        train.buttons.run.click()
        qtbot.wait(int(moment_ms))
        train.buttons.cancel.click()
        assert train._job.is_over or train._job.progress_words().startswith("Stopping")
        qtbot.waitUntil(lambda: not train._is_running, timeout=SOON)
    assert not notices()


def test_after_an_exception_the_next_run_works(train, qtbot):
    train.forms.advanced.row("seed").editor.write(CRASHES)
    train.buttons.run.click()
    qtbot.waitUntil(lambda: not train._is_running, timeout=SOON)
    assert notices() == ["RuntimeError: something in a library"]
    start(train, qtbot)
