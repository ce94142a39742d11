"""Translators: sizes, counts, skips, and what moves with the image."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_advseg.networks.translator import (
    Doubling,
    MaskPainter,
    Residual,
    ResNetTranslator,
    UNetTranslator,
)


def count(network):
    return sum(weight.numel() for weight in network.parameters())


def test_counts_are_the_published_ones():
    with torch.device("meta"):
        assert count(UNetTranslator(3, 3)) == 54_413_955
        assert count(UNetTranslator(3, 1)) == 54_409_857
        assert count(UNetTranslator(1, 1)) == 54_407_809
        assert count(UNetTranslator(1, 1, depth=7)) == 41_822_849
        assert count(ResNetTranslator(3, 3)) == 11_378_179
        assert count(ResNetTranslator(1, 1)) == 11_365_633
        assert count(ResNetTranslator(1, 1, blocks=6)) == 7_825_153
        assert count(MaskPainter(21, 3)) == 5_533_699
        assert count(MaskPainter(2, 1)) == 5_512_193


NETWORKS = {
    "U-Net": (lambda: UNetTranslator(1, 2, 4, 3), 8),
    "U-Net that resizes": (lambda: UNetTranslator(1, 2, 4, 3, "instance", resize=True), 8),
    "ResNet": (lambda: ResNetTranslator(1, 2, 4, 2), 4),
    "painter": (lambda: MaskPainter(1, 2, (4, 4, 8, 8)), 16),
    "painter with skips": (lambda: MaskPainter(1, 2, (4, 4, 8, 8), skips=True), 16),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_sides_that_are_multiples_of_the_stride_come_out_as_they_went_in(name):
    make, stride = NETWORKS[name]
    with torch.inference_mode():
        made = make().eval()(torch.rand(2, 1, 3 * stride, 5 * stride))
    assert made.shape == (2, 2, 3 * stride, 5 * stride)
    assert torch.isfinite(made).all()


@pytest.mark.parametrize(
    ("make", "stride"),
    [
        (lambda: UNetTranslator(1, 1, 2, 3, "none", dropout=0.0), 8),
        (lambda: UNetTranslator(1, 1, 2, 3, "none", dropout=0.0, resize=True), 8),
        (lambda: ResNetTranslator(1, 1, 2, 1, "none"), 4),
        (lambda: MaskPainter(1, 1, (2, 2, 2, 2)).eval(), 16),
    ],
    ids=["unet", "resize", "resnet", "painter"],
)
def test_what_moves_by_the_stride_comes_out_moved_as_far(make, stride):
    torch.manual_seed(0)
    network, image = make(), torch.zeros(1, 1, 320, 320)
    for weight in network.parameters():
        nn.init.normal_(weight, 0, 0.3)
    image[..., 150:170, 155:165] = torch.rand(20, 10)
    inner = slice(112, 208)
    with torch.no_grad():
        still = network(image)[..., inner, inner]
        moved = network(image.roll((stride, -stride), (2, 3)))
        moved = moved.roll((-stride, stride), (2, 3))[..., inner, inner]
    torch.testing.assert_close(moved, still, atol=1e-5, rtol=1e-4)
    assert still.std() > 1e-3


def test_a_painter_stays_within_minus_1_and_1_whatever_its_weights():
    torch.manual_seed(0)
    painter = MaskPainter(2, 1, (4, 4, 8, 8))
    painter.up[-1].conv.weight.data *= 1e4
    with torch.inference_mode():
        made = painter(torch.randn(2, 2, 32, 32))
    assert -1 <= made.min() < -0.9
    assert 0.9 < made.max() <= 1


@pytest.mark.parametrize("skips", [False, True])
def test_only_skips_carry_a_single_pixel_past_the_innermost_level(skips):
    network = MaskPainter(1, 1, (4, 4, 4, 4), dropout=0.0, skips=skips).eval()
    nn.init.zeros_(network.up[0].conv.weight)
    flat, spot = torch.zeros(2, 1, 1, 32, 32)
    spot[0, 0, 16, 16] = 1000.0
    with torch.no_grad():
        assert torch.equal(network(flat), network(spot)) != skips


def test_dropout_stands_in_the_widest_levels_next_to_the_innermost():
    network = UNetTranslator(1, 1, 2, 8, dropout=0.5)
    has = [isinstance(block.dropout, nn.Dropout) for block in network.up]
    assert has == [False, True, True, True, False, False, False, False]


def test_a_resized_doubling_of_an_even_map_has_no_checkerboard():
    block = Doubling(2, 1, "none", dropout=0.0, resize=True, biased=True)
    transposed = Doubling(2, 1, "none", dropout=0.0, resize=False, biased=True)
    with torch.no_grad():
        even, uneven = (one(torch.ones(1, 2, 6, 6))[..., 1:-1, 1:-1] for one in (block, transposed))
    assert even.std() < 1e-6 < uneven.std()


def test_a_residual_block_that_adds_nothing_is_the_identity():
    block, x = Residual(3, "none", dropout=0.0, biased=True), torch.randn(1, 3, 6, 6)
    for weight in block.parameters():
        nn.init.zeros_(weight)
    assert torch.equal(block(x), x)
