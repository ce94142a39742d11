"""The gate: no reviewed block may get worse, by whatever little."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_advseg import drain, model_store, read, score, segment
from napari_advseg.proofreading.afterwards.trusted import Judged
from napari_advseg.tasks.retrain.judging import judge
from napari_advseg.volume.painted import BACKGROUND, BOUNDARY, painted_frame
from napari_advseg.volume.volume import Volume

BLOCKS = (((1, 3), (0, 64), (0, 72)), ((4, 5), (8, 40), (16, 64)))


@pytest.fixture(scope="module")
def tissue(home):
    image, truth = read(home / "raw.tif"), read(home / "truth.tif").numpy()
    annotation = Volume(truth.astype(np.uint32), painted_frame(image.frame), kind="labels")
    return image, annotation


@pytest.fixture(scope="module")
def model(home):
    return model_store.load(home / "old")


def blind(model):
    """The model with all weights 0: one object everywhere."""
    return dataclasses.replace(model, weights={k: v * 0 for k, v in model.weights.items()})


def judged(models, tissue, blocks=BLOCKS, is_withheld=True):
    return drain(judge(models, *tissue, Judged(blocks, is_withheld)))


def test_the_same_model_is_taken_for_it_is_no_worse(model, tissue):
    verdict = judged((model, model), tissue)
    assert verdict.is_taken
    assert [one.box for one in verdict.blocks] == list(BLOCKS)
    assert all(one.old == one.new for one in verdict.blocks)
    assert "worse in none of 2 blocks withheld" in verdict.words


def test_figures_are_those_of_the_labels_that_the_model_makes(model, tissue):
    image, truth = tissue
    (found,) = judged((model, model), tissue, BLOCKS[:1]).blocks
    labels = drain(segment(image.cut(1, 3), model)).labels
    expected = score(labels, truth.numpy()[1:3])
    assert found.old.values() == expected.values()


def test_a_worse_one_is_refused_with_its_figures(model, tissue):
    verdict = judged((model, blind(model)), tissue)
    assert not verdict.is_taken
    assert "not taken: it is worse in" in verdict.words
    tree = verdict.to_json()
    assert tree["is_withheld"]
    assert any(one["is_worse"] for one in tree["blocks"])
    assert {"voi", "adapted_rand_error", "scored"} <= tree["blocks"][0]["old"].keys()


def test_a_single_worse_block_is_enough(model, tissue):
    good = judged((model, model), tissue).blocks[0]
    bad = dataclasses.replace(
        good,
        new=dataclasses.replace(good.new, adapted_rand_error=good.old.adapted_rand_error + 1e-9),
    )
    verdict = judged((model, model), tissue)
    assert not dataclasses.replace(verdict, blocks=(good, bad)).is_taken
    assert "worse in 1 of 2" in dataclasses.replace(verdict, blocks=(good, bad)).words


def test_what_was_learnt_from_is_said(model, tissue):
    assert "which it has learnt from" in judged((model, model), tissue, is_withheld=False).words


def test_nothing_to_compare_takes_nothing(model, tissue):
    image, truth = tissue
    walls = dataclasses.replace(truth, array=np.full(truth.shape, BOUNDARY, np.uint32))
    verdict = judged((model, model), (image, walls))
    assert (verdict.is_taken, verdict.blocks) == (False, ())
    assert "no reviewed block shows objects" in verdict.words


def test_a_reviewed_background_is_an_object_that_nothing_may_flow_into(model, tissue):
    image, truth = tissue
    ids, counts = np.unique(truth.numpy()[4, 8:40, 16:64], return_counts=True)
    kept = truth.numpy() == ids[counts.argmax()]
    outside = np.where(kept, truth.numpy(), BACKGROUND).astype(np.uint32)
    background = image, dataclasses.replace(truth, array=outside)
    (found,) = judged((model, blind(model)), background, BLOCKS[1:]).blocks
    (whole,) = judged((model, blind(model)), tissue, BLOCKS[1:]).blocks
    assert found.new.scored > 0
    assert 0 < found.new.voi_merge < whole.new.voi_merge
