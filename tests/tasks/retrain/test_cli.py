"""`journal retrain` as it is called from outside: what comes out, and what the exit code says."""

from __future__ import annotations

import json

from napari_advseg import model_store
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import open_proof
from napari_advseg.recipes import read_tree

FAST = [
    "--set",
    "training.threads=1",
    "--set",
    "prediction.threads=1",
    "--set",
    "training.device=cpu",
]


def command(work, *more):
    given = ["--image", work / "raw.tif", "--model", work / "old", "--out", work / "new"]
    return ["journal", "retrain", work / "labels.ome.zarr", *given, *FAST, *more]


def test_the_exit_code_and_the_document_say_whether_it_was_taken(call, work):
    code, out, err = call(*command(work, "--steps", 4, "--seed", 3, "--json"))
    made = json.loads(out)
    assert code == (0 if made["is_taken"] else 1), err
    assert made["verdict"]["blocks"][0].keys() == {"box", "old", "new", "is_worse"}
    assert ("The new model is taken" if made["is_taken"] else "The new model is not taken") in err
    recipe = read_tree(made["recipe"])
    assert (recipe["task"], recipe["seed"], recipe["training"]["steps"]) == ("retrain", 3, 4)
    trained = model_store.read_card(made["model"]).recipe
    assert (trained.seed, trained.training.steps) == (3, 4)
    again, repeated, _ = call(*command(work, "--steps", 4, "--seed", 3, "--json", "--resume"))
    assert (again, json.loads(repeated)) == (code, made)
    assert call(*command(work))[0] == 2


def test_nothing_reviewed_is_one_line(call, work):
    proof = open_proof(work / "labels.ome.zarr")
    proof.do(edits.unreview(proof, (slice(None),) * 3))
    proof.do(edits.unmark(proof, ids=sorted(proof.locked)))
    proof.close()
    code, out, err = call(*command(work))
    assert (code, out) == (2, "")
    assert "Nothing is reviewed" in err.splitlines()[-1]
