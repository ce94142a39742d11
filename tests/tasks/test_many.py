"""Images of a set in turn: refused before the first, complete or not there, gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_advseg import drain
from napari_advseg.progress import IMAGES, BlockDone, Said, Saved, Warned
from napari_advseg.recipes import Segment, read_tree, validated
from napari_advseg.tasks.many import segment_set


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "images").mkdir()
    for name in "abcd":
        (tmp_path / "images" / f"{name}.png").touch()
    return Segment(image=str(tmp_path / "images"), model="m", out=str(tmp_path / "out" / "labels"))


def fine(one):
    """A check that finds nothing."""


def write(one):
    """A segmentation of three objects that warns of every image alike."""
    yield Said("The image is grey.")
    yield Warned("The pixels are larger than those of the training.")
    Path(one.out).write_text(one.image)
    return {"labels": one.out, "objects": 3}


def run(recipe, check=fine, segment=write, **options):
    reports = []
    return drain(segment_set(recipe, check, segment, **options), reports.append), reports


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_every_image_gets_a_file_of_its_name_and_the_set_one_recipe(recipe):
    made, reports = run(recipe)
    assert names(recipe.out) == ["a.tif", "b.tif", "c.tif", "d.tif", "recipe.yaml"]
    assert made == {
        "labels": recipe.out,
        "recipe": f"{recipe.out}/recipe.yaml",
        "images": 4,
        "segmented": 4,
        "objects": 12,
    }
    assert validated(read_tree(made["recipe"])) == recipe
    counted = [report.done for report in reports if isinstance(report, BlockDone)]
    assert counted == [1, 2, 3, 4, 1, 2, 3, 4], "looked at, then segmented"
    assert [report for report in reports if isinstance(report, Saved)][1].path.endswith("b.tif")


def test_what_is_said_of_all_images_is_said_once(recipe):
    _, reports = run(recipe)
    said = [report.text for report in reports if isinstance(report, Said | Warned)]
    assert said[0] == "4 images."
    assert len(said) == 3


def test_an_image_that_does_not_fit_is_named_before_the_first_is_begun(recipe, tmp_path):
    def check(one):
        if Path(one.image).name == "c.png":
            raise ValueError("The image has 3 channels.")

    with pytest.raises(ValueError, match=r"^c\.png: The image has 3 channels\.$"):
        run(recipe, check)
    assert not Path(recipe.out).exists()


def test_names_that_exist_are_refused_unless_they_may_be_replaced(recipe):
    place = Path(recipe.out)
    place.mkdir(parents=True)
    (place / "c.tif").write_text("mine")
    with pytest.raises(ValueError, match=r"c\.tif' exist already.*--overwrite"):
        run(recipe)
    assert names(place) == ["c.tif"]
    run(recipe.changed(overwrite=True))
    assert (place / "c.tif").read_text() != "mine"
    with pytest.raises(ValueError, match=r"a\.tif' and 4 more files exist already"):
        run(recipe)


def test_what_was_complete_is_kept_and_the_rest_gone_on_with(recipe):
    running = segment_set(recipe, fine, write)
    for report in running:
        if report == BlockDone(IMAGES, 2, 4):
            running.close()
    assert names(recipe.out) == ["a.tif", "b.tif", "recipe.yaml"]
    Path(recipe.out, "a.tif").write_text("complete")
    made, reports = run(recipe, resume=True)
    assert (made["images"], made["segmented"]) == (4, 2)
    assert Path(recipe.out, "a.tif").read_text() == "complete"
    assert any("2 of them segmented already" in r.text for r in reports if isinstance(r, Said))
    assert BlockDone(IMAGES, 3, 4) in reports
    made, _ = run(recipe, resume=True)
    assert made["segmented"] == 0


def test_an_image_that_fails_is_named_with_what_is_complete(recipe):
    def segment(one):
        if Path(one.image).name == "c.png":
            raise ValueError("A chunk is damaged.")
        return (yield from write(one))

    with pytest.raises(
        ValueError, match=r"^c\.png: A chunk is damaged\. 2 of 4 images are complete"
    ):
        run(recipe, segment=segment)
    assert run(recipe, resume=True)[0]["segmented"] == 2


def test_only_the_same_segmentation_is_gone_on_with(recipe):
    with pytest.raises(ValueError, match="nothing to resume"):
        run(recipe, resume=True)
    run(recipe)
    with pytest.raises(ValueError, match="describes another segmentation"):
        run(recipe.changed(labelling={"threshold": 0.7}), resume=True)
    with pytest.raises(ValueError, match="choose one of them"):
        run(recipe.changed(overwrite=True), resume=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sections": (0, 1)}, "leave --sections out"),
        ({"out": "labels.tif"}, "name a folder"),
        ({"probabilities": "."}, "names of images or interior maps"),
        ({"out": "images/*.png"}, "names of images or interior maps"),
    ],
)
def test_what_a_set_cannot_do_is_said(recipe, tmp_path, changes, words):
    places = {"out", "probabilities"}
    changes = {k: str(tmp_path / v) if k in places else v for k, v in changes.items()}
    if "probabilities" in changes:
        changes["out"] = changes["probabilities"]
    with pytest.raises(ValueError, match=words):
        run(recipe.changed(**changes))
    assert not Path(recipe.out).exists()
