"""Synthetic tissue, a model that has learnt it badly, and labels of which two sections were put right."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from napari_advseg import drain, fit, write
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import open_proof
from napari_advseg.recipes import train_recipe
from napari_advseg.samples import neuropil
from napari_advseg.volume.volume import Volume

ALL = slice(None)
TINY = {
    "model": {"widths": (8, 16), "optimiser": {"learning_rate": 0.01}},
    "examples": {"crop": 48, "batch": 4},
    "training": {"steps": 120, "validate_every": 40, "threads": 1, "ema": 0.0, "warmup": 0},
    "prediction": {"threads": 1},
}


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """Image, truth, model, and labels that were proofread, as files; to be copied."""
    folder = tmp_path_factory.mktemp("tissue")
    image, truth = neuropil((6, 64, 72), seed=3, voxel_nm=(40.0, 4.0, 6.0))
    write(image, folder / "raw.tif")
    write(truth, folder / "truth.tif")
    recipe = train_recipe("unet", "quick", {**TINY, "out": str(folder / "old")})
    drain(fit(image.cut(0, 3), truth.cut(0, 3), recipe))
    labels = np.where(truth.numpy() % 3 == 0, 1, truth.numpy())
    path = write(Volume(labels, truth.frame, kind="labels"), folder / "labels.ome.zarr")
    with_edits(path, truth.numpy())
    return folder


def with_edits(path, truth):
    """Paint the truth into the last three sections and review them; mark an object, and merge two."""
    proof = open_proof(path, author="Ada")
    proof.do(edits.merge(proof, points=[(0, 5, 5), (0, 60, 60)]))
    shape = proof.labels.shape
    for z in (3, 4, 5):
        window = (slice(z, z + 1), slice(0, shape[1]), slice(0, shape[2]))
        for one in np.unique(truth[z][truth[z] % 3 == 0]):
            proof.do(edits.paint(proof, window, (truth[z] == one)[None], proof.fresh()))
        proof.do(edits.review(proof, window))
    free = np.argwhere((truth[2] % 3 > 0) & (truth[2] > 1))
    proof.do(edits.mark(proof, points=[(2, *map(int, free[len(free) // 2]))]))
    proof.close()


@pytest.fixture
def work(home, tmp_path):
    """A copy of it, to be worked in."""
    copy = tmp_path / "work"
    shutil.copytree(home, copy)
    return copy
