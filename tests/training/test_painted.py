"""A training takes a painted annotation as it is meant, and so does the replay of its recipe."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg import drain, write
from napari_advseg.progress import Said
from napari_advseg.recipes import train_recipe
from napari_advseg.training.data import plan, prepare
from napari_advseg.training.fit import fit
from napari_advseg.training.outlook import outlook
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import BACKGROUND, BOUNDARY, painted_frame
from napari_advseg.volume.volume import Volume

SMALL = {
    "model": {"widths": (8, 16)},
    "examples": {"crop": 32, "batch": 2},
    "training": {
        "steps": 4,
        "validate_every": 4,
        "threads": 1,
        "device": "cpu",
        "precision": "fp32",
    },
}


@pytest.fixture(scope="module")
def tissue():
    """Five sections of 24 square cells with walls of 2 px, dark in the image."""
    y, x = np.ogrid[:64, :72]
    inside = (y % 12 > 1) & (x % 12 > 1)
    cells = np.where(inside, 1 + y // 12 + 6 * (x // 12), 0).astype(np.uint32)
    noise = np.random.default_rng(0).normal(0, 8, (5, 64, 72))
    grey = (60 + 120 * inside + noise).clip(0, 255).astype(np.uint8)
    frame = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3)
    return Volume(grey, frame), Volume(np.stack([cells] * 5), frame, kind="labels")


def sparse(tissue, mark):
    """The truth of a quarter of four sections, its walls painted with a mark; nothing else."""
    truth = tissue[1].numpy().astype(np.uint32)
    ids = np.zeros_like(truth)
    part = np.s_[:4, 8:40, 8:44]
    ids[part] = np.where(truth[part] == 0, mark, truth[part])
    return Volume(ids, painted_frame(tissue[1].frame), kind="labels")


@pytest.mark.parametrize(("mark", "zero"), [(BOUNDARY, "boundary"), (BACKGROUND, "background")])
def test_a_run_learns_marks_and_leaves_out_what_is_not_painted(tissue, mark, zero, tmp_path):
    labels = sparse(tissue, mark)
    for volume, name in ((tissue[0], "image.tif"), (labels, "labels.ome.zarr")):
        write(volume, tmp_path / name)
    paths = str(tmp_path / "image.tif"), str(tmp_path / "labels.ome.zarr")
    recipe = train_recipe("unet", "quick", SMALL)
    reports = []
    model = drain(fit(*paths, recipe), reports.append)
    said = " ".join(report.text for report in reports if isinstance(report, Said))
    assert f"mark {zero}" in said
    assert "3 sections train, 1 validates; 4,608 annotated voxels" in said
    assert model.card.recipe.zero == "unannotated"
    assert model.card.labelling.zero == zero
    assert set(model.card.calibration) == {"adapted_rand_error", "voi_split", "voi_merge"}
    again = drain(fit(recipe=model.card.recipe))
    for name, weights in model.weights.items():
        np.testing.assert_array_equal(again.weights[name], weights)


def test_what_is_withheld_is_judged_only_where_it_is_painted(tissue):
    labels = sparse(tissue, BOUNDARY)
    data = drain(prepare(tissue[0], labels, train_recipe("unet", "quick", SMALL)))
    (withheld,) = data.withheld
    np.testing.assert_array_equal(withheld.weight[0, 0] > 0, labels.numpy()[3] != 0)
    assert not withheld.target[0, 0][labels.numpy()[3] == BOUNDARY].any()


def test_the_plan_says_what_is_painted(tissue):
    labels = sparse(tissue, BACKGROUND)
    found = drain(plan([labels], train_recipe("unet", "quick", SMALL)))
    assert found.zero_words == "0 is not annotated (left out of the loss); background is painted."


def test_painted_classes_do_not_learn_what_is_not_annotated(tissue):
    painted = sparse(tissue, 0).numpy()
    classes = (painted % 2 + 1) * (painted > 0)
    recipe = train_recipe("unet", "quick", SMALL | {"examples": {"targets": {"kind": "classes"}}})
    volumes = [
        Volume(classes.astype(np.uint8), frame, kind="labels")
        for frame in (tissue[1].frame, painted_frame(tissue[1].frame, {1: "axon", 2: "myelin"}))
    ]
    plans = [drain(plan([volume], recipe)) for volume in volumes]
    assert [found.examples.targets.classes for found in plans] == [(0, 1, 2), (1, 2)]
    assert plans[1].zero == "unannotated"
    cells = train_recipe("unet", "quick", SMALL)
    assert outlook(volumes[1], cells).classes == (1, 2)  # offered, as they were painted as classes
