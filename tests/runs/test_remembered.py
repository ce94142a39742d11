"""How long a step takes on this computer, and where trainings went, are known to the next viewer."""

from __future__ import annotations

import pytest

from napari_advseg import drain
from napari_advseg.progress import Said, StepDone
from napari_advseg.recipes import train_recipe
from napari_advseg.runs import remembered as memory
from napari_advseg.tasks import execute


@pytest.fixture(autouse=True)
def own_file(tmp_path, monkeypatch):
    monkeypatch.setenv(memory.ENVIRONMENT, str(tmp_path / "cache"))


def recipe(**changes):
    return train_recipe("unet", "quick", changes)


def steps(count):
    for step in range(1, count + 1):
        yield Said("on the way")
        yield StepDone(step, count, {}, 0.1)
    return "done"


def test_what_differs_in_time_differs_in_its_name_and_what_only_weighs_does_not():
    plain = memory.pace_of(recipe(), "CPU")
    assert memory.pace_of(recipe(training={"steps": 7}, seed=3), "CPU") == plain
    assert memory.pace_of(recipe(model={"optimiser": {"learning_rate": 0.1}}), "CPU") == plain
    for other in (
        memory.pace_of(recipe(), "H100"),
        memory.pace_of(recipe(model={"widths": [8, 16]}), "CPU"),
        memory.pace_of(recipe(examples={"crop": 64}), "CPU"),
        memory.pace_of(recipe(examples={"batch": 1}), "CPU"),
        memory.pace_of(recipe(training={"threads": 1}), "CPU"),
        memory.pace_of(train_recipe("cgan", "quick"), "CPU"),
    ):
        assert other != plain


def test_a_training_is_timed_and_remembered(tmp_path):
    given = recipe(out=str(tmp_path / "model"))
    assert drain(memory.watched(steps(20), given, "CPU")) == "done"
    found = memory.remembered()
    assert 0 <= found.paces[memory.pace_of(given, "CPU")] < 1
    assert found.places == (str((tmp_path / "model").resolve()),)
    memory.forget_place(given.out)
    assert memory.remembered().places == ()


def test_a_few_steps_say_nothing_and_a_cancelled_training_says_what_it_took():
    drain(memory.watched(steps(6), recipe(), "CPU"))
    assert not memory.remembered().paces
    running = memory.watched(steps(1000), recipe(), "CPU")
    for _ in range(60):
        next(running)
    running.close()
    assert memory.remembered().paces


def test_time_between_two_reports_that_nobody_asked_for_does_not_count():
    watch = memory.Stopwatch()
    for step in range(1, 12):
        watch.see(Said("validated"), 0.5)
        watch.see(StepDone(step, 11, {}, 0.0), 0.25)
    assert watch.seconds == pytest.approx(0.75)


def test_steps_are_known_where_they_follow_from_what_is_known():
    assert memory.steps_of(recipe(training={"steps": 70})) == 70
    assert memory.steps_of(recipe(training={"minutes": 3})) is None
    epochs = train_recipe("cgan", "seed")
    assert memory.steps_of(epochs) is None
    assert memory.steps_of(epochs, sections=16) == 100 * 16
    begun = epochs.changed(
        training=epochs.training.changed(epochs=3), examples=epochs.examples.changed(batch=4)
    )
    assert memory.steps_of(begun, sections=5) == 4  # the last batch may be smaller


def test_a_damaged_or_locked_memory_only_costs_the_estimate(tmp_path, monkeypatch):
    memory.remember_pace("a", 1.0)
    memory.file().write_text("{")
    assert memory.remembered() == memory.Memory()
    monkeypatch.setenv(memory.ENVIRONMENT, str(tmp_path / "file" / "inside"))
    (tmp_path / "file").write_text("")
    memory.remember_pace("a", 1.0)
    assert memory.remembered() == memory.Memory()


def test_the_memory_does_not_grow_for_ever():
    for k in range(memory.MOST_PLACES + 5):
        memory.remember_place(f"/nowhere/{k}")
    places = memory.remembered().places
    assert len(places) == memory.MOST_PLACES
    assert places[-1].endswith(str(memory.MOST_PLACES + 4))


def test_a_training_from_a_recipe_is_remembered_by_what_was_typed(tissue, tmp_path):
    from napari_advseg import write

    image, labels = (
        str(write(v, tmp_path / f"{k}.tif")) for k, v in zip("il", tissue, strict=True)
    )
    given = recipe(
        image=image,
        labels=labels,
        out=str(tmp_path / "model"),
        model={"widths": [4, 8]},
        examples={"crop": 32, "batch": 1},
        training={"steps": 10, "minutes": None, "device": "cpu"},
    )
    drain(execute(given.model_dump(mode="json")))
    assert memory.pace_of(given, "CPU") in memory.remembered().paces
