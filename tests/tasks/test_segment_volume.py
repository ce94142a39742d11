"""Labels that run through a stack, from file to file."""

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_advseg import drain, label
from napari_advseg.cli import app
from napari_advseg.labelling.stack import stack_map
from napari_advseg.labelling.stack.fragments import open_fragments
from napari_advseg.recipes import read_tree, validated
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.tasks import execute
from napari_advseg.volume.formats.files import read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (50.0, 4.0, 6.0), ("nanometer",) * 3)


@pytest.fixture
def maps(tmp_path):
    rng = np.random.default_rng(0)
    interior_map = np.ones((4, 40, 40), np.float32)
    interior_map[:, :, [12, 27]] = 0.1
    interior_map[:, 20] = 0.2
    interior_map -= 0.05 * rng.random(interior_map.shape, np.float32)
    return write(Volume(interior_map, FRAME), tmp_path / "map.ome.zarr")


@pytest.mark.parametrize("way", ["linked", "agglomerated", "components"])
@pytest.mark.parametrize("ending", [".ome.zarr", ".tif"])
def test_file_to_file_and_in_memory_are_the_same(maps, way, ending, tmp_path):
    out = tmp_path / f"labels{ending}"
    settings = LabellingSettings(volume=way)
    tree = {"task": "label", "probabilities": str(maps), "out": str(out)}
    made = drain(execute({**tree, "labelling": settings.model_dump()}))
    found = read(out)
    expected = drain(label(read(maps), settings))
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
    assert made["objects"] == expected.numpy().max() == 6
    assert found.frame.scale == FRAME.scale
    assert validated(read_tree(made["recipe"])).labelling == settings
    assert ("fragments" in made) == (way == "agglomerated")


def test_the_threshold_moves_without_the_map(maps, tmp_path):
    tree = {"task": "label", "probabilities": str(maps), "out": str(tmp_path / "labels.tif")}
    tree["labelling"] = {"across_sections": "agglomerated"}
    made = drain(execute(tree))
    found = open_fragments(made["labels"])
    assert made["fragments"] == str(tmp_path / "labels-fragments.ome.zarr")
    np.testing.assert_array_equal(found.relabelled().numpy(), read(made["labels"]).numpy())
    tree["out"] = str(tmp_path / "others.tif")
    tree["labelling"]["agglomeration"] = {"threshold": 0.99, "keep": False}
    others = drain(execute(tree))
    np.testing.assert_array_equal(found.relabelled(0.99).numpy(), read(others["labels"]).numpy())
    assert not (tmp_path / "others-fragments.ome.zarr").exists()


def test_fragments_in_the_way_are_refused_before_the_work(maps, tmp_path):
    (tmp_path / "labels-fragments.ome.zarr").mkdir()
    tree = {"task": "label", "probabilities": str(maps), "out": str(tmp_path / "labels.tif")}
    tree["labelling"] = {"across_sections": "agglomerated"}
    running = execute(tree)
    with pytest.raises(ValueError, match=r"labels-fragments\.ome\.zarr' already exists"):
        next(running)


def test_too_little_memory_is_refused_before_the_work(maps, tmp_path, monkeypatch):
    monkeypatch.setattr(stack_map, "BYTES_A_VOXEL", 10**12)
    tree = {"task": "label", "probabilities": str(maps), "out": str(tmp_path / "labels.tif")}
    running = execute({**tree, "labelling": {"across_sections": "agglomerated"}})
    with pytest.raises(ValueError, match="choose volume 'linked'"):
        next(running)
    assert not list(tmp_path.glob("labels*"))


def test_the_command_line_chooses_the_way(maps, tmp_path):
    recipe = tmp_path / "label.yaml"
    out = tmp_path / "labels.ome.zarr"
    recipe.write_text(f"task: label\nprobabilities: {maps}\nout: {out}\n", encoding="utf-8")
    options = ["run", str(recipe), "--set", "labelling.across_sections=linked"]
    options += ["--set", "labelling.linking.match=one-to-one"]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    assert read(out).numpy().max() == 6
    assert read(out).frame.history[-1].endswith("linked one-to-one")
