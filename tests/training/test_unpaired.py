"""Images and masks that do not belong together teach CycleGAN, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg import drain, model_store, segment, write
from napari_advseg.progress import Said, StepDone, Warned
from napari_advseg.recipes import train_recipe
from napari_advseg.training.fit import fit
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

SMALL = {
    "model": {
        "width": 4,
        "depth": 3,
        "pool": 4,
        "critic": {"widths": [4, 8], "norm": "instance", "objective": "lsgan"},
    },
    "examples": {"crop": 32, "batch": 2, "normalisation": {"high": 99}},
    "zero": "background",
    "training": {
        "steps": 6,
        "validate_every": 3,
        "save_every": 2,
        "threads": 1,
        "device": "cpu",
        "precision": "fp32",
    },
}


def discs(side: int, seed: int) -> tuple[Volume, Volume]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    ids = np.zeros((side, side), np.uint8)
    for k, (v, u) in enumerate(rng.integers(6, side - 6, (6, 2)), start=1):
        ids[(y - v) ** 2 + (x - u) ** 2 < 25] = k
    grey = (80 + 100 * (ids > 0) + rng.normal(0, 5, ids.shape)).clip(0, 255).astype(np.uint8)
    return Volume(grey, Frame("yx")), Volume(ids, Frame("yx"), kind="labels")


@pytest.fixture
def sets(tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for k in range(3):
        write(discs(48 + 8 * k, k)[0], tmp_path / "images" / f"i{k}.tif")
    for k in range(2):
        write(discs(64, 10 + k)[1], tmp_path / "masks" / f"m{k}.tif")
    pair = [
        write(one, tmp_path / name)
        for one, name in zip(discs(48, 5), ("a.tif", "b.tif"), strict=True)
    ]
    return tmp_path, pair


def recipe(folder, out=None, **changes):
    tree = {
        **SMALL,
        "images": str(folder / "images"),
        "masks": str(folder / "masks"),
        "out": out and str(out),
    }
    return train_recipe("cyclegan", "quick", {**tree, **changes})


def test_other_numbers_and_sizes_of_masks_than_of_images_train(sets):
    folder, _ = sets
    reports = []
    model = drain(fit(recipe=recipe(folder)), reports.append)
    assert [r.step for r in reports if isinstance(r, StepDone)] == [1, 2, 3, 4, 5, 6]
    assert any("need not belong together" in r.text for r in reports if isinstance(r, Said))
    assert drain(segment(discs(48, 7)[0], model)).labels.shape == (48, 48)


def test_a_few_pairs_validate_and_teach(sets):
    folder, pair = sets
    reports = []
    model = drain(
        fit(recipe=recipe(folder, image=str(pair[0]), labels=str(pair[1]))), reports.append
    )
    losses = next(r.losses for r in reports if isinstance(r, StepDone))
    assert "generator_ab+generator_ba/pairs" in losses
    assert set(model.card.calibration) == {"adapted_rand_error", "voi_split", "voi_merge"}


def test_a_resumed_training_remembers_its_history_of_maps(sets):
    folder, _ = sets
    whole = drain(fit(recipe=recipe(folder, folder / "whole")))
    running = fit(recipe=recipe(folder, folder / "broken"))
    for report in running:
        if isinstance(report, StepDone) and report.step == 4:
            running.close()
            break
    resumed = drain(fit(recipe=recipe(folder, folder / "broken"), resume=True))
    assert model_store.load_state(folder / "broken").facts["step"] == 6
    for key, value in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[key], value)


def test_a_single_image_and_a_single_mask_never_become_a_pair(sets):
    folder, _ = sets
    image, mask = (
        write(discs(48, 0)[0], folder / "a[1].tif"),
        write(discs(64, 1)[1], folder / "m.tif"),
    )
    given = recipe(folder, folder / "first", images=str(image), masks=str(mask))
    first = drain(fit(recipe=given))
    stored = model_store.read_card(folder / "first").recipe
    assert (stored.image, stored.labels) == (None, None)
    again = drain(fit(recipe=stored.changed(out=str(folder / "second"))))
    for key, value in first.weights.items():
        np.testing.assert_array_equal(again.weights[key], value)


def test_pairs_alone_are_taken_as_two_sets_and_that_is_said(sets):
    reports = []
    drain(fit(*discs(64, 0), train_recipe("cyclegan", "quick", SMALL)), reports.append)
    assert any(
        "does not look at which image belongs" in r.text for r in reports if isinstance(r, Said)
    )
    assert any(isinstance(r, Warned) for r in reports)


def test_a_family_of_pairs_refuses_what_does_not_belong_together(sets):
    folder, _ = sets
    tree = {"images": str(folder / "images"), "masks": str(folder / "masks")}
    with pytest.raises(ValueError, match="unet learns from images with their own labels"):
        drain(fit(recipe=train_recipe("unet", "quick", tree)))
    with pytest.raises(ValueError, match="Name both --images and --masks"):
        drain(fit(recipe=train_recipe("cyclegan", "quick", {"images": str(folder / "images")})))


def test_swapped_inside_and_outside_are_said(sets):
    folder, _ = sets
    lessons, exam = [discs(48, seed) for seed in range(4)], discs(48, 9)
    grey = np.stack([image.numpy() for image, _ in (*lessons, exam)])
    turned = [np.where(labels.numpy() > 0, 0, 1) for _, labels in lessons]
    ids = np.stack([*turned, exam[1].numpy()]).astype(np.uint8)
    pair = [
        write(Volume(grey, Frame("zyx")), folder / "grey.tif"),
        write(Volume(ids, Frame("zyx"), kind="labels"), folder / "turned.tif"),
    ]
    training = {**SMALL["training"], "steps": 30, "validate_every": 10, "save_every": 30}
    model = {**SMALL["model"], "width": 8, "dropout": 0.0, "paired": 100.0}
    model["optimiser"] = {"learning_rate": 3e-3}
    changes = {"model": model, "training": training, "validation": "4:5"}
    reports = []
    drain(
        fit(recipe=recipe(folder, image=str(pair[0]), labels=str(pair[1]), **changes)),
        reports.append,
    )
    texts = [r.text for r in reports if isinstance(r, Warned)]
    assert sum("Inside and outside are swapped" in text for text in texts) == 1
