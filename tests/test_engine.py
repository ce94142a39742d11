"""The child process: jobs in turn, reports as they come, and every way in which it can end."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from napari_advseg.engine import Cancelled, Engine, Failed, Finished, Lost, Ready, Reported
from napari_advseg.progress import Said, StepDone
from napari_advseg.recipe import Label, train_recipe

WAIT_S = 30

CHILD = """
    import os, sys, time
    from napari_advseg import engine
    from napari_advseg.progress import Said, StepDone

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
        if how == "deaf":
            while True: os.kill(os.getpid(), 19) or time.sleep(1)
        step = 0
        try:
            while how == "endless" or step < 3:
                step += 1
                time.sleep(0.01)
                yield StepDone(step, 3, {"loss": 0.5}, 0.01)
        except GeneratorExit:
            open(tree["labels"], "w").write(str(step))
            raise
        return {"steps": step, "resume": resume}

    engine.serve(execute, lambda: {"device": "none", "nice": os.nice(0)})
"""


class Child:
    """An engine and what it said."""

    def __init__(self, command):
        self.said = queue.Queue()
        self.engine = Engine(self.said.put, command)

    def until(self, kind):
        """The messages up to the first of a kind."""
        heard = []
        while not heard or not isinstance(heard[-1], kind):
            heard.append(self.said.get(timeout=WAIT_S))
        return heard

    def run(self, how, **changes):
        resume = changes.pop("resume", False)
        return self.engine.run(
            train_recipe("unet", "quick", {"out": how, **changes}), resume=resume
        )


@pytest.fixture
def child(tmp_path):
    script = tmp_path / "child.py"
    script.write_text(textwrap.dedent(CHILD))
    started = Child([sys.executable, str(script)])
    yield started
    started.engine.stop()


def test_a_started_child_says_on_what_it_computes_and_is_nice(child):
    child.engine.start()
    (ready,) = child.until(Ready)
    assert ready.device == {"device": "none", "nice": 10}
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
        job for job in jobs for _ in range(5)
    ]


def test_every_kind_of_recipe_can_be_sent(child):
    child.engine.run(Label(probabilities="p.ome.zarr", out="fine"))
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
    time.sleep(0.5)
    while not child.said.empty():
        child.said.get()
    time.sleep(0.3)
    assert child.said.empty()
    child.engine.proceed(job)
    assert child.until(Reported)
    child.engine.pause(job)
    child.engine.cancel(job)
    assert child.until(Cancelled)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_child_is_noticed_with_all_its_jobs(child, tmp_path):
    jobs = (child.run("endless", labels=str(tmp_path / "saved")), child.run("fine"))
    child.until(Reported)
    os.kill(child.engine.process_id, signal.SIGKILL)
    lost = child.until(Lost)[-1]
    assert lost.jobs == jobs
    assert "ended by signal 9" in lost.text
    assert "memory" in lost.text
    child.run("fine")
    assert child.until(Finished)


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


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_job_that_hears_no_cancel_is_killed_after_a_while(child):
    job = child.run("deaf")
    child.until(Reported)
    time.sleep(0.3)
    child.engine.cancel(job)
    assert child.until(Lost)[-1].jobs == (job,)


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


def test_a_child_whose_parent_dies_saves_and_ends(child, tmp_path):
    saved = tmp_path / "saved"
    script = tmp_path / "child.py"
    parent = f"""
        import os, sys, time
        from napari_advseg.engine import Engine, Reported
        from napari_advseg.progress import StepDone
        from napari_advseg.recipe import train_recipe
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
        timeout=60,
        check=False,
    )
    orphan = int(ran.stdout)
    for _ in range(100):
        if not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.1)
    assert saved.exists()
    assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE


def test_a_command_that_is_no_child_is_lost_not_waited_for(tmp_path):
    child = Child([sys.executable, "-c", "print('no JSON'); raise SystemExit(3)"])
    child.engine.start()
    assert "ended with code 3" in child.until(Lost)[-1].text
    child.engine.stop()
