"""Critics: networks that score how real an image, a map or a pair of them looks, patch by patch."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from napari_advseg.networks.convolution import Activation, Norm, activation, normalisation
from napari_advseg.networks.initial import gaussian

PATCH_70 = (64, 128, 256, 512)


class PatchCritic(nn.Module):
    """Scores (N, 1, h, w) of maps (N, in_channels, H, W): one logit for every patch that it sees.

    A convolution of 4 x 4 for each of `widths`, the first without normalisation, then one to a
    single score. With the default widths, of which the last keeps the size, a score sees 70 x 70
    pixels and 256 x 256 pixels give 30 x 30 scores (Isola et al. 2017); 2,764,609 parameters for two
    channels. `all_strided` halves the size at the last width too, `biased` keeps the biases before
    batch norm: both as in SegGAN (661,697 parameters for one channel and widths 64, 128, 256).
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int] = PATCH_70,
        norm: Norm = "batch",
        act: Activation = "leaky_relu",
        *,
        all_strided: bool = False,
        biased: bool = False,
        spectral: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inside = in_channels
        for level, width in enumerate(widths):
            stride = 2 if all_strided or level < len(widths) - 1 else 1
            has_bias = biased or level == 0 or norm not in ("batch", "group")
            layers.append(nn.Conv2d(inside, width, 4, stride, 1, bias=has_bias))
            affine = norm != "instance"
            layers.append(normalisation(norm, width, affine=affine) if level else nn.Identity())
            layers.append(activation(act))
            inside = width
        layers.append(nn.Conv2d(inside, 1, 4, 1, 1))
        gaussian(layers)
        if spectral:
            layers = [
                spectral_norm(layer) if isinstance(layer, nn.Conv2d) else layer for layer in layers
            ]
        self.layers = nn.Sequential(*layers)
        self._halvings = len(widths) - (not all_strided)
        self._plain = 1 if all_strided else 2

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.layers(x)
        return scores

    @property
    def step(self) -> int:
        """Pixels from a score to the next."""
        return 1 << self._halvings

    @property
    def sees(self) -> int:
        """Side of the patch that a score sees, in pixels."""
        side = 1 + 3 * self._plain
        for _ in range(self._halvings):
            side = 2 * side + 2
        return side

    def at_pixels(self, x: Tensor) -> Tensor:
        """Scores (N, 1, H, W) of maps (N, in_channels, H, W) at every pixel, from the patches around it.

        Each score stands at the middle of its patch and goes over into the next one in a line. What lies outside
        mirrors the edge.
        """
        height, width = x.shape[-2:]
        # A convolution of stride 1 moves the middle by half a step, and leaves out as much at either end.
        lead = self._plain * self.step // 2
        around = (lead, lead + -width % self.step, lead, lead + -height % self.step)
        mode = "reflect" if max(around) < min(height, width) else "replicate"
        scores = self(F.pad(x, around, mode=mode))
        spread = F.interpolate(scores.float(), scale_factor=self.step, mode="bilinear")
        return spread[..., :height, :width]
