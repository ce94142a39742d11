"""Change one line at a time, and see that the tests which guard it fail.

The changes are data, in `mutants.toml` beside this file: each makes a room return another value. Tree and tests are
copied to a temporary folder and changed only there. mutmut and cosmic-ray make their changes themselves, thousands of
them, and run all tests for each: they take no list that says which line must not go wrong and which test guards it.

Exit status 1 where a change survives its tests or breaks the import, where its text does not stand exactly once in
its file, or where the tests fail without it.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

REPOSITORY = Path(__file__).resolve().parent.parent
LIST = REPOSITORY / "tools" / "mutants.toml"
PACKAGE = Path("src", "napari_advseg")
COPIED = ("src", "tests", "docs", "tools", "benchmarks", "pyproject.toml", "README.md")
SCREEN = ("xvfb-run", "-a", "-s", "-screen 0 1600x1000x24")
KILLED, SURVIVED, STALE, BROKEN = "killed", "survived", "stale", "broken"

Tests = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A text that stands once in a file, what it becomes, and the tests of which one must then fail."""

    path: str
    old: str
    new: str
    tests: Tests
    note: str = ""

    @property
    def room(self) -> str:
        """The package, or the loose module, directly below the top."""
        return Path(self.path).relative_to(PACKAGE).parts[0].removesuffix(".py")

    @property
    def is_stale(self) -> bool:
        """Whether the text is not found exactly once."""
        file = REPOSITORY / self.path
        return not file.is_file() or file.read_text(encoding="utf-8").count(self.old) != 1

    def __str__(self) -> str:
        change = self.note or f"{self.old} -> {self.new or 'nothing'}"
        return f"{Path(self.path).relative_to(PACKAGE)}: {' '.join(change.split())}"


def read_list() -> list[Mutation]:
    """All mutations, in the order of the list."""
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["mutation"]
    return [Mutation(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]


class Trees:
    """Copies of the repository in a folder, lent to one thread at a time."""

    def __init__(self, folder: Path, count: int, timeout_s: float) -> None:
        self._folder = folder
        self._count = count
        self._timeout_s = timeout_s
        self._free: SimpleQueue[Path] = SimpleQueue()
        self._first = folder / "0"
        self._first.mkdir()
        for name in COPIED:
            source = REPOSITORY / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, self._first / name)

    def failure(self, mutations: Sequence[Mutation]) -> str:
        """The end of the output where tests fail without any mutation; "" where all pass."""
        named = sorted({test for one in mutations for test in one.tests}, key=is_of_the_viewer)
        for _, tests in itertools.groupby(named, is_of_the_viewer):
            if _run_tests(self._first, tuple(tests), None):
                output = self._first / "output"
                return output.read_text(encoding="utf-8", errors="replace")[-4000:]
        return ""

    def lend(self) -> None:
        """Copy the first one, with all that its tests have compiled: nothing of a mutation is kept for the next."""
        self._free.put(self._first)
        for number in range(1, self._count):
            self._free.put(shutil.copytree(self._first, self._folder / str(number)))

    def fate(self, mutation: Mutation) -> str:
        """What becomes of a mutation."""
        if mutation.is_stale:
            return STALE
        tree = self._free.get()
        file = tree / mutation.path
        whole = file.read_text(encoding="utf-8")
        file.write_text(whole.replace(mutation.old, mutation.new), encoding="utf-8")
        try:
            status = _run_tests(tree, mutation.tests, self._timeout_s)
        finally:
            file.write_text(whole, encoding="utf-8")
            self._free.put(tree)
        return {None: f"{KILLED} (timeout)", 0: SURVIVED, 1: KILLED}.get(status, BROKEN)


def is_of_the_viewer(test: str) -> bool:
    """Whether a test needs a screen, napari and Qt."""
    return test.startswith("tests/gui")


def _run_tests(tree: Path, tests: Tests, timeout_s: float | None) -> int | None:
    """The exit status of pytest; None where the time was up."""
    own = tree / "own"
    settings = {name: str(own) for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    settings |= {"NAPARI_CONFIG": str(own / "napari.yaml"), "PYTHONPATH": str(tree / "src")}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--durations=0", *tests]
    if not any(map(is_of_the_viewer, tests)):
        # The plugins of napari, Qt and zarr take longer to load than most tests.
        settings["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        command += ["-p", "pytest_timeout", "-p", "pytest_xvfb", "--no-xvfb"]
    elif "DISPLAY" not in os.environ:
        command = [*SCREEN, *command]
    with (
        (tree / "output").open("wb") as output,
        subprocess.Popen(
            command,
            cwd=tree,
            env={"MPLBACKEND": "Agg", "QT_API": "pyqt6", **os.environ, **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None


def run(
    mutations: Sequence[Mutation], jobs: int, timeout_s: float
) -> Iterator[tuple[Mutation, str]]:
    """Every mutation with its fate, once all tests have passed without any.

    Raises:
        SystemExit: they do not pass.
    """
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        trees = Trees(Path(folder), jobs, timeout_s)
        if failure := trees.failure(mutations):
            raise SystemExit(f"These tests fail without any mutation:\n{failure}")
        trees.lend()
        yield from zip(mutations, pool.map(trees.fate, mutations), strict=True)


def _chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="print the mutations, run nothing")
    parser.add_argument("--room", help="only those of one package or loose module")
    parser.add_argument("--only", default="", help="only those with this text in their line")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one; then killed")
    return parser.parse_args()


def main() -> int:
    """Run what the options choose; the exit status comes back."""
    chosen = _chosen()
    mutations = [
        one
        for one in read_list()
        if chosen.room in (None, one.room) and chosen.only.lower() in str(one).lower()
    ]
    if chosen.list:
        print(*mutations, sep="\n")
        return 0
    left = []
    for mutation, fate in run(mutations, chosen.jobs, chosen.timeout):
        print(f"{fate:<9} {mutation}", flush=True)
        if not fate.startswith(KILLED):
            left.append(f"{fate:<9} {mutation}\n          {' '.join(mutation.tests)}")
    print(f"\n{len(left)} of {len(mutations)} were not killed.", *left, sep="\n")
    return int(bool(left) or not mutations)


if __name__ == "__main__":
    sys.exit(main())
