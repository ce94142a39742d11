"""Studies run whole at the smallest scale, go on where they were broken off, and say what can be compared."""

from __future__ import annotations

import csv
import dataclasses
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from napari_advseg import drain, families
from napari_advseg.progress import StepDone, Warned
from napari_advseg.studies import queue
from napari_advseg.studies.declared import STUDIES
from napari_advseg.studies.plan import SCALES, WAYS, Plan, sized, tissue_of
from napari_advseg.studies.protocols import spread
from napari_advseg.studies.queue import joined, pieces, run, runs, with_hidden
from napari_advseg.studies.study import Job
from napari_advseg.volume.arrays.lazy import Cut
from napari_advseg.volume.synthetic_voxels import marked, without_synthetic

TINY = SCALES["tiny"]


@pytest.fixture(scope="module")
def few():
    """The synthetic tissue of the smallest scale."""
    return tissue_of(TINY)


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    """Small networks are slower on several threads, and numbers are compared."""
    real = Plan.recipe

    def recipe(self, family, seed, changes=None):
        made = real(self, family, seed, changes)
        training = made.training.changed(threads=1, device="cpu", precision="fp32")
        return made.changed(training=training)

    monkeypatch.setattr(Plan, "recipe", recipe)


def rows_in(folder):
    with (folder / "rows.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_runs_at_the_smallest_scale(name, few, tmp_path):
    study, plan = STUDIES[name], Plan(TINY, few, (0,), tmp_path / "study", steps=1)
    warned = []
    done = drain(run(study, plan), lambda r: warned.append(r) if isinstance(r, Warned) else None)
    assert done["failed"] == {}
    rows = rows_in(plan.out)
    assert len(rows) == done["runs"] == len(study.queue(plan))
    for row in rows:
        assert all(row[name] != "" for name in (*study.by, study.measures[0]))
    page = (plan.out / "report.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {study.question}")
    assert "- Comparable: " in page
    assert "- Not comparable: " in page
    assert study.published.source in page
    for value in study.published.values.values():
        assert all(f"{number:g}" in page for number in value.values())
    assert (plan.out / "figure.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_study_that_was_broken_off_goes_on_and_ends_as_an_unbroken_one(few, tmp_path):
    study = STUDIES["scenarios"]
    whole = Plan(TINY, few, (0,), tmp_path / "whole")
    broken = Plan(TINY, few, (0,), tmp_path / "broken")
    drain(run(study, whole))
    running, steps = run(study, broken), 0
    for report in running:
        steps += isinstance(report, StepDone)
        if steps == 5:  # amid a training, with a row behind it
            break
    running.close()
    assert len(rows_in(broken.out)) == 1
    assert (broken.out / "plan.json").is_file()
    taken = []
    drain(run(study, broken), lambda r: taken.append(r) if isinstance(r, StepDone) else None)
    assert rows_in(broken.out) == rows_in(whole.out)
    everything = []
    drain(run(study, whole), lambda r: everything.append(r) if isinstance(r, StepDone) else None)
    assert everything == []
    assert steps + len(taken) == 2 * 5  # five trainings of two steps, Boundless among them


@pytest.mark.slow
def test_a_study_that_was_killed_goes_on(tmp_path):
    command = [
        sys.executable,
        "-m",
        "napari_advseg",
        "study",
        "folds",
        "--scale",
        "tiny",
        "--steps",
        "3",
        "--out",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(out):
        silent = {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        return subprocess.Popen([*command, str(out)], env=environment, **silent)

    killed, rows = start(tmp_path / "killed"), tmp_path / "killed" / "rows.csv"
    while not rows.is_file() and killed.poll() is None:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert len(rows_in(rows.parent)) < 15
    for out in ("killed", "whole"):
        assert start(tmp_path / out).wait() == 0
    assert rows_in(tmp_path / "killed") == rows_in(tmp_path / "whole")


def test_further_seeds_add_rows_and_pair_the_differences(few, tmp_path):
    study = STUDIES["scenarios"]
    for seeds in ((0,), (0, 1)):
        drain(run(study, Plan(TINY, few, seeds, tmp_path / "study", steps=1)))
    assert len(rows_in(tmp_path / "study")) == 8
    page = (tmp_path / "study" / "report.md").read_text(encoding="utf-8")
    assert "Differences to random, run by run with the same seed" in page
    assert ", 1 steps each after 1 of pre-training, seeds 0, 1." in page
    assert "±" in page


def test_a_run_that_fails_is_said_and_tried_again(few, tmp_path, monkeypatch):
    study, plan = STUDIES["folds"], Plan(TINY, few, (0,), tmp_path / "study", steps=1)
    real = queue.fit

    def fit(images, labels, recipe, **given):
        if "fold" not in str(recipe.out) and recipe.out.endswith("unet-2-0"):
            raise ValueError("Nothing is annotated.")
        return (yield from real(images, labels, recipe, **given))

    monkeypatch.setattr(queue, "fit", fit)
    done = drain(run(study, plan))
    assert done["failed"] == {"unet-2-0": "Nothing is annotated."}
    assert "`unet-2-0`: Nothing is annotated." in (plan.out / "report.md").read_text()
    monkeypatch.setattr(queue, "fit", real)
    assert drain(run(study, plan))["failed"] == {}
    assert len(rows_in(plan.out)) == 15


def test_some_runs_alone_leave_the_others_for_later(few, tmp_path):
    study, plan = STUDIES["scenarios"], Plan(TINY, few, (0,), tmp_path / "study", steps=1)
    for wanted, count in ((["random", "random_frozen"], 2), (["pretrained"], 3)):
        done = drain(run(study, plan, {"scenario": wanted}))
        assert done["runs"] == len(rows_in(plan.out)) == count
    with pytest.raises(ValueError, match=r"no 'frozen'; choose by one of: scenario, seed\."):
        drain(run(study, plan, {"frozen": ["8"]}))
    with pytest.raises(ValueError, match="No run has scenario=own; there are: random, pretrained"):
        drain(run(study, plan, {"scenario": ["own"]}))


def test_studies_that_share_models_train_none_twice_and_score_the_same(few, tmp_path):
    def trained_in(name, models, only):
        plan = Plan(TINY, few, (0,), tmp_path / f"{name}-{models}", 1, tmp_path / models)
        steps = []
        noted = lambda r: steps.append(r) if isinstance(r, StepDone) else None  # noqa: E731
        drain(run(STUDIES[name], plan, only), noted)
        return len(steps), rows_in(plan.out)

    assert trained_in("scenarios", "shared", {"scenario": ["pretrained"]})[0] == 2
    shared = trained_in("mask-modes", "shared", {"mask": ["right"]})
    alone = trained_in("mask-modes", "own", {"mask": ["right"]})
    assert (shared[0], alone[0]) == (0, 2)
    assert shared[1] == alone[1]
    assert trained_in("mask-modes", "shared", {"mask": ["center"]})[0] == 2


def test_a_network_of_volumes_sees_what_lies_between_and_no_annotation_of_it(few, tmp_path):
    plan = Plan(TINY, few, (0,), tmp_path)
    job = Job({}, plan.recipe("unet3d", 0), learnt=(1, 5), judged=(8, 9), tested=(3, 5))
    images, labels, withheld = queue.in_context(job, plan)
    seen = (0, 1, 2, 5, 6, 7, 8, 9)
    assert np.array_equal(images[0].numpy(), few.image.numpy()[list(seen)])
    assert [seen[k] for k in range(*withheld)] == [8, 9]
    assert np.array_equal(labels[0].numpy(), few.labels.numpy()[list(seen)])
    known = without_synthetic(labels[0]).numpy()
    assert [bool((plane >= 0).all()) for plane in known] == [k in (1, 5, 8, 9) for k in seen]
    assert [bool((plane < 0).all()) for plane in known] == [k not in (1, 5, 8, 9) for k in seen]


def test_neighbours_are_not_copied_and_masks_of_synthetic_voxels_stay(few):
    assert isinstance(joined(few.image, (2, 3, 4)).array, Cut)
    mask = np.zeros(few.image.shape, np.uint8)
    mask[4, :5] = 1
    painted = marked(few.image, mask)
    assert np.array_equal(joined(painted, (1, 4)).synthetic, mask[[1, 4]])
    hidden = with_hidden(marked(few.labels, mask).cut(3, 6), np.array([1, 0, 0], np.uint8))
    assert np.asarray(hidden.synthetic)[0].all()
    assert np.array_equal(hidden.synthetic[1], mask[4])


def test_a_network_of_volumes_needs_to_know_the_voxel_size(few, tmp_path):
    plain = dataclasses.replace(few.image.frame, scale=(1.0,) * 3, units=("pixel",) * 3)
    image = dataclasses.replace(few.image, frame=plain)
    unknown = dataclasses.replace(few, image=image)
    with pytest.raises(ValueError, match="voxel size of .* is not known.*--voxel 50,4,4"):
        drain(run(STUDIES["unet-2d-3d"], Plan(TINY, unknown, (0,), tmp_path / "study")))
    assert not (tmp_path / "study").exists()
    known = dataclasses.replace(few, image=sized(image, (50.0, 4.0, 6.0)))
    assert STUDIES["unet-2d-3d"].queue(Plan(TINY, known, (0,), tmp_path / "study"))


def test_sections_see_as_many_pixels_a_step_as_volumes(few, tmp_path):
    jobs = STUDIES["unet-2d-3d"].queue(Plan(SCALES["cpu"], few, (0,), tmp_path))
    examples = [job.recipe.examples for job in jobs]
    assert len({one.batch * (one.depth or 1) * one.crop**2 for one in examples}) == 1
    assert [one.mode for one in examples] == ["fixed", "online", "online"]


def test_another_study_in_the_folder_is_refused(few, tmp_path):
    plan = Plan(TINY, few, (0,), tmp_path / "study", steps=1)
    queue.begin(STUDIES["speed"], plan)
    with pytest.raises(ValueError, match="another study"):
        queue.begin(STUDIES["folds"], plan)
    with pytest.raises(ValueError, match=r"another scale .*tiny, not cpu"):
        queue.begin(STUDIES["speed"], Plan(SCALES["cpu"], few, (0,), plan.out, steps=1))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="not an empty folder"):
        queue.begin(STUDIES["speed"], Plan(TINY, few, (0,), tmp_path / "taken"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"image": "raw.tif"}, "both --image and --labels"),
        ({"spans": ((0, 5), (4, 6), None)}, "overlap"),
        ({"spans": (None, None, (5, 99))}, "not inside 0:12"),
    ],
)
def test_data_that_cannot_be_studied_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        tissue_of(TINY, **given)


def test_nothing_that_is_tested_is_learnt(few, tmp_path):
    for name, study in STUDIES.items():
        for job in study.queue(Plan(TINY, few, (0, 1), tmp_path)):
            tested = set(range(*job.tested))
            assert not tested & {*job.learnt, *job.judged}, name
            assert not set(job.learnt) & set(job.judged), name
            assert job.first is None or not tested & set(job.first.learnt), name
        keys = [job.key for job in study.queue(Plan(TINY, few, (0, 1), tmp_path))]
        assert len(set(keys)) == len(keys)


def test_every_family_is_known_to_the_studies_and_recipes_are_made_at_all_scales(few, tmp_path):
    assert set(WAYS) == set(families.FAMILIES)
    for scale in SCALES.values():
        for study in STUDIES.values():
            assert study.queue(Plan(scale, few, (0,), tmp_path))


def test_sections_are_spread_and_neighbours_stay_together(few):
    assert spread(range(10), 1) == (4,) or spread(range(10), 1) == (5,)
    assert len(spread(range(17), 5)) == 5
    assert spread((3, 4, 5), 9) == (3, 4, 5)
    assert list(runs([0, 1, 4, 6, 7])) == [(0, 2), (4, 5), (6, 8)]
    assert [one.size("z") for one in pieces(few.image, (0, 1, 4))] == [2, 1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["none"], "choose one of: synthetic, small-sets, speed"),
        (["synthetic"], "synthetic needs --image"),
        (["speed", "--voxel", "50,4"], "'50,4' is no voxel size; write --voxel 50,4,4"),
        (["speed", "--seeds", "0,one"], "'0,one' are no seeds; write --seeds 0,1,2"),
        (["speed", "--only", "percent"], "'percent' chooses no runs; write --only percent=10"),
    ],
)
def test_the_command_names_what_there_is(call, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    code, _, err = call("study", *options)
    assert code == 2
    assert said in err
    assert not list(tmp_path.iterdir())
