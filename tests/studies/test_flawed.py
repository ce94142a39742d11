"""Labels with made errors: as many as were made, where they were made, and what was given instead of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg import drain
from napari_advseg.samples import neuropil
from napari_advseg.scoring import score
from napari_advseg.scoring.table.boundary import grow_nearest
from napari_advseg.studies.flawed import SCALES_HERE, cases_of, flawed, has_critic, job_of, trains
from napari_advseg.studies.plan import SCALES, Given, Plan, tissue_of
from napari_advseg.volume.volume import Volume

TRUTH = neuropil((2, 160, 160), seed=5, wall=1)[1].numpy()


@given(seed=st.integers(0, 10_000), flat=st.booleans())
@settings(max_examples=12, deadline=None)
def test_made_errors_are_cuts_and_joins_of_whole_objects(seed, flat):
    truth = TRUTH[0] if flat else TRUTH
    labels = flawed(truth, seed)
    assert np.array_equal(labels, flawed(truth, seed))
    assert labels.shape == truth.shape
    assert labels.min() > 0
    found = score(labels, truth, by="volume", border=0)
    assert found.voi_split > 0
    assert found.voi_merge > 0
    planes = truth.reshape(-1, *truth.shape[-2:])
    grown = np.stack([grow_nearest(plane) for plane in planes]).reshape(truth.shape)
    pairs = np.unique(np.stack([labels.reshape(-1), grown.reshape(-1)]), axis=1)
    per_label = np.unique(pairs[0], return_counts=True)[1]
    per_truth = np.unique(pairs[1], return_counts=True)[1]
    assert per_label.max() == per_truth.max() == 2  # nobody is cut and joined


@pytest.fixture(scope="module")
def few():
    return tissue_of(SCALES["tiny"])


def cases(plan):
    return drain(cases_of(job_of(plan, "truth", 0), plan))


def map_like(tissue):
    made = np.where(tissue.labels.numpy() == 0, 0.1, 0.9).astype(np.float32)
    return Volume(made, tissue.image.frame)


def test_a_given_map_needs_no_model_and_has_no_critic(few, tmp_path):
    plan = Plan(SCALES["tiny"], few, (0,), tmp_path, given=Given(interior_map=map_like(few)))
    assert not trains(plan)
    assert not has_critic(plan)
    found = cases(plan)
    assert [one.name for one in found] == [str(k) for k in range(*few.test)]
    assert all(one.model is None and one.labels.axes == "yx" for one in found)
    assert not list(tmp_path.iterdir())


def test_given_labels_are_proofread_as_one_volume_where_that_is_asked_for(few, tmp_path):
    labels = Volume(flawed(few.labels.numpy(), 3), few.labels.frame, kind="labels")
    given = Given(segmentation=labels, interior_map=map_like(few), by="volume")
    (case,) = cases(Plan(SCALES["tiny"], few, (0,), tmp_path, given=given))
    assert case.name == f"{few.test[0]}:{few.test[1]}"
    assert np.array_equal(case.labels.numpy(), labels.numpy()[slice(*few.test)])


def test_what_does_not_lie_on_the_image_is_refused(few, tmp_path):
    short = few.labels.cut(0, 3)
    short = dataclasses.replace(short, source="short.tif")
    plan = Plan(SCALES["tiny"], few, (0,), tmp_path, given=Given(segmentation=short))
    with pytest.raises(ValueError, match=r"'short.tif' .* does not lie on labels .*all sections"):
        cases(plan)


def test_what_was_given_tells_one_study_from_another(few, tmp_path):
    plain = Plan(SCALES["tiny"], few, (0,), tmp_path)
    assert "given" not in plain.facts()
    by = dataclasses.replace(plain, given=Given(by="volume", edits=9))
    assert by.facts()["given"] == {"by": "volume", "edits": 9}
    assert set(SCALES_HERE) == set(SCALES)
