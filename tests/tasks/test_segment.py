"""The line from file to file: the same labels however they are made, and nothing begun that cannot end."""

from __future__ import annotations

import numpy as np
import pytest

import napari_advseg as advseg
from napari_advseg import tasks
from napari_advseg.progress import BlockDone, Saved
from napari_advseg.recipes import TASKS, Generate, Judge, Label, Mend, Suggest, Tune, train_recipe
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.tasks import segment
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import classes_of, with_names
from napari_advseg.volume.part import Part
from napari_advseg.volume.volume import Volume

SMALL = {
    "model": {"widths": (4, 8)},
    "examples": {"crop": 32, "batch": 2},
    "training": {"steps": 4, "validate_every": 2, "threads": 1},
}


@pytest.fixture(scope="module")
def model(tissue, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "m"
    advseg.drain(advseg.fit(*tissue, train_recipe("unet", "quick", {**SMALL, "out": str(out)})))
    return str(out)


@pytest.fixture
def image(tissue, tmp_path):
    return str(advseg.write(tissue[0], tmp_path / "raw.ome.zarr"))


def recipe(image, model, out, **fields):
    return {"task": "segment", "image": image, "model": model, "out": str(out), **fields}


def run(tree):
    reports = []
    return advseg.drain(tasks.execute(tree), reports.append), reports


def test_in_memory_and_from_file_to_file_are_the_same(tissue, image, model, tmp_path, monkeypatch):
    whole = advseg.drain(advseg.segment(image, model, truth=tissue[1]))
    run(recipe(image, model, tmp_path / "a.ome.zarr", interior_map=str(tmp_path / "p.ome.zarr")))
    monkeypatch.setattr(segment, "MEMORY_SHARE", 0)
    result, reports = run(recipe(image, model, tmp_path / "b.tif"))
    for path in (tmp_path / "a.ome.zarr", tmp_path / "b.tif"):
        labels = advseg.read(path)
        np.testing.assert_array_equal(labels.numpy(), whole.labels.numpy())
        assert labels.frame.scale == tissue[0].frame.scale
    np.testing.assert_array_equal(
        advseg.read(tmp_path / "p.ome.zarr").numpy(), whole.interior_map.numpy()
    )
    assert whole.score == advseg.score(whole.labels, tissue[1])
    assert result["objects"] == whole.labels.numpy().max()
    assert sum(isinstance(report, BlockDone) and report.phase == "label" for report in reports) == 6
    assert [report.what for report in reports if isinstance(report, Saved)] == [
        "interior map",
        "labels",
    ]
    assert not list(tmp_path.glob(".interior*")), "the map that did not fit memory is gone again"


def test_a_kept_map_can_be_labelled_anew(image, model, tmp_path):
    kept = tmp_path / "p.ome.zarr"
    run(recipe(image, model, tmp_path / "a.ome.zarr", interior_map=str(kept)))
    settings = {"threshold": 0.3, "gap_threshold": 0.3, "thin": False}
    tree = {
        "task": "label",
        "probabilities": str(kept),
        "out": str(tmp_path / "b.ome.zarr"),
        "labelling": settings,
    }
    run(tree)
    expected = advseg.drain(advseg.label(advseg.read(kept), **settings)).numpy()
    np.testing.assert_array_equal(advseg.read(tmp_path / "b.ome.zarr").numpy(), expected)


@pytest.mark.parametrize("out", ["missing/labels.tif", "labels.jpg", "raw.ome.zarr"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    image, model, tmp_path, out, monkeypatch
):
    monkeypatch.setattr(segment, "predict", lambda *_: pytest.fail("it began to predict"))
    with pytest.raises(
        ValueError, match=out.split("/")[-1].split(".")[0] if "/" not in out else "missing"
    ):
        run(recipe(image, model, tmp_path / out))


def test_cancel_leaves_no_half_written_labels(image, model, tmp_path):
    running = tasks.execute(recipe(image, model, tmp_path / "l.ome.zarr"))
    for report in running:
        if isinstance(report, BlockDone) and report.phase == "label" and report.done == 2:
            running.close()
            break
    assert not (tmp_path / "l.ome.zarr").exists()
    with pytest.raises(ValueError, match="incomplete"):
        advseg.read(tmp_path / "l.ome.zarr")


def test_a_map_of_a_wrong_kind_is_refused(tmp_path):
    path = advseg.write(
        Volume(np.full((2, 8, 8), 7.0, np.float32), Frame("zyx")), tmp_path / "p.ome.zarr"
    )
    with pytest.raises(ValueError, match=r"probabilities in \[0, 1\]"):
        run({"task": "label", "probabilities": str(path), "out": str(tmp_path / "l.ome.zarr")})


@pytest.mark.parametrize(
    ("name", "beside"),
    [("labels.ome.zarr", "labels"), ("a.b.tif", "a.b"), ("x.zarr", "x"), ("y.ome.tif", "y")],
)
def test_the_recipe_stands_beside_its_labels(name, beside, tmp_path):
    assert segment.recipe_beside(tmp_path / name) == tmp_path / f"{beside}.recipe.yaml"


def test_a_one_slice_stack_and_a_section_smaller_than_a_crop_go_through(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.ones((1, 20, 25), np.uint16)
    labels[:, :, 12] = 0
    labels[:, :, 13:] = 2
    image = (rng.random((1, 20, 25)) * 50 + 100 * (labels > 0)).astype(np.int16) - 200
    fitted = advseg.drain(advseg.fit(image, labels, train_recipe("unet", "quick", SMALL)))
    done = advseg.drain(advseg.segment(image, fitted))
    assert done.labels.shape == done.interior_map.shape == image.shape


def test_a_part_of_the_sections_is_the_same_part_of_the_whole_at_its_place(image, model, tmp_path):
    full = {"precision": "fp32"}
    whole, piece = tmp_path / "whole.ome.zarr", tmp_path / "piece.ome.zarr"
    run(recipe(image, model, tmp_path / "a.tif", interior_map=str(whole), prediction=full))
    made, _ = run(
        recipe(
            image,
            model,
            tmp_path / "b.ome.zarr",
            interior_map=str(piece),
            prediction=full,
            sections=[2, 4],
            part=[20, 70, 33, 96],
        )
    )
    expected = advseg.read(whole).numpy()[2:4, 20:70, 33:96].astype(np.float32)
    found, labels = advseg.read(piece), advseg.read(made["labels"])
    np.testing.assert_allclose(found.numpy().astype(np.float32), expected, atol=1e-3)
    frame = advseg.read(image).frame
    for volume in (found, labels):
        assert volume.shape == (2, 50, 63)
        places = zip(frame.translate, (2, 20, 33), frame.scale, strict=True)
        assert volume.frame.translate == tuple(at + k * step for at, k, step in places)


def test_one_channel_of_a_colour_image_is_segmented_by_a_model_of_one(
    tissue, image, model, tmp_path
):
    grey = tissue[0].numpy()
    frame = Frame("czyx", (1, *tissue[0].frame.scale))
    colours = advseg.write(Volume(np.stack([grey, 255 - grey]), frame), tmp_path / "c.ome.zarr")
    with pytest.raises(ValueError, match="2 channels"):
        run(recipe(str(colours), model, tmp_path / "no.tif"))
    run(recipe(str(colours), model, tmp_path / "one.tif", channel=0))
    run(recipe(image, model, tmp_path / "grey.tif"))
    np.testing.assert_array_equal(
        advseg.read(tmp_path / "one.tif").numpy(), advseg.read(tmp_path / "grey.tif").numpy()
    )


def test_the_last_weights_are_used_where_they_are_asked_for(image, model, tmp_path, monkeypatch):
    asked = []
    load = segment.model_store.load
    monkeypatch.setattr(
        segment.model_store, "load", lambda *names: asked.append(names) or load(*names)
    )
    run(recipe(image, model, tmp_path / "a.tif", weights="last"))
    assert asked == [(model, "last")]


def test_classes_keep_the_names_that_the_annotation_gave_them(tissue, image, tmp_path):
    cells = tissue[1]
    named = with_names(cells.frame, {0: "wall", 1: "axon", 2: "glia", 9: "nowhere"})
    classes = Volume((cells.numpy() % 3).astype(np.uint8), named, kind="labels")
    changes = {**SMALL, "examples": {**SMALL["examples"], "targets": {"kind": "classes"}}}
    changes = {**changes, "zero": "background", "out": str(tmp_path / "m")}
    model = advseg.drain(advseg.fit(tissue[0], classes, train_recipe("unet", "quick", changes)))
    assert model.card.class_names == {0: "wall", 1: "axon", 2: "glia"}
    made, _ = run(recipe(image, str(tmp_path / "m"), tmp_path / "c.ome.zarr"))
    assert classes_of(advseg.read(made["labels"]).frame) == model.card.class_names


def test_an_image_can_be_placed_elsewhere_than_its_file_says(image, model, tmp_path):
    placed = {"scale": [30, 5, 6], "units": ["nanometer"] * 3, "translate": [1, 2, 3]}
    made, _ = run(recipe(image, model, tmp_path / "a.ome.zarr", placed=placed, sections=[1, 3]))
    frame = advseg.read(made["labels"]).frame
    assert (frame.scale, frame.translate) == ((30, 5, 6), (31, 2, 3))
    with pytest.raises(ValueError, match="2 entries for 3 axes"):
        run(recipe(image, model, tmp_path / "b.tif", placed={**placed, "scale": [1, 1]}))


def test_every_task_has_its_runner():
    assert tuple(tasks.RUNNERS) == TASKS


@pytest.mark.parametrize("task", ["label", "tune", "suggest", "mend", "generate", "judge"])
def test_what_cannot_be_resumed_says_so_before_anything_is_read(task, tmp_path):
    named = dict.fromkeys(("image", "labels", "interior_map", "model", "out"), "nowhere")
    kind = {one.__name__.lower(): one for one in (Label, Tune, Suggest, Mend, Generate, Judge)}[
        task
    ]
    fields = {name: value for name, value in named.items() if name in kind.model_fields}
    if task == "tune":  # a map or an image, not both
        del fields["image"]
    with pytest.raises(ValueError, match=f"'{task}' cannot be resumed"):
        advseg.drain(tasks.execute({"task": task, **fields}, resume=True))


def test_a_part_in_memory_is_that_of_the_whole(tissue, model):
    part, full = Part(8, 40, 3, 35), PredictionSettings(precision="fp32")
    whole = advseg.drain(advseg.segment(tissue[0], model, prediction=full))
    piece = advseg.drain(
        advseg.segment(tissue[0], model, prediction=full, wanted=segment.Wanted(part))
    )
    expected = part.of(whole.interior_map).numpy().astype(np.float32)
    np.testing.assert_allclose(piece.interior_map.numpy(), expected, atol=1e-3)
    assert piece.objects == piece.labels.numpy().max()
    assert piece.labels.frame.translate == part.of(tissue[0]).frame.translate
