"""The child process: jobs in turn, reports as they come, and every way in which it can end."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress

import psutil
import pytest

from napari_advseg.engine import (
    NICENESS,
    Awake,
    Begun,
    Cancelled,
    Engine,
    Failed,
    Finished,
    Heard,
    Lost,
    Patience,
    Ready,
    Reported,
    Silent,
    parent,
)
from napari_advseg.progress import Said, StepDone
from napari_advseg.recipes import Label, train_recipe

WAIT_S = 120
SIGNALS = pytest.mark.skipif(sys.platform == "win32", reason="signals")

CHILD = """
    import os, sys, time
    from napari_advseg import engine
    from napari_advseg.progress import Said, Saving, StepDone

    def execute(tree, resume):
        how = tree["out"] or ""
        print("chatter of a library")
        yield Said(f"{how} {resume}")
        if how == "wrong":
            raise ValueError("Say it otherwise.")
        if how == "odd":
            raise KeyError("no such thing")
        if how == "gone":
            sys.stderr.write("the last words\\n"); sys.stderr.flush(); os._exit(7)
        if how in ("deaf", "saves"):
            if how == "saves":
                yield Saving("model")
            else:
                time.sleep(float(tree["labels"] or 0))
            os.kill(os.getpid(), 19)
            time.sleep(0.1)
        step = 0
        try:
            while how in ("endless", "saves") or step < 3:
                step += 1
                time.sleep(0.01)
                yield StepDone(step, 3, {"loss": 0.5}, 0.01)
        except GeneratorExit:
            if how != "deaf":
                open(tree["labels"], "w").write(str(step))
            raise
        return {"steps": step, "resume": resume}

    def describe():
        if len(sys.argv) > 1:
            sys.exit(int(sys.argv[1]))
        return {"device": "none", "nice": os.nice(0)}

    def give_back():
        with open(__file__ + ".given", "a") as file:
            file.write("x")

    engine.serve(execute, describe, give_back)
"""


class Child:
    """An engine and what it said."""

    def __init__(self, command, patience=None):
        self.said = queue.Queue()
        self.engine = Engine(self.said.put, command, patience)

    def until(self, *kinds):
        """The messages up to the first of some kinds."""
        heard = []
        while not heard or not isinstance(heard[-1], kinds):
            heard.append(self.said.get(timeout=WAIT_S))
        return heard

    def run(self, how, **changes):
        resume = changes.pop("resume", False)
        return self.engine.run(
            train_recipe("unet", "quick", {"out": how, **changes}), resume=resume
        )


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "child.py"
    path.write_text(textwrap.dedent(CHILD))
    return path


@pytest.fixture
def child(script):
    started = Child([sys.executable, str(script)])
    yield started
    started.engine.stop()


def test_a_started_child_says_on_what_it_computes_and_is_nice(child):
    child.engine.start()
    (ready,) = child.until(Ready)
    assert ready.device == {"device": "none", "nice": min(19, os.nice(0) + NICENESS)}
    assert child.engine.alive
    child.engine.start()
    assert child.said.empty()


def test_a_job_reports_and_returns_and_chatter_is_no_answer(child):
    job = child.run("fine", resume=True)
    heard = child.until(Finished)
    assert heard[-1] == Finished(job, {"steps": 3, "resume": True})
    reports = [message.report for message in heard if isinstance(message, Reported)]
    assert reports[0] == Said("fine True")
    assert reports[1:] == [StepDone(step, 3, {"loss": 0.5}, 0.01) for step in (1, 2, 3)]


def test_jobs_run_in_turn_each_with_its_number(child):
    jobs = [child.run("fine") for _ in range(3)]
    heard = [message for _ in jobs for message in child.until(Finished)]
    assert [message.job for message in heard if not isinstance(message, Ready)] == [
        job for job in jobs for _ in range(6)
    ]


def test_every_kind_of_recipe_can_be_sent(child):
    child.engine.run(Label(interior_map="p.ome.zarr", out="fine"))
    assert isinstance(child.until(Finished)[-1], Finished)


@pytest.mark.parametrize(
    ("how", "words"), [("wrong", "Say it otherwise."), ("odd", "KeyError: 'no such thing'")]
)
def test_a_failed_job_is_one_sentence_with_a_trace_and_the_next_runs(child, how, words):
    job = child.run(how)
    failed = child.until(Failed)[-1]
    assert (failed.job, failed.text) == (job, words)
    assert "Traceback" in failed.trace
    child.run("fine")
    assert child.until(Finished)


def test_a_cancelled_job_saves_what_is_whole(child, tmp_path):
    saved = tmp_path / "saved"
    job = child.run("endless", labels=str(saved))
    while not (
        isinstance(message := child.until(Reported)[-1].report, StepDone) and message.step > 3
    ):
        pass
    child.engine.cancel(job)
    assert child.until(Cancelled)[-1] == Cancelled(job)
    assert int(saved.read_text()) >= 4


def test_a_waiting_job_can_be_cancelled_before_it_begins(child, tmp_path):
    first = child.run("endless", labels=str(tmp_path / "saved"))
    second = child.run("fine")
    child.until(Reported)
    child.engine.cancel(second)
    child.engine.cancel(first)
    assert child.until(Cancelled)[-1] == Cancelled(first)
    assert child.until(Cancelled) == [Cancelled(second)]


def test_a_paused_job_stands_still_until_it_may_go_on(child, tmp_path):
    job = child.run("endless", labels=str(tmp_path / "saved"))
    child.until(Reported)
    child.engine.pause(job)
    fall_silent(child)
    child.engine.proceed(job)
    assert child.until(Reported)
    child.engine.pause(job)
    child.engine.cancel(job)
    assert child.until(Cancelled)


@SIGNALS
def test_a_killed_child_is_noticed_and_what_waited_goes_on_in_another(child, tmp_path):
    first = child.run("endless", labels=str(tmp_path / "saved"))
    second, third = child.run("fine"), child.run("fine")
    child.until(Reported)
    child.engine.cancel(third)
    os.kill(child.engine.process_id, signal.SIGKILL)
    lost = child.until(Lost)[-1]
    assert (lost.jobs, lost.restarts) == ((first,), True)
    assert "ended by signal 9" in lost.text
    assert "memory" in lost.text
    heard = child.until(Finished)
    assert heard[-1].job == second
    assert any(isinstance(message, Ready) for message in heard)
    assert Cancelled(third) in heard


@SIGNALS
def test_an_idle_child_that_dies_is_started_again_until_that_is_hopeless(child):
    child.engine.start()
    child.until(Ready)
    for is_last in (False, False, True):
        os.kill(child.engine.process_id, signal.SIGKILL)
        lost = child.until(Lost)[-1]
        assert (lost.jobs, lost.restarts) == ((), not is_last)
        assert "Start again" not in lost.text
        if lost.restarts:
            child.until(Ready)
    assert not child.engine.alive
    child.run("fine")  # a job always gets a try
    child.until(Finished)


def test_a_child_that_ends_by_itself_leaves_its_last_words(child):
    job = child.run("gone")
    lost = child.until(Lost)[-1]
    assert lost.jobs == (job,)
    assert "ended with code 7" in lost.text
    assert lost.text.endswith("the last words")


def test_kill_ends_it_at_once(child, tmp_path):
    job = child.run("endless", labels=str(tmp_path / "saved"))
    child.until(Reported)
    child.engine.kill()
    assert child.until(Lost)[-1].jobs == (job,)


def test_a_child_that_is_ended_as_asked_is_started_again_also_while_it_loads(child, monkeypatch):
    monkeypatch.setattr(parent, "SHORT_LIVES", 1)
    child.engine.start()
    for _ in range(2):
        child.engine.kill()
        lost = child.until(Lost)[-1]
        assert (lost.restarts, lost.was_unforeseen) == (True, False)
        child.until(Ready)


@SIGNALS
def test_a_job_that_hears_no_cancel_is_killed_after_a_while(child, monkeypatch):
    monkeypatch.setattr(parent, "CANCEL_GRACE_S", 0.3)
    job = child.run("deaf", labels="0.5")
    child.until(Reported)
    child.engine.proceed(job)  # an order that was heard before is no answer to this one
    child.until(Heard)
    stopped(child)
    child.engine.cancel(job)
    lost = child.until(Lost)[-1]
    assert lost.jobs == (job,)
    assert "ended as asked" in lost.text


@SIGNALS
def test_a_child_that_saves_is_not_killed(child, tmp_path, monkeypatch):
    monkeypatch.setattr(parent, "CANCEL_GRACE_S", 0.2)
    job = child.run("saves", labels=str(tmp_path / "saved"))
    child.until(Reported)
    child.until(Reported)
    stopped(child)
    child.engine.cancel(job)
    time.sleep(1)
    os.kill(child.engine.process_id, signal.SIGCONT)
    assert child.until(Cancelled)[-1] == Cancelled(job)


@SIGNALS
def test_a_child_that_others_keep_from_the_processor_is_not_killed_for_that(child, monkeypatch):
    monkeypatch.setattr(parent, "CANCEL_GRACE_S", 0.2)
    monkeypatch.setattr(psutil.Process, "status", lambda _: psutil.STATUS_RUNNING)
    job = child.run("deaf")
    child.until(Reported)
    time.sleep(0.5)  # it stands still; as far as can be told it would like to run
    child.engine.cancel(job)
    time.sleep(1)
    os.kill(child.engine.process_id, signal.SIGCONT)
    assert child.until(Finished, Cancelled)


@SIGNALS
def test_a_cancel_that_waits_its_turn_kills_no_other_job(child, monkeypatch):
    monkeypatch.setattr(parent, "CANCEL_GRACE_S", 0.2)
    first, second = child.run("deaf"), child.run("fine")
    child.until(Reported)
    stopped(child)
    child.engine.cancel(second)
    time.sleep(0.6)
    os.kill(child.engine.process_id, signal.SIGCONT)
    assert child.until(Finished)[-1].job == first
    assert child.until(Cancelled)[-1].job == second


@SIGNALS
@pytest.mark.parametrize("how", ["idle", "deaf"])
def test_a_child_without_a_sign_of_life_is_said_and_so_is_its_return(script, how):
    child = Child([sys.executable, str(script)], Patience(60, 1.5, 2))
    child.engine.start()
    child.until(Ready)
    job = child.run(how) if how == "deaf" else None
    if job is None:
        os.kill(child.engine.process_id, signal.SIGSTOP)
    silent = child.until(Silent)[-1]
    assert silent.job == job
    assert silent.seconds > 1.5
    os.kill(child.engine.process_id, signal.SIGCONT)
    child.until(Awake)
    assert child.engine.alive
    child.engine.stop()


def test_what_a_job_held_is_given_back_when_it_is_over(child, script):
    given = script.with_name(script.name + ".given")
    child.run("wrong")
    child.until(Failed)
    child.run("")
    child.until(Finished)
    assert given.read_text()[:1] == "x"  # before the next job began
    child.run("gone")
    child.until(Lost)
    child.engine.stop()
    assert given.read_text() == "xx"


def test_a_cancel_is_acknowledged_at_once(child, tmp_path):
    job = child.run("endless", labels=str(tmp_path / "saved"))
    child.until(Begun)
    child.engine.cancel(job)
    heard = child.until(Cancelled)
    assert [one for one in heard if isinstance(one, Heard)] == [Heard(job, "cancel")]


def test_stop_lets_it_save_ends_it_and_says_nothing(child, tmp_path):
    saved = tmp_path / "saved"
    child.run("endless", labels=str(saved))
    while not isinstance(child.until(Reported)[-1].report, StepDone):
        pass
    process = psutil.Process(child.engine.process_id)
    child.engine.stop()
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert saved.exists()
    time.sleep(0.2)
    assert not any(isinstance(child.said.get(), Lost) for _ in range(child.said.qsize()))
    assert not child.engine.alive
    child.engine.stop()


def test_a_child_whose_parent_dies_saves_and_ends(script, tmp_path):
    saved = tmp_path / "saved"
    parent = f"""
        import os, sys, time
        from napari_advseg.engine import Engine, Reported
        from napari_advseg.progress import StepDone
        from napari_advseg.recipes import train_recipe
        def hear(message):
            if isinstance(message, Reported) and isinstance(message.report, StepDone):
                print(engine.process_id, flush=True); os._exit(1)
        engine = Engine(hear, [sys.executable, {str(script)!r}])
        engine.run(train_recipe("unet", "quick", {{"out": "endless", "labels": {str(saved)!r}}}))
        time.sleep(60)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(parent)],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    orphan = int(ran.stdout)
    for _ in range(100):
        if not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.1)
    assert saved.exists()
    assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE


def test_a_child_that_never_gets_ready_is_lost_with_all_its_jobs_and_not_tried_again(script):
    child = Child([sys.executable, str(script), "3"])
    jobs = (child.run("fine"), child.run("fine"))
    lost = child.until(Lost)[-1]
    assert "ended with code 3" in lost.text
    assert (lost.jobs, lost.restarts) == (jobs, False)
    assert not child.engine.alive
    child.engine.stop()


def test_after_its_end_nothing_starts_any_more(child):
    child.engine.stop()
    child.engine.start()
    child.run("fine")
    assert not child.engine.alive


def fall_silent(child):
    """Read what a child says until it says nothing for half a second."""
    with suppress(queue.Empty):
        for _ in range(1000):
            child.said.get(timeout=0.5)
        raise TimeoutError("It never fell silent.")


def stopped(child):
    """Wait until the child stands still."""
    process = psutil.Process(child.engine.process_id)
    for _ in range(100 * WAIT_S):
        if process.status() == psutil.STATUS_STOPPED:
            return
        time.sleep(0.01)
    raise TimeoutError("It never stood still.")
