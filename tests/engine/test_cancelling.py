"""Cancel at random moments, in a real child: always heard, never a broken model, and nothing of it in the result."""

from __future__ import annotations

import queue
import random
import sys
import time

import numpy as np
import pytest

from napari_advseg import model_store, read, write
from napari_advseg.engine import (
    Begun,
    Cancelled,
    Engine,
    Failed,
    Finished,
    Heard,
    Lost,
    Ready,
    Reported,
)
from napari_advseg.progress import StepDone
from napari_advseg.recipes import Segment, train_recipe

WAIT_S = 120
LONGEST_S = 0.6
MOMENTS = [5, pytest.param(100, marks=pytest.mark.slow)]
ENDS = (Finished, Cancelled, Failed, Lost)


@pytest.fixture(scope="module")
def child():
    """A child as the docks have it: `until(kinds)` waits for a message and returns all up to it."""
    said = queue.Queue()
    engine = Engine(said.put, [sys.executable, "-m", "napari_advseg", "serve"])
    engine.start()

    def until(*kinds):
        heard = []
        while not heard or not isinstance(heard[-1], kinds):
            heard.append(said.get(timeout=WAIT_S))
        return heard

    until(Ready)
    yield engine, until
    engine.stop()


@pytest.fixture(scope="module")
def data(tissue, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    image, labels = tissue
    return write(image, folder / "image.ome.zarr"), write(labels, folder / "labels.ome.zarr")


def training(data, out, steps):
    image, labels = map(str, data)
    changes = {
        "image": image,
        "labels": labels,
        "out": str(out),
        "model": {"widths": [4, 8]},
        "examples": {"crop": 32, "batch": 1},
        "training": {
            "steps": steps,
            "validate_every": 7,
            "save_every": 5,
            "threads": 1,
            "precision": "fp32",
        },
    }
    return train_recipe("unet", "quick", changes)


def cancelled(child, recipe, after_s, *, resume=False):
    """Run a recipe and cancel it so long after its beginning; how it ended comes back."""
    engine, until = child
    job = engine.run(recipe, resume=resume)
    until(Begun)
    time.sleep(after_s)
    engine.cancel(job)
    heard = until(*ENDS)
    end = heard[-1]
    assert isinstance(end, (Cancelled, Finished)), end
    if isinstance(end, Cancelled):
        assert Heard(job, "cancel") in heard
        at = heard.index(Heard(job, "cancel"))
        late = [one for one in heard[at:] if isinstance(one, Reported)]
        assert sum(isinstance(one.report, StepDone) for one in late) <= 1  # the running step
    else:
        until(Heard)
    return end


def finished(child, recipe, *, resume=False):
    engine, until = child
    engine.run(recipe, resume=resume)
    end = until(*ENDS)[-1]
    assert isinstance(end, Finished), end


@pytest.mark.parametrize("moments", MOMENTS)
def test_a_training_cancelled_at_random_moments_ends_as_an_unbroken_one(
    child, data, tmp_path, moments
):
    rng = random.Random(moments)  # noqa: S311 - moments, no secrets
    steps, folder = 12 * moments, tmp_path / "broken"
    begun = False
    for _ in range(moments):
        cancelled(child, training(data, folder, steps), LONGEST_S * rng.random(), resume=begun)
        begun = (folder / model_store.CARD).exists()
        if begun and model_store.read_card(folder).weights:
            card, state = model_store.read_card(folder), model_store.load_state(folder)
            assert state.facts["step"] == card.last_step
            model_store.load(folder)
    finished(child, training(data, folder, steps), resume=begun)
    finished(child, training(data, tmp_path / "whole", steps))
    broken, whole = (model_store.load(tmp_path / name, "last") for name in ("broken", "whole"))
    for key, value in whole.weights.items():
        np.testing.assert_array_equal(broken.weights[key], value)


@pytest.mark.parametrize("moments", MOMENTS)
def test_a_segmentation_cancelled_at_random_moments_leaves_all_or_nothing(
    child, data, tmp_path, moments
):
    finished(child, training(data, tmp_path / "model", 3))

    def segmentation(name):
        place = {"image": str(data[0]), "model": str(tmp_path / "model")}
        return Segment(**place, out=str(tmp_path / f"{name}.ome.zarr"))

    finished(child, segmentation("whole"))
    expected = read(tmp_path / "whole.ome.zarr").numpy()
    rng = random.Random(moments)  # noqa: S311
    for k in range(moments):
        end = cancelled(child, segmentation(f"l{k}"), LONGEST_S / 2 * rng.random())
        out = tmp_path / f"l{k}.ome.zarr"
        # A cancel that comes after the last section finds all of it written.
        assert isinstance(end, Cancelled) or out.exists()
        if out.exists():
            np.testing.assert_array_equal(read(out).numpy(), expected)
    finished(child, segmentation("again"))
    np.testing.assert_array_equal(read(tmp_path / "again.ome.zarr").numpy(), expected)
