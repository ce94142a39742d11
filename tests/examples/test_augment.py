"""Augmentation: labels only move, image and labels move alike, and equal generators agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_advseg.examples.augment import (
    FLOWS,
    NO_AUGMENTATION,
    blurred,
    flow_pool,
    rearranged,
    spoiled,
)
from napari_advseg.settings.examples import AugmentationSettings

GEOMETRY = {"flip": 1.0, "flip_z": 1.0, "misalignment": 1.0, "elastic": 1.0, "missing_kept": False}
ALL = AugmentationSettings(
    **GEOMETRY,
    missing_section=1.0,
    intensity=1.0,
    local_blur=1.0,
    missing_part=1.0,
    blur=1.0,
    noise=1.0,
)
shapes = st.sampled_from(
    [(1, 1, 48, 48), (1, 1, 40, 56), (3, 1, 40, 40), (1, 7, 32, 32), (2, 5, 24, 40)]
)
seeds = st.integers(0, 10_000)


def rng(seed=0):
    return np.random.default_rng(seed)


def patch(shape, seed=0):
    """An image that shows its labels in every channel."""
    coarse = rng(seed).integers(0, 200, (shape[1], 1 + shape[2] // 8, 1 + shape[3] // 8))
    labels = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, : shape[2], : shape[3]].astype(np.int64)
    return np.broadcast_to(labels, shape).astype(np.uint8), labels


def grey(shape, seed=0):
    return rng(seed).random(shape, np.float32)


def only(**fields):
    return NO_AUGMENTATION.changed(**fields)


@settings(max_examples=40, deadline=None)
@given(shape=shapes, seed=seeds)
def test_labels_only_move(shape, seed):
    image, labels = patch(shape)
    _, moved = rearranged(
        image, labels, AugmentationSettings(**GEOMETRY, missing_section=1), rng(seed)
    )
    assert moved.shape == labels.shape
    assert moved.dtype == labels.dtype
    assert set(moved.ravel()) <= set(labels.ravel())


@settings(max_examples=40, deadline=None)
@given(shape=shapes, seed=seeds)
def test_image_and_labels_move_alike(shape, seed):
    image, labels = patch(shape)
    chosen = AugmentationSettings(**{**GEOMETRY, "elastic": 0.0}, missing_section=1)
    moved, with_it = rearranged(image, labels, chosen, rng(seed))
    assert moved.dtype == np.uint8
    assert np.array_equal(moved, np.broadcast_to(with_it, shape))


@settings(max_examples=20, deadline=None)
@given(shape=shapes, seed=seeds)
def test_elastic_deformation_keeps_labels_on_the_image(shape, seed):
    _, labels = patch(shape)
    ramp = np.broadcast_to(np.arange(shape[3]), labels.shape).astype(np.int64)
    moved, with_it = rearranged(ramp[None], ramp, only(elastic=1.0), rng(seed))
    assert moved.dtype == np.float32
    assert np.abs(moved[0] - with_it).max() <= 0.501
    assert not np.array_equal(with_it, ramp)


@settings(max_examples=30, deadline=None)
@given(shape=shapes, seed=seeds)
def test_equal_generators_give_equal_examples(shape, seed):
    image, labels = patch(shape)

    def example():
        source = rng(seed)
        moved, with_it = rearranged(image, labels, ALL, source)
        return spoiled(moved.astype(np.float32) / 255, with_it, ALL, source), with_it

    for one, other in zip(example(), example(), strict=True):
        assert np.array_equal(one, other)


@settings(max_examples=30, deadline=None)
@given(shape=shapes, seed=seeds)
def test_spoiling_leaves_labels_and_shape_and_gives_numbers(shape, seed):
    interior = (patch(shape)[1] % 3 > 0).astype(np.float32)
    before = interior.copy()
    out = spoiled(grey(shape), interior, ALL, rng(seed))
    assert np.array_equal(interior, before)
    assert out.shape == shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()


def test_without_augmentation_nothing_changes():
    image, labels = patch((2, 4, 24, 24))
    moved, with_it = rearranged(image, labels, NO_AUGMENTATION, rng())
    assert np.array_equal(moved, image)
    assert np.array_equal(with_it, labels)
    assert np.array_equal(
        spoiled(grey((1, 4, 24, 24)), labels, NO_AUGMENTATION, rng()), grey((1, 4, 24, 24))
    )


def test_the_given_image_is_not_written_to():
    image, labels = patch((1, 5, 24, 24))
    before = image.copy(), labels.copy()
    for seed in range(10):
        rearranged(image, labels, ALL, rng(seed))
    assert np.array_equal(image, before[0])
    assert np.array_equal(labels, before[1])


def test_four_quarter_turns_are_none_and_all_four_occur_equally():
    labels = np.arange(16).reshape(1, 4, 4)
    seen = [rearranged(labels[None], labels, only(rotate=True), rng(s))[1] for s in range(400)]
    turned = [np.rot90(labels, k, (1, 2)) for k in range(5)]
    assert np.array_equal(turned[4], turned[0])
    counts = [sum(np.array_equal(one, turn) for one in seen) for turn in turned[:4]]
    assert sum(counts) == 400
    assert min(counts) > 60


def test_each_flip_occurs_half_the_time():
    labels = np.arange(8).reshape(2, 2, 2)
    chosen = only(flip=0.5, flip_z=0.5)
    seen = [rearranged(labels[None], labels, chosen, rng(s))[1][0, 0, 0] for s in range(400)]
    assert set(seen) == set(range(8))
    assert min(np.bincount(seen)) > 25


def test_flips_and_turns_are_the_same_in_all_sections():
    section = np.arange(36).reshape(6, 6)
    labels = np.stack([section, section + 100, section + 200])
    for seed in range(20):
        _, moved = rearranged(labels[None], labels, only(flip=0.5, rotate=True), rng(seed))
        assert np.array_equal(moved[1], moved[0] + 100)
        assert np.array_equal(moved[2], moved[0] + 200)


def test_one_flow_deforms_all_sections():
    section = np.arange(32 * 32).reshape(32, 32)
    labels = np.stack([section, section])
    _, moved = rearranged(labels[None], labels, only(elastic=1.0), rng(1))
    assert np.array_equal(moved[0], moved[1])


def test_flows_have_unit_deviation_and_repeat_without_a_seam():
    for grid in (8.0, 12.0, 16.0):
        flows = flow_pool(grid)
        assert flows.shape[:2] == (FLOWS, 2)
        assert np.allclose(flows.std(axis=(-2, -1)), 1, atol=1e-3)
        inside = np.abs(np.diff(flows, axis=-1)).max()
        assert np.abs(flows[..., 0] - flows[..., -1]).max() <= inside * 1.2


def test_deleted_sections_leave_the_order_and_are_refilled_by_mirroring():
    labels = np.arange(8).repeat(4).reshape(8, 2, 2)
    chosen = only(missing_section=1.0, missing_kept=False)
    image, moved = rearranged(labels[None], labels, chosen, rng(3))
    left = moved[:, 0, 0]
    gone = 8 - len(set(left))
    assert 1 <= gone <= 5
    assert (np.diff(left[: 8 - gone]) > 0).all()
    assert np.array_equal(left[8 - gone :], left[: 8 - gone][::-1][:gone])
    assert np.array_equal(image[0], moved)


def test_a_slip_moves_one_section_and_a_translation_all_behind():
    labels = np.arange(900).reshape(30, 30)[None].repeat(6, axis=0)
    kinds = set()
    for seed in range(30):
        _, moved = rearranged(labels[None], labels, only(misalignment=1.0), rng(seed))
        changed = [not np.array_equal(a, b) for a, b in zip(moved, labels, strict=True)]
        if any(changed):
            first = changed.index(True)
            kinds.add("all" if all(changed[first:]) and sum(changed) > 1 else "one")
            assert sum(changed) in (1, 6 - first)
    assert kinds == {"all", "one"}


def test_in_2d_a_misalignment_moves_what_lies_below_a_row():
    labels = np.arange(1600).reshape(1, 40, 40)
    for seed in range(10):
        _, moved = rearranged(labels[None], labels, only(misalignment=1.0), rng(seed))
        same = (moved[0] == labels[0]).all(axis=1)
        assert same[0]
        assert (np.diff(same.astype(int)) <= 0).all()


@pytest.mark.parametrize("sigma", [0.01, 0.5, 1.5, 3.0])
def test_blur_is_a_gaussian_of_eleven_pixels(sigma):
    image = grey((2, 30, 40))
    expected = ndimage.gaussian_filter(image, (0, sigma, sigma), radius=(0, 5, 5), mode="reflect")
    assert np.allclose(blurred(image, sigma, 11), expected, atol=2e-4)


@settings(max_examples=30, deadline=None)
@given(
    sides=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    sigma=st.floats(0.01, 3),
    value=st.floats(0, 1, width=32),
    kernel=st.sampled_from([3, 11, 31]),
)
def test_a_blurred_constant_is_the_constant(sides, sigma, value, kernel):
    image = np.full((1, *sides), value, np.float32)
    assert np.allclose(blurred(image, sigma, kernel), value, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_localised_blur_leaves_a_constant_and_most_of_the_image(seed):
    interior = np.ones((1, 128, 128), np.float32)
    interior[:, 64] = 0
    flat = np.full((1, 1, 128, 128), 0.3, np.float32)
    assert np.allclose(
        spoiled(flat.copy(), interior, only(local_blur=1.0), rng(seed)), 0.3, atol=1e-5
    )
    image = grey((1, 1, 128, 128))
    out = spoiled(image.copy(), interior, only(local_blur=1.0), rng(seed))
    changed = out != image
    assert 0 < changed.mean() < 0.75
    assert out.min() >= 0
    assert out.max() <= 1


def test_localised_blur_prefers_boundaries():
    interior = np.ones((1, 256, 256), np.float32)
    interior[:, 10] = 0
    near = 0
    for seed in range(60):
        image = grey((1, 1, 256, 256), seed)
        changed = spoiled(image.copy(), interior, only(local_blur=1.0), rng(seed)) != image
        near += changed[0, 0, 10].any()
    assert near > 40


def test_noise_is_never_stronger_than_asked():
    flat = np.zeros((1, 1, 400, 400), np.float32)
    for seed in range(5):
        noise = spoiled(flat.copy(), flat[0], only(noise=1.0, noise_std=0.2), rng(seed))
        assert noise.std() <= 0.2 * 1.05
        assert abs(noise.mean()) < 0.005
    strengths = [
        spoiled(flat.copy(), flat[0], only(noise=1.0, noise_std=0.2), rng(s)).std()
        for s in range(40)
    ]
    assert 0.07 < np.mean(strengths) < 0.13
    assert max(strengths) > 0.16


def test_noise_has_the_drawn_deviation():
    class Fixed(np.random.Generator):
        def uniform(self, *bounds):
            return 0.2

    source = Fixed(np.random.PCG64(0))
    flat = np.zeros((1, 1, 200, 200), np.float32)
    noise = spoiled(flat, flat[0], only(noise=1.0), source)
    assert abs(noise.std() / 0.2 - 1) < 0.05


def test_noise_and_blur_hit_some_sections_each_in_its_own_strength():
    for fields in ({"noise": 1.0}, {"blur": 1.0}):
        counts = set()
        for seed in range(30):
            image = grey((1, 6, 24, 24))
            out = spoiled(image.copy(), image[0], only(**fields), rng(seed))
            counts.add(
                int(sum(not np.array_equal(a, b) for a, b in zip(out[0], image[0], strict=True)))
            )
        assert len(counts) > 3
        assert 0 not in counts


def test_intensity_follows_gain_offset_and_gamma():
    image = grey((1, 1, 16, 16))
    out = spoiled(image.copy(), image[0], only(intensity=1.0), rng(5))
    assert out.min() >= 0
    assert out.max() <= 1
    order = np.argsort(image.ravel())
    assert (np.diff(out.ravel()[order]) >= -1e-6).all()
    assert not np.array_equal(out, image)


def test_intensity_is_gain_then_offset_then_gamma():
    """(x (1 + c (u - 1/2)) + b (v - 1/2)) to the power 2^(g (2 w - 1)), with u, v, w uniform (Lee et al. 2017)."""
    image, chosen = grey((1, 1, 6, 9)), only(intensity=1.0, contrast=0.6, brightness=0.4, gamma=0.9)
    for seed in range(5):
        source = rng(seed)
        source.random()  # whether it happens
        u, v, w = source.random(3)
        straight = np.clip(image * (1 + 0.6 * (u - 0.5)) + 0.4 * (v - 0.5), 0, 1)
        found = spoiled(image.copy(), image[0], chosen, rng(seed))
        np.testing.assert_allclose(found, straight**2 ** (0.9 * (2 * w - 1)), atol=1e-5)


def test_blur_is_as_strong_as_asked():
    image = grey((1, 1, 20, 30))
    out = spoiled(image.copy(), image[0], only(blur=1.0, blur_sigma=(1.5, 1.5)), rng(0))
    np.testing.assert_allclose(out, blurred(image, 1.5, NO_AUGMENTATION.blur_kernel), atol=1e-6)


def test_elastic_deformation_shows_what_lies_where_the_flow_points():
    """An image that shows its own places, y in one channel and x in the other."""
    places = np.indices((40, 56), np.float32)[:, None]
    moved, _ = rearranged(
        places, places[0].astype(int), only(elastic=1.0, elastic_sigma=2.0), rng(3)
    )
    source = rng(3)
    source.random(5)  # three flips, a misalignment, and whether it happens
    flow = flow_pool(NO_AUGMENTATION.elastic_grid)[int(source.integers(FLOWS))]
    signs = source.choice(np.array([-1, 1], np.float32), 2)
    first = source.integers(flow.shape[-1], size=2)
    part = np.roll(flow, -first, axis=(1, 2))[:, :40, :56] * 2 * signs[:, None, None]
    limits = np.array([39, 55])[:, None, None]
    expected = np.clip(places[:, 0] + part, 0, limits)
    np.testing.assert_allclose(moved[:, 0], expected, atol=1e-3)


def test_intensity_changes_whole_stacks_or_every_section():
    kinds = set()
    for seed in range(20):
        image = np.full((1, 4, 8, 8), 0.5, np.float32)
        out = spoiled(image, image[0], only(intensity=1.0), rng(seed))
        kinds.add(len(np.unique(out[0, :, 0, 0])) > 1)
    assert kinds == {True, False}


def test_missing_sections_are_black_or_grey_and_never_all():
    fills = set()
    for seed in range(20):
        image = grey((1, 6, 8, 8))
        out = spoiled(image.copy(), image[0], only(missing_section=1.0), rng(seed))
        gone = [k for k in range(6) if np.ptp(out[0, k]) == 0]
        assert 1 <= len(gone) <= 5
        assert gone == list(range(gone[0], gone[-1] + 1))
        fills.add(float(out[0, gone[0], 0, 0]) == 0)
    assert fills == {True, False}


def test_a_missing_part_is_a_stripe_at_the_mean():
    found = 0
    for seed in range(10):
        image = grey((1, 1, 64, 64))
        out = spoiled(image.copy(), image[0], only(missing_part=1.0), rng(seed))
        changed = out != image
        found += changed.any()
        assert changed.mean() < 0.6
        assert np.allclose(out[changed], image.mean(), atol=1e-3)
    assert found > 5


def test_clipping_keeps_the_range():
    image = grey((1, 1, 32, 32))
    out = spoiled(image, image[0], only(noise=1.0, noise_std=2.0, clip=True), rng(1))
    assert out.min() == 0
    assert out.max() == 1
