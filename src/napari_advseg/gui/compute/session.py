"""One viewer's compute: its child process, its worker threads, its jobs.

What happens on other threads (answers of the child, finished background work) is put into an inbox that a timer
empties on the Qt thread. Finished work is news too, so that a slider need not wait for the timer. Nothing else
crosses threads.
"""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import atexit
import contextlib
import html
import os
import queue
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QApplication

from napari_advseg.engine import (
    NICENESS,
    Awake,
    Cancelled,
    Engine,
    Failed,
    Finished,
    Lost,
    Message,
    Patience,
    Ready,
    Silent,
)
from napari_advseg.gui.compute.cancellable import Cancellable
from napari_advseg.gui.compute.job import Job
from napari_advseg.gui.compute.news import News
from napari_advseg.gui.viewer import window
from napari_advseg.progress import Report, Warned
from napari_advseg.project import Project
from napari_advseg.recipes import Recipe

INBOX_EVERY_MS = 30
NAME = "napari-advseg session"
RESTART = "Restart it"
AGAIN = "A new one is started."
GIVEN_UP = "It is not started again by itself; Start and Run try once more. `napari-advseg doctor` looks for the cause."

Stopped = Callable[[], bool]
Tell = Callable[[Report], object]


class Task(QObject):
    """Work on a thread of its own; `done` or `failed` comes on the Qt thread."""

    done = Signal(object)
    failed = Signal(str)


class Session(QObject):
    """Runs recipes in the child and small work on threads."""

    ready = Signal(object)  # what the child computes on: a dict, or None when it has gone
    trained = Signal(str)  # a model folder that a training has just written
    recalibrated = Signal(str)  # a model folder whose thresholds were chosen anew
    project_opened = Signal(object)  # the project of this window; None when it was closed
    handed_in = Signal(object)  # a job whose recipe the child has got
    command: ClassVar[Sequence[str] | None] = None  # the child; None for the command line itself
    patience: ClassVar[Patience | None] = None  # with a silent child

    def __init__(self, viewer: Any) -> None:
        host = window.main_window(viewer)
        super().__init__(host)
        self.setObjectName(NAME)
        self.device: dict[str, Any] | None = None
        self.trouble = ""  # what is wrong with the child, as a sentence
        self.model = ""
        self.project: Project | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="napari-advseg-"))
        self._inbox: queue.SimpleQueue[Message | Callable[[], None]] = queue.SimpleQueue()
        self._news = News(self._empty_inbox)
        self._engine = Engine(self._inbox.put, self.command, self.patience)
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="napari-advseg")
        self._patient = ThreadPoolExecutor(2, "napari-advseg-patient", _step_back)
        self._ending = Ending(self._engine, (self._workers, self._patient), self.folder)
        self._jobs: list[Job] = []
        self._attending: dict[str, Callable[[], None]] = {}
        self._announce = partial(window.announce, viewer)
        host.destroyed.connect(self._ending.soon)
        QApplication.instance().aboutToQuit.connect(self._ending.soon)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._empty_inbox)
        self._timer.start(INBOX_EVERY_MS)
        self.start()
        self._patient.submit(window.load_label_colours)

    @property
    def process_id(self) -> int | None:
        """The child's process id."""
        return self._engine.process_id

    def start(self) -> None:
        """Start the child in the background unless it runs."""
        self._workers.submit(self._engine.start)

    def restart(self, *_: object) -> None:
        """End the child at once, whatever it does, and start another; a running job is lost with it."""
        if self._engine.alive:
            self._engine.kill()
        else:
            self.start()

    def or_trouble(self, line: str) -> str:
        """A dock's line on where it computes; in its place what is wrong with the child, with a link to restart it."""
        return (
            f"{html.escape(self.trouble)} <a href='restart'>{RESTART}</a>" if self.trouble else line
        )

    def background(self, work: Callable[[], Any], *, is_long: bool = False) -> Task:
        """Do `work` on a thread; what `is_long` leaves the processor to the viewer and to short work."""
        task = Task(self)
        inbox, news = self._inbox, self._news

        def hand_in(done: Future[Any]) -> None:
            inbox.put(partial(_deliver, task, done))
            news.tell()

        pool = self._patient if is_long else self._workers
        with contextlib.suppress(RuntimeError):  # the session has ended, and nobody waits for this
            pool.submit(work).add_done_callback(hand_in)
        return task

    def run(
        self,
        kind: str,
        title: str,
        prepare: Callable[[Cancellable], Recipe],
        *,
        resume: bool = False,
    ) -> Job:
        """A job: `prepare` (on a thread; it asks whether to give up) makes the recipe that the child then runs."""
        job = self._begun(kind, title)
        inbox = self._inbox
        cancellable = Cancellable(
            lambda: job.state == "cancelling" or self._ending.has_begun,
            lambda report: inbox.put(partial(job.read, report)),
        )
        task = self.background(partial(prepare, cancellable))
        task.done.connect(partial(self._hand_in, job, resume=resume))
        task.failed.connect(partial(self._give_up, job))
        return job

    def work(self, kind: str, title: str, do: Callable[[Stopped, Tell], dict[str, Any]]) -> Job:
        """A job on a thread of the viewer, for what needs no torch and no copy of the layers.

        `do` asks now and then whether to give up, and tells reports. Cancelled, the job ends at once: what the thread
        still finds is dropped.
        """
        job = self._begun(kind, title)
        job.enter("running")
        inbox = self._inbox
        task = self.background(
            partial(
                do,
                lambda: job.is_over or self._ending.has_begun,
                lambda report: inbox.put(partial(job.read, report)),
            ),
            is_long=True,
        )
        task.done.connect(lambda result: self._end(job, Finished(0, result)))
        task.failed.connect(lambda text: self._end(job, Failed(0, text)))
        return job

    def running(self, kind: str) -> Job | None:
        """The job of a kind that has not ended, for a dock that was closed meanwhile."""
        return next((job for job in self._jobs if job.kind == kind), None)

    def attend(self, kind: str, hand_over: Callable[[], None]) -> None:
        """The dock that takes the results of a kind from now on; the one before is told to `hand_over`.

        A dock that was closed is kept until then, so that no result is lost.
        """
        self._attending.pop(kind, lambda: None)()
        self._attending[kind] = hand_over

    def learnt(self, folder: str) -> None:
        """A training is complete: say so to all docks, and to those that open later."""
        self.model = folder
        self.trained.emit(folder)

    def pause(self, job: Job) -> None:
        """Hold a running job after its step."""
        if job.number is not None and job.state == "running":
            self._engine.pause(job.number)
            job.enter("paused")

    def proceed(self, job: Job) -> None:
        """Let a held job go on."""
        if job.number is not None and job.state == "paused":
            self._engine.proceed(job.number)
            job.enter("running")

    def look(self, job: Job, at: dict[str, Any]) -> None:
        """Tell a training what the user looks at, see `training.viewing`."""
        if job.number is not None and not job.is_over:
            self._engine.look(job.number, at)

    def cancel(self, job: Job) -> None:
        """End a job after its running step; a second call ends it at once, with the child."""
        if job.is_over:
            return
        if job.number is None and job.state == "running":
            self._end(job, Cancelled(0))
            return
        was = job.state
        job.enter("cancelling")
        if job.number is None:
            return
        if was == "cancelling":
            self._engine.kill()
            return
        self._engine.cancel(job.number)
        if was == "waiting":
            self._end(job, Cancelled(job.number))

    def _begun(self, kind: str, title: str) -> Job:
        job = Job(kind, title, self)
        self._jobs.append(job)
        over = self._announce(title, self._ending.soon)
        job.ended.connect(lambda _how: over())
        return job

    def _hand_in(self, job: Job, recipe: Recipe, *, resume: bool) -> None:
        if job.state == "cancelling":
            self._end(job, Cancelled(0))
            return
        job.recipe = recipe
        job.waits_for = next((other.title for other in self._jobs if other.number is not None), "")
        job.number = self._engine.run(recipe, resume=resume)
        job.enter("waiting")
        self.handed_in.emit(job)

    def _give_up(self, job: Job, text: str) -> None:
        self._end(job, Cancelled(0) if job.state == "cancelling" else Failed(0, text))

    def _empty_inbox(self, *_: object) -> None:
        while not self._inbox.empty():
            item = self._inbox.get()
            if callable(item):
                item()
            else:
                self._hear(item)
        for job in self._jobs:
            job.flush()

    def _hear(self, message: Message) -> None:
        match message:
            case Ready(device):
                self._turn(device)
            case Lost():
                self._lose(message)
            case Silent():
                self._miss(message)
            case Awake():
                self._turn(self.device)
            case Finished() | Cancelled() | Failed():
                for job in self._numbered(message.job):
                    self._end(job, message)
            case _:
                for job in self._numbered(message.job):
                    job.take(message)

    def _turn(self, device: dict[str, Any] | None, trouble: str = "") -> None:
        """Tell the docks how the child is."""
        self.device, self.trouble = device, trouble
        self.ready.emit(device)

    def _miss(self, message: Silent) -> None:
        """Say that the child gives no sign of life, and offer to start another."""
        text = f"The compute process has given no sign of life for {message.seconds:.0f} s."
        self._turn(self.device, text)
        for job in self._numbered(message.job):
            text = f"{text} It may be busy with one long calculation: wait, or restart it and go on from the last save."
            job.read(Warned(text))
        window.offer(text, RESTART, self.restart)

    def _lose(self, message: Lost) -> None:
        self._turn(None, "" if message.restarts else f"{message.text} {GIVEN_UP}")
        for number in message.jobs:
            for job in self._numbered(number):
                killed = job.state == "cancelling"
                self._end(job, Cancelled(number) if killed else message)
        if not message.jobs and message.was_unforeseen:
            window.show_error(f"{message.text} {AGAIN if message.restarts else GIVEN_UP}")

    def _end(self, job: Job, how: Finished | Cancelled | Failed | Lost) -> None:
        if job in self._jobs:
            self._jobs.remove(job)
        job.end(how)

    def _numbered(self, number: int | None) -> list[Job]:
        return [job for job in self._jobs if number is not None and job.number == number]


def _deliver(task: Task, future: Future[Any]) -> None:
    if not future.cancelled():
        error = future.exception()
        if error is None:
            task.done.emit(future.result())
        else:
            task.failed.emit(_words(error))
    task.deleteLater()


def _step_back() -> None:
    """Give this thread, and those that it starts, less of the processor, where threads have a niceness of their own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _words(error: BaseException) -> str:
    """The one sentence of our own errors; a foreign error keeps its kind."""
    is_ours = isinstance(error, ValueError)
    return str(error) if is_ours else f"{type(error).__name__}: {error}"


class Ending:
    """How a session ends: the child stops, the threads give up, the folder goes. Knows no Qt object: they go first."""

    def __init__(self, engine: Engine, workers: Sequence[ThreadPoolExecutor], folder: Path) -> None:
        self._engine = engine
        self._workers = workers
        self._folder = folder
        self._begun = threading.Event()
        atexit.register(self.now)

    @property
    def has_begun(self) -> bool:
        """Whether the session is over or about to be."""
        return self._begun.is_set()

    def soon(self, *_: Any) -> None:
        """End without making the viewer wait; the interpreter waits for it, so no child outlives it."""
        if not self.has_begun:
            self._begun.set()
            threading.Thread(target=self._end, name="napari-advseg end").start()

    def now(self) -> None:
        """End before returning: the interpreter is going."""
        if not self.has_begun:
            self._begun.set()
            self._end()

    def _end(self) -> None:
        for pool in self._workers:
            pool.shutdown(wait=False, cancel_futures=True)
        self._engine.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.now)
