"""What SegGAN can refine: every kind by name, each with logits of the image's size."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from napari_advseg.networks.deeplab import DeepLab
from napari_advseg.networks.segmenters import STRIDES, Segmenter, segmenter
from napari_advseg.networks.switches import DeconvNet
from napari_advseg.networks.unet import UNet2d

KINDS = {
    "deeplab": DeepLab,
    "largefov": DeepLab,
    "deeplab_lite": DeepLab,
    "unet": UNet2d,
    "deconvnet": DeconvNet,
}


def test_every_kind_has_a_stride():
    assert set(get_args(Segmenter)) == set(STRIDES) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_sides_that_are_multiples_of_the_stride_come_out_as_they_went_in(kind):
    high, wide = 3 * STRIDES[kind], 5 * STRIDES[kind]
    with torch.device("meta"):
        network = segmenter(kind, 2, 4)
        assert network(torch.empty(1, 2, high, wide)).shape == (1, 4, high, wide)
    assert isinstance(network, KINDS[kind])


@pytest.mark.parametrize("kind", ["deeplab_lite", "unet", "deconvnet"])
def test_logits_are_finite_and_differ_between_classes(kind):
    torch.manual_seed(0)
    with torch.inference_mode():
        made = segmenter(kind, 1, 3).eval()(torch.rand(1, 1, 32, 48))
    assert torch.isfinite(made).all()
    assert made.std(1).max() > 0
