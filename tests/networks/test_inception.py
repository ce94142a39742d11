"""InceptionV3: the published maps, paths side by side, and images of any size."""

from __future__ import annotations

import pytest
import torch

from napari_advseg.networks.inception import MAX, InceptionV3, Mixed

SIZES = {  # Szegedy et al. 2016, table 1, and the public network's channels
    "Conv2d_1a_3x3": (32, 149),
    "Conv2d_2a_3x3": (32, 147),
    "Conv2d_2b_3x3": (64, 147),
    "maxpool1": (64, 73),
    "Conv2d_3b_1x1": (80, 73),
    "Conv2d_4a_3x3": (192, 71),
    "maxpool2": (192, 35),
    "Mixed_5b": (256, 35),
    "Mixed_5c": (288, 35),
    "Mixed_5d": (288, 35),
    "Mixed_6a": (768, 17),
    "Mixed_6b": (768, 17),
    "Mixed_6c": (768, 17),
    "Mixed_6d": (768, 17),
    "Mixed_6e": (768, 17),
    "Mixed_7a": (1280, 8),
    "Mixed_7b": (2048, 8),
    "Mixed_7c": (2048, 8),
}


def test_every_layer_has_the_published_channels_and_side():
    sizes = {}
    with torch.device("meta"):
        network = InceptionV3()
        for name, layer in network.named_children():
            layer.register_forward_hook(
                lambda *call, name=name: sizes.update({name: tuple(call[2].shape[1:])})
            )
        assert network(torch.empty(2, 3, 40, 50)).shape == (2, 1000)
    assert sizes.pop("fc") == (1000,)
    assert sizes == {name: (wide, side, side) for name, (wide, side) in SIZES.items()}


def test_the_size_of_an_even_image_does_not_matter():
    torch.manual_seed(0)
    network = InceptionV3(1).eval()
    with torch.inference_mode():
        small, large = (network(torch.full((1, 1, *shape), 0.3)) for shape in ((8, 9), (40, 24)))
    torch.testing.assert_close(small, large, atol=1e-5, rtol=1e-3)


def test_paths_stand_side_by_side_and_may_begin_alike():
    stem, left, right = ("stem", 4, (1, 1), 1), ("left", 2, (1, 3), 1), ("right", 3, (3, 1), 1)
    block = Mixed(5, ((stem, left), (stem, right), (stem,))).eval()
    assert [name for name, _ in block.named_children()] == ["stem", "left", "right"]
    x = torch.rand(1, 5, 6, 7)
    with torch.inference_mode():
        shared = block.stem(x)
        expected = torch.cat((block.left(shared), block.right(shared), shared), 1)
        assert torch.equal(block(x), expected)


@pytest.mark.parametrize("side", [7, 8])
def test_a_path_may_be_a_pooling_and_nothing_else(side):
    block, x = Mixed(2, (((MAX, 0, (3, 3), 2),),)), torch.rand(1, 2, side, side)
    assert not list(block.parameters())
    assert block(x)[0, 1, 0, 0] == x[0, 1, :3, :3].max()
