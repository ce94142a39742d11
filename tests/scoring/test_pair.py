"""A painted annotation as truth: what is marked or not annotated is no object."""

from __future__ import annotations

import numpy as np

from napari_advseg.scoring import score
from napari_advseg.scoring.finding.locate import locate
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import BACKGROUND, BOUNDARY, painted_frame
from napari_advseg.volume.volume import Volume


def test_marks_are_left_out_of_every_score():
    truth = np.repeat(np.array([3, BOUNDARY, 5, 0, BACKGROUND], np.uint32), 8)[None].repeat(20, 0)
    labels = np.repeat(np.array([1, 1, 2, 2, 7], np.uint32), 8)[None].repeat(20, 0)
    painted = Volume(truth, painted_frame(Frame("yx")), kind="labels")
    found = score(labels, painted, border=0)
    assert found.voi == 0
    assert found.scored == 2 * 8 * 20
    objects = locate(labels, painted, border=0).objects
    assert {one.id for one in objects if one.side == "truth"} == {3, 5}
    assert score(labels, truth, border=0).voi > 0
