"""DeepLab: an eighth of the size, classifiers that are summed, and the reach of dilated layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_advseg.networks.deeplab import (
    Bottleneck,
    DeepLab,
    DilatedResNet,
    LiteBody,
    deeplab,
    deeplab_lite,
    largefov,
)


class Given(nn.Module):
    """Features that are known: the image at an eighth of its size."""

    def forward(self, x):
        return x[..., ::8, ::8]


@pytest.mark.parametrize(
    ("make", "count"), [(deeplab, 44_048_532), (largefov, 20_505_429)], ids=["resnet", "vgg"]
)
def test_counts_are_the_published_ones_and_logits_have_the_size_of_the_image(make, count):
    with torch.device("meta"):
        network = make(3, 21)
        assert network(torch.empty(1, 3, 65, 83)).shape == (1, 21, 65, 83)
        assert network.body(torch.empty(1, 3, 64, 96)).shape[-2:] == (8, 12)
    assert sum(weight.numel() for weight in network.parameters()) == count


def test_the_body_of_resnet_101_has_the_published_count():
    with torch.device("meta"):
        body = DilatedResNet(3)
    assert sum(weight.numel() for weight in body.parameters()) == 42_500_160


@pytest.mark.parametrize("shape", [(64, 48), (33, 41)], ids=str)
def test_the_lite_network_takes_any_size(shape):
    with torch.inference_mode():
        made = deeplab_lite(1, 3).eval()(torch.rand(2, 1, *shape))
    assert made.shape == (2, 3, *shape)
    assert torch.isfinite(made).all()


def test_logits_are_the_sum_over_the_rates():
    network, image = DeepLab(Given(), 2, 3, (1, 2, 4)), torch.rand(1, 2, 64, 64)
    whole = network(image)
    alone = []
    for rate in range(3):
        single = DeepLab(Given(), 2, 3, (network.classifiers[rate].dilation[0],))
        single.classifiers[0].load_state_dict(network.classifiers[rate].state_dict())
        alone.append(single(image))
    torch.testing.assert_close(whole, sum(alone))


@pytest.mark.parametrize("rate", [1, 3])
def test_a_classifier_looks_at_nine_features_its_rate_apart(rate):
    network = DeepLab(Given(), 1, 1, (rate,))
    features = torch.zeros(1, 1, 16, 16, requires_grad=True)
    network.classifiers[0](features)[0, 0, 8, 8].backward()
    rows, columns = torch.nonzero(features.grad[0, 0], as_tuple=True)
    assert set(rows.tolist()) == set(columns.tolist()) == {8 - rate, 8, 8 + rate}
    assert len(rows) == 9


def test_without_rates_every_feature_is_classified_by_itself():
    network = DeepLab(Given(), 2, 3, ())
    assert [layer.kernel_size for layer in network.classifiers] == [(1, 1)]


def test_a_bottleneck_that_adds_nothing_passes_on_what_is_positive():
    block, x = Bottleneck(16, 4, 1, 2).eval(), torch.randn(1, 16, 5, 5)
    nn.init.zeros_(block.bn3.weight)
    assert torch.equal(block(x), torch.relu(x))


def test_moving_the_image_by_8_pixels_moves_the_features_by_one():
    body, image = LiteBody(1, (2, 2, 2, 2)).eval(), torch.zeros(1, 1, 256, 256)
    image[..., 128:136, 120:133] = torch.rand(8, 13)
    with torch.no_grad():
        moved = body(image.roll((8, -16), (2, 3)))
        torch.testing.assert_close(moved, body(image).roll((1, -2), (2, 3)), atol=1e-6, rtol=1e-4)
        assert moved.std() > 0
