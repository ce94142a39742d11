"""Before a training starts: what it will learn from, and whether its labels look like classes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_advseg import drain
from napari_advseg.examples.classes import look_like_classes
from napari_advseg.progress import Said
from napari_advseg.recipes import train_recipe
from napari_advseg.training.data import prepare
from napari_advseg.training.outlook import Overtaken, outlook
from napari_advseg.volume.arrays.lazy import Windowed
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume


def stack(array):
    return Volume(array, Frame("zyx"), kind="labels")


def axons(sections=6, side=96, pieces=12):
    """Background 0, discs of 2 in rings of 1."""
    rng = np.random.default_rng(0)
    classes = np.zeros((sections, side, side), np.uint8)
    y, x = np.mgrid[:side, :side]
    for section in classes:
        for k in range(pieces):
            v, u = 12 + 24 * (k // 4) + rng.integers(3), 12 + 24 * (k % 4) + rng.integers(3)
            far = (y - v) ** 2 + (x - u) ** 2
            section[far < 64] = 1
            section[far < 25] = 2
    return classes


def cells(sections=6, side=96):
    """Some cells with ids of their own in a section that is not annotated else."""
    labels = np.zeros((sections, side, side), np.int32)
    for k in range(4):
        labels[2, 10 + 20 * k : 26 + 20 * k, 20:60] = k + 1
    return labels


def recipe(**changes):
    return train_recipe("unet", "quick", changes)


def test_the_outlook_says_what_the_training_will_say(tissue):
    image, labels = tissue
    said = []
    running = prepare(image, labels, recipe())
    drain(running, lambda report: said.append(report.text) if isinstance(report, Said) else None)
    found = outlook(labels, recipe())
    assert found.words.split(". ")[0] + "." in said
    assert "sections train" in found.words
    assert found.training > 0
    assert not found.is_problem


def test_sections_and_validation_are_taken_into_account():
    labels = axons()
    found = outlook(stack(labels), recipe(sections="0:4", validation="3:4"))
    assert found.words.startswith("3 sections train, 1 validates; ")
    assert found.training == 3


def test_what_cannot_be_learnt_is_a_problem_in_words():
    empty = outlook(stack(np.zeros((3, 40, 40), np.int32)), recipe())
    assert empty.is_problem
    assert "empty" in empty.words
    outside = outlook(stack(cells()), recipe(sections="4:9"))
    assert outside.is_problem
    assert "4:9" in outside.words


def test_few_values_in_many_pieces_look_like_classes_until_they_are_learnt_so():
    assert outlook(stack(axons()), recipe()).classes == (0, 1, 2)
    learnt = recipe(examples={"targets": {"kind": "classes"}})
    found = outlook(stack(axons()), learnt)
    assert found.classes == ()
    assert "Learnt as classes: 0, 1, 2." in found.words


@pytest.mark.parametrize(
    "labels",
    [
        cells(),
        np.stack([ndimage.label(section)[0] for section in axons()]),
        (axons() > 0).astype(np.uint8),
        np.zeros((2, 32, 32), np.uint8),
        np.full((2, 32, 32), -1),
        axons().astype(np.int64) << 40,
    ],
    ids=["a few cells", "many cells", "a mask", "nothing", "negative", "large ids"],
)
def test_cells_masks_and_odd_labels_do_not_look_like_classes(labels):
    assert look_like_classes(stack(labels), range(len(labels))) == ()


def test_labels_without_a_pair_are_counted_and_not_divided():
    found = outlook(stack(axons()), recipe(), is_pair=False)
    assert "annotated voxels. 0 is" in found.words
    assert "train" not in found.words


class Endless(Windowed):
    """A stack far larger than any memory, with one cell in every section."""

    @property
    def shape(self):
        return (10**6, 1024, 1024)

    @property
    def dtype(self):
        return np.dtype(np.uint32)

    def read(self, window):
        section = np.zeros([part.stop - part.start for part in window], np.uint32)
        section[..., 5:50, 5:50] = 7
        return section


def test_an_annotation_that_takes_long_to_count_is_left_to_the_training():
    found = outlook(stack(Endless()), recipe(), patience_s=0.2)
    assert "counted when the training starts" in found.words
    assert not found.is_problem


def test_counting_stops_when_nobody_waits_any_more():
    with pytest.raises(Overtaken):
        outlook(stack(Endless()), recipe(), lambda: True)
