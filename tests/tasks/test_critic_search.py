"""A critic asked about labels: what it is shown, that tiles change nothing, and who cannot be asked."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from napari_advseg import drain, families, read, write
from napari_advseg.model_store import Card, StoredModel, load, save_card, save_weights
from napari_advseg.progress import BlockDone
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.finding.candidates import find
from napari_advseg.proofreading.finding.queue import ranked
from napari_advseg.recipes import train_recipe
from napari_advseg.settings.channels import Channels
from napari_advseg.tasks.critic_search import WALL, Verdict, by_critic, drawn
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.volume import Volume

CRITIC = {"widths": [4, 8, 8], "norm": "none"}
SMALL = {
    "adversarial_unet": {"model": {"widths": [4, 8], "critic": CRITIC}},
    "cgan": {"model": {"width": 4, "depth": 3, "critic": CRITIC}},
    "unet": {"model": {"widths": [4, 8]}},
}


def model_of(family, image, seed=0, **changes):
    """A model with random weights; its critic finds something everywhere."""
    recipe = train_recipe(family, "quick", {**SMALL[family], **changes, "seed": seed})
    prediction = recipe.prediction.changed(threads=1, device="cpu", precision="fp32")
    recipe = recipe.changed(prediction=prediction)
    torch.manual_seed(seed)
    built = families.load(family).Model(recipe.model, Channels())
    for module in built.modules.values():
        for weight in module.parameters():
            torch.nn.init.normal_(weight, std=0.3)
    weights = {
        f"{name}.{key}": value.numpy().copy()
        for name, module in built.modules.items()
        for key, value in module.state_dict().items()
    }
    normaliser = Normaliser.fit(image, recipe.examples.normalisation, range(1))
    return StoredModel(Card(recipe=recipe, normaliser=normaliser), weights)


@pytest.fixture
def given(tissue):
    """Three sections with labels that fill them, and a map with soft walls."""
    image, truth = (one.cut(0, 3) for one in tissue)
    interior_map = np.where(truth.numpy() == 0, 0.2, 0.9).astype(np.float32)
    return image, Proof(truth), interior_map


@pytest.mark.parametrize("family", ["adversarial_unet", "cgan"])
def test_every_voxel_is_judged_and_sections_alone_as_together(family, given):
    image, proof, interior_map = given
    verdict = Verdict(image, proof.labels, interior_map, model_of(family, image))
    whole = np.asarray(verdict[...])
    assert whole.shape == verdict.shape == proof.labels.shape
    assert whole.dtype == verdict.dtype == np.float32
    assert 0 <= whole.min() < whole.max() <= 1
    assert np.array_equal(verdict[1], whole[1])
    assert np.array_equal(verdict[1:, 20:50, 7:9], whole[1:, 20:50, 7:9])


@pytest.mark.parametrize("family", ["adversarial_unet", "cgan"])
def test_tiles_say_what_the_whole_section_says(family, given):
    image, proof, interior_map = given
    model = model_of(family, image)
    chosen = model.card.recipe.prediction
    found = [
        Verdict(image, proof.labels, interior_map, model, chosen.changed(tile=tile))[0]
        for tile in (None, 72)
    ]
    np.testing.assert_allclose(*found, atol=1e-4)


def test_a_stored_model_judges_as_before(given, tmp_path):
    image, proof, interior_map = given
    model = model_of("adversarial_unet", image)
    name = save_weights(tmp_path, "last", 1, model.weights)
    save_card(tmp_path, model.card.changed(weights={"last": name}))
    before, after = (
        Verdict(image, proof.labels, interior_map, one)[0] for one in (model, load(tmp_path))
    )
    assert np.array_equal(before, after)


def test_several_models_judge_together(given):
    image, proof, interior_map = given
    members = tuple(model_of("adversarial_unet", image, seed) for seed in (0, 1))
    single = [Verdict(image, proof.labels, interior_map, one)[1] for one in members]
    both = dataclasses.replace(members[0], weights={}, members=members)
    found = Verdict(image, proof.labels, interior_map, both)[1]
    np.testing.assert_allclose(found, np.mean(single, axis=0), atol=1e-6)


def test_edited_labels_are_judged_as_they_are_then(given):
    image, proof, interior_map = given
    labels = np.asarray(proof.labels[0])
    verdict = Verdict(image, proof.labels, interior_map, model_of("adversarial_unet", image))
    before = verdict[...]
    ids, sizes = np.unique(labels[labels > 0], return_counts=True)
    largest = ids[np.argsort(sizes)[-2:]]
    proof.do(edits.delete(proof, ids=largest.tolist()))
    assert not np.array_equal(verdict[...], before)
    proof.undo()
    assert np.array_equal(verdict[...], before)


def test_the_critic_is_shown_walls_of_the_labels_alone(tissue):
    card = model_of("adversarial_unet", tissue[0]).card
    labels = np.ones((64, 64), np.int64)
    labels[:, 32:] = 2
    interior_map = np.full((64, 64), 0.9, np.float32)
    interior_map[:, 31:34] = 0.2
    interior_map[10] = 0.1
    shown = drawn(labels, interior_map, card)
    near = np.abs(np.arange(64) - 31.5) <= WALL + 0.5  # from the border pixels 31 and 32 on
    assert np.array_equal(shown[0][:, near], interior_map[:, near])
    assert (shown[0][:, ~near] == 1).all()
    together = drawn(np.ones_like(labels), interior_map, card)
    assert (together == 1).all()


def test_the_queue_of_the_critic_has_the_places_of_the_others(given):
    image, proof, interior_map = given
    model, reports = model_of("adversarial_unet", image), []
    by = drain(by_critic(proof, image, interior_map, model), reports.append)
    mixed = drain(by_critic(proof, image, interior_map, model, "mix"))
    assert [one.done for one in reports if isinstance(one, BlockDone)] == [1, 2, 3]
    assert {one.source for one in by} == {"critic"}
    assert {one.source for one in mixed} == {"mix"}
    assert {str(one.key) for one in by} == {str(one.key) for one in mixed}
    assert [one.worth for one in by] == sorted((one.worth for one in by), reverse=True)


def test_a_verdict_that_was_written_sorts_the_queue_without_the_model(given, tmp_path):
    image, proof, interior_map = given
    model = model_of("adversarial_unet", image)
    verdict = Verdict(image, proof.labels, interior_map, model)
    write(Volume(verdict, proof.frame), tmp_path / "verdict.ome.zarr")
    kept = read(tmp_path / "verdict.ome.zarr").array
    assert np.array_equal(np.asarray(kept[...]), verdict[...])
    assert ranked(proof, drain(find(proof, interior_map, kept)), "critic") == drain(
        by_critic(proof, image, interior_map, model)
    )


def test_a_single_section_is_judged(given):
    image, proof, interior_map = given
    flat = Proof(Volume(np.asarray(proof.labels[0]), proof.frame.without("z"), kind="labels"))
    model = model_of("cgan", image)
    verdict = Verdict(image.cut(0, 1), flat.labels, interior_map[0], model)
    whole = Verdict(image, proof.labels, interior_map, model)
    assert np.array_equal(verdict[...], whole[0])


def test_a_model_without_a_critic_is_refused_with_a_remedy(given):
    image, proof, interior_map = given
    with pytest.raises(ValueError, match=r"\(unet\) has no critic .* train an adversarial_unet"):
        Verdict(image, proof.labels, interior_map, model_of("unet", image))
    painter = model_of("cgan", image, model={**SMALL["cgan"]["model"], "direction": "map_to_image"})
    with pytest.raises(ValueError, match="has no critic"):
        Verdict(image, proof.labels, interior_map, painter)


def test_what_does_not_lie_on_each_other_is_refused(given):
    image, proof, interior_map = given
    model = model_of("adversarial_unet", image)
    for wrong in ((image.cut(0, 2), interior_map), (image, interior_map[:, :50])):
        with pytest.raises(ValueError, match="do not lie on each other"):
            Verdict(wrong[0], proof.labels, wrong[1], model)
