"""The U-Net for volumes: sections by themselves where levels are flat, and first weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_advseg.networks.unet3d import Residual, UNet3d, initialise, kernel, steps


def network(isotropic=(False, False, False), **options):
    torch.manual_seed(0)
    return UNet3d(1, 1, (4, 4, 8), isotropic, norm="none", **options).eval()


@pytest.mark.parametrize("down", ["stride", "maxpool"])
def test_a_flat_network_takes_every_section_by_itself(down):
    unet, block = network(down=down), torch.rand(1, 1, 5, 16, 24)
    with torch.no_grad():
        whole = unet(block)
        for z in range(5):
            torch.testing.assert_close(unet(block[:, :, z : z + 1]), whole[:, :, z : z + 1])
        assert torch.allclose(unet(block.flip(2)), whole.flip(2), atol=1e-6)


def test_a_block_of_equal_sections_comes_out_equal_in_all():
    """The edge is continued with its own values, so no section is at an edge."""
    unet = network((False, True, True), deep_blocks=True)
    with torch.no_grad():
        made = unet(torch.rand(1, 1, 1, 16, 16).expand(1, 1, 8, 16, 16))
    torch.testing.assert_close(made, made[:, :, :1].expand_as(made), atol=1e-6, rtol=1e-4)
    assert made.std() > 0


def test_what_moves_by_the_stride_comes_out_moved_as_far():
    """With pooling: strided levels are resized from corner to corner and stretch with the block."""
    unet = network((False, True, True), down="maxpool")
    block = torch.zeros(1, 1, 48, 64, 64)
    block[..., 22:27, 30:34, 28:36] = torch.rand(5, 4, 8)
    inner = (..., slice(16, 32), slice(16, 48), slice(16, 48))
    with torch.no_grad():
        still = unet(block)[inner]
        moved = unet(block.roll((4, 4, -4), (2, 3, 4))).roll((-4, -4, 4), (2, 3, 4))[inner]
    torch.testing.assert_close(moved, still, atol=1e-5, rtol=1e-3)
    assert still.std() > 1e-3


def test_kernels_and_steps_follow_the_levels():
    assert [kernel(deep) for deep in (False, True)] == [(1, 3, 3), (3, 3, 3)]
    assert list(steps((True, False, True))) == [(1, 1, 1), (1, 2, 2), (2, 2, 2)]


def test_a_residual_block_that_adds_nothing_is_its_activation():
    block, x = Residual(2, (3, 3, 3), "elu", "none"), torch.randn(1, 2, 3, 4, 5)
    for weight in block.parameters():
        nn.init.zeros_(weight)
    with torch.no_grad():
        torch.testing.assert_close(block(x), nn.functional.elu(x))


def test_kaiming_weights_keep_the_variance_through_a_relu():
    layer = nn.Sequential(nn.Conv3d(32, 64, (1, 3, 3)))
    torch.manual_seed(0)
    initialise(layer, "kaiming")
    assert layer[0].weight.std().item() == pytest.approx(np.sqrt(2 / (32 * 9)), rel=0.03)
    assert (layer[0].bias == 0).all()


def test_orthogonal_weights_have_rows_of_length_1_at_right_angles():
    layer = nn.Sequential(nn.Conv3d(8, 16, (3, 3, 3)))
    initialise(layer, "orthogonal")
    rows = layer[0].weight.detach().flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(16), atol=1e-5, rtol=0)
    assert (layer[0].bias == 0).all()
