"""A training that starts from another model: what fits is taken, what does not is named."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from napari_advseg import drain, families, model_store
from napari_advseg.progress import Phase, Said
from napari_advseg.recipes import train_recipe
from napari_advseg.runs.continuing import LOCK
from napari_advseg.samples import neuropil
from napari_advseg.training.fit import fit
from napari_advseg.training.starting import fitting, take_over

TRAINING = {"steps": 2, "validate_every": 2, "threads": 1, "device": "cpu", "precision": "fp32"}
EXAMPLES = {"crop": 32, "batch": 1}
NARROW = {
    "unet": {"widths": [4, 8]},
    "boundless": {"width": 4, "critic_width": 4},
    "boundless_transfer": {"width": 4},
    "adversarial_unet": {"widths": [4, 8], "critic": {"widths": [4, 8]}},
}


def recipe(family, out=None, **changes):
    model = {**NARROW[family], **changes.pop("model", {})}
    tree = {"model": model, "examples": EXAMPLES, "training": {**TRAINING, "ema": 0.9}}
    return train_recipe(family, "quick", {**tree, "out": out and str(out), **changes})


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    image, labels = neuropil((3, 40, 56), seed=3, voxel_nm=(40.0, 4.0, 6.0), wall=1)
    place = tmp_path_factory.mktemp("sources")
    for family in ("unet", "boundless"):
        drain(fit(image, labels, recipe(family, place / family)))
    return place, image, labels


def model_of(family, **changes):
    torch.manual_seed(7)
    settings = families.find(family).settings.model_validate({**NARROW[family], **changes})
    return families.load(family).Model(settings)


def weights(family):
    return {
        f"{player}.{name}": value.detach().numpy().copy()
        for player, module in family.modules.items()
        for name, value in module.state_dict().items()
    }


def test_images_alone_train_a_model_that_is_judged_by_what_it_paints(sources):
    card = model_store.read_card(sources[0] / "boundless")
    assert {"l1_inside", "l1_outside", "ssim_inside", "psnr_inside"} <= set(card.calibration)
    assert card.best_step == 2


@pytest.mark.parametrize("layers", [0, 3, 8, 17])
def test_the_first_layers_come_over_and_no_others(sources, layers):
    family = model_of("boundless_transfer", load_first=layers)
    before, source = weights(family), model_store.load(sources[0] / "boundless").weights
    if not layers:
        with pytest.raises(ValueError, match="Nothing is taken"):
            take_over(family, str(sources[0] / "boundless"))
        return
    words = take_over(family, str(sources[0] / "boundless"))
    after, network = weights(family), family.modules["generator"]
    for name, value in after.items():
        is_first = network.layer_of(name.partition(".")[2]) <= layers
        assert np.array_equal(value, (source if is_first else before)[name])
    count = min(4 * layers, 66)
    assert words.startswith(f"{count} of 66 tensors come from boundless (boundless, step 2).")
    assert ("At random begin generator.gated" in words) == (layers < 17)
    assert "Left out of it: " in words
    with torch.inference_mode():
        image = torch.rand(1, 3, 32, 32)
        other = model_of("boundless")
        other.put_weights(source)
        first = [one.modules["generator"].gated[0](image) for one in (family, other)]
        assert torch.equal(*first)


def test_frozen_layers_stay_those_of_the_source_also_in_the_average(sources):
    place, image, labels = sources
    chosen = recipe(
        "boundless_transfer",
        model={"scenario": "pretrained_frozen"},
        start_from=str(place / "boundless"),
    )
    reports = []
    model = drain(fit(image, labels, chosen), reports.append)
    source = model_store.load(place / "boundless").weights
    same = {name for name, value in model.weights.items() if np.array_equal(value, source[name])}
    assert same == {name for k in range(8) for name in model.weights if f".{k}." in name}
    assert any("32 of 66 tensors" in one.text for one in reports if isinstance(one, Said))


def test_another_family_with_the_same_network_is_a_source(sources):
    """The U-Net of unet becomes the generator of adversarial_unet, though their players' names differ."""
    family = model_of("adversarial_unet")
    words = take_over(family, str(sources[0] / "unet"))
    source = model_store.load(sources[0] / "unet").weights
    for name, value in family.modules["generator"].state_dict().items():
        assert np.array_equal(value.numpy(), source[f"unet.{name}"])
    assert "At random begin critic." in words


def test_one_that_is_killed_before_its_first_save_starts_there_again(sources, tmp_path):
    place, image, labels = sources
    chosen = recipe("unet", tmp_path / "model", start_from=str(place / "unet"))
    running = fit(image, labels, chosen)
    while next(running) != Phase("train", 2):
        pass
    shutil.copytree(tmp_path / "model", tmp_path / "killed", ignore=shutil.ignore_patterns(LOCK))
    running.close()
    assert not (tmp_path / "killed" / "state.json").exists()
    whole = drain(fit(image, labels, chosen.changed(out=str(tmp_path / "whole"))))
    reports = []
    again = fit(image, labels, chosen.changed(out=str(tmp_path / "killed")), resume=True)
    resumed = drain(again, reports.append)
    assert any("tensors come from" in one.text for one in reports if isinstance(one, Said))
    for name, value in whole.weights.items():
        assert np.array_equal(resumed.weights[name], value)


def test_patterns_say_what_may_be_taken(sources):
    family = model_of("unet")
    before = weights(family)
    name = next(key for key in before if before[key].ndim == 4)
    words = take_over(family, str(sources[0] / "unet"), [name])
    assert words.startswith("1 of ")
    changed = [
        key for key, value in weights(family).items() if not np.array_equal(value, before[key])
    ]
    assert changed == [name]


def test_players_are_matched_by_name_first():
    small, large = np.zeros((2, 2), np.float32), np.zeros((3, 3), np.float32)
    theirs = {"a.x": small, "b.x": small, "b.y": large}
    assert fitting({"a.x": (2, 2), "a.y": (3, 3)}, theirs) == {"a.x": "a.x"}
    assert fitting({"c.x": (2, 2), "c.y": (3, 3)}, theirs) == {"c.x": "b.x", "c.y": "b.y"}


def test_what_cannot_be_a_source_is_refused(sources, tmp_path):
    place, image, labels = sources
    with pytest.raises(ValueError, match="No tensor of .* has a name and shape of this model"):
        take_over(model_of("unet", widths=[5, 7]), str(place / "boundless"))
    with pytest.raises(ValueError, match="Nothing is taken"):
        take_over(model_of("unet"), str(place / "unet"), ["critic*"])
    with pytest.raises(ValueError, match="holds no model"):
        take_over(model_of("unet"), str(tmp_path))
    needs = recipe("boundless_transfer", tmp_path / "model")
    with pytest.raises(ValueError, match="name its folder with start_from"):
        drain(fit(image, labels, needs))
    assert not (tmp_path / "model").exists()
