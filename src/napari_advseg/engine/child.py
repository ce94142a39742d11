"""The child's side: jobs in, answers out, one job at a time, and a sign of life each second."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import IO, Any

from napari_advseg import progress
from napari_advseg.progress import Reports

NICENESS = 10
HEARTBEAT_S = 1.0
ORPHAN_GRACE_S = 20.0

Execute = Callable[[dict[str, Any], bool], Reports[dict[str, Any]]]
Describe = Callable[[], dict[str, Any]]
Look = Callable[[dict[str, Any]], object]


def serve(
    execute: Execute,
    describe: Describe,
    release: Callable[[], object] = int,
    look: Look = dict,
    warm: Callable[[], object] = int,
) -> None:
    """The child's life: read jobs from standard input, run them in turn, answer on standard output.

    `execute(recipe, resume)` makes the generator of a job; `describe()` loads what is heavy and describes the device;
    `release()` gives memory back after each job; `look(at)` takes note of what the user looks at; `warm()` loads what
    the first job needs, while none is there. The end of standard input (the parent is gone) cancels the running job
    and ends the process.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICENESS)
    Server(execute, describe, release, _private_stdout(), look).live(sys.stdin, warm)


def _private_stdout() -> IO[str]:
    """The real standard output for us alone; file descriptor 1 then leads to standard error."""
    private = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return private


class Server:
    """Jobs in, answers out; one job computes at a time, on the main thread.

    Orders are read on a thread of their own and acknowledged at once, whatever the main thread does.
    """

    def __init__(
        self,
        execute: Execute,
        describe: Describe,
        release: Callable[[], object],
        out: IO[str],
        look: Look = dict,
    ) -> None:
        self._look = look
        self._execute = execute
        self._describe = describe
        self._release = release
        self._out = out
        self._writing = threading.Lock()
        self._jobs: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._cancelled: set[int] = set()
        self._paused: set[int] = set()
        self._change = threading.Condition()
        self._quitting = False

    def live(self, lines: IO[str], warm: Callable[[], object] = int) -> None:
        threading.Thread(target=self._listen, args=(lines,), daemon=True, name="listen").start()
        threading.Thread(target=self._beat, daemon=True, name="heartbeat").start()
        self._tell({"ready": self._describe()})
        with contextlib.suppress(ImportError):  # the first job will say what is missing
            warm()
        for job in iter(self._jobs.get, None):
            self._work(job)
            self._release()

    def _listen(self, lines: IO[str]) -> None:
        for line in lines:
            message = json.loads(line)
            if "run" in message:
                self._jobs.put(message)
            elif message.get("do") == "quit":
                break
            elif message.get("do") == "look":
                self._look(message["at"])
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
        self._tell({"job": job, "heard": order})
        with self._change:
            if order == "cancel":
                self._cancelled.add(job)
            elif order == "pause":
                self._paused.add(job)
            else:
                self._paused.discard(job)
            self._change.notify_all()

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
        if not self._stopped(job):
            yield {"job": job, "begun": True}
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
