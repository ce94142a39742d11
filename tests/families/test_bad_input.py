"""Data that do not fit a family: refused with one line, or explained, before the first step."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from napari_advseg import cli, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

SIDE = 40
TINY = {
    "unet": ["model.widths=[4,8]"],
    "cyclegan": ["model.width=4", "model.depth=3", "model.critic.widths=[4,8]"],
    "seggan": ["model.painter_widths=[4,4,4,4]", "model.critic_widths=[4,8]"],
}
SETTINGS = ["examples.crop=32", "examples.batch=1", "training.threads=1", "training.steps=1"]
CLASSES = ["examples.targets.kind=classes"]
FIRST_STEP = "step 1:"


@pytest.fixture
def train(monkeypatch, capfd, tmp_path):
    """Trains a family for a step; what was said, and whether it was refused."""

    def run(family, *options, settings=()):
        words = ["train", "--family", family, "--preset", "quick", "--out", tmp_path / "model"]
        for one in (*SETTINGS, *TINY.get(family, ()), *settings):
            words += ["--set", one]
        arguments = ["napari-advseg", *map(str, words), *map(str, options)]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        assert out == ""
        return end.value.code, err

    def refused(*given, **settings):
        code, err = run(*given, **settings)
        assert code == 2, err
        assert not (tmp_path / "model").exists()
        return err.strip().splitlines()[-1]

    def explained(*given, **settings):
        code, err = run(*given, **settings)
        assert code == 0, err
        return err.partition(FIRST_STEP)[0].partition("Saved")[0]

    run.refused, run.explained = refused, explained
    return run


def cells(side=SIDE, sections=1, shift=0):
    """Touching squares, numbered, with a grey value of their own each."""
    rows, columns = np.mgrid[:side, :side] // 10
    ids = (rows * (side // 10) + columns + 1).astype(np.uint8)
    return np.stack([np.roll(ids, shift + k, axis=1) for k in range(sections)])


def written(folder, **arrays):
    """One file a name, the sections of a stack as one file."""
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        kept = array if array.ndim == 3 and array.shape[0] > 1 else array.reshape(array.shape[-2:])
        write(Volume(kept, Frame("zyx"[3 - kept.ndim :])), folder / f"{name}.tif")
    return folder


@pytest.fixture
def images(tmp_path):
    grey = {name: cells(shift=k) * 7 for k, name in enumerate("abc")}
    return written(tmp_path / "images", **grey)


@pytest.fixture
def masks(tmp_path):
    return written(tmp_path / "masks", **{name: cells(shift=k) for k, name in enumerate("abc")})


def kinds(shift=0, values=(0, 1, 2)):
    """Stripes of a few classes, each in several pieces."""
    row = np.array(values, np.uint8)[(np.arange(SIDE) + shift) // 5 % len(values)]
    return np.repeat(row[None], SIDE, axis=0)


def test_images_without_pairs_are_refused_by_a_family_of_pairs(train, images, masks):
    said = train.refused("unet", "--images", images, "--masks", masks)
    assert "unet learns from images with their own labels: name --image and --labels" in said


def test_pairs_given_to_a_family_without_are_explained(train, images, masks):
    said = train.explained("cyclegan", "--image", images, "--labels", masks)
    assert "cyclegan does not look at which image belongs to which labels" in said


def test_what_is_no_pair_leads_to_the_options_for_it(train, images, tmp_path):
    others = written(tmp_path / "drawn", x=cells(), y=cells())
    said = train.refused("unet", "--image", images, "--labels", others)
    assert "The image a.tif has no labels" in said
    assert "--masks" not in said
    said = train.refused("cyclegan", "--image", images, "--labels", others)
    assert "What does not belong together goes into --images and --masks" in said


def test_one_side_alone_is_refused(train, images, masks):
    assert "Name both --images and --masks" in train.refused("cyclegan", "--images", images)
    assert "names no labels" in train.refused("unet", "--image", images)
    assert "names no image" in train.refused("unet", "--labels", masks)


@pytest.mark.parametrize("family", ["unet", "cgan", "seggan", "deconvnet", "adversarial_unet"])
def test_sizes_that_differ_are_refused_with_both(train, images, tmp_path, family):
    small = written(tmp_path / "small", a=cells(), b=kinds()[:30], c=cells())
    said = train.refused(family, "--image", images, "--labels", small)
    assert "(1, 40, 40) of the image 'b'" in said
    assert "(1, 30, 40) of its labels 'b'" in said


@pytest.mark.parametrize("family", ["unet", "seggan"])
def test_grey_values_are_no_classes(train, images, tmp_path, family):
    ramp = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE) % 300
    grey = written(tmp_path / "grey", a=ramp, b=ramp, c=ramp)
    said = train.refused(family, "--image", images, "--labels", grey, settings=CLASSES)
    assert "hold 300 values, which are cells or grey values and no classes" in said


def test_fractions_and_colours_are_no_masks(train, images, tmp_path):
    shares = np.full((SIDE, SIDE), 0.5, np.float32)
    said = train.refused(
        "unet", "--image", images, "--labels", written(tmp_path / "f", a=shares, b=shares, c=shares)
    )
    assert "has the value 0.5; labels must be whole numbers" in said
    colour = Volume(np.zeros((3, SIDE, SIDE), np.uint8), Frame("cyx"))
    image = images / "a.tif"
    path = write(colour, tmp_path / "colour.ome.zarr")
    said = train.refused("unet", "--image", image, "--labels", path)
    assert "3 channels and labels have none" in said


def test_cells_given_as_classes_are_told(train, images, masks):
    said = train.explained("seggan", "--image", images, "--labels", masks)
    assert "16 classes: 1 (" in said
    assert "look like cells and not like classes" in said


def test_named_classes_that_are_not_there_are_refused_or_told(train, images, tmp_path):
    folder = written(tmp_path / "kinds", **{n: kinds(k) for k, n in enumerate("abc")})
    given = ("unet", "--image", images, "--labels", folder)
    said = train.refused(*given, settings=[*CLASSES, "examples.targets.classes=[7,8]"])
    assert "Of the classes 7, 8 the labels hold 0; they hold the values 0, 1, 2" in said
    said = train.explained(*given, settings=[*CLASSES, "examples.targets.classes=[0,1,2,9]"])
    assert "No pixel has the class 9: it is not learnt" in said
    assert "occurs only" not in said


def test_a_class_that_is_only_withheld_is_told(train, images, tmp_path):
    masks = {"a": kinds(values=(0, 1)), "b": kinds(values=(0, 1)), "c": kinds(values=(0, 1, 2))}
    folder = written(tmp_path / "kinds", **masks)
    given = ("unet", "--image", images, "--labels", folder)
    said = train.explained(*given, settings=CLASSES)
    assert "The class 2 occurs only in the withheld sections: it is not learnt" in said


def test_one_class_alone_is_refused(train, images, tmp_path):
    one = np.full((SIDE, SIDE), 3, np.uint8)
    folder = written(tmp_path / "one", a=one, b=one, c=one)
    said = train.refused("unet", "--image", images, "--labels", folder, settings=CLASSES)
    assert "The labels hold one class only (3)" in said


def test_one_pair_is_learnt_from_with_a_warning(train, images, masks):
    said = train.explained("unet", "--image", images / "a.tif", "--labels", masks / "a.tif")
    assert "Only 1 annotated section: nothing can be withheld" in said


def test_one_pair_makes_no_folds(train, images, masks):
    pair = ("--image", images / "a.tif", "--labels", masks / "a.tif")
    said = train.refused("unet", *pair, "--folds", 5)
    assert "1 section cannot be divided into 5 folds; annotate more" in said
