"""Published weights: what fits by name and shape goes in, the rest stays and is named."""

from __future__ import annotations

import torch
from torch import nn

from napari_advseg.networks.weights import take


def network(channels=1):
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def test_what_does_not_fit_stays_as_it_was_and_is_named():
    own, given = network(), network().state_dict()
    before = {name: value.clone() for name, value in own.state_dict().items()}
    given = {**given, "2.weight": torch.zeros(5, 4, 1, 1), "fc.weight": torch.zeros(3)}
    del given["0.bias"]
    assert take(own, given) == ["0.bias", "2.weight"]
    after = own.state_dict()
    assert torch.equal(after["0.weight"], given["0.weight"])
    for name in ("0.bias", "2.weight"):
        assert torch.equal(after[name], before[name])
    assert after.keys() == before.keys()


def test_running_statistics_are_taken_too():
    own, given = network(), network().state_dict()
    given["1.running_mean"] = torch.arange(4.0)
    assert take(own, given) == []
    assert torch.equal(own[1].running_mean, torch.arange(4.0))


def test_only_the_layer_that_sees_the_image_sums_over_colours():
    own, colour = network(1), network(3)
    assert take(own, colour.state_dict()) == []
    torch.testing.assert_close(own[0].weight[:, 0], colour[0].weight.sum(1))
    grey = torch.rand(1, 1, 6, 6)
    torch.testing.assert_close(own[0](grey), colour[0](grey.expand(-1, 3, -1, -1)))


def test_a_colour_network_takes_no_grey_weights():
    own = network(3)
    assert take(own, network(1).state_dict()) == ["0.weight"]
