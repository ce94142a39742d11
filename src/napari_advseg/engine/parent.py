"""The parent's side: starts a child, feeds it, watches over it, starts it again, ends it."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import psutil

from napari_advseg import progress
from napari_advseg.engine.messages import (
    Awake,
    Begun,
    Cancelled,
    Failed,
    Finished,
    Heard,
    Lost,
    Message,
    Ready,
    Reported,
    Silent,
)
from napari_advseg.progress import Saving
from napari_advseg.recipes import Recipe

WATCH_S = 0.25
LAST_WORDS_S = 0.5
CANCEL_GRACE_S = 2.0
STOP_GRACE_S = 1.5
TURN_S = 0.2
SHORT_LIFE_S = 10.0
SHORT_LIVES = 3


@dataclasses.dataclass(frozen=True)
class Patience:
    """For how many seconds a child may be silent before that is said; it beats once a second.

    Loading a library and one long call of a compiled function hold Python's lock, and with it the heartbeat. An
    idle child has no such excuse.
    """

    starting_s: float = 60.0
    idle_s: float = 10.0
    working_s: float = 30.0


class Life:
    """One child process: what it was told, what it said, for how long it has been silent."""

    def __init__(self, command: Sequence[str]) -> None:
        environment = {
            **os.environ,
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
        }
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            bufsize=1,
            env=environment,
        )
        self.began = time.monotonic()
        self.orders: dict[int, dict[str, Any]] = {}
        self.cancelled: set[int] = set()
        self.heard: set[int] = set()
        self.is_ready = False
        self.is_saving = False
        self.is_unwanted = False
        self.silent_s = 0.0
        self.stderr: deque[str] = deque(maxlen=40)
        self.over = threading.Event()

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return not self.over.is_set() and self.process.poll() is None

    @property
    def job(self) -> int | None:
        """The job in its hands: jobs are done in the order in which they were given."""
        return next(iter(self.orders), None)

    def computed_s(self) -> float:
        """Seconds of the processor that it has had."""
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def starves(self, before_s: float) -> bool:
        """Whether it wants the processor and has hardly had it since: it is not deaf, others are in its way."""
        try:
            is_willing = psutil.Process(self.process.pid).status() == psutil.STATUS_RUNNING
        except psutil.Error:
            return False
        return is_willing and self.computed_s() - before_s < TURN_S

    def patience(self, limits: Patience) -> float:
        """For how many seconds it may be silent now."""
        if not self.is_ready:
            return limits.starting_s
        return limits.idle_s if self.job is None else limits.working_s

    def obituary(self) -> str:
        """How it ended and what to do, with its last words."""
        code = self.process.returncode
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        memory = (
            " Signal 9 often means that memory ran out: choose a smaller tile or batch."
            if code == -9
            else ""
        )
        if self.is_unwanted:
            how, memory = "was ended as asked", ""
        again = " Start again to go on from the last save." if self.orders else ""
        last = next((line.strip() for line in reversed(self.stderr) if line.strip()), "")
        return f"The compute process {how}.{memory}{again} {last}".strip()


class Engine:
    """Starts, feeds, watches and ends one child at a time.

    `receive` is called with every `Message` on a thread of the engine's own, never on the caller's.
    """

    def __init__(
        self,
        receive: Callable[[Message], None],
        command: Sequence[str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._receive = receive
        self._command = tuple(command or (sys.executable, "-m", "napari_advseg", "serve"))
        self._patience = patience or Patience()
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._life: Life | None = None
        self._short_lives = 0
        self._is_stopped = False

    @property
    def alive(self) -> bool:
        """Whether the child runs."""
        life = self._life
        return life is not None and life.runs

    @property
    def process_id(self) -> int | None:
        """The child's process id, for those who watch it."""
        life = self._life
        return life.process.pid if life is not None else None

    def start(self) -> None:
        """Start the child unless it runs; returns at once, `Ready` follows. After `stop` nothing starts any more."""
        with self._lock:
            if self.alive or self._is_stopped:
                return
            life = self._life = Life(self._command)
        errors = _thread("errors", self._collect_stderr, life)
        _thread("relay", self._relay, life, errors)
        _thread("watch", self._watch, life, errors)

    def run(self, recipe: Recipe, *, resume: bool = False) -> int:
        """Queue a recipe in the child (started if need be); the number of the job comes back."""
        with self._lock:
            job = next(self._numbers)
            tree = recipe.model_dump(mode="json")
            self._order(job, {"job": job, "run": tree, "resume": resume})
        return job

    def pause(self, job: int) -> None:
        """Hold a job after its running step."""
        self._send({"job": job, "do": "pause"})

    def proceed(self, job: int) -> None:
        """Let a held job go on."""
        self._send({"job": job, "do": "continue"})

    def look(self, job: int, at: dict[str, Any]) -> None:
        """Tell a training what the user looks at, see `training.viewing`."""
        self._send({"job": job, "do": "look", "at": at})

    def cancel(self, job: int) -> None:
        """End a job after its running step; a child that does not hear within 2 s is killed unless it saves."""
        life = self._life
        if life is not None:
            life.cancelled.add(job)
            self._send({"job": job, "do": "cancel"})
            self._expect_heard(life, job, CANCEL_GRACE_S)

    def kill(self) -> None:
        """End the child at once, whatever it does; `Lost` follows, and a new one starts."""
        life = self._life
        if life is not None:
            life.is_unwanted = True
            life.process.kill()

    def stop(self) -> None:
        """End the child for good: it saves what is whole, and is killed if that takes longer than 1.5 s."""
        with self._lock:
            self._is_stopped = True
            life, self._life = self._life, None
        if life is None or not life.runs:
            return
        process = life.process
        with contextlib.suppress(OSError, ValueError):
            if process.stdin is not None:
                process.stdin.write(json.dumps({"do": "quit"}) + "\n")
                process.stdin.close()
        try:
            process.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _order(self, job: int, order: dict[str, Any]) -> None:
        self.start()
        if self._life is not None:
            self._life.orders[job] = order
            self._send(order)

    def _send(self, message: dict[str, Any]) -> None:
        # A child that has just died is reported by its relay thread; a second report here would say it twice.
        with contextlib.suppress(OSError, ValueError), self._lock:
            if self._life is not None and self._life.process.stdin is not None:
                self._life.process.stdin.write(json.dumps(message) + "\n")
                self._life.process.stdin.flush()

    def _expect_heard(self, life: Life, job: int, within_s: float) -> None:
        timer = threading.Timer(within_s, self._kill_deaf, args=(life, job, life.computed_s()))
        timer.daemon = True
        timer.start()

    def _kill_deaf(self, life: Life, job: int, computed_s: float) -> None:
        """Kill a child that could have heard a cancel and has not; while it loads there is nothing to cancel yet."""
        with self._lock:
            if job in life.heard or job != life.job or not life.is_ready or not life.runs:
                return
            if life.is_saving or life.starves(computed_s):
                self._expect_heard(life, job, WATCH_S if life.is_saving else CANCEL_GRACE_S)
                return
            life.is_unwanted = True
            life.process.kill()

    def _relay(self, life: Life, errors: threading.Thread) -> None:
        with life.process.stdout or contextlib.nullcontext(()) as lines:
            for line in lines:
                life.silent_s = 0.0
                for message in self._understand(life, line):
                    self._receive(message)
        self._bury(life, errors)

    def _understand(self, life: Life, line: str) -> list[Message]:
        try:
            said = json.loads(line)
        except json.JSONDecodeError:
            life.stderr.append(line)
            return []
        if "ready" in said:
            life.is_ready = True
            return [Ready(said["ready"])]
        if "job" not in said:
            return []
        return [_of_job(said["job"], said)] if self._notes(life, said["job"], said) else []

    def _notes(self, life: Life, job: int, said: dict[str, Any]) -> bool:
        """Remember what a job's message means for the child; whether it is for others too."""
        if "heard" in said:
            if said["heard"] == "cancel":
                life.heard.add(job)
            return True
        life.is_saving = bool(said.get("saving")) or _is_saving(said)
        if {"done", "cancelled", "failed"} & said.keys():
            self._short_lives = 0
            with self._lock:
                life.orders.pop(job, None)
        return "saving" not in said

    def _collect_stderr(self, life: Life) -> None:
        with life.process.stderr or contextlib.nullcontext(()) as lines:
            for line in lines:
                life.stderr.append(line)

    def _watch(self, life: Life, errors: threading.Thread) -> None:
        """Say when the child falls silent and when it speaks again; notice its death where its pipe is held open."""
        last, told = time.monotonic(), False
        while not life.over.wait(WATCH_S) and life.process.poll() is None:
            now = time.monotonic()
            # A computer that slept, or a viewer that was held, proves nothing: each look counts for little.
            life.silent_s += min(now - last, 2 * WATCH_S)
            last = now
            is_silent = life.silent_s > life.patience(self._patience)
            if is_silent and not told and life is self._life:
                self._receive(Silent(life.silent_s, life.job))
            elif told and not is_silent:
                self._receive(Awake())
            told = is_silent
        life.over.wait(LAST_WORDS_S)
        self._bury(life, errors)

    def _bury(self, life: Life, errors: threading.Thread) -> None:
        """Tell of a child's end, start another, and give it what waited its turn."""
        life.process.wait()
        # Its last words may still be on their way; a process that it left behind could hold them open for ever.
        errors.join(LAST_WORDS_S)
        with contextlib.suppress(OSError):
            if life.process.stdin is not None:
                life.process.stdin.close()
        with self._lock:
            if life.over.is_set():
                return
            life.over.set()
            if self._is_stopped:
                return
            waiting = dict(itertools.islice(life.orders.items(), 1, None))
            restarts = self._may_restart(life, is_awaited=bool(waiting))
        lost = tuple(life.orders)[: 1 if restarts else None]
        self._receive(Lost(life.obituary(), lost, restarts, not life.is_unwanted))
        if restarts:
            self._hand_on(life, waiting)

    def _may_restart(self, life: Life, *, is_awaited: bool) -> bool:
        """Whether another child has a chance: one that never got ready has none, nor one that ends again and again.

        One that was ended as asked says nothing about that.
        """
        if life.is_unwanted:
            return True
        is_short = time.monotonic() - life.began < SHORT_LIFE_S
        self._short_lives = self._short_lives + 1 if is_short else 0
        return life.is_ready and (is_awaited or self._short_lives < SHORT_LIVES)

    def _hand_on(self, life: Life, waiting: dict[int, dict[str, Any]]) -> None:
        with self._lock:
            self.start()
            for job, order in waiting.items():
                if job not in life.cancelled:
                    self._order(job, order)
        for job in life.cancelled & waiting.keys():
            self._receive(Cancelled(job))


def _thread(name: str, work: Callable[..., object], *args: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=args, daemon=True, name=name)
    thread.start()
    return thread


def _is_saving(said: dict[str, Any]) -> bool:
    return bool(said.get("report", {}).get("report") == Saving.__name__)


def _of_job(job: int, said: dict[str, Any]) -> Message:
    if "report" in said:
        return Reported(job, progress.decode(said["report"]))
    if "begun" in said:
        return Begun(job)
    if "heard" in said:
        return Heard(job, said["heard"])
    if "done" in said:
        return Finished(job, said["done"])
    if "cancelled" in said:
        return Cancelled(job)
    return Failed(job, said["failed"], said.get("trace", ""))
