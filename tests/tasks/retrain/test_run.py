"""From reviewed labels to those of a better model: what comes out, what is kept away, and what survives a stop."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import pytest

from napari_advseg import drain, model_store, read, write
from napari_advseg.disk.lock import holder_of
from napari_advseg.progress import BlockDone, Said, StepDone, Warned
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import find_journal, open_proof, reopened
from napari_advseg.recipes import Retrain, further, train_recipe
from napari_advseg.runs.continuing import LOCK
from napari_advseg.scoring.finding.changes import changes
from napari_advseg.tasks import execute
from napari_advseg.tasks.retrain import run as circle
from napari_advseg.tasks.retrain.judging import Verdict
from napari_advseg.volume.volume import Volume

ALL = slice(None)


def recipe_of(work, out="new", steps=6, **fields):
    card = model_store.read_card(work / "old")
    training = further(card.recipe.training).changed(steps=steps, threads=1, device="cpu")
    named = {"journal": "labels.ome.zarr", "image": "raw.tif", "model": "old", "out": out}
    return {
        "task": "retrain",
        **{name: str(work / path) for name, path in named.items()},
        **fields,
        "training": training.model_dump(),
        "prediction": {"threads": 1, "device": "cpu"},
    }


def fingerprint(folder):
    """All files below a folder with their content."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def generous(monkeypatch):
    """A gate that lets everything through, after it has looked."""
    judge = circle.judge

    def taken(*arguments):
        verdict = yield from judge(*arguments)
        good = [one for one in verdict.blocks if not one.is_worse]
        same = [type(one)(one.box, one.old, one.old) for one in verdict.blocks]
        return Verdict(tuple(good or same), verdict.is_withheld)

    monkeypatch.setattr(circle, "judge", taken)


@pytest.fixture
def strict(monkeypatch):
    """A gate that lets nothing through."""

    def refused(models, image, truth, judged, settings):
        yield BlockDone("judge", 1, 1)
        return Verdict((), judged.is_withheld)

    monkeypatch.setattr(circle, "judge", refused)


def test_a_model_that_is_taken_brings_labels_edits_and_what_changed(work, generous):
    before = fingerprint(work)
    reports = []
    made = drain(execute(recipe_of(work)), reports.append)
    assert made["is_taken"]
    assert {path: kept for path, kept in fingerprint(work).items() if path in before} == before
    old = reopened(find_journal(work / "labels.ome.zarr"), work / "labels.ome.zarr")
    new = open_proof(made["labels"])
    assert str(new.folder) == made["journal"]
    assert new.boxes == old.boxes
    for z in (3, 4, 5):
        pair = old.labels[z], new.labels[z]
        assert not any(changes(*pair).objects.values())
    shown = read(made["changed"])
    assert shown.kind == "labels"
    np.testing.assert_array_equal(shown.numpy(), changes(old.volume, new.volume).layer.numpy())
    assert made["changes"] == changes(old.volume, new.volume).objects
    tree = made["replayed"]
    assert tree["done"] + tree["already"] + len(tree["conflicts"]) == len(old.steps)
    new.close()
    assert json.loads((work / "new" / "result.json").read_text()) == made
    assert any(isinstance(one, StepDone) for one in reports)
    assert {"annotation", "judge", "predict", "replay", "changed"} <= {
        one.phase for one in reports if isinstance(one, BlockDone)
    }


def test_the_last_reviewed_section_is_neither_learnt_nor_validated_on(work, generous):
    drain(execute(recipe_of(work)))
    learnt, judged = (
        read(work / "new" / f"{name}.ome.zarr").numpy() for name in ("learnt", "judged")
    )
    assert learnt[4].any()
    assert not learnt[5].any()
    assert not judged[:5].any()
    assert (judged[5] > 0).mean() > 0.9
    trained = model_store.read_card(work / "new" / "model").recipe
    assert trained.zero == "unannotated"
    assert trained.validation == (4, 5)
    assert trained.start_from == str(work / "old")


def test_a_model_that_is_refused_stays_aside(work, strict):
    reports = []
    made = drain(execute(recipe_of(work)), reports.append)
    assert not made["is_taken"]
    assert "labels" not in made
    assert not (work / "new" / "labels.ome.zarr").exists()
    assert (work / "new" / "model" / "model.json").is_file()
    assert any(isinstance(one, Warned) and "not taken" in one.text for one in reports)


def test_one_reviewed_section_is_judged_by_itself_and_that_is_said(work, generous):
    proof = open_proof(work / "labels.ome.zarr")
    proof.do(edits.unreview(proof, (slice(3, 5), ALL, ALL)))
    proof.close()
    reports = []
    made = drain(execute(recipe_of(work)), reports.append)
    assert made["verdict"]["is_withheld"] is False
    assert any(isinstance(one, Warned) and "nothing is withheld" in one.text for one in reports)
    assert read(work / "new" / "learnt.ome.zarr").numpy()[5].any()


def test_objects_alone_are_judged_in_their_sections(work, generous):
    proof = open_proof(work / "labels.ome.zarr")
    proof.do(edits.unreview(proof, (ALL, ALL, ALL)))
    ids = np.unique(proof.labels[2])
    proof.do(edits.mark(proof, ids=[int(one) for one in ids if one not in (0, *proof.locked)]))
    proof.close()
    made = drain(execute(recipe_of(work)))
    assert made["verdict"]["is_withheld"] is False
    assert 1 <= len(made["verdict"]["blocks"]) <= 4


def test_thresholds_stay_where_none_can_be_chosen(work, strict):
    proof = open_proof(work / "labels.ome.zarr")
    proof.do(edits.unmark(proof, ids=sorted(proof.locked)))
    proof.do(edits.unreview(proof, (slice(3, 4), ALL, ALL)))
    proof.close()
    drain(execute(recipe_of(work)))
    old, new = (model_store.read_card(work / name) for name in ("old", "new/model"))
    assert new.recipe.validation is None
    for name in ("threshold", "gap_threshold"):
        assert getattr(new.labelling, name) == pytest.approx(getattr(old.labelling, name))


def test_a_single_image_of_two_reviewed_parts(work, generous):
    for name in ("raw", "truth"):
        volume = read(work / f"{name}.tif")
        flat = Volume(volume.section(4), volume.frame.without("z"), kind=volume.kind)
        write(flat, work / f"flat-{name}.tif")
    proof = open_proof(work / "flat-truth.tif")
    proof.do(edits.review(proof, (slice(0, 40), ALL)))
    proof.do(edits.review(proof, (slice(44, 64), ALL)))
    proof.close()
    paths = {"journal": str(work / "flat-truth.tif"), "image": str(work / "flat-raw.tif")}
    made = drain(execute(recipe_of(work, **paths)))
    assert made["verdict"]["is_withheld"]
    assert [one["box"] for one in made["verdict"]["blocks"]] == [[[44, 64], [0, 72]]]
    learnt = read(work / "new" / "learnt.ome.zarr").numpy()
    assert learnt[:36].any()
    assert not learnt[40:].any()
    new = reopened(find_journal(made["labels"]), made["labels"])
    assert new.boxes == (((0, 40), (0, 72)), ((44, 64), (0, 72)))


STOPS = (
    "annotation",
    "blocks to judge by",
    "step",
    "judge",
    "predict",
    "label",
    "replay",
    "changed",
)


def stopped_at(recipe, phase, *, resume):
    """Run until something of a phase was done, and stop there."""
    with closing(execute(recipe, resume)) as running:
        for report in running:
            is_step = isinstance(report, StepDone) and report.step == 4
            if (is_step and phase == "step") or getattr(report, "phase", "") == phase:
                return
    raise AssertionError(phase)


def test_a_run_that_is_stopped_everywhere_ends_as_an_unbroken_one(work, generous):
    whole = drain(execute(recipe_of(work, out="whole")))
    recipe = recipe_of(work, out="broken")
    for number, phase in enumerate(STOPS):
        stopped_at(recipe, phase, resume=number > 0)
    made = drain(execute(recipe, resume=True))
    for name in ("labels", "changed", "model"):
        assert made[name] != whole[name]
    one, other = (
        model_store.load(made[name]) for made, name in ((whole, "model"), (made, "model"))
    )
    for key, value in one.weights.items():
        np.testing.assert_array_equal(other.weights[key], value)
    for name in ("labels", "changed"):
        np.testing.assert_array_equal(read(made[name]).numpy(), read(whole[name]).numpy())
    new = open_proof(made["labels"])
    np.testing.assert_array_equal(
        new.labels[...], reopened(find_journal(whole["labels"]), whole["labels"]).labels[...]
    )
    new.close()
    assert made["replayed"]["done"] == whole["replayed"]["done"]
    reports = []
    assert drain(execute(recipe, resume=True), reports.append) == made
    assert any(isinstance(one, Said) and "done before" in one.text for one in reports)


def test_edits_made_meanwhile_are_replayed_too(work, generous):
    recipe = recipe_of(work)
    stopped_at(recipe, "step", resume=False)
    proof = open_proof(work / "labels.ome.zarr")
    proof.do(edits.unreview(proof, (slice(3, 4), ALL, ALL)))
    steps = len(proof.steps)
    proof.close()
    made = drain(execute(recipe, resume=True))
    tree = made["replayed"]
    assert tree["done"] + tree["already"] + len(tree["conflicts"]) == steps
    new = reopened(find_journal(made["labels"]), made["labels"])
    assert [box[0] for box in new.boxes] == [(4, 5), (5, 6)]


def killed_after(command, out, delay):
    """Run until it holds the folder, and some seconds more; whether it was killed before its end."""
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as running:
        while running.poll() is None and holder_of(out, name=LOCK) is None:
            time.sleep(0.01)
        time.sleep(delay)
        is_killed = running.poll() is None
        running.kill()
    return is_killed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_kills_at_any_moment_lose_nothing(work, seed):
    """Real kills: what comes out in the end is what an unbroken run gives."""
    draw = np.random.default_rng(seed)
    outs, command = (
        (work / "whole", work / "killed"),
        [sys.executable, "-m", "napari_advseg", "run"],
    )
    for out in outs:
        recipe = recipe_of(work, out=out.name, steps=40)
        out.with_suffix(".yaml").write_text(json.dumps(recipe))
    subprocess.run([*command, outs[0].with_suffix(".yaml")], check=True, capture_output=True)
    recipe, kills = outs[1].with_suffix(".yaml"), 0
    for _ in range(6):
        resume = ["--resume"] if (outs[1] / "recipe.yaml").exists() else []
        kills += killed_after([*command, recipe, *resume], outs[1], float(draw.uniform(0, 2)))
    assert kills
    subprocess.run([*command, recipe, "--resume"], check=True, capture_output=True)
    one, other = (model_store.load(out / "model") for out in outs)
    for key, value in one.weights.items():
        np.testing.assert_array_equal(other.weights[key], value)
    verdicts = [json.loads((out / "verdict.json").read_text()) for out in outs]
    assert verdicts[0] == verdicts[1]


def test_all_weights_are_taken_over_also_where_the_old_model_had_few_from_elsewhere(work):
    card = model_store.read_card(work / "old")
    model = {"scenario": "random_frozen", "width": 4}
    trained = train_recipe("boundless_transfer", "quick", {"model": model, "start_from": "a"})
    recipe = Retrain.model_validate({k: v for k, v in recipe_of(work).items() if k != "task"})
    plan = circle.Plan(1, None, circle.Judged((), is_withheld=False))
    made = circle.lessons(recipe, card.changed(recipe=trained), plan).model
    assert (made.loaded, made.frozen, made.width) == (17, 8, 4)


class TestRefusals:
    def refused(self, tree, match, *, resume=False):
        with pytest.raises(ValueError, match=match):
            drain(execute(tree, resume))

    def test_nothing_reviewed(self, work):
        proof = open_proof(work / "labels.ome.zarr")
        while proof.undo():
            pass
        proof.close()
        self.refused(recipe_of(work), r"Nothing is reviewed.*mark objects as correct")

    def test_no_journal(self, work):
        self.refused(recipe_of(work, journal=str(work / "truth.tif")), "holds no journal")

    def test_another_image(self, work, tmp_path):
        path = write(read(work / "raw.tif").cut(0, 3), tmp_path / "cut.tif")
        self.refused(recipe_of(work, image=str(path)), r"shapes \(z, y, x\) differ.*same shape")

    def test_the_folder_of_the_old_model(self, work):
        self.refused(recipe_of(work, out="old"), "not an empty folder; choose another --out")

    def test_a_folder_in_which_it_was_begun(self, work):
        recipe = recipe_of(work)
        stopped_at(recipe, "annotation", resume=False)
        self.refused(recipe, "--resume")
        self.refused({**recipe, "seed": 1}, "describes another run", resume=True)

    def test_nothing_to_resume(self, work):
        self.refused(recipe_of(work), "nothing to resume", resume=True)

    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"members": ("fold-1",)}, "model of several; name one of its members"),
            ({"channels": {"image": 1, "output": 2, "gives": "classes"}}, "tells classes"),
        ],
    )
    def test_a_model_that_is_none_of_objects(self, work, changes, why):
        card = model_store.read_card(work / "old")
        with pytest.raises(ValueError, match=why):
            circle.check_model(card.changed(**changes), "old")
