"""What every test stands on: the real data folder, and slow tests only on request."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from napari_advseg import cli
from napari_advseg.samples import neuropil

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Where napari and the plugin keep what they remember.
REMEMBERED = {
    "XDG_CONFIG_HOME": "config",
    "XDG_CACHE_HOME": "cache",
    "NAPARI_CONFIG": "config/napari.yaml",
    "NAPARI_ADVSEG_CACHE": "trainings",
}
REPOSITORY = Path(__file__).resolve().parent.parent

# A fast test draws the same examples every time; the slow tier looks for new ones.
settings.register_profile("fast", derandomize=True, deadline=None)
settings.register_profile("slow", derandomize=False, deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runslow", action="store_true", help="run the tests marked slow too")


def pytest_configure(config: pytest.Config) -> None:
    chosen = config.getoption("--hypothesis-profile", None) or os.environ.get("HYPOTHESIS_PROFILE")
    settings.load_profile(chosen or ("slow" if is_slow(config) else "fast"))
    remember_elsewhere(config)


def remember_elsewhere(config: pytest.Config) -> None:
    """What is chosen and trained is kept in a folder of this process, neither the user's nor another worker's."""
    folder = TemporaryDirectory(prefix="advseg-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    for name, place in REMEMBERED.items():
        os.environ[name] = str(Path(folder.name, place))


def is_slow(config: pytest.Config) -> bool:
    """Whether the tests marked slow are asked for."""
    return config.getoption("--runslow") or "slow" in config.getoption("-m")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if is_slow(config):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: run with --runslow"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of annotated images; without it the test is skipped."""
    folder = Path(os.environ.get("ADVSEG_DATA", REPOSITORY / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip("no real data: set ADVSEG_DATA")
    return folder


@pytest.fixture
def call(monkeypatch, capfd):
    """Calls the command line: exit code, standard output and standard error come back."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["napari-advseg", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return run


@pytest.fixture(scope="session")
def tissue() -> tuple[object, object]:
    """Image and labels of six small sections with drawn walls; sides and voxel size differ along all axes."""
    return neuropil((6, 80, 112), seed=3, voxel_nm=(40.0, 4.0, 6.0), wall=1)
