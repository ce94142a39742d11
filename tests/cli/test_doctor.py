"""The doctor: every trouble has a state, a sentence and a remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from napari_advseg.cli import doctor
from napari_advseg.cli.doctor import Finding

CPU = {"device": "cpu", "name": "CPU", "memory_gb": 8.0, "precision": "fp32", "torch": "2.13.0"}


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    return doctor.examine()


def test_torch_answers_what_it_computes_on(findings):
    compute = next(finding for finding in findings if finding.name == "Compute")
    assert compute.level != "fail"
    assert "torch" in compute.text


def test_what_does_not_work_here_comes_with_a_remedy(findings):
    assert {finding.level for finding in findings} <= {"ok", "warn", "fail"}
    for finding in findings:
        assert finding.text.endswith("."), finding
        assert bool(finding.remedy) == (finding.level != "ok"), finding


def test_this_computer_can_compute(findings):
    compute = next(finding for finding in findings if finding.name == "Compute")
    assert compute.level in {"ok", "warn"}
    assert "torch 2" in compute.text


def test_the_report_names_everything_and_counts_the_troubles():
    troubles = [
        Finding("Python", "ok", "Python 3.11."),
        Finding("Qt", "warn", "There is none.", "Install one"),
        Finding("Plugin", "fail", "It is missing.", "Reinstall"),
    ]
    text = doctor.report(troubles)
    assert "-> Install one" in text
    assert text.endswith("1 failing, 1 to know about.")
    assert not doctor.is_healthy(troubles)


def test_warnings_alone_are_healthy():
    assert doctor.is_healthy([Finding("Qt", "warn", "There is none.", "Install one")])
    assert doctor.report([]).endswith("Everything is fine.")


def test_an_old_python_fails():
    assert doctor.python_version((3, 10)).level == "fail"
    assert doctor.python_version((3, 11)).level == "ok"


@pytest.mark.parametrize(
    ("installed", "state", "word"),
    [("2.14", "ok", "fit"), ("2.9", "fail", "torch 2.9"), (None, "fail", "torch is missing")],
)
def test_versions_are_held_against_what_is_required(installed, state, word):
    finding = doctor.compare_versions([Requirement("torch>=2.10")], {"torch": installed})
    assert (finding.level, word in finding.text) == (state, True)


def test_a_local_build_of_a_required_version_fits():
    needed = [Requirement("torch>=2.10")]
    assert doctor.compare_versions(needed, {"torch": "2.13.0+cpu"}).level == "ok"


@pytest.mark.parametrize(
    ("bindings", "state"), [([], "warn"), (["PyQt6"], "ok"), (["PyQt6", "PySide6"], "warn")]
)
def test_exactly_one_qt_binding_is_well(bindings, state):
    assert doctor.qt_binding(bindings).level == state


def test_missing_system_libraries_are_named():
    assert doctor.qt_libraries([]) == []
    (finding,) = doctor.qt_libraries(["libEGL.so.1"])
    assert "libEGL.so.1" in finding.text
    assert "tools/qt_libraries.sh" in finding.remedy


def test_a_screenless_linux_is_told_apart():
    assert doctor.display("linux", {}).level == "warn"
    assert doctor.display("linux", {"DISPLAY": ":1"}).level == "ok"
    assert doctor.display("darwin", {}).level == "ok"


def test_a_gpu_that_torch_cannot_use_is_no_secret(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    finding = doctor.compute_device(CPU)
    assert finding.level == "warn"
    assert "NVIDIA" in finding.text
    assert doctor.compute_device({**CPU, "device": "cuda"}).level == "ok"


def test_a_broken_torch_fails_with_its_own_last_words(monkeypatch):
    monkeypatch.setattr(doctor, "PROBE", "raise ImportError('libgomp is gone')")
    finding = doctor.compute_device(doctor.probe())
    assert finding.level == "fail"
    assert "libgomp is gone" in finding.text


def test_a_torch_that_never_loads_fails(monkeypatch):
    monkeypatch.setattr(doctor, "PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(doctor, "PROBE_TIMEOUT_S", 0.5)
    assert doctor.compute_device(doctor.probe()).level == "fail"


@pytest.mark.parametrize(
    ("environment", "state"),
    [
        ({}, "ok"),
        ({"OMP_NUM_THREADS": "1"}, "warn"),
        ({"OMP_NUM_THREADS": "4"}, "ok"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "warn"),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, "ok"),
    ],
)
def test_idle_and_spinning_threads_are_noticed(environment, state):
    assert doctor.cores(4, environment).level == state


def test_scarce_memory_and_disk_are_noticed(monkeypatch, tmp_path: Path):
    assert doctor.memory(1.0).level == "warn"
    assert doctor.memory(64.0).level == "ok"
    monkeypatch.setattr(doctor, "SCARCE_DISK_GB", float("inf"))
    assert doctor.disk(tmp_path).level == "warn"


def test_torchvision_never_matters():
    assert doctor.torchvision(None) == []
    assert [finding.level for finding in doctor.torchvision("0.28.0")] == ["ok"]


def test_importing_the_doctor_loads_nothing_that_the_command_line_has_not():
    code = "import sys, napari_advseg.cli; had = set(sys.modules); import napari_advseg.cli.doctor as d; "
    code += "print(*set(sys.modules) - had)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {one for one in loaded if one.partition(".")[0] in {"torch", "napari", "qtpy"}}
