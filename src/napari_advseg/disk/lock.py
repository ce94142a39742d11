"""A lock file, so that one window at a time works in a folder: who holds it, since when, on which computer."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import secrets
import socket
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from napari_advseg.disk.atomic import sync

NAME = "project.lock"
TRIES = 20
SAME_BIRTH_S = 10.0
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EINVAL)


@dataclasses.dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        born: when the process began, in seconds since 1970: it tells it from a later one of the same number.
        since: when the lock was taken, ISO 8601 with the time zone.
        session: names this one holding, in journals and runs.
    """

    pid: int
    host: str
    born: float
    since: str
    session: str

    @property
    def words(self) -> str:
        """For example "process 4711 on this computer, since 14:02"."""
        where = (
            "this computer" if self.host == socket.gethostname() else f"the computer {self.host}"
        )
        return f"process {self.pid} on {where}, since {when(self.since)}"

    @property
    def is_alive(self) -> bool | None:
        """Whether its process still runs; None where that cannot be told from here."""
        if self.host != socket.gethostname():
            return None
        try:
            return bool(abs(psutil.Process(self.pid).create_time() - self.born) < SAME_BIRTH_S)
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:
            return True


class Held(ValueError):
    """Somebody else holds the lock. `may_take_over`: whether the user may decide that nobody does."""

    def __init__(self, message: str, *, may_take_over: bool) -> None:
        super().__init__(message)
        self.may_take_over = may_take_over


class Lock:
    """A lock that this process holds until `release`."""

    def __init__(self, path: Path, holder: Holder) -> None:
        self._path = path
        self.holder = holder

    @property
    def is_ours(self) -> bool:
        """Whether nobody has taken it over."""
        found = _read(self._path)
        return isinstance(found, Holder) and found.session == self.holder.session

    def release(self) -> None:
        """Give it back; nothing where somebody has taken it over."""
        if self.is_ours:
            self._path.unlink(missing_ok=True)


def take(
    folder: Path, what: str, *, takes_over: bool = False, name: str = NAME
) -> tuple[Lock, Holder | None]:
    """The lock of a folder, and who left it behind without giving it back, if anybody did.

    Of several that try at once, one gets it. A lock whose process has ended is nobody's.

    Args:
        what: what is locked, in the words of a message: "Project 'tissue'".
        takes_over: take it also from another computer, or where it cannot be read.
        name: of the lock file.

    Raises:
        Held: somebody has it.
        OSError: the folder cannot be written to.
    """
    path = folder / name
    ours = this_process()
    left: Holder | None = None
    for _ in range(TRIES):
        if _create(path, ours):
            return Lock(path, ours), left
        found = _read(path)
        if found is None:
            continue
        if not _is_free(found) and not (takes_over and _may_be_taken(found)):
            raise _held(found, what)
        if _move_away(path, found):
            left = found if isinstance(found, Holder) else None
    raise _held(_read(path), what)


def holder_of(folder: Path, *, name: str = NAME) -> Holder | None:
    """Who works in a folder now; None where nobody does, or the lock was left by a process that ended."""
    found = _read(folder / name)
    return found if isinstance(found, Holder) and not _is_free(found) else None


def when(stamp: str) -> str:
    """A time for people: "14:02", with the day where it is not today."""
    moment = datetime.fromisoformat(stamp).astimezone()
    is_today = moment.date() == datetime.now().astimezone().date()
    return f"{moment:%H:%M}" if is_today else f"{moment:%Y-%m-%d %H:%M}"


def now() -> str:
    """This moment, ISO 8601 with the time zone, to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def this_process() -> Holder:
    """Who would hold a lock that is taken here and now."""
    born = psutil.Process().create_time()
    return Holder(os.getpid(), socket.gethostname(), born, now(), secrets.token_hex(6))


def write_holder(path: Path, holder: Holder) -> None:
    """Say in a file who works there; `holder_of` reads it."""
    path.write_text(json.dumps(dataclasses.asdict(holder)), encoding="utf-8")


class _Illegible:
    """A lock that cannot be read."""


Found = Holder | _Illegible


def _is_free(found: Found) -> bool:
    return isinstance(found, Holder) and found.is_alive is False


def _may_be_taken(found: Found) -> bool:
    """Whether nobody but the user can know that its holder has gone."""
    return not isinstance(found, Holder) or found.is_alive is None


def _held(found: Found | None, what: str) -> Held:
    if isinstance(found, Holder):
        remedy = (
            "Take it over only if that computer has crashed or lost its connection."
            if _may_be_taken(found)
            else "Close it there, or go on in that window."
        )
        return Held(
            f"{what} is open in another window ({found.words}). {remedy}",
            may_take_over=_may_be_taken(found),
        )
    return Held(
        f"{what} has a lock file that cannot be read, so it may be open in another window. "
        "Take it over only if it is not.",
        may_take_over=True,
    )


def _create(path: Path, holder: Holder) -> bool:
    """Make the lock with all its content at once; False where there is one."""
    content = json.dumps(dataclasses.asdict(holder)).encode()
    written = path.with_name(f".{path.name}.{holder.session}")
    try:
        _write_new(written, content)
        try:
            os.link(written, path)
        except FileExistsError:
            return False
        except OSError as fault:
            if fault.errno not in NO_LINKS:
                raise
            return _create_without_links(path, content)
    finally:
        written.unlink(missing_ok=True)
    return True


def _create_without_links(path: Path, content: bytes) -> bool:
    try:
        _write_new(path, content)
    except FileExistsError:
        return False
    return True


def _write_new(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        sync(file.fileno())


def _read(path: Path) -> Found | None:
    """Who holds the lock; None where there is none."""
    try:
        tree: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Holder(
            int(tree["pid"]),
            str(tree["host"]),
            float(tree["born"]),
            str(tree["since"]),
            str(tree["session"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return _Illegible()


def _move_away(path: Path, judged: Found) -> bool:
    """Remove the lock that was judged; another one, taken meanwhile, is put back."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return False
    found = _read(aside)
    is_same = type(found) is type(judged) and (not isinstance(judged, Holder) or found == judged)
    if not is_same:
        _put_back(aside, path)
    aside.unlink(missing_ok=True)
    return is_same


def _put_back(aside: Path, path: Path) -> None:
    with contextlib.suppress(FileExistsError):  # whoever came first has it
        try:
            os.link(aside, path)
        except OSError as fault:
            if fault.errno not in NO_LINKS:
                raise
            aside.rename(path)
