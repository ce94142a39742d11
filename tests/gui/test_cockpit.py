"""The cockpit shows where critics stand, and the picture of withheld crops."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from napari_advseg import families
from napari_advseg.gui.checks import preset_words
from napari_advseg.gui.cockpit import Cockpit
from napari_advseg.gui.job import Job
from napari_advseg.progress import Strip
from napari_advseg.training.watch import contest


def a_contest(step=10):
    scores = {
        name: {"real": torch.rand(40) + 1, "fake": torch.rand(40)}
        for name in ("critic_a", "critic_b")
    }
    return contest(step, scores, {"generator": 2.0, "critic_a": 1.0, "critic_b": 4.0})


def test_a_job_keeps_the_last_contest_and_the_last_picture(qtbot):
    job = Job("train", "Training")
    for step in (10, 20):
        job.read(a_contest(step))
    job.read(Strip(20, "/somewhere/20.png"))
    assert job.contest.step == 20
    assert job.samples == "/somewhere/20.png"


def test_each_critic_has_a_histogram_of_true_and_made(qtbot):
    cockpit = Cockpit()
    qtbot.addWidget(cockpit)
    cockpit.show_contest(a_contest())
    cockpit.show_contest(a_contest())
    assert set(cockpit._plots) == {"critic_a", "critic_b"}
    for plot in cockpit._plots.values():
        real, fake = plot.getPlotItem().listDataItems()
        assert np.isclose(real.getOriginalDataset()[1].sum(), 1)
        assert np.isclose(fake.getOriginalDataset()[1].sum(), 1)
    assert "Critic a is right in 100 %" in cockpit.words.text()
    assert "0.5" in cockpit.words.text()
    cockpit.clear()
    assert not cockpit._plots


def test_a_picture_is_shown_and_a_missing_one_is_not(qtbot, tmp_path):
    cockpit = Cockpit()
    qtbot.addWidget(cockpit)
    cockpit.show()
    cockpit.show_samples(str(tmp_path / "none.png"))
    assert not cockpit.samples.isVisible()
    Image.fromarray(np.zeros((60, 80), np.uint8)).save(tmp_path / "a.png")
    cockpit.show_samples(str(tmp_path / "a.png"))
    assert cockpit.samples.isVisible()
    assert cockpit.samples.pixmap().width() >= 80


def test_every_preset_of_every_family_is_put_into_words():
    for name, entry in families.FAMILIES.items():
        for preset in entry.presets:
            words = preset_words(name, preset)
            assert "steps of" in words or "epochs of" in words
            assert not words.startswith(("widths ,", "width ,", ","))
