"""How like real crops drawn ones are as a whole: no crop is compared with any other.

The sliced Wasserstein distance between small patches at several scales (Rabin et al. 2011; Karras et al. 2018,
section 5) needs no network that somebody else has trained.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

PATCH = 7
PATCHES = 64
DIRECTIONS = 128
COARSEST = 16
BINS = 32
SEED = 20_180_226


def patch_distance(drawn: Tensor, real: Tensor) -> Tensor:
    """Mean sliced Wasserstein distance of patches, over the levels of a Laplacian pyramid; 0 for equal sets.

    Crops (N, C, R, R), as many of each kind, in the unit range; in units of the real patches' deviation.
    """
    generator = torch.Generator().manual_seed(SEED)
    distances = []
    for ours, theirs in zip(_pyramid(drawn.float()), _pyramid(real.float()), strict=True):
        centre, spread = theirs.mean(), theirs.std() + 1e-6
        sets = [
            _patches((level - centre) / spread, generator.manual_seed(SEED))
            for level in (ours, theirs)
        ]
        directions = torch.randn(sets[0].shape[1], DIRECTIONS, generator=generator).to(ours)
        directions = directions / directions.norm(dim=0, keepdim=True)
        one, other = ((patches @ directions).sort(dim=0).values for patches in sets)
        distances.append((one - other).abs().mean())
    return torch.stack(distances).mean()


def histogram_distance(drawn: Tensor, real: Tensor) -> Tensor:
    """Half the summed difference of grey-value histograms over [0, 1]: 0 equal, 1 nothing in common."""
    shares = [
        torch.histc(one.float().clamp(0, 1).cpu(), BINS, 0.0, 1.0) / one.numel()
        for one in (drawn, real)
    ]
    return 0.5 * (shares[0] - shares[1]).abs().sum()


def diversity(drawn: Tensor, real: Tensor) -> Tensor:
    """Mean deviation between crops, pixel by pixel, as a share of that between real ones; 0 after a collapse."""
    ours, theirs = (one.float().std(0).mean() for one in (drawn, real))
    return ours / theirs.clamp_min(1e-6)


def _pyramid(images: Tensor) -> list[Tensor]:
    """Details from fine to coarse, and what is left of the images at about 16 px."""
    levels = []
    while images.shape[-1] >= 2 * COARSEST:
        small = F.avg_pool2d(images, 2)
        levels.append(
            images - F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
        )
        images = small
    return [*levels, images]


def _patches(images: Tensor, generator: torch.Generator) -> Tensor:
    """64 patches of each image as rows."""
    side = min(PATCH, images.shape[-1])
    every = images.unfold(2, side, 1).unfold(3, side, 1).permute(0, 2, 3, 1, 4, 5)
    every = every.flatten(1, 2)
    places = torch.randint(every.shape[1], (len(every), PATCHES), generator=generator)
    rows = torch.arange(len(every))[:, None]
    return every[rows, places].flatten(0, 1).flatten(1)
