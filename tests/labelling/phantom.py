"""A Voronoi tissue with known gaps in its walls, for tests of gap closing."""

import numpy as np
from scipy.ndimage import binary_dilation


def voronoi_phantom(seed, size=160, cells=14, gaps=6, radius=3.5):
    """Interior map (walls .1, gaps .86, cells .95) and true cells, both (size, size * 5 / 4)."""
    rng = np.random.default_rng(seed)
    shape = size, size * 5 // 4
    points = rng.uniform(0, shape, (cells, 2))
    grid = np.stack(np.indices(shape), -1)
    truth = ((grid[:, :, None] - points) ** 2).sum(-1).argmin(-1) + 1
    border = np.zeros(truth.shape, bool)
    border[:, :-1] |= truth[:, :-1] != truth[:, 1:]
    border[:-1] |= truth[:-1] != truth[1:]
    wall = binary_dilation(border)
    probability = np.where(wall, 0.1, 0.95).astype(np.float32)
    places = np.argwhere(border)
    for y, x in places[rng.choice(len(places), gaps, replace=False)]:
        near = ((grid - (y, x)) ** 2).sum(-1) <= radius**2
        probability[near & wall] = 0.86
    return probability, truth
