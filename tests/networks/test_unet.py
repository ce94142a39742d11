"""The U-Net for sections: what moves with the image, what joins what, and folding."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_advseg.networks.convolution import folded
from napari_advseg.networks.unet import Pair, UNet2d, context, stride


def network(widths=(4, 6, 8), norm="none", **options):
    torch.manual_seed(0)
    return UNet2d(1, 2, widths, norm=norm, **options).eval()


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_what_moves_by_the_stride_comes_out_moved_as_far_and_by_less_it_does_not(levels):
    unet, step = network((4,) * levels), stride(levels)
    image = torch.zeros(1, 1, 192, 192)
    image[..., 90:100, 93:97] = torch.rand(10, 4)
    inner = slice(64, 128)

    def moved_back(by):
        with torch.no_grad():
            return unet(image.roll(by, 3)).roll(-by, 3)[..., inner, inner]

    torch.testing.assert_close(moved_back(step), moved_back(0), atol=1e-6, rtol=1e-4)
    assert not torch.allclose(moved_back(step // 2), moved_back(0), atol=1e-3)


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_the_first_pixel_of_a_tile_looks_as_far_as_the_context(levels):
    """Tiles begin at multiples of the stride; the context is rounded up to one."""
    unet, halo, side = network((2,) * levels), context(levels), 2 * context(levels) + 64
    for weight in unet.parameters():
        nn.init.uniform_(weight, 0.1, 1)  # nothing cancels, nothing is rectified away
    image = torch.rand(1, 1, side, side, requires_grad=True)
    unet(image)[0, 0, side // 2, side // 2].backward()
    rows = torch.nonzero(image.grad[0, 0].abs().amax(1)).flatten() - side // 2
    assert halo - stride(levels) < -rows.min() <= halo


def test_contexts_and_strides_by_levels():
    assert [context(levels) for levels in (1, 2, 3, 4, 5)] == [2, 8, 24, 48, 96]
    assert [stride(levels) for levels in (1, 2, 3, 4, 5)] == [1, 2, 4, 8, 16]


def test_a_way_up_begins_with_the_map_of_the_way_down():
    unet, seen = network(), {}
    unet.down[1].register_forward_hook(lambda *call: seen.update(down=call[2].clone()))
    unet.up[0].register_forward_hook(lambda *call: seen.update(joined=call[1][0].clone()))
    with torch.no_grad():
        unet(torch.rand(1, 1, 16, 16))
    assert torch.equal(seen["joined"][:, :6], seen["down"])
    assert seen["joined"].shape == (1, 12, 8, 8)


@pytest.mark.parametrize("residual", [False, True])
def test_folding_changes_no_output(residual):
    unet = network(norm="batch", residual=residual).train()
    for _ in range(3):
        unet(1 + 2 * torch.randn(4, 1, 16, 16))
    tile = torch.randn(1, 1, 16, 24)
    with torch.no_grad():
        torch.testing.assert_close(folded(unet)(tile), unet.eval()(tile), atol=1e-5, rtol=1e-4)


def test_a_residual_pair_that_adds_nothing_passes_on_what_is_positive():
    pair, x = Pair(3, 3, "relu", "none", residual=True, dropout=0.0), torch.randn(1, 3, 5, 5)
    for weight in pair.parameters():
        nn.init.zeros_(weight)
    with torch.no_grad():
        assert torch.equal(pair(x), torch.relu(x))


def test_a_norm_has_a_weight_where_a_bias_would_stand_alone():
    channels = 2 * (8 + 16 + 32 + 64 + 128) + 2 * (8 + 16 + 32 + 64)
    with torch.device("meta"):
        plain, normed = (
            UNet2d(1, 1, (8, 16, 32, 64, 128), norm=kind) for kind in ("none", "batch")
        )
    counts = [sum(weight.numel() for weight in unet.parameters()) for unet in (plain, normed)]
    assert counts == [486_409 - channels, 486_409]
