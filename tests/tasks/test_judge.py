"""The recipe that asks a model's critic about labels under proofreading, from file to file."""

from __future__ import annotations

import json

import numpy as np
import pytest

import napari_advseg as advseg
from napari_advseg.progress import drain
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import open_proof
from napari_advseg.proofreading.finding.queue import Item
from napari_advseg.recipes import train_recipe
from napari_advseg.samples import neuropil
from napari_advseg.tasks import execute
from napari_advseg.volume.formats.files import write
from napari_advseg.volume.volume import Volume

QUICK = {
    "training": {"steps": 2},
    "examples": {"crop": 32, "batch": 1},
    "model": {"widths": [4, 8], "critic": {"widths": [4, 8]}, "quiet_steps": 0},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Image, map and labels of which one object is cut in two, and models with and without a critic."""
    folder = tmp_path_factory.mktemp("judge")
    image, truth = neuropil((4, 56, 72), voxel_nm=(40.0, 4.0, 6.0))
    labels = truth.numpy().astype(np.uint32)
    largest = np.bincount(labels.ravel())[1:].argmax() + 1
    here = labels == largest
    labels[here & (np.arange(72) > np.median(np.nonzero(here)[2]))] = labels.max() + 1
    interior_map = np.where(truth.numpy() > 0, 0.9, 0.1).astype(np.float32)
    paths = {
        "image": write(image, folder / "image.ome.zarr"),
        "labels": write(Volume(labels, truth.frame, kind="labels"), folder / "labels.ome.zarr"),
        "interior": write(Volume(interior_map, truth.frame), folder / "interior.ome.zarr"),
    }
    for name in ("adversarial_unet", "unet"):
        changes = {**QUICK, "out": str(folder / name)}
        if name == "unet":
            changes["model"] = {"widths": [4, 8]}
        drain(advseg.fit(image, truth, train_recipe(name, "quick", changes)))
        paths[name] = folder / name
    return {name: str(path) for name, path in paths.items()}


def recipe(files, **changes):
    named = {name: files[name] for name in ("image", "labels", "interior")}
    return {"task": "judge", **named, "model": files["adversarial_unet"], **changes}


@pytest.mark.parametrize("order", ["critic", "mix"])
def test_places_come_in_the_critics_order_and_are_written(files, tmp_path, order):
    out = tmp_path / "places.json"
    made = drain(execute(recipe(files, order=order, out=str(out))))
    items = [Item.from_json(row) for row in made["items"]]
    assert items
    assert {item.source for item in items} == {order}
    assert [item.worth for item in items] == sorted((item.worth for item in items), reverse=True)
    assert json.loads(out.read_text())["items"] == made["items"]


def test_edits_of_the_journal_count(files, tmp_path):
    before = drain(execute(recipe(files)))["items"]
    merge = next(Item.from_json(row) for row in before if row["action"] == "merge")
    proof = open_proof(files["labels"], tmp_path / "journal")
    proof.do(edits.merge(proof, ids=merge.labels, points=merge.points))
    proof.close()
    after = drain(execute(recipe(files, journal=str(tmp_path / "journal"))))["items"]
    assert merge.labels not in {Item.from_json(row).labels for row in after}


def test_a_model_without_a_critic_is_refused_with_a_remedy(files):
    with pytest.raises(ValueError, match="adversarial_unet"):
        drain(execute(recipe(files, model=files["unet"])))
