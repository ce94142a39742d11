"""Classes and sets of images go the whole path: annotation in, class layer out, mean IoU said."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg import drain, segment, write
from napari_advseg.model_store import load
from napari_advseg.progress import Said
from napari_advseg.recipes import train_recipe
from napari_advseg.tasks import execute
from napari_advseg.training.fit import fit
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

SMALL = {
    "model": {"widths": (8, 16), "optimiser": {"learning_rate": 0.01}},
    "examples": {"crop": 32, "batch": 4, "targets": {"kind": "classes"}},
    "training": {
        "steps": 60,
        "validate_every": 60,
        "threads": 1,
        "device": "cpu",
        "precision": "fp32",
    },
}


def striped(side: int, seed: int) -> tuple[Volume, Volume]:
    """Stripes of three greys; the values of the classes are 0, 127 and 255 (5 is in no palette)."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(rng.integers(0, 3, side // 8 + 1), 8)[:side]
    kinds[:24] = np.repeat([0, 1, 2], 8)
    classes = np.repeat(np.array([0, 127, 255], np.uint8)[kinds][:, None], side + 8, axis=1)
    grey = (60 * kinds[:, None] + rng.normal(40, 4, classes.shape)).clip(0, 255).astype(np.uint8)
    return Volume(grey, Frame("yx")), Volume(classes, Frame("yx"), kind="labels")


@pytest.fixture
def folder(tmp_path):
    for name, seed, side in (("a", 0, 48), ("b", 1, 64), ("c", 2, 56), ("d", 3, 48)):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "masks").mkdir(exist_ok=True)
        image, classes = striped(side, seed)
        write(image, tmp_path / "images" / f"{name}.tif")
        write(classes, tmp_path / "masks" / f"{name}_m.tif")
    return tmp_path


def test_images_of_several_sizes_teach_classes_that_are_segmented_and_scored(folder):
    out = folder / "model"
    recipe = train_recipe("unet", "quick", {**SMALL, "out": str(out)})
    reports = []
    model = drain(fit(folder / "images", folder / "masks", recipe), reports.append)
    said = " ".join(report.text for report in reports if isinstance(report, Said))
    assert "3 classes: 0 (" in said
    assert "3 sections train, 1 validates" in said
    assert model.card.calibration["mean_iou"] > 0.8
    assert model.card.recipe.examples.targets.classes == (0, 127, 255)
    unseen, truth = striped(72, 9)
    labels = drain(segment(unseen, load(out))).labels
    assert labels.kind == "labels"
    assert labels.dtype == np.uint8
    assert set(np.unique(labels.numpy())) <= {0, 127, 255}
    assert (labels.numpy() == truth.numpy()).mean() > 0.9
    path = write(unseen, folder / "unseen.tif")
    tree = {"task": "segment", "image": str(path), "model": str(out), "out": str(folder / "l.tif")}
    assert drain(execute(tree))["classes"] == 3
    with pytest.raises(ValueError, match="makes no interior map"):
        drain(
            execute({**tree, "out": str(folder / "m.tif"), "probabilities": str(folder / "p.tif")})
        )


def test_the_recipe_of_a_set_is_replayed(folder):
    tree = {**SMALL, "image": str(folder / "images"), "labels": str(folder / "masks" / "*_m.tif")}
    tree["training"] = {**SMALL["training"], "steps": 2}
    first = drain(fit(recipe=train_recipe("unet", "quick", tree)))
    again = drain(fit(recipe=first.card.recipe))
    for key, value in first.weights.items():
        np.testing.assert_array_equal(again.weights[key], value)


def test_epochs_become_steps(folder):
    tree = {**SMALL, "image": str(folder / "images"), "labels": str(folder / "masks")}
    tree["training"] = {**SMALL["training"], "epochs": 3}
    del tree["training"]["steps"]
    model = drain(fit(recipe=train_recipe("unet", "quick", tree)))
    assert model.card.recipe.training.steps == 3
    assert model.card.recipe.training.epochs is None
