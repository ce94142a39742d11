"""A normaliser is fitted once, gives finite numbers everywhere, and survives JSON."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_advseg.settings.examples import NormalisationSettings
from napari_advseg.volume.formats.files import read
from napari_advseg.volume.normalise import Normaliser

RANDOM = np.random.default_rng(0)
ANY = st.sampled_from(["uint8", "uint16", "int16", "uint32", "float32", "float64", "bool"])
SHAPES = arrays.array_shapes(min_dims=2, max_dims=3, max_side=5)


@given(ANY.flatmap(lambda dtype: arrays.arrays(dtype, SHAPES)), st.booleans())
@settings(max_examples=120, deadline=None)
def test_any_image_becomes_finite_float32_or_is_refused(array, clip):
    volume = read(array)
    numbers = volume.numpy().astype(np.float64)
    if not np.isfinite(numbers).any() or np.abs(numbers[np.isfinite(numbers)]).max() > 1e30:
        return
    normaliser = Normaliser.fit(volume, NormalisationSettings(clip=clip))
    found = normaliser(volume.numpy())
    assert found.dtype == np.float32
    assert found.shape == array.shape
    assert np.isfinite(found).all()
    assert not clip or (found.min() >= 0 and found.max() <= 1)


@given(arrays.arrays(np.int16, (7, 8, 9)), st.integers(0, 6), st.integers(1, 8))
@settings(max_examples=30, deadline=None)
def test_a_part_is_scaled_like_the_whole(array, section, column):
    normaliser = Normaliser.fit(read(array))
    whole = normaliser(array)
    np.testing.assert_array_equal(
        normaliser(array[section, :, :column]), whole[section, :, :column]
    )


def test_json_keeps_everything():
    normaliser = Normaliser.fit(read(RANDOM.normal(7, 3, (3, 50, 60))))
    again = Normaliser.model_validate_json(normaliser.model_dump_json())
    assert again == normaliser
    image = RANDOM.normal(7, 3, (50, 60))
    np.testing.assert_array_equal(again(image), normaliser(image))


def test_low_becomes_0_and_high_becomes_1():
    normaliser = Normaliser(low=0.1, high=3.3)
    np.testing.assert_array_equal(normaliser(np.array([0.1, 3.3], np.float32)), [0, 1])
    np.testing.assert_array_equal(normaliser(np.array([0.1, 3.3])), [0, 1])


def test_12_bits_in_16_use_the_whole_range():
    image = RANDOM.integers(0, 4096, (4, 200, 200), np.uint16)
    found = Normaliser.fit(read(image))(image)
    assert found.min() == pytest.approx(0, abs=0.01)
    assert found.max() == pytest.approx(1, abs=0.01)


def test_a_few_hot_pixels_do_not_count():
    image = RANDOM.integers(100, 200, (2, 200, 200), np.uint16)
    image[0, :3, :3] = 65535
    assert Normaliser.fit(read(image)).high < 210


def test_negative_values_are_right():
    image = RANDOM.integers(-3000, -1000, (2, 100, 100), np.int16)
    found = Normaliser.fit(read(image), NormalisationSettings(low=0, high=100))(image)
    assert (found.min(), found.max()) == (0, 1)


def test_a_constant_image_becomes_zero():
    normaliser = Normaliser.fit(read(np.full((2, 5, 5), 77, np.uint8)))
    assert normaliser.kind == "constant"
    assert not normaliser(np.full((5, 5), 77, np.uint8)).any()


def test_a_sparse_mask_falls_back_to_its_range():
    mask = np.zeros((2, 100, 100), np.uint8)
    mask[0, 0, 0] = 1
    normaliser = Normaliser.fit(read(mask))
    assert (normaliser.kind, normaliser.low, normaliser.high) == ("range", 0, 1)


def test_nan_and_infinity_are_left_out_filled_and_masked():
    image = RANDOM.normal(100, 10, (2, 50, 50)).astype(np.float32)
    clean = Normaliser.fit(read(image))
    image[0, :9] = np.nan
    image[1, :9, 0] = (np.inf, -np.inf, np.inf) * 3
    normaliser = Normaliser.fit(read(image))
    assert normaliser.low == pytest.approx(clean.low, abs=5)
    found = normaliser(image)
    assert np.isfinite(found).all()
    assert found[0, 0, 0] == pytest.approx(0.5, abs=0.1)
    np.testing.assert_array_equal(normaliser.finite(image), np.isfinite(image))
    assert normaliser.finite(image[0, 9:]) is None
    assert normaliser.finite(np.zeros(3, np.uint8)) is None


def test_an_image_of_nothing_but_nan_is_refused():
    with pytest.raises(ValueError, match="no finite value; check that the right file"):
        Normaliser.fit(read(np.full((2, 3, 3), np.nan)))


def test_only_the_named_sections_count():
    image = np.zeros((4, 20, 20), np.uint8)
    image[2:] = RANDOM.integers(100, 200, (2, 20, 20))
    assert Normaliser.fit(read(image), sections=range(2, 4)).low >= 100
    with pytest.raises(ValueError, match="choose at least one"):
        Normaliser.fit(read(image), sections=[])


def test_the_sample_of_a_vast_volume_is_bounded_and_always_the_same():
    class Vast:
        shape, dtype = (10_000, 100_000, 100_000), np.dtype(np.uint8)
        most = 0

        def __getitem__(self, key):
            z, rows, _ = key
            count = (rows.stop - rows.start) * 100_000
            Vast.most = max(Vast.most, count)
            return np.random.default_rng(z + rows.start).integers(0, 255, 1000, np.uint8)

    from napari_advseg.volume.frame import Frame
    from napari_advseg.volume.volume import Volume

    volume = Volume(Vast(), Frame("zyx"))
    assert Normaliser.fit(volume) == Normaliser.fit(volume)
    assert Vast.most <= 1 << 24
