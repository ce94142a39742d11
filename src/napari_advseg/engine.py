"""The supervised child process that computes, and the JSON lines it is spoken to with.

The parent writes one JSON object a line to the child's standard input, the child answers on its standard output;
whatever libraries print goes to standard error. No sockets, no pickle, no shared memory: results come back as paths.

To the child:
    {"job": 1, "run": {recipe}, "resume": false} · {"job": 1, "do": "cancel" | "pause" | "continue"} · {"do": "quit"}
From the child:
    {"ready": {...}} · {"alive": seconds} · {"job": 1, "report": {...}} · {"job": 1, "heard": "cancel"} ·
    {"job": 1, "saving": true} · {"job": 1, "done": {...}} · {"job": 1, "cancelled": true} ·
    {"job": 1, "failed": "sentence", "trace": "..."}
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from napari_advseg import progress
from napari_advseg.progress import Report, Reports
from napari_advseg.recipe import Recipe

NICENESS = 10
HEARTBEAT_S = 1.0
LAST_WORDS_S = 1.0
CANCEL_GRACE_S = 2.0
STOP_GRACE_S = 1.5
ORPHAN_GRACE_S = 20.0


@dataclasses.dataclass(frozen=True)
class Ready:
    """The child has loaded everything; `device` describes what it will compute on."""

    device: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Reported:
    """A job reports."""

    job: int
    report: Report


@dataclasses.dataclass(frozen=True)
class Finished:
    """A job is complete; `result` names what it wrote."""

    job: int
    result: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Cancelled:
    """A job was cancelled and has saved what was whole."""

    job: int


@dataclasses.dataclass(frozen=True)
class Failed:
    """A job ended with an error: a sentence for the user, a trace for the log."""

    job: int
    text: str
    trace: str = ""


@dataclasses.dataclass(frozen=True)
class Lost:
    """The child ended by itself; `jobs` were running or waiting in it."""

    text: str
    jobs: tuple[int, ...]


Message = Ready | Reported | Finished | Cancelled | Failed | Lost


class Engine:
    """Starts, feeds, watches and ends one child.

    `receive` is called with every `Message` on a thread of the engine's own, never on the caller's.
    """

    def __init__(
        self, receive: Callable[[Message], None], command: Sequence[str] | None = None
    ) -> None:
        self._receive = receive
        self._command = tuple(command or (sys.executable, "-m", "napari_advseg", "serve"))
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._child: subprocess.Popen[str] | None = None
        self._open: set[int] = set()
        self._heard: set[int] = set()
        self._saving = False
        self._stderr: deque[str] = deque(maxlen=40)

    @property
    def alive(self) -> bool:
        """Whether the child runs."""
        child = self._child
        return child is not None and child.poll() is None

    @property
    def process_id(self) -> int | None:
        """The child's process id, for those who watch it."""
        return self._child.pid if self._child is not None else None

    def start(self) -> None:
        """Start the child unless it runs; returns at once, `Ready` follows."""
        with self._lock:
            if self.alive:
                return
            environment = {
                **os.environ,
                "OMP_WAIT_POLICY": "PASSIVE",
                "PYTHONUNBUFFERED": "1",
                "PYTHONIOENCODING": "utf-8",
            }
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                bufsize=1,
                env=environment,
            )
            self._open = set()
            errors = threading.Thread(
                target=self._collect_stderr, args=(self._child,), daemon=True, name="errors"
            )
            relay = threading.Thread(
                target=self._relay,
                args=(self._child, self._open, errors),
                daemon=True,
                name="relay",
            )
            errors.start()
            relay.start()

    def run(self, recipe: Recipe, *, resume: bool = False) -> int:
        """Queue a recipe in the child (started if need be); the number of the job comes back."""
        with self._lock:
            self.start()
            job = next(self._numbers)
            self._open.add(job)
            self._send({"job": job, "run": recipe.model_dump(mode="json"), "resume": resume})
        return job

    def pause(self, job: int) -> None:
        """Hold a job after its running step."""
        self._send({"job": job, "do": "pause"})

    def proceed(self, job: int) -> None:
        """Let a held job go on."""
        self._send({"job": job, "do": "continue"})

    def cancel(self, job: int) -> None:
        """End a job after its running step; a child that does not hear within 2 s is killed unless it saves."""
        self._send({"job": job, "do": "cancel"})
        timer = threading.Timer(CANCEL_GRACE_S, self._kill_deaf, args=(job,))
        timer.daemon = True
        timer.start()

    def kill(self) -> None:
        """End the child at once, whatever it does; `Lost` follows, and the next run starts a new one."""
        child = self._child
        if child is not None:
            child.kill()

    def stop(self) -> None:
        """End the child: it saves what is whole, and is killed if that takes longer than 1.5 s."""
        with self._lock:
            child, self._child = self._child, None
            self._open.clear()
        if child is None or child.poll() is not None:
            return
        with contextlib.suppress(OSError, ValueError):
            if child.stdin is not None:
                child.stdin.write(json.dumps({"do": "quit"}) + "\n")
                child.stdin.close()
        try:
            child.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _send(self, message: dict[str, Any]) -> None:
        child = self._child
        # A child that has just died is reported by its relay thread; a second report here would say it twice.
        with contextlib.suppress(OSError, ValueError), self._lock:
            if child is not None and child.stdin is not None:
                child.stdin.write(json.dumps(message) + "\n")
                child.stdin.flush()

    def _kill_deaf(self, job: int) -> None:
        child = self._child
        if job in self._open and job not in self._heard and not self._saving and child is not None:
            child.kill()

    def _relay(
        self, child: subprocess.Popen[str], jobs: set[int], errors: threading.Thread
    ) -> None:
        with child.stdout or contextlib.nullcontext(()) as lines:
            for line in lines:
                message = self._understand(line)
                if message is not None:
                    self._receive(message)
        code = child.wait()
        # Its last words may still be on their way; a process that it left behind could hold them open for ever.
        errors.join(LAST_WORDS_S)
        with contextlib.suppress(OSError):
            if child.stdin is not None:
                child.stdin.close()
        with self._lock:
            lost = tuple(sorted(jobs))
            jobs.clear()
            # A child that was stopped has no jobs any more; one that was replaced meanwhile may have.
            if child is not self._child and not lost:
                return
        self._receive(Lost(self._obituary(code), lost))

    def _understand(self, line: str) -> Message | None:
        try:
            message = json.loads(line)
        except json.JSONDecodeError:
            self._stderr.append(line)
            return None
        if "ready" in message:
            return Ready(message["ready"])
        job = message.get("job")
        if "report" in message:
            return Reported(job, progress.decode(message["report"]))
        if "heard" in message:
            self._heard.add(job)
        if "saving" in message:
            self._saving = message["saving"]
        if not {"done", "cancelled", "failed"} & message.keys():
            return None
        self._open.discard(job)
        if "done" in message:
            return Finished(job, message["done"])
        return (
            Cancelled(job)
            if "cancelled" in message
            else Failed(job, message["failed"], message.get("trace", ""))
        )

    def _collect_stderr(self, child: subprocess.Popen[str]) -> None:
        with child.stderr or contextlib.nullcontext(()) as lines:
            for line in lines:
                self._stderr.append(line)

    def _obituary(self, code: int) -> str:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        last = next((line.strip() for line in reversed(self._stderr) if line.strip()), "")
        memory = (
            " Signal 9 often means that memory ran out: choose a smaller tile or batch."
            if code == -9
            else ""
        )
        return f"The compute process {how}.{memory} Start again to go on from the last save. {last}".strip()


Execute = Callable[[dict[str, Any], bool], Reports[dict[str, Any]]]


def serve(execute: Execute, describe: Callable[[], dict[str, Any]]) -> None:
    """The child's life: read jobs from standard input, run them in turn, answer on standard output.

    `execute(recipe, resume)` makes the generator of a job; `describe()` loads what is heavy and describes the device.
    The end of standard input (the parent is gone) cancels the running job and ends the process.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICENESS)
    Server(execute, describe, _private_stdout()).live(sys.stdin)


def _private_stdout() -> IO[str]:
    """The real standard output for us alone; file descriptor 1 then leads to standard error."""
    private = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return private


class Server:
    """Jobs in, answers out; one job computes at a time, on the main thread."""

    def __init__(
        self, execute: Execute, describe: Callable[[], dict[str, Any]], out: IO[str]
    ) -> None:
        self._execute = execute
        self._describe = describe
        self._out = out
        self._writing = threading.Lock()
        self._jobs: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._cancelled: set[int] = set()
        self._paused: set[int] = set()
        self._change = threading.Condition()
        self._quitting = False

    def live(self, lines: IO[str]) -> None:
        threading.Thread(target=self._listen, args=(lines,), daemon=True, name="listen").start()
        threading.Thread(target=self._beat, daemon=True, name="heartbeat").start()
        self._tell({"ready": self._describe()})
        for job in iter(self._jobs.get, None):
            self._work(job)

    def _listen(self, lines: IO[str]) -> None:
        for line in lines:
            message = json.loads(line)
            if "run" in message:
                self._jobs.put(message)
            elif message.get("do") == "quit":
                break
            else:
                self._obey(message["job"], message["do"])
        self._quitting = True
        self._jobs.put(None)
        with self._change:
            self._change.notify_all()
        # The running step may hang in a library; an orphan must not outlive its parent.
        time.sleep(ORPHAN_GRACE_S)
        os._exit(3)

    def _obey(self, job: int, order: str) -> None:
        with self._change:
            if order == "cancel":
                self._cancelled.add(job)
            elif order == "pause":
                self._paused.add(job)
            else:
                self._paused.discard(job)
            self._change.notify_all()
        self._tell({"job": job, "heard": order})

    def _beat(self) -> None:
        while True:
            time.sleep(HEARTBEAT_S)
            self._tell({"alive": time.monotonic()})

    def _work(self, order: dict[str, Any]) -> None:
        job = order["job"]
        try:
            self._tell(self._outcome(job, order))
        except ValueError as error:
            self._tell({"job": job, "failed": str(error), "trace": traceback.format_exc()})
        except Exception as error:  # noqa: BLE001 - the place where a job ends: nothing may end the child
            text = f"{type(error).__name__}: {error}"
            self._tell({"job": job, "failed": text, "trace": traceback.format_exc()})

    def _outcome(self, job: int, order: dict[str, Any]) -> dict[str, Any]:
        with contextlib.closing(self._execute(order["run"], order.get("resume", False))) as running:
            for answer in self._answers(job, running):
                if "done" in answer:
                    return answer
                self._tell(answer)
            self._tell({"job": job, "saving": True})
        self._tell({"job": job, "saving": False})
        return {"job": job, "cancelled": True}

    def _answers(self, job: int, running: Reports[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        while not self._stopped(job):
            try:
                report = next(running)
            except StopIteration as end:
                yield {"job": job, "done": end.value}
                return
            yield {"job": job, "report": progress.encode(report)}

    def _stopped(self, job: int) -> bool:
        """Whether to end now; waits while the job is paused."""
        with self._change:
            while job in self._paused and job not in self._cancelled and not self._quitting:
                self._change.wait()
            return self._quitting or job in self._cancelled

    def _tell(self, message: dict[str, Any]) -> None:
        # A parent that is gone reads no more; the listening thread notices the same end and quits.
        with contextlib.suppress(OSError), self._writing:
            self._out.write(json.dumps(message) + "\n")
            self._out.flush()
