"""What a training shows while it runs: curves by player, where critics stand, samples, warnings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from napari_advseg import families
from napari_advseg.gui.compute.checks import preset_words
from napari_advseg.gui.compute.job import Job
from napari_advseg.gui.docks.train.cockpit import Cockpit, Samples
from napari_advseg.gui.docks.train.live import CRITICS, CURVES, SAMPLES, Live
from napari_advseg.gui.kit.plots import Plot, grouped
from napari_advseg.progress import StepDone, Strip, Validated, Warned
from napari_advseg.training.watch import contest

THREE_PLAYERS = {
    "generator_ab+generator_ba/loss": [(1, 9.0)],
    "generator_ab+generator_ba/cycle": [(1, 4.0)],
    "critic_a/loss": [(1, 0.7)],
    "critic_b/loss": [(1, 0.6)],
    "validation loss": [(1, 0.3)],
    "validation pixel_accuracy": [(1, 0.9)],
}


def a_contest(step=10):
    scores = {
        name: {"real": torch.rand(40) + 1, "fake": torch.rand(40)}
        for name in ("critic_a", "critic_b")
    }
    return contest(step, scores, {"generator": 2.0, "critic_a": 1.0, "critic_b": 4.0})


@pytest.fixture
def pictures(tmp_path):
    taken = []
    for step in (10, 20):
        Image.fromarray(np.full((60, 80), step, np.uint8)).save(tmp_path / f"{step}.png")
        taken.append((step, str(tmp_path / f"{step}.png")))
    return taken


def test_a_job_keeps_the_last_contest_all_gradients_and_all_pictures(qtbot):
    job = Job("train", "Training")
    for step in (10, 20):
        job.read(a_contest(step))
        job.read(Strip(step, f"/somewhere/{step}.png"))
    assert job.contest.step == 20
    assert job.gradients["critic_b"] == [(10, 4.0), (20, 4.0)]
    assert job.samples == [(10, "/somewhere/10.png"), (20, "/somewhere/20.png")]


def test_every_player_has_a_plot_and_all_critics_share_one():
    groups = grouped(THREE_PLAYERS)
    assert set(groups) == {"generator ab, generator ba", "critic", "validation"}
    assert set(groups["generator ab, generator ba"]) == {"loss", "cycle"}
    assert set(groups["critic"]) == {"critic a loss", "critic b loss"}
    assert set(groups["validation"]) == {"loss", "pixel accuracy"}


def test_the_validation_loss_of_a_single_player_lies_beside_its_own():
    groups = grouped({"unet/loss": [(1, 1.0)], "validation loss": [(1, 2.0)]})
    assert groups == {"unet": {"loss": [(1, 1.0)], "validation loss": [(1, 2.0)]}}


def test_terms_that_differ_much_get_a_logarithmic_axis_and_negative_ones_do_not(qtbot):
    plot = Plot("generator")
    qtbot.addWidget(plot)
    plot.show_curves({"fooling": [(1, 0.7)], "content": [(1, 90.0)]})
    assert plot.area.getPlotItem().ctrl.logYCheck.isChecked()
    assert "content&nbsp;90" in plot.legend.text()
    plot.show_curves({"fooling": [(1, 0.7), (2, -0.7)], "content": [(1, 90.0), (2, 80.0)]})
    assert not plot.area.getPlotItem().ctrl.logYCheck.isChecked()


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
    assert "right in 100 %" in cockpit._titles["critic_a"].text()
    assert "0.5 times the critic's" in cockpit.words.text()
    cockpit.clear()
    assert not cockpit._plots


def test_samples_follow_the_training_until_an_earlier_one_is_looked_at(qtbot, pictures):
    samples = Samples()
    qtbot.addWidget(samples)
    samples.show_samples(pictures[:1])
    assert samples.when.text() == "step 10"
    samples.show_samples(pictures)
    assert samples.when.text() == "step 20"
    samples.slider.setValue(0)
    assert samples.when.text() == "step 10"
    samples.show_samples([*pictures, (30, "/nowhere/30.png")])
    assert samples.when.text() == "step 10"
    samples.slider.setValue(2)
    assert not samples.picture._whole.isNull()  # a file that has gone leaves the one before


def test_only_what_a_family_has_is_shown_and_warnings_stand_out(qtbot, pictures):
    live, job = Live(), Job("train", "Training")
    qtbot.addWidget(live)
    live.show()
    job.read(StepDone(1, 5, {"unet/loss": 1.0}, 0.1))
    live.show_job(job)
    assert [live.tabs.isTabVisible(tab) for tab in (CURVES, CRITICS, SAMPLES)] == [
        True,
        False,
        False,
    ]
    assert not live.warning.isVisible()
    job.read(a_contest())
    job.read(Strip(*pictures[0]))
    job.read(Validated(1, 0.5, {}, best=True, learning_rates={}))
    job.read(Warned("The critic wins. Lower its rate."))
    live.show_job(job)
    assert live.warning.text() == "The critic wins. Lower its rate."
    live.tabs.setCurrentIndex(CRITICS)
    assert set(live.cockpit._plots) == {"critic_a", "critic_b"}
    live.tabs.setCurrentIndex(SAMPLES)
    assert live.samples.when.text() == "step 10"
    live.clear()
    assert not live.warning.isVisible()
    assert not live.tabs.isTabVisible(CRITICS)


def test_every_preset_of_every_family_is_put_into_words():
    for name, entry in families.FAMILIES.items():
        for preset in entry.presets:
            words = preset_words(name, preset)
            assert "steps of" in words or "epochs of" in words
            assert not words.startswith(("widths ,", "width ,", ","))
