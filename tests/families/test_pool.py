"""The history of maps: nothing is lost, nothing appears from nowhere."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.families.cyclegan.pool import Pool


def numbered(first: int, count: int) -> torch.Tensor:
    return torch.arange(first, first + count, dtype=torch.float32).view(-1, 1, 1, 1)


@given(size=st.integers(0, 6), batches=st.lists(st.integers(1, 4), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_each_map_goes_out_once_or_stays(size, batches):
    torch.manual_seed(0)
    pool, out, first = Pool(size), [], 0
    for count in batches:
        given_out = pool.exchange(numbered(first, count))
        assert given_out.shape == (count, 1, 1, 1)
        out += given_out.flatten().tolist()
        first += count
    kept = [float(one) for one in pool.kept]
    assert len(kept) <= size
    assert set(out) | set(kept) == set(map(float, range(first)))


def test_size_zero_passes_everything_through():
    fakes = numbered(0, 3)
    assert Pool(0).exchange(fakes) is fakes


def test_a_recalled_pool_goes_on_as_the_first():
    first = Pool(4)
    first.exchange(numbered(0, 6))
    second = Pool(4)
    second.recall(first.tensors())
    for pool in (first, second):
        torch.manual_seed(3)
        pool.last = pool.exchange(numbered(6, 5))
    assert torch.equal(first.last, second.last)


def test_crops_of_another_size_begin_anew():
    pool = Pool(2)
    pool.exchange(torch.zeros(2, 1, 8, 8))
    assert pool.exchange(torch.zeros(3, 1, 4, 4)).shape == (3, 1, 4, 4)
