"""Painted boundary and background: 0 stays unannotated, marks are learnt as what they are."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.examples.census import take_census
from napari_advseg.examples.marks import known_truth, read_marks
from napari_advseg.examples.patches import Batches
from napari_advseg.examples.targets import targets
from napari_advseg.examples.zero import decide_zero
from napari_advseg.progress import drain
from napari_advseg.settings.examples import AugmentationSettings, ExampleSettings, TargetSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import BACKGROUND, BOUNDARY, painted_frame
from napari_advseg.volume.volume import Volume

PLAIN = AugmentationSettings(flip=0, flip_z=0, rotate=False, blur=0, noise=0)


def painted(mark=BOUNDARY):
    """Five sections, of which one shows a cell with a drawn border, and one only strokes of the mark."""
    ids = np.zeros((5, 96, 96), np.uint32)
    ids[1, 20:50, 20:60] = mark
    ids[1, 24:46, 24:56] = 4
    ids[3, 70:74, 10:80] = mark
    return Volume(ids, painted_frame(Frame("zyx")), kind="labels")


def understood(volume, requested="auto"):
    sections = [range(volume.size("z"))]
    return drain(read_marks([volume], [drain(take_census(volume))], sections, requested))


@pytest.mark.parametrize(("mark", "zero"), [(BOUNDARY, "boundary"), (BACKGROUND, "background")])
def test_marks_count_as_annotated_and_0_does_not(mark, zero):
    volume = painted(mark)
    found = understood(volume)
    assert (found.zero, found.has_gaps) == (zero, True)
    (census,) = found.censuses
    assert census.annotated(zero) == [1, 3]
    assert census.voxels(zero) == np.count_nonzero(volume.numpy())


@pytest.mark.parametrize("kind", ["any_diff", "connectomics", "laplacian3"])
@pytest.mark.parametrize("mark", [BOUNDARY, BACKGROUND])
def test_a_mark_is_outside_and_what_is_not_painted_weighs_nothing(kind, mark):
    volume = painted(mark)
    found = understood(volume)
    ids = found.labels[0].section(1)
    target = targets(ids, TargetSettings(kind=kind), found.zero)
    raw = volume.numpy()[1]
    np.testing.assert_array_equal(target.weight > 0, raw != 0)
    assert not target.interior[raw == mark].any()
    assert target.interior[30:40, 30:50].all()


def test_crops_are_drawn_around_what_is_painted():
    volume = painted()
    found = understood(volume)
    image = Volume(np.zeros(volume.shape, np.uint8), Frame("zyx"))
    settings = ExampleSettings(crop=32, batch=24, augmentation=PLAIN)
    batches = Batches(
        [image],
        found.labels,
        settings,
        found.zero,
        lambda grey: grey.astype(np.float32),
        0,
        censuses=found.censuses,
    )
    batch = batches[0]
    assert all(weight.any() for weight in batch.weight)
    assert {window[1] for window in batch.windows} == {1, 3}


def test_labels_without_marks_are_left_alone():
    ids = np.where(painted().numpy() == 4, 4, 0)
    assert understood(Volume(ids, Frame("zyx"))) is None


def test_a_meaning_that_was_asked_for_is_kept():
    found = understood(painted(), "background")
    assert (found.zero, found.has_gaps) == ("background", False)
    assert set(np.unique(found.labels[0].numpy())) == {0, 4}


def test_what_was_painted_for_training_has_no_annotated_zeros():
    ids = np.where(painted().numpy() == 4, 4, 0)
    ids[:, 5:90, 5:90] += 1  # dense, with a rim that looks like a wall
    volume = Volume(ids, painted_frame(Frame("zyx")))
    decision = decide_zero(volume)
    assert decision.meaning == "unannotated"
    assert decide_zero(volume, "boundary").meaning == "boundary"


def test_truth_leaves_out_what_is_not_annotated():
    section = np.array([[-1, 0, 5]])
    cells = np.maximum(section, 0)
    assert known_truth(cells, section, "boundary").tolist() == [[0, 0, 5]]
    assert known_truth(cells, section, "background").tolist() == [[0, BACKGROUND, 5]]
