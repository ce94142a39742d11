"""Opening: the manifest, the samples, files on the command line, and a computer without a screen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest

import napari_advseg
from napari_advseg.gui.__main__ import main, why_not
from napari_advseg.gui.opening import open_path
from napari_advseg.gui.viewer import sample_layers
from napari_advseg.samples import SAMPLES
from napari_advseg.volume.formats.files import read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

MANIFEST = Path(napari_advseg.__file__).parent / "napari.yaml"


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_file(MANIFEST)


def test_the_manifest_is_valid_and_every_command_exists(manifest):
    manifest.validate_imports()
    names = {widget.display_name for widget in manifest.contributions.widgets}
    assert names == {"Annotate", "Train", "Segment", "Score", "Tune", "Mend", "Proofread"}


def test_every_sample_is_offered_and_opens_as_image_and_labels(manifest):
    assert {sample.key for sample in manifest.contributions.sample_data} == set(SAMPLES)
    layers = sample_layers.neuropil()
    assert [layer[2] for layer in layers] == ["image", "labels"]
    assert layers[0][1]["scale"] == layers[1][1]["scale"] == [40.0, 4.0, 4.0]


@pytest.mark.parametrize("suffix", [".tif", ".ome.zarr"])
def test_what_a_layer_writes_is_read_with_its_scale(suffix, tmp_path, make_napari_viewer):
    path = str(tmp_path / f"a{suffix}")
    frame = Frame("zyx", (40.0, 4.0, 4.0), ("nanometer",) * 3)
    write(Volume(np.arange(60, dtype=np.uint8).reshape(3, 4, 5), frame), path)
    viewer = make_napari_viewer()
    open_path(viewer, path)
    np.testing.assert_allclose(viewer.layers[0].scale, (40, 4, 4))
    np.testing.assert_array_equal(np.asarray(viewer.layers[0].data), read(path).numpy())


def test_a_file_that_cannot_be_read_is_named(tmp_path, make_napari_viewer):
    viewer = make_napari_viewer()
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\x00 but no more")
    for path in (str(broken), str(tmp_path / "nothing.xyz")):
        open_path(viewer, path)
        assert path in notification_manager.records[-1].message
    assert not viewer.layers


def test_without_a_screen_it_says_what_to_do(monkeypatch, capsys):
    assert "xvfb-run" in why_not("linux", {})
    assert why_not("darwin", {}) == ""
    assert why_not("linux", {"WAYLAND_DISPLAY": "wayland-0"}) == ""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert main(["a.tif"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_without_napari_it_says_how_to_install(monkeypatch):
    monkeypatch.setattr("napari_advseg.gui.__main__.import_module", _missing)
    assert 'pip install "napari-advseg[gui]"' in why_not("darwin", {})


def _missing(name):
    raise ImportError(f"No module named {name!r}")
