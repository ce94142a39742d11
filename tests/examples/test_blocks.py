"""Blocks of sections: where they are cut, what in them counts, and how they are changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.examples.augment import NO_AUGMENTATION, rearranged, spoiled
from napari_advseg.examples.patches import Batches
from napari_advseg.examples.places import Depths, runs
from napari_advseg.examples.sections import mirrored
from napari_advseg.examples.targets import targets
from napari_advseg.examples.withheld import withheld_blocks
from napari_advseg.settings.examples import ExampleSettings, TargetSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.volume import Volume

PLAIN = Normaliser(low=0, high=1, fill=0)


def cells(shape=(12, 40, 40), side=5):
    """Cubes with ids of their own."""
    z, y, x = np.indices(shape) // side
    return (1 + x + 100 * y + 10_000 * z).astype(np.int32)


def batches(ids, sections=None, readable=None, augmentation=NO_AUGMENTATION, **fields):
    volume = Volume(ids, Frame("zyx"))
    image = Volume(ids.astype(np.float32), Frame("zyx"))
    chosen = ExampleSettings(
        **{"depth": 4, "crop": 16, "batch": 2, "augmentation": augmentation, **fields}
    )
    sections, readable = (None if one is None else [one] for one in (sections, readable))
    return Batches([image], [volume], chosen, "unannotated", PLAIN, 0, sections, readable=readable)


def only(**fields):
    return NO_AUGMENTATION.changed(**fields)


def test_a_block_is_cut_where_it_says_and_has_the_target_of_the_whole():
    ids = cells()
    made = batches(ids)
    whole = targets(ids, made.settings.targets, "unannotated")
    for k in range(6):
        batch = made[k]
        assert batch.image.shape == batch.target.shape == batch.weight.shape == (2, 1, 4, 16, 16)
        for n, (_, z, y, x) in enumerate(batch.windows):
            window = slice(z, z + 4), slice(y, y + 16), slice(x, x + 16)
            assert np.array_equal(batch.image[n, 0], ids[window])
            assert np.array_equal(batch.target[n, 0], whole.interior[window])
            assert np.array_equal(batch.weight[n, 0], whole.weight[window])


@pytest.mark.parametrize("kind", ["walls", "affinities"])
def test_what_reaches_between_sections_is_that_of_the_whole_too(kind):
    ids = cells()
    chosen = TargetSettings(walls="volume") if kind == "walls" else TargetSettings(kind=kind)
    made = batches(ids, targets=chosen)
    whole = targets(ids, chosen, "unannotated")
    channels = 3 if kind == "affinities" else 1
    interior = whole.interior.reshape(channels, *ids.shape)
    for k in range(6):
        batch = made[k]
        for n, (_, z, y, x) in enumerate(batch.windows):
            inside = slice(max(z, 1), z + 4), slice(max(y, 1), y + 16), slice(max(x, 1), x + 16)
            window = tuple(
                slice(part.start - first, None)
                for part, first in zip(inside, (z, y, x), strict=True)
            )
            assert np.array_equal(batch.target[n][(..., *window)], interior[(..., *inside)])


def test_walls_of_a_volume_are_the_same_from_every_side():
    ids = cells((12, 12, 12), 4)
    interior = targets(ids, TargetSettings(walls="volume"), "unannotated").interior
    for axes in ((2, 1, 0), (1, 0, 2), (0, 2, 1)):
        turned = targets(ids.transpose(axes), TargetSettings(walls="volume"), "unannotated")
        assert np.array_equal(turned.interior, interior.transpose(axes))
    line = interior[:, 2, 2]
    assert line.tolist() == [1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1]


@settings(max_examples=30, deadline=None)
@given(
    annotated=st.sets(st.integers(0, 11), min_size=1),
    withheld=st.sets(st.integers(0, 11), max_size=3),
    depth=st.integers(4, 6),
)
def test_blocks_hold_something_to_learn_and_nothing_withheld(annotated, withheld, depth):
    ids = np.zeros((12, 24, 24), np.int32)
    learnt, free = sorted(annotated - withheld), sorted(set(range(12)) - withheld)
    ids[sorted(annotated | withheld)] = cells((12, 24, 24))[sorted(annotated | withheld)]
    depths = Depths([free], [12], depth)
    reachable = [z for z in learnt if depths.holding(0, z).size]
    if not reachable:
        with pytest.raises(ValueError, match=r"annotated|deep"):
            batches(ids, learnt, free, depth=depth)
        return
    made = batches(ids, learnt, free, depth=depth)
    for k in range(3):
        batch = made[k]
        for n, (_, z, _, _) in enumerate(batch.windows):
            sections = range(z, z + depth)
            assert set(sections) <= set(free)
            counts = [bool(batch.weight[n, 0, at].any()) for at in range(depth)]
            assert counts == [section in learnt for section in sections]
            assert any(counts)


def test_equal_numbers_give_equal_blocks_and_augmentation_keeps_weights_with_labels():
    augmentation = only(flip=0.5, flip_z=0.5, rotate=True, swap_axes=True, noise=1.0, blur=0.5)
    fields = {"depth": 16, "targets": TargetSettings(walls="volume")}
    ids = cells((20, 40, 40))
    ids[:, :, :20] = 0
    one, other = (batches(ids, augmentation=augmentation, **fields) for _ in range(2))
    for k in (3, 0, 3):
        first, second = one[k], other[k]
        for name in ("image", "target", "weight"):
            assert np.array_equal(getattr(first, name), getattr(second, name))
        assert first.weight.any()
        assert (first.weight == 0).any()


def test_without_labels_blocks_lie_anywhere_and_weigh_nothing():
    image = Volume(cells().astype(np.float32), Frame("zyx"))
    chosen = ExampleSettings(depth=4, crop=16, batch=1, augmentation=NO_AUGMENTATION)
    made = Batches([image], [None], chosen, "unannotated", PLAIN, 0)
    seen = {made[k].windows[0][1] for k in range(40)}
    assert seen <= set(range(9))
    assert len(seen) > 4
    assert made[0].target.shape == (1, 1, 4, 16, 16)
    assert not made[0].weight.any()


def test_a_training_scale_resizes_blocks_in_plane():
    made = batches(cells((12, 64, 64)), scale=0.5)
    assert made[0].image.shape == (2, 1, 4, 16, 16)


def test_withheld_blocks_judge_the_withheld_sections_alone():
    ids = cells((20, 40, 40))
    image, labels = Volume(ids.astype(np.float32), Frame("zyx")), Volume(ids, Frame("zyx"))
    chosen = ExampleSettings(depth=8, crop=16)
    whole = targets(ids, chosen.targets, "unannotated")
    blocks = withheld_blocks(image, labels, [17, 18, 19], chosen, "unannotated", PLAIN)
    assert 1 < len(blocks) <= 12
    for block in blocks:
        _, z, y, x = block.windows[0]
        assert z == 12
        inside = (slice(z, z + 8), slice(y, y + 16), slice(x, x + 16))
        assert np.array_equal(block.image[0, 0], ids[inside])
        assert np.array_equal(block.target[0, 0, 5:], whole.interior[inside][5:])
        assert not block.weight[0, 0, :5].any()
        assert block.weight[0, 0, 5:].all()
    nothing = Volume(np.zeros_like(ids), Frame("zyx"))
    assert withheld_blocks(image, nothing, [3], chosen, "unannotated", PLAIN) == []


def test_all_48_ways_to_turn_a_cube_occur():
    cube = np.arange(8).reshape(2, 2, 2)
    chosen = only(flip=0.5, flip_z=0.5, swap_axes=True)
    seen = set()
    for seed in range(800):
        image, labels = rearranged(cube[None], cube, chosen, np.random.default_rng(seed))
        assert np.array_equal(image[0], labels)
        seen.add(labels.tobytes())
    assert len(seen) == 48


def test_what_is_no_cube_keeps_its_axes():
    block = np.arange(4 * 6 * 6).reshape(4, 6, 6)
    _, labels = rearranged(block[None], block, only(swap_axes=True), np.random.default_rng(0))
    assert np.array_equal(labels, block)


def test_one_or_two_neighbouring_sections_are_out_of_focus():
    counts = set()
    for seed in range(30):
        image = np.random.default_rng(seed).random((1, 6, 24, 24), np.float32)
        out = spoiled(image.copy(), image[0], only(out_of_focus=1.0), np.random.default_rng(seed))
        changed = [k for k in range(6) if not np.array_equal(out[0, k], image[0, k])]
        counts.add(len(changed))
        assert changed == list(range(changed[0], changed[0] + len(changed)))
        assert all(out[0, k].std() < image[0, k].std() / 2 for k in changed)
    assert counts == {1, 2}


def test_runs_and_mirrors():
    assert runs([5, 1, 2, 3]) == [(1, 4), (5, 6)]
    assert runs([]) == []
    assert mirrored(np.arange(-2, 6), 4).tolist() == [1, 0, 0, 1, 2, 3, 3, 2]
