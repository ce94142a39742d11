"""What studies measure of pixels, on a row whose counts are known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.model_store import Card, StoredModel
from napari_advseg.recipes import train_recipe
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.studies.measures import pixels
from napari_advseg.tasks.segment import Segmented
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3)
TRUTH = [1, 1, 0, 2, 2, 0, -1]
"""Two cells and two pixels of wall; the last pixel is not annotated."""
MAP = [0.9, 0.2, 0.4, 0.4, 0.9, 0.1, 0.1]


def row(values, dtype):
    return Volume(np.array([[values]], dtype), FRAME)


@pytest.mark.parametrize(
    ("threshold", "accuracy", "inside", "walls"),
    [(0.3, 4 / 6, 3 / 5, 1 / 3), (0.5, 4 / 6, 1 / 2, 1 / 2)],
)
def test_pixels_count_on_their_side_of_the_models_threshold_where_truth_is_known(
    threshold, accuracy, inside, walls
):
    """At .3 the cells are found but for a pixel, and a pixel of wall beside; at .5 two are missed and no wall."""
    card = Card(
        recipe=train_recipe("unet", "quick"),
        normaliser=Normaliser(low=0, high=255),
        labelling=LabellingSettings(threshold=threshold, zero="boundary"),
    )
    interior_map = row(MAP, np.float32)
    found = pixels(
        Segmented(interior_map, interior_map), row(TRUTH, np.int64), StoredModel(card, {})
    )
    assert found["pixel_accuracy"] == pytest.approx(accuracy)
    assert found["iou_inside"] == pytest.approx(inside)
    assert found["iou_walls"] == pytest.approx(walls)
    assert found["mean_iou"] == pytest.approx((inside + walls) / 2)
