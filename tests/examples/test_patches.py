"""Batches: pure functions of seed and number, true to the section, and drawn where annotated."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.examples.augment import NO_AUGMENTATION
from napari_advseg.examples.pairs import check_pairs
from napari_advseg.examples.patches import Batches, gathered
from napari_advseg.examples.targets import targets
from napari_advseg.examples.withheld import whole_section
from napari_advseg.settings.examples import AugmentationSettings, ExampleSettings, TargetSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.volume import Volume

normaliser = Normaliser(low=0, high=255)


def volume(array, axes="", **fields):
    return Volume(array, Frame(axes or "zyx"[-array.ndim :], **fields))


def pair(shape=(4, 70, 90), seed=0):
    """An image of noise, so that a crop tells its place, and labels of 10 x 10 px cells."""
    rng = np.random.default_rng(seed)
    rows, columns = -(-shape[1] // 10), -(-shape[2] // 10)
    cells = rng.integers(1, 200, (shape[0], rows, columns)).repeat(10, 1).repeat(10, 2)
    labels = cells[:, : shape[1], : shape[2]].astype(np.uint16)
    image = rng.integers(0, 256, shape).astype(np.uint8)
    return volume(image), volume(labels)


def made(image, labels, zero="unannotated", seed=1, sections=None, **fields):
    fields = {"crop": 32, "batch": 4, "augmentation": NO_AUGMENTATION, **fields}
    return Batches([image], [labels], ExampleSettings(**fields), zero, normaliser, seed, sections)


def same(one, other):
    return one.windows == other.windows and all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("image", "target", "weight")
    )


@pytest.mark.parametrize("mode", ["online", "fixed"])
def test_a_batch_depends_on_seed_and_number_alone(mode):
    augmentation = AugmentationSettings(elastic=0.5, intensity=0.5, local_blur=0.5)
    fields = {"mode": mode, "augmentation": augmentation}
    one, other = made(*pair(), **fields), made(*pair(), **fields)
    later = [other[k] for k in (7, 2, 0)]
    assert same(one[0], later[2])
    assert same(one[7], later[0])
    assert same(one[7], one[7])
    assert not same(one[0], one[1])
    assert not same(one[0], made(*pair(), seed=2, **fields)[0])


def test_threads_get_the_same_batches():
    batches = made(*pair(), augmentation=AugmentationSettings())
    with ThreadPoolExecutor(4) as pool:
        both = list(pool.map(batches.__getitem__, list(range(6)) * 2))
    assert all(same(both[k], both[k + 6]) for k in range(6))


def test_batches_are_float_planes_with_channels():
    batch = made(*pair())[0]
    for array in (batch.image, batch.target, batch.weight):
        assert array.shape == (4, 1, 32, 32)
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
    assert set(np.unique(batch.target)) == {0, 1}


@pytest.mark.parametrize("kind", ["any_diff", "connectomics", "distance", "affinities"])
def test_a_crop_has_the_image_and_the_target_of_its_section(kind):
    image, labels = pair()
    fields = TargetSettings(kind=kind, radius=2)
    batches = made(image, labels, targets=fields)
    for k in range(5):
        batch = batches[k]
        for at, (_, z, y, x) in enumerate(batch.windows):
            cut = (..., slice(y, y + 32), slice(x, x + 32))
            section = labels.section(z)
            whole = targets(section, fields, "unannotated")
            assert np.allclose(batch.image[at, 0], image.section(z)[cut] / 255, atol=1e-6)
            weight = whole.weight[cut].reshape(-1, 32, 32)
            assert np.array_equal(batch.weight[at], weight)
            expected = whole.interior[cut].reshape(-1, 32, 32)
            assert np.array_equal(batch.target[at] * weight, expected * weight)


def test_every_pixel_of_a_section_is_drawn():
    image, labels = pair((1, 40, 50))
    seen = np.zeros((40, 50))
    batches = made(image, labels, batch=64)
    for k in range(40):
        for _, _, y, x in batches[k].windows:
            seen[y : y + 32, x : x + 32] += 1
    assert seen.min() > 0


def sparse(shape=(6, 150, 170)):
    labels = np.zeros(shape, np.int32)
    labels[4, 0:5, 166:170] = 1
    labels[4, 90:93, 20:60] = 2
    labels[4, 93:96, 20:60] = 3
    return volume(np.zeros(shape, np.uint8)), volume(labels)


def test_a_label_in_one_section_only_is_found_by_every_crop():
    batches = made(*sparse())
    weights = np.concatenate([batches[k].weight for k in range(20)])
    places = [window for k in range(20) for window in batches[k].windows]
    assert (weights.sum(axis=(1, 2, 3)) > 0).all()
    assert {z for _, z, _, _ in places} == {4}
    assert any(y == 0 and x == 138 for _, _, y, x in places), "the corner is found"


@settings(max_examples=30, deadline=None)
@given(
    y=st.integers(0, 59),
    x=st.integers(0, 49),
    crop=st.sampled_from([16, 24, 48, 80]),
    scale=st.sampled_from([1.0, 0.72, 2.0]),
    radius=st.integers(1, 10),
)
def test_no_crop_is_empty_wherever_the_paint_is(y, x, crop, scale, radius):
    labels = np.zeros((60, 50), np.uint8)
    labels[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = 1
    fields = {"crop": crop, "scale": scale, "targets": TargetSettings(radius=radius)}
    batches = made(volume(np.zeros((60, 50), np.uint8)), volume(labels), **fields)
    for k in range(3):
        assert (batches[k].weight.sum(axis=(1, 2, 3)) > 0).all()


def test_sections_are_drawn_by_their_annotated_area():
    labels = np.zeros((3, 64, 64), np.uint8)
    labels[0, :, :] = 1
    labels[1, :16, :] = 1
    batches = made(volume(np.zeros_like(labels)), volume(labels), batch=32)
    drawn = np.bincount([z for k in range(20) for _, z, _, _ in batches[k].windows], minlength=3)
    assert drawn[2] == 0
    assert 0.7 < drawn[0] / drawn.sum() < 0.9


def test_empty_sections_are_left_out_unless_0_is_a_background():
    labels = np.zeros((4, 40, 40), np.uint8)
    labels[2, 5:30, 5:30] = 1
    for zero, sections in (("boundary", {2}), ("background", {0, 1, 2, 3})):
        batches = made(volume(np.zeros_like(labels)), volume(labels), zero, batch=40)
        assert {z for _, z, _, _ in batches[0].windows} == sections


def test_only_the_given_sections_are_drawn():
    batches = made(*pair((8, 40, 40)), sections=[[1, 5]], batch=40)
    assert {z for _, z, _, _ in batches[0].windows} == {1, 5}


def test_chosen_sections_without_annotation_are_refused():
    with pytest.raises(ValueError, match="Nothing is annotated in the chosen sections"):
        made(*sparse(), sections=[[0, 1]])


@pytest.mark.parametrize("shape", [(20, 25), (1, 20, 100), (2, 33, 7), (1, 1, 1)])
def test_images_smaller_than_the_crop_are_mirrored_and_do_not_count_there(shape):
    image = np.random.default_rng(0).integers(1, 255, shape).astype(np.uint8)
    batch = made(volume(image), volume(np.ones(shape, np.uint8)))[0]
    inside = min(32, shape[-2]) * min(32, shape[-1])
    assert (batch.weight.sum(axis=(1, 2, 3)) == inside).all()
    assert batch.image.min() > 0
    assert set(np.unique(batch.image * 255).round().astype(int)) <= set(np.unique(image))


def test_pixels_without_a_number_do_not_count():
    image, labels = pair()
    array = image.numpy().astype(np.float32)
    array[:, 10:20, 10:20] = np.nan
    array[:, 30, 30] = np.inf
    batches = made(volume(array), labels, augmentation=AugmentationSettings(elastic=0.3))
    for k in range(5):
        batch = batches[k]
        assert np.isfinite(batch.image).all()
    plain = made(volume(array), labels)
    for k in range(5):
        batch = plain[k]
        for at, (_, z, y, x) in enumerate(batch.windows):
            known = np.isfinite(array[z, y : y + 32, x : x + 32])
            assert np.array_equal(batch.weight[at, 0] > 0, known)
    assert (
        whole_section(volume(array), labels, 0, ExampleSettings(), "boundary", normaliser).weight
        == 0
    ).sum() == 101


def test_colours_stay_channels():
    image, labels = pair((1, 60, 60))
    colours = np.stack([image.numpy()[0] // k for k in (1, 2, 3)])
    flat = volume(labels.numpy()[0])
    batch = made(volume(colours, "cyx"), flat, augmentation=AugmentationSettings())[0]
    assert batch.image.shape == (4, 3, 32, 32)
    assert batch.target.shape == (4, 1, 32, 32)
    stack = volume(colours[:, None].repeat(2, 1), "czyx")
    assert made(stack, volume(labels.numpy().repeat(2, 0)))[0].image.shape == (4, 3, 32, 32)


def test_a_training_scale_shrinks_image_and_labels_alike():
    labels = np.ones((1, 200, 200), np.uint8)
    labels[:, :, 100:] = 2
    image = np.where(labels == 1, 0, 255).astype(np.uint8)
    batches = made(volume(image), volume(labels), scale=0.5, crop=64)
    found = 0
    for k in range(10):
        batch = batches[k]
        for at, (_, _, _, x) in enumerate(batch.windows):
            edge = (100 - x) / 2
            if 4 < edge < 60:
                found += 1
                wall = np.flatnonzero((batch.target[at, 0] == 0).all(axis=0))
                assert abs(wall.mean() + 0.5 - edge) <= 1
                assert abs((batch.image[at, 0] < 0.5).sum(axis=1).mean() - edge) <= 1
    assert found > 5


def test_a_whole_section_comes_at_the_training_scale():
    image, labels = pair((2, 70, 90))
    batch = whole_section(image, labels, 1, ExampleSettings(scale=0.5), "unannotated", normaliser)
    assert batch.image.shape == batch.target.shape == (1, 1, 35, 45)
    plain = whole_section(image, labels, 1, ExampleSettings(), "unannotated", normaliser)
    expected = targets(labels.section(1), TargetSettings(), "unannotated")
    assert np.array_equal(plain.target[0, 0], expected.interior)
    assert np.allclose(plain.image[0, 0], image.section(1) / 255)


def test_a_fixed_set_repeats_in_another_order_every_epoch():
    fields = {"mode": "fixed", "fixed_crops": 6, "batch": 3, "augmentation": AugmentationSettings()}
    batches = made(*pair(), **fields)
    epochs = [gathered([batches[2 * e], batches[2 * e + 1]]) for e in range(4)]
    sets = [sorted(image.tobytes() for image in epoch.image) for epoch in epochs]
    assert len(set(sets[0])) == 6
    assert all(one == sets[0] for one in sets)
    assert len({epoch.windows for epoch in epochs}) > 1


def test_several_images_are_drawn_from_each_with_its_own_0():
    first, second = pair((2, 50, 60)), pair((1, 40, 45), seed=1)
    labels = second[1].numpy().copy()
    labels[:, :5] = 0
    chosen = ExampleSettings(crop=32, batch=32, augmentation=NO_AUGMENTATION)
    batches = Batches(
        [first[0], second[0]],
        [first[1], volume(labels)],
        chosen,
        ["unannotated", "boundary"],
        normaliser,
        0,
    )
    batch = batches[0]
    assert {window[0] for window in batch.windows} == {0, 1}
    assert (batch.weight == 1).all()


def test_images_without_labels_give_crops_that_do_not_count():
    batch = made(pair()[0], None, batch=16)[0]
    assert batch.image.shape == (16, 1, 32, 32)
    assert (batch.weight == 0).all()
    assert {z for _, z, _, _ in batch.windows} == {0, 1, 2, 3}


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint64, np.float32, bool])
def test_labels_of_any_type_give_the_same_batches(dtype):
    image, labels = pair()
    two = labels.numpy() % 2
    expected = made(image, volume(two), "boundary")[0]
    assert same(made(image, volume(two.astype(dtype)), "boundary")[0], expected)


def test_huge_and_scattered_ids_give_the_same_batches():
    image, labels = pair()
    ids = labels.numpy().astype(np.uint64) * 2**40
    scattered = volume(np.asfortranarray(ids.repeat(2, axis=2))[:, :, ::2])
    assert same(made(image, scattered)[0], made(image, labels)[0])


def test_negative_ids_do_not_count():
    image, labels = pair()
    ids = labels.numpy().astype(np.int32)
    ids[:, :, 40:] = -1
    batch = made(image, volume(ids), "boundary")[0]
    for at, (_, _, _, x) in enumerate(batch.windows):
        assert (batch.weight[at, 0, :, : max(0, 40 - x)] == 1).all()
        assert (batch.weight[at, 0, :, max(0, 40 - x) :] == 0).all()


def test_labels_of_another_shape_are_refused_with_both():
    image, labels = (
        volume(np.zeros((3, 20, 20)), name="raw"),
        volume(np.zeros((3, 20, 21)), name="truth"),
    )
    with pytest.raises(
        ValueError, match=r"\(3, 20, 20\) of the image 'raw', \(3, 20, 21\) of its labels 'truth'"
    ):
        check_pairs([image], [labels])


def test_labels_of_another_scale_are_refused_with_both():
    def framed(step, unit, name):
        return volume(np.zeros((20, 20)), scale=(step, step), units=(unit, unit), name=name)

    with pytest.raises(
        ValueError, match="4 nanometer of the image 'raw', 8 nanometer of its labels 'truth'"
    ):
        check_pairs([framed(4, "nanometer", "raw")], [framed(8, "nanometer", "truth")])
    check_pairs([framed(4, "nanometer", "raw")], [framed(0.004, "micrometer", "truth")])
    check_pairs([framed(4, "nanometer", "raw")], [framed(1, "pixel", "truth")])


def test_what_is_no_pair_is_refused():
    image, labels = pair()
    with pytest.raises(ValueError, match="There is no image"):
        check_pairs([], [])
    with pytest.raises(ValueError, match="2 images and 1 labels are no pairs"):
        check_pairs([image, image], [labels])
    with pytest.raises(ValueError, match="Only 1 of 2 images have labels"):
        check_pairs([image, image], [labels, None])
    with pytest.raises(ValueError, match="1 and 3 channels"):
        check_pairs([image, volume(np.zeros((3, 4, 4)), "cyx")], [None, None])
    with pytest.raises(ValueError, match="2 time points"):
        check_pairs([volume(np.zeros((2, 4, 4)), "tyx")], [None])


def test_negative_seeds_and_numbers_are_refused():
    with pytest.raises(ValueError, match="Seed -1 is negative"):
        made(*pair(), seed=-1)
    with pytest.raises(IndexError, match="counted from 0"):
        made(*pair())[-1]
