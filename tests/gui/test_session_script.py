"""The scripted session of benchmarks/session.py, up to where the viewer opens."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import napari_advseg as advseg
from napari_advseg.napari_io import read_layers

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def session(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return import_module("session")


def test_it_can_be_asked_for_minutes_or_for_steps(session):
    chosen = session.options().parse_args(["--out", "pictures"])
    assert (chosen.minutes, chosen.steps, chosen.data, chosen.theme) == (10, None, None, "dark")
    chosen = session.options().parse_args(["--out", "pictures", "--steps", "60"])
    assert chosen.steps == 60
    with pytest.raises(SystemExit):
        session.options().parse_args(["--out", "pictures", "--steps", "60", "--minutes", "1"])


def test_synthetic_tissue_is_opened_like_a_users_files(session, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "SHAPE", (4, 48, 48))
    tissue = session.made(tmp_path, None)
    (image, _, kind), (labels, _, labels_kind) = (
        read_layers(str(path))[0] for path in (tissue.image, tissue.labels)
    )
    assert (kind, labels_kind) == ("image", "labels")
    assert image.shape == labels.shape == (4, 48, 48)
    assert tissue.section == 2


def test_a_data_set_is_annotated_in_the_middle_or_where_it_is_said(session, tmp_path):
    labels = np.ones((5, 20, 20), np.uint16)
    advseg.write(labels.astype(np.uint8), tmp_path / "raw.tif")
    advseg.write(labels, tmp_path / "neurites_2d_cc.tif")
    assert session.found(tmp_path, None).section == 2
    assert session.found(tmp_path, 0).section == 0


def test_settings_are_typed_into_the_train_dock(session, stage, fake_child):
    _, train, _ = stage()
    session.write_changes(
        train, ["examples.augmentation.elastic=0.5", "model.widths=[8, 16]", "training.ema=0.99"]
    )
    recipe = train.recipe()
    assert recipe.examples.augmentation.elastic == 0.5
    assert recipe.model.widths == (8, 16)
    assert recipe.training.ema == 0.99
