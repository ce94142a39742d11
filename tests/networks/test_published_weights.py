"""ImageNet weights by their public names: from a file made here, as from the one that others publish."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from napari_advseg import families
from napari_advseg.networks.deeplab import DilatedResNet
from napari_advseg.networks.weights import published, take
from napari_advseg.settings.channels import Channels

TWO = Channels(image=1, output=2, gives="classes")


def resnet(channels=3):
    torch.manual_seed(channels)
    return DilatedResNet(channels, (1, 1, 1, 1))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_local_file_fills_the_body_and_leaves_the_classifier(tmp_path, suffix):
    given = {
        **resnet().state_dict(),
        "fc.weight": torch.zeros(10, 2048),
        "fc.bias": torch.zeros(10),
    }
    path = tmp_path / f"resnet{suffix}"
    (torch.save if suffix == ".pth" else save_file)(given, path)
    network = DilatedResNet(3, (1, 1, 1, 1))
    assert take(network, published(str(path), "")) == []
    for key, value in network.state_dict().items():
        assert torch.equal(value, given[key])


def test_a_grey_image_sees_the_sum_of_the_colours():
    colour, grey = resnet(3), resnet(1)
    assert take(grey, colour.state_dict()) == []
    image = torch.rand(1, 1, 32, 32)
    expected = colour.conv1(image.expand(-1, 3, -1, -1))
    torch.testing.assert_close(grey.conv1(image), expected)


def test_a_pickle_with_code_in_it_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return print, ("run",)

    torch.save({"conv1.weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(ValueError, match="cannot be read"):
        published(str(tmp_path / "trap.pth"), "")


def test_a_download_names_its_address_and_loads_tensors_only(monkeypatch):
    asked = {}

    def load(url, **options):
        asked.update(options, url=url)
        return {"conv1.weight": torch.zeros(1)}

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", load)
    assert set(published("download", "https://example.org/w.pth")) == {"conv1.weight"}
    assert asked["weights_only"] is True
    assert asked["url"] == "https://example.org/w.pth"


def seggan(**changes):
    settings = families.find("seggan").settings(segmenter="deeplab", **changes)
    return families.load("seggan").Model(settings, TWO)


def test_the_family_takes_them_once_before_the_first_step(tmp_path):
    body = DilatedResNet(1)
    save_file(body.state_dict(), tmp_path / "body.safetensors")
    family = seggan(body_weights=str(tmp_path / "body.safetensors"))
    assert "tensors of the body were taken" in family.begin()
    taken = family.modules["segmenter"].body.layer4[0].conv1.weight
    assert torch.equal(taken, body.layer4[0].conv1.weight)


def test_weights_of_something_else_are_refused(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="No tensor in"):
        seggan(body_weights=str(tmp_path / "x.safetensors")).begin()
    with pytest.raises(ValueError, match="cannot be read"):
        seggan(body_weights=str(tmp_path / "missing.pth")).begin()
    lite = families.find("seggan").settings(segmenter="deeplab_lite", body_weights="download")
    with pytest.raises(ValueError, match="no published weights"):
        families.load("seggan").Model(lite, TWO).begin()
