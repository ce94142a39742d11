"""`doctor`: what this computer offers and what is wrong with it, in sentences with remedies."""

from __future__ import annotations

import ctypes
import dataclasses
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Literal

import psutil
import typer
from packaging.requirements import Requirement
from packaging.version import Version

from napari_advseg.cli.terminal import app

DISTRIBUTION = "napari-advseg"
OLDEST_PYTHON = (3, 11)
QT_BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")
QT_LIBRARIES = ("libEGL.so.1", "libGL.so.1", "libxkbcommon-x11.so.0", "libxcb-cursor.so.0")
SCARCE_MEMORY_GB = 4.0
SCARCE_DISK_GB = 5.0
PROBE_TIMEOUT_S = 120.0
PROBE = """
import json
from napari_advseg.inference.device import describe_device
print(json.dumps(describe_device()))
"""
INSTALL = 'In the source folder: python -m pip install -c constraints.txt ".[gui]"'


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it is, and what to do where it is not well."""

    name: str
    level: Literal["ok", "warn", "fail"]
    text: str
    remedy: str = ""


@app.command()
def doctor() -> None:
    """Check this computer: versions, memory, device, Qt, display."""
    findings = examine()
    typer.echo(report(findings))
    if not is_healthy(findings):
        raise typer.Exit(2)


def examine() -> list[Finding]:
    """Everything that decides whether the package works here; only a child process loads torch."""
    return [
        python_version(sys.version_info[:2]),
        packages(),
        qt_binding([name for name in QT_BINDINGS if is_there(name)]),
        *qt_libraries(missing_libraries() if sys.platform == "linux" else []),
        viewer(installed_version("napari")),
        manifest(),
        display(sys.platform, os.environ),
        compute_device(probe()),
        cores(usable_cores(), os.environ),
        memory(psutil.virtual_memory().available / 1e9),
        *map(disk, sorted({Path.cwd(), Path(tempfile.gettempdir())})),
        *torchvision(installed_version("torchvision")),
    ]


def report(findings: Sequence[Finding]) -> str:
    """The findings as lines, each with its remedy below, and a closing line that counts them."""
    width = max((len(finding.name) for finding in findings), default=0)
    lines = [line for finding in findings for line in _lines(finding, width)]
    return "\n".join([*lines, "", _summary(findings)])


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing fails; warnings do not count."""
    return all(finding.level != "fail" for finding in findings)


def is_there(module: str) -> bool:
    """Whether a top-level module can be imported; an empty folder left behind cannot."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None


def python_version(version: tuple[int, int]) -> Finding:
    """Whether the interpreter is new enough."""
    text = f"Python {version[0]}.{version[1]} on {platform.system()} {platform.machine()}."
    if version >= OLDEST_PYTHON:
        return Finding("Python", "ok", text)
    needed = ".".join(map(str, OLDEST_PYTHON))
    return Finding("Python", "fail", text, f"Install Python {needed} or newer.")


def packages() -> Finding:
    """Whether every required package is installed in a version that fits."""
    try:
        required = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or []]
    except metadata.PackageNotFoundError:
        return Finding("Packages", "warn", "The package runs from a folder, uninstalled.", INSTALL)
    needed = [one for one in required if one.marker is None or one.marker.evaluate({"extra": ""})]
    return compare_versions(needed, {one.name: installed_version(one.name) for one in needed})


def installed_version(name: str) -> str | None:
    """The version of an installed distribution, None where there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def compare_versions(needed: Sequence[Requirement], installed: Mapping[str, str | None]) -> Finding:
    """What is missing or does not fit among the `installed` versions, by name."""
    wrong = [one for one in needed if not _fits(one, installed.get(one.name))]
    if not wrong:
        return Finding("Packages", "ok", f"All {len(needed)} required packages fit.")
    shown = ", ".join(f"{one.name} {installed.get(one.name) or 'is missing'}" for one in wrong)
    wanted = " ".join(f'"{one.name}{one.specifier}"' for one in wrong)
    return Finding("Packages", "fail", f"Not fitting: {shown}.", f"python -m pip install {wanted}")


def _fits(requirement: Requirement, version: str | None) -> bool:
    return version is not None and requirement.specifier.contains(
        Version(version), prereleases=True
    )


def qt_binding(found: Sequence[str]) -> Finding:
    """Whether there is exactly one Qt binding."""
    if not found:
        text = "There is no Qt binding: the command line works, the docks do not."
        return Finding("Qt", "warn", text, INSTALL)
    if len(found) > 1:
        text = f"Several Qt bindings ({', '.join(found)}) may load each other's libraries."
        return Finding("Qt", "warn", text, f"python -m pip uninstall {' '.join(found[1:])}")
    return Finding("Qt", "ok", f"{found[0]} {installed_version(found[0]) or ''}".strip() + ".")


def missing_libraries() -> list[str]:
    """The system libraries that Qt loads when a window opens and that this system lacks."""
    return [name for name in QT_LIBRARIES if not _loads(name)]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def qt_libraries(missing: Sequence[str]) -> list[Finding]:
    """A warning where Qt would not find its system libraries."""
    if not missing:
        return []
    text = f"Qt needs system libraries that are not here: {', '.join(missing)}."
    remedy = "On Debian and Ubuntu: bash tools/qt_libraries.sh (in the source folder)"
    return [Finding("Qt libraries", "warn", text, remedy)]


def viewer(version: str | None) -> Finding:
    """Whether napari is installed."""
    if version:
        return Finding("napari", "ok", f"napari {version}.")
    text = "napari is not installed: the command line works, the docks do not."
    return Finding("napari", "warn", text, INSTALL)


def manifest() -> Finding:
    """Whether napari will find the plugin: its manifest, and the entry point that names it."""
    if not resources.files("napari_advseg").joinpath("napari.yaml").is_file():
        text = "The plugin's manifest napari.yaml is missing from the installed package."
        return Finding("Plugin", "fail", text, INSTALL)
    if not metadata.entry_points(group="napari.manifest", name=DISTRIBUTION):
        text = "The plugin is not registered: napari will not list its docks."
        return Finding("Plugin", "warn", text, INSTALL)
    return Finding("Plugin", "ok", "The docks, readers, writers and samples are registered.")


def display(system: str, environment: Mapping[str, str]) -> Finding:
    """Whether a window can open."""
    has_screen = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    if system == "linux" and not has_screen:
        text = "There is no display: the command line works, a viewer cannot open."
        return Finding("Display", "warn", text, "Work at the machine itself, or use xvfb-run.")
    return Finding("Display", "ok", "A window can open.")


def probe() -> dict[str, Any]:
    """What torch says of its device, asked in a child process; `error` where it does not load."""
    command = [sys.executable, "-P", "-c", PROBE]
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and code
            command,
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"torch did not load within {PROBE_TIMEOUT_S:.0f} s"}
    if done.returncode != 0:
        return {"error": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compute_device(found: Mapping[str, Any]) -> Finding:
    """What will compute, from what `probe` returned; a GPU that torch cannot use is a warning."""
    if "error" in found:
        remedy = "python -m pip install --force-reinstall torch"
        return Finding("Compute", "fail", f"torch does not load: {found['error']}", remedy)
    hardware = f"{found['name']}, {found['memory_gb']} GB free, {found['precision']}"
    text = f"{hardware}, torch {found['torch']}."
    if found["device"] == "cpu" and shutil.which("nvidia-smi"):
        text += " There is an NVIDIA driver, but this torch cannot use it."
        return Finding("Compute", "warn", text, "Install a CUDA build: https://pytorch.org.")
    return Finding("Compute", "ok", text)


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cores(count: int, environment: Mapping[str, str]) -> Finding:
    """Whether the environment lets threads use every core, without spinning against each other."""
    text = f"{count} usable."
    limit = environment.get("OMP_NUM_THREADS", "")
    if limit.isdigit() and int(limit) < count:
        text += f" OMP_NUM_THREADS={limit} leaves {count - int(limit)} of them idle."
        return Finding("Cores", "warn", text, "unset OMP_NUM_THREADS")
    if environment.get("OMP_WAIT_POLICY", "").upper() == "ACTIVE":
        text += " OMP_WAIT_POLICY=ACTIVE makes threads spin against each other on shared cores."
        return Finding("Cores", "warn", text, "export OMP_WAIT_POLICY=PASSIVE")
    return Finding("Cores", "ok", text)


def memory(free_gb: float) -> Finding:
    """Whether there is room for more than small tiles."""
    text = f"{free_gb:.1f} GB free."
    if free_gb >= SCARCE_MEMORY_GB:
        return Finding("Memory", "ok", text)
    remedy = "Close other programs, or train with a smaller examples.batch."
    return Finding("Memory", "warn", f"{text} Tiles will be small.", remedy)


def disk(folder: Path) -> Finding:
    """Whether `folder` has room for results."""
    free_gb = shutil.disk_usage(folder).free / 1e9
    text = f"{free_gb:.1f} GB free in {folder}."
    if free_gb >= SCARCE_DISK_GB:
        return Finding("Disk", "ok", text)
    return Finding("Disk", "warn", text, "Free some space, or write results elsewhere with --out.")


def torchvision(version: str | None) -> list[Finding]:
    """A word on torchvision where it is installed: it often breaks beside a CPU build of torch."""
    text = f"torchvision {version} is not used here: whether it imports does not matter."
    return [Finding("torchvision", "ok", text)] if version else []


def _lines(finding: Finding, width: int) -> list[str]:
    first = f"{finding.level:<4}  {finding.name:<{width}}  {finding.text}"
    return [first, f"{'':{width + 6}}  -> {finding.remedy}"] if finding.remedy else [first]


def _summary(findings: Sequence[Finding]) -> str:
    failing = sum(finding.level == "fail" for finding in findings)
    warning = sum(finding.level == "warn" for finding in findings)
    if failing or warning:
        return f"{failing} failing, {warning} to know about."
    return "Everything is fine."
