"""A model survives kills, full disks and foreign hands, or says clearly why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from napari_advseg import model_store
from napari_advseg.disk.atomic import replace_file
from napari_advseg.model_store import Card, State, UnreadableModel
from napari_advseg.recipes import train_recipe
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser


def card(**fields) -> Card:
    return Card(
        recipe=train_recipe("unet", "quick"), normaliser=Normaliser(low=0, high=255), **fields
    )


def weights(value=1.0):
    return {"unet.a": np.full((2, 3), value, np.float32), "unet.count": np.array(7)}


@pytest.fixture
def folder(tmp_path) -> Path:
    name = model_store.save_weights(tmp_path, "best", 5, weights())
    model_store.save_card(tmp_path, card(weights={"best": name}, best_step=5))
    return tmp_path


def test_a_model_survives_its_folder(folder):
    model = model_store.load(folder)
    assert model.card == model_store.read_card(folder)
    assert model.card.best_step == 5
    for key, value in weights().items():
        np.testing.assert_array_equal(model.weights[key], value)
        assert model.weights[key].shape == value.shape


@pytest.mark.parametrize("deep", [True, False])
def test_pixels_of_an_image_are_counted_in_pixels_of_the_training_image_along_each_axis(deep):
    axes, sizes = ("zyx", (40.0, 4.0, 5.0)) if deep else ("yx", (4.0, 5.0))
    trained = card(voxel_size=sizes, units=("nanometer",) * len(axes))
    micrometers = Frame("zyx", (0.1, 0.006, 0.02), ("micrometer",) * 3)
    assert trained.factors(micrometers) == pytest.approx((6 / 4, 20 / 5))


def test_pixels_of_unknown_size_count_as_those_of_the_training_image():
    known = card(voxel_size=(4.0, 5.0), units=("nanometer",) * 2)
    assert known.factors(Frame("yx", (6.0, 20.0))) == (1, 1)
    assert card().factors(Frame("yx", (6.0, 20.0), ("nanometer",) * 2)) == (1, 1)


@pytest.mark.parametrize(("which", "value"), [("best", 1.0), ("last", 2.0)])
def test_the_weights_that_are_asked_for_are_loaded(tmp_path, which, value):
    named = {
        kind: model_store.save_weights(tmp_path, kind, 5, weights(k))
        for kind, k in (("best", 1.0), ("last", 2.0))
    }
    model_store.save_card(tmp_path, card(weights=named))
    found = model_store.load(tmp_path, which).weights["unet.a"]
    np.testing.assert_array_equal(found, np.full((2, 3), value, np.float32))


def test_weights_kept_small_are_used_in_full_precision(folder):
    save_file({"unet.a": np.full((2, 3), 0.5, np.float16)}, folder / "small.safetensors")
    model_store.save_card(folder, card(weights={"best": "small.safetensors"}))
    found = model_store.load(folder).weights["unet.a"]
    assert found.dtype == np.float32
    assert (found == 0.5).all()


def test_a_new_save_replaces_the_old_weights_and_leaves_nothing_behind(folder):
    name = model_store.save_weights(folder, "best", 9, weights(2))
    model_store.save_card(folder, card(weights={"best": name}, best_step=9))
    assert model_store.load(folder).weights["unet.a"][0, 0] == 2
    assert len(list(folder.glob("*.safetensors"))) == 1


def test_state_and_weights_keep_each_other(folder):
    model_store.save_state(folder, State({"step": 3}, {"network.a": np.ones(2, np.float32)}))
    model_store.save_state(folder, State({"step": 4}, {"network.a": np.zeros(2, np.float32)}))
    state = model_store.load_state(folder)
    assert state.facts == {"step": 4}
    assert not state.tensors["network.a"].any()
    assert model_store.load(folder)
    assert len(list(folder.glob("*.safetensors"))) == 2


def change(folder, **fields):
    tree = json.loads((folder / model_store.CARD).read_text())
    (folder / model_store.CARD).write_text(json.dumps({**tree, **fields}))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"format": 99, "made_with": "7.0"},
            "format 99 .made with napari-advseg 7.0.*install a newer",
        ),
        ({"format": "x"}, "install a newer"),
        ({"surprise": 1}, "no setting 'surprise'"),
        ({"recipe": {"task": "train", "family": "nonet"}}, "no family 'nonet'"),
        ({"weights": {"best": "../../etc/passwd"}}, "outside its folder"),
        ({"weights": {}}, "no weights yet"),
        ({"weights": {"best": "gone.safetensors"}}, "gone.safetensors"),
    ],
)
def test_a_changed_card_is_refused_with_the_reason(folder, fields, said):
    change(folder, **fields)
    with pytest.raises(UnreadableModel, match=said):
        model_store.load(folder)


def test_a_newer_model_is_refused_before_its_unknown_settings(folder):
    change(folder, format=99, unheard_of=1)
    with pytest.raises(UnreadableModel, match="format 99"):
        model_store.read_card(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_a_damaged_card_is_refused(folder, content):
    (folder / model_store.CARD).write_bytes(content)
    with pytest.raises(UnreadableModel, match="model.json"):
        model_store.read_card(folder)


def test_truncated_weights_are_refused_by_name(folder):
    file = next(folder.glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(UnreadableModel, match=file.name):
        model_store.load(folder)


def test_weights_that_are_not_finite_are_refused_by_key(folder):
    file = next(folder.glob("*.safetensors"))
    tensors = load_file(file)
    tensors["unet.a"][0, 0] = np.nan
    save_file(tensors, file)
    with pytest.raises(UnreadableModel, match="not finite in 'unet.a'"):
        model_store.load(folder)


def test_an_empty_folder_holds_no_model(tmp_path):
    with pytest.raises(UnreadableModel, match="holds no model"):
        model_store.load(tmp_path)


def test_a_full_disk_leaves_the_previous_model(folder, monkeypatch):
    before = model_store.load(folder)

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match=r"No space left on device .\d+ bytes needed"):
        model_store.save_weights(folder, "best", 9, weights(2))
    with pytest.raises(ValueError, match="untouched"):
        model_store.save_card(folder, card())
    monkeypatch.undo()
    assert model_store.load(folder).card == before.card
    assert not list(folder.glob(".*partial"))


def test_a_path_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="choose another folder"):
        replace_file(tmp_path / "file" / "model.json", b"")


SAVER = textwrap.dedent(
    """
    import itertools, pathlib, sys
    import numpy as np
    from napari_advseg import model_store
    from napari_advseg.model_store import Card, State
    from napari_advseg.recipes import train_recipe
    from napari_advseg.volume.normalise import Normaliser
    folder = pathlib.Path(sys.argv[1])
    plain = Card(recipe=train_recipe("unet", "quick"), normaliser=Normaliser(low=0, high=255))
    for step in itertools.count(1):
        tensors = {"unet.a": np.full(200_000, step, np.float32)}
        name = model_store.save_weights(folder, "last", step, tensors)
        model_store.save_card(folder, plain.changed(weights={"last": name}, last_step=step))
        model_store.save_state(folder, State({"step": step}, tensors))
        print(step, flush=True)
    """
)


@pytest.mark.parametrize(
    "delay",
    [0.0, 0.003, 0.011, *(pytest.param(0.001 * k * k, marks=pytest.mark.slow) for k in range(9))],
)
def test_kill_9_at_any_moment_leaves_a_loadable_model(tmp_path, delay):
    with subprocess.Popen(
        [sys.executable, "-c", SAVER, str(tmp_path)], stdout=subprocess.PIPE
    ) as child:
        for _ in range(3):
            child.stdout.readline()
        time.sleep(delay)
        child.kill()
    model = model_store.load(tmp_path)
    assert (model.weights["unet.a"] == model.card.last_step).all()
    state = model_store.load_state(tmp_path)
    assert (state.tensors["unet.a"] == state.facts["step"]).all()
    assert abs(state.facts["step"] - model.card.last_step) <= 1


def test_first_is_the_model_that_comes_with_the_package(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(model_store, "FIRST_FOLDER", folder)
    assert model_store.load("first").folder == folder
    assert model_store.read_card("first") == model_store.read_card(folder)
    assert all(map(model_store.is_first, ("first", folder, str(folder))))
    assert not model_store.is_first(folder.parent)


def test_a_folder_of_that_name_wins_where_it_holds_a_model(folder, tmp_path_factory, monkeypatch):
    here = tmp_path_factory.mktemp("here")
    monkeypatch.chdir(here)
    monkeypatch.setattr(model_store, "FIRST_FOLDER", here / "nowhere")
    with pytest.raises(UnreadableModel, match="comes without a model"):
        model_store.read_card("first")
    (here / "first").symlink_to(folder)
    assert model_store.read_card("first") == model_store.read_card(folder)


def test_the_model_that_comes_with_the_package_is_never_changed(folder, monkeypatch):
    monkeypatch.setattr(model_store, "FIRST_FOLDER", folder)
    before = (folder / model_store.CARD).read_bytes()
    for name in ("first", folder):
        with pytest.raises(UnreadableModel, match="is not changed"):
            model_store.save_choice(name, None)
    assert (folder / model_store.CARD).read_bytes() == before
