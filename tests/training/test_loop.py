"""Cancel, resume, NaN and schedules: a run is a pure function of its recipe, however often it is broken."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_advseg import drain, families, model_store, segment, write
from napari_advseg.progress import Saved, Saving, StepDone, Validated, Warned
from napari_advseg.recipes import train_recipe
from napari_advseg.settings.training import PlateauSettings, TrainingSettings
from napari_advseg.training import loop
from napari_advseg.training.fit import fit
from napari_advseg.training.schedule import Plateau, ramp
from napari_advseg.training.step import NonFiniteLossError, Run

SMALL = {
    "model": {"widths": (4, 8, 8)},
    "examples": {"crop": 32, "batch": 2},
    "training": {
        "steps": 8,
        "validate_every": 3,
        "save_every": 2,
        "threads": 1,
        "warmup": 0,
        "precision": "fp32",
        "device": "cpu",
    },
}


def recipe(out=None, **training):
    changes = {
        **SMALL,
        "training": {**SMALL["training"], **training},
        "out": str(out) if out else None,
    }
    return train_recipe("unet", "quick", changes)


def losses(log):
    return [float(row[3]) for row in model_rows(log) if row[1:3] == ["train", "unet/loss"]]


def model_rows(folder):
    return [line.split(",") for line in (folder / model_store.LOG).read_text().split()[1:]]


def stopped_at(running, step, kind=StepDone):
    """Cancel at the first report of a kind after a step; whether there is one before the next step."""
    taken = 0
    for report in running:
        if isinstance(report, StepDone):
            taken = report.step
        if taken == step and isinstance(report, kind):
            running.close()
            return True
    return False


def test_a_training_reports_saves_and_calibrates(tissue, tmp_path):
    reports = []
    model = drain(fit(*tissue, recipe(tmp_path / "m")), reports.append)
    steps = [report.step for report in reports if isinstance(report, StepDone)]
    assert steps == list(range(1, 9))
    assert [report.step for report in reports if isinstance(report, Validated)] == [3, 6, 8]
    assert reports[-1] == Saved(str(tmp_path / "m"), "model")
    assert set(model.card.calibration) == {"adapted_rand_error", "voi_split", "voi_merge"}
    stored = model_store.load(tmp_path / "m")
    assert stored.card == model.card
    assert len(losses(tmp_path / "m")) == 8


def test_thresholds_are_not_chosen_on_what_was_learnt(tissue):
    reports = []
    model = drain(fit(*tissue, recipe().changed(sections=(0, 1))), reports.append)
    assert (model.card.labelling.threshold, model.card.labelling.gap_threshold) == (0.5, 0.7)
    said = " ".join(getattr(report, "text", "") for report in reports)
    assert "No section was withheld" in said
    assert "kept, judged on sections [0]" in said


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (1, StepDone),
        (3, StepDone),
        (3, Saving),
        (3, Validated),
        (6, Saving),
        (7, StepDone),
        (8, StepDone),
        (8, Saving),
        (8, Validated),
    ],
)
def test_cancel_and_resume_equal_an_unbroken_run(tissue, tmp_path, step, kind):
    """Wherever it is cancelled: also between a step and the validation that lowers the rate."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    settings = {"plateau": {"patience": 0, "factor": 0.1, "reductions": 9}}
    expected = drain(fit(*tissue, recipe(whole, **settings)))
    assert stopped_at(fit(*tissue, recipe(broken, **settings)), step, kind)
    assert model_store.load_state(broken).facts["step"] == step
    resumed = drain(fit(*tissue, recipe(broken, **settings), resume=True))
    for which in ("best", "last"):
        ours, theirs = (model_store.load(one, which) for one in (broken, whole))
        for key, value in theirs.weights.items():
            np.testing.assert_array_equal(ours.weights[key], value)
    for fact in ("labelling", "calibration", "best_step", "best_loss", "last_step"):
        assert getattr(resumed.card, fact) == getattr(expected.card, fact)
    assert model_rows(broken) == model_rows(whole)


def test_a_training_without_a_folder_equals_one_with(tissue, tmp_path):
    in_memory, on_disk = drain(fit(*tissue, recipe())), drain(fit(*tissue, recipe(tmp_path / "m")))
    for key, value in on_disk.weights.items():
        np.testing.assert_array_equal(in_memory.weights[key], value)


def test_a_folder_with_a_model_is_never_trained_over(tissue, tmp_path):
    drain(fit(*tissue, recipe(tmp_path / "m", steps=2)))
    before = model_store.load(tmp_path / "m")
    with pytest.raises(ValueError, match="holds a model already"):
        drain(fit(*tissue, recipe(tmp_path / "m", steps=2)))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match="not an empty folder"):
        drain(fit(*tissue, recipe(tmp_path / "other")))
    with pytest.raises(ValueError, match="no training to resume"):
        drain(fit(*tissue, recipe(tmp_path / "nothing"), resume=True))
    assert model_store.load(tmp_path / "m").card == before.card


def test_more_steps_can_be_added_to_a_finished_training(tissue, tmp_path):
    drain(fit(*tissue, recipe(tmp_path / "m", steps=4)))
    drain(fit(*tissue, recipe(tmp_path / "m", steps=6), resume=True))
    assert model_store.read_card(tmp_path / "m").last_step == 6


def test_minutes_fix_the_steps_and_the_recipe_says_so(tissue, tmp_path):
    timed = recipe(tmp_path / "m")
    timed = timed.changed(training=timed.training.changed(minutes=0.003))
    model = drain(fit(*tissue, timed))
    written = model_store.read_card(tmp_path / "m").recipe.training
    assert written.minutes is None
    assert written.steps == model.card.last_step >= loop.TIMED_STEPS
    again = drain(fit(*tissue, model.card.recipe.changed(out=str(tmp_path / "again"))))
    for key, value in model.weights.items():
        np.testing.assert_array_equal(again.weights[key], value)


class Faulty(Run):
    """A run whose loss is not finite at the steps in `faults`, as often as it says there."""

    faults: dict[int, int] = {}

    def take_step(self, batch):
        if self.faults.get(self.step, 0):
            self.faults[self.step] -= 1
            raise NonFiniteLossError("The loss is nan.")
        return super().take_step(batch)


def test_a_nan_goes_back_to_the_last_good_state_with_half_the_rate(tissue, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_advseg.training.fit.Run", Faulty)
    monkeypatch.setattr(Faulty, "faults", {5: 1})
    reports = []
    drain(fit(*tissue, recipe(tmp_path / "m")), reports.append)
    assert [r.step for r in reports if isinstance(r, StepDone)] == [1, 2, 3, 4, 5, 5, 6, 7, 8]
    assert any(isinstance(r, Warned) and "step 4 with half" in r.text for r in reports)
    assert model_store.load_state(tmp_path / "m").facts["restarts"] == 1


def test_a_loss_that_stays_nan_stops_with_a_notice_and_keeps_the_good_state(
    tissue, tmp_path, monkeypatch
):
    monkeypatch.setattr("napari_advseg.training.fit.Run", Faulty)
    monkeypatch.setattr(Faulty, "faults", {5: 99})
    with pytest.raises(loop.Diverged, match="Lower the learning rate"):
        drain(fit(*tissue, recipe(tmp_path / "m")))
    assert model_store.load_state(tmp_path / "m").facts["step"] == 4
    assert all(
        np.isfinite(value).all() for value in model_store.load(tmp_path / "m").weights.values()
    )


def test_an_infinite_pixel_weight_is_caught_as_a_non_finite_loss(tissue):
    model = recipe(steps=2)
    run = Run(families.load("unet").Model(model.model), model.training, 0)
    batch = loop.TensorBatch(
        *run.to_device(*(np.full((1, 1, 16, 16), value, np.float32) for value in (np.inf, 1, 1)))
    )
    with pytest.raises(NonFiniteLossError, match="unet"):
        run.take_step(batch)


def test_the_plateau_rule_ends_at_the_rate_of_the_thesis():
    plateau = Plateau(PlateauSettings())
    rates = []
    for _ in range(60):
        plateau.see(1.0)
        rates.append(0.01 * plateau.factor)
    assert rates[5] == 0.01
    assert rates[6] == 0.005
    assert min(rates) == rates[-1] == pytest.approx(6.25e-4)
    again = Plateau(PlateauSettings())
    again.recall(plateau.facts())
    assert again == plateau


def test_a_better_loss_restarts_the_patience():
    plateau = Plateau(PlateauSettings(patience=1))
    for loss in (3.0, 3.0, 2.0, 2.0, 1.0):
        plateau.see(loss)
    assert plateau.factor == 1
    assert not math.isinf(plateau.lowest)


def test_warm_up_rises_and_the_cosine_falls_to_zero():
    settings = TrainingSettings(steps=100, warmup=10, cosine=True)
    factors = [ramp(step, settings) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors.index(max(factors)) in (9, 10)
    assert factors[99] < 0.001
    assert ramp(50, TrainingSettings(steps=100)) == 1


def test_one_annotated_section_trains_without_validation_and_says_so(tissue):
    image, labels = (volume.cut(0, 1) for volume in tissue)
    reports = []
    model = drain(fit(image, labels, recipe(steps=3)), reports.append)
    assert any(isinstance(r, Warned) and "No section was withheld" in r.text for r in reports)
    assert model.card.calibration


def test_the_recipe_names_the_files_that_were_trained_on(tissue, tmp_path):
    places = [
        write(volume, tmp_path / name)
        for volume, name in zip(tissue, ("raw.tif", "truth.tif"), strict=True)
    ]
    model = drain(fit(*places, recipe(steps=2)))
    assert [model.card.recipe.image, model.card.recipe.labels] == [str(place) for place in places]


def test_affinities_train_a_map_for_each_direction_and_segment(tissue):
    changes = {**SMALL, "examples": {**SMALL["examples"], "targets": {"kind": "affinities"}}}
    model = drain(fit(*tissue, train_recipe("unet", "quick", changes)))
    assert drain(segment(tissue[0], model)).labels.shape == tissue[0].shape
