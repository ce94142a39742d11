"""The model that comes with the package: small, whole, and of use on tissue that it has never seen."""

from __future__ import annotations

import numpy as np

from napari_advseg import drain, model_store, score, segment
from napari_advseg.samples import neuropil
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume


def test_it_is_there_small_and_says_what_it_was_trained_on():
    assert model_store.has_first_model()
    assert sum(path.stat().st_size for path in model_store.FIRST_FOLDER.iterdir()) < 1 << 20
    model = model_store.load(model_store.FIRST_FOLDER)
    trained = [v for k, v in model.weights.items() if "running" not in k and v.dtype.kind == "f"]
    assert sum(value.size for value in trained) == 486_409
    assert "synthetic neuropil" in model.card.about
    assert "Janelia" in model.card.about
    assert model.card.recipe.image is model.card.recipe.out is None


def test_it_finds_cells_whatever_the_exposure():
    image, truth = neuropil((192, 192), seed=4242)
    darker = Volume((image.numpy().astype(np.uint16) * 90 + 3000), Frame("yx"))
    settings = {"boundary": "ignore"}
    errors = [
        score(
            drain(segment(one, model_store.FIRST_FOLDER)).labels.numpy(), truth.numpy(), **settings
        )
        for one in (image, darker)
    ]
    assert all(found.adapted_rand_error < 0.2 for found in errors)
