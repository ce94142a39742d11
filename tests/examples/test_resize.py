"""Resizing: smooth for grey values, nearest for labels, and in step with each other."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from napari_advseg.examples.resize import resized_image, resized_labels

sizes = st.integers(1, 40)


@settings(max_examples=40, deadline=None)
@given(before=st.tuples(sizes, sizes), after=st.tuples(sizes, sizes), value=st.integers(0, 255))
def test_a_constant_stays_constant(before, after, value):
    out = resized_image(np.full(before, value, np.uint8), *after)
    assert out.shape == after
    assert out.dtype == np.float32
    assert np.allclose(out, value, rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(before=st.tuples(sizes, sizes), after=st.tuples(sizes, sizes), seed=st.integers(0, 9))
def test_it_is_the_antialiased_bilinear_filter_of_pillow(before, after, seed):
    image = np.random.default_rng(seed).random(before, np.float32)
    pillow = Image.fromarray(image).resize(after[::-1], Image.Resampling.BILINEAR)
    assert np.allclose(resized_image(image, *after), np.asarray(pillow), atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(labels=arrays(np.uint16, st.tuples(sizes, sizes)), after=st.tuples(sizes, sizes))
def test_labels_are_never_mixed(labels, after):
    out = resized_labels(labels, *after)
    assert out.shape == after
    assert out.dtype == labels.dtype
    assert set(out.ravel()) <= set(labels.ravel())


def test_every_plane_is_resized_alike():
    image = np.random.default_rng(0).random((3, 2, 20, 30), np.float32)
    out = resized_image(image, 13, 11)
    assert out.shape == (3, 2, 13, 11)
    assert np.array_equal(out[1, 1], resized_image(image[1, 1], 13, 11))


def test_image_and_labels_stay_on_each_other():
    labels = np.zeros((100, 100), np.uint8)
    labels[30:70, 20:60] = 1
    image = resized_image(255 * labels, 72, 72)
    assert np.mean((image > 127) != resized_labels(labels, 72, 72)) < 0.01


def test_the_same_size_changes_nothing():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(resized_image(image, 3, 4), image)
    assert resized_labels(image, 3, 4) is image
