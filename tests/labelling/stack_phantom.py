"""Tissue of three axes with an interior map, for tests of labels that run through a stack."""

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_advseg.samples import neuropil


def stack_phantom(seed, shape=(12, 64, 72), voxel_nm=(10.0, 10.0, 10.0), noise=0.0):
    """Interior map (float32) and true cells 1..K of one shape; walls stand between all cells."""
    truth = neuropil(shape, seed=seed, voxel_nm=voxel_nm)[1]
    cells = truth.numpy().astype(np.int32)
    wall = np.zeros(cells.shape, bool)
    for axis in range(3):
        moved = np.moveaxis(cells, axis, 0), np.moveaxis(wall, axis, 0)
        differs = moved[0][1:] != moved[0][:-1]
        moved[1][1:] |= differs
        moved[1][:-1] |= differs
    interior_map = 1 - 0.95 * gaussian_filter(wall.astype(np.float32), (0.3, 0.6, 0.6))
    rng = np.random.default_rng(seed)
    interior_map += noise * rng.standard_normal(cells.shape, np.float32)
    return np.clip(interior_map, 0, 1), truth


def one_to_one(labels, others):
    """Whether two partitions are the same up to numbering."""
    pairs = set(zip(np.ravel(labels).tolist(), np.ravel(others).tolist(), strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def refines(fine, coarse):
    """Whether every label of `fine` lies in one of `coarse`."""
    pairs = set(zip(np.ravel(fine).tolist(), np.ravel(coarse).tolist(), strict=True))
    return len(pairs) == len({a for a, _ in pairs})
