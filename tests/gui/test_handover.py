"""Handing layers over: a file by its path, everything else as a copy that keeps its place."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer

from napari_advseg.gui.compute import checks, handover
from napari_advseg.gui.compute.cancellable import Cancellable
from napari_advseg.gui.docks.segment import segmenting
from napari_advseg.gui.kit.preview import Relabeller, Wish, section_on_screen, words_of
from napari_advseg.gui.kit.understood import understand
from napari_advseg.labelling.section.gap_closing import label_section
from napari_advseg.model_store import Card
from napari_advseg.napari_io import read_layers
from napari_advseg.recipes import Label, Segment, train_recipe
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.formats.files import read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3, (80.0, 0.0, 8.0), "raw")


@pytest.fixture
def stored(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, (3, 20, 24), np.uint8)
    path = write(Volume(data, FRAME), tmp_path / "raw.ome.zarr")
    return str(path)


def never():
    return False


def segmented(layer, tmp_path, stopped=never, told=None, **fields):
    told = [] if told is None else told
    recipe = Segment(image="x", model="m", out=str(tmp_path / "out" / "cells.tif"), **fields)
    return segmenting.segmentation(recipe, handover.taken(layer), Cancellable(stopped, told.append))


def test_an_unmodified_file_goes_by_its_path(stored, tmp_path):
    (layer,) = (Layer.create(*data) for data in read_layers(stored))
    recipe = segmented(layer, tmp_path)
    assert recipe.image == stored
    assert not list((tmp_path / "out").iterdir())
    assert recipe.interior_map == str(tmp_path / "out" / "cells-interior.ome.zarr")


def test_a_file_whose_scale_was_changed_in_the_viewer_is_not_copied_but_placed(stored, tmp_path):
    (layer,) = (Layer.create(*data) for data in read_layers(stored))
    layer.scale = (50, 4, 6)
    recipe = segmented(layer, tmp_path)
    assert recipe.image == stored
    assert recipe.placed.scale == (50, 4, 6)
    assert recipe.placed.translate == FRAME.translate
    assert recipe.placed.units == FRAME.units


def test_an_array_in_memory_is_copied_with_its_place(tmp_path):
    data = np.random.default_rng(0).random((3, 20, 24), np.float32)
    layer = Image(data, scale=(40, 4, 6), translate=(80, 0, 8), units=("nm",) * 3)
    copy = read(segmented(layer, tmp_path).image)
    np.testing.assert_array_equal(copy.numpy(), data)
    assert copy.frame.scale == (40, 4, 6)
    assert copy.frame.translate == (80, 0, 8)
    assert copy.frame.units == ("nanometer",) * 3


def test_a_pyramid_is_handed_over_in_full_size(tmp_path):
    data = np.random.default_rng(0).random((32, 32), np.float32)
    layer = Image([data, data[::2, ::2]], multiscale=True)
    np.testing.assert_array_equal(read(segmented(layer, tmp_path).image).numpy(), data)


def test_a_stopped_copy_leaves_nothing_behind(tmp_path):
    layer = Image(np.zeros((3, 20, 24), np.float32))
    with pytest.raises(handover.GivenUp):
        segmented(layer, tmp_path, stopped=lambda: True)
    assert not list((tmp_path / "out").iterdir())


def test_a_training_gets_copies_beside_its_model(stored, tmp_path):
    (image,) = (Layer.create(*data) for data in read_layers(stored))
    painted = np.zeros((3, 20, 24), np.int64)
    painted[1, 4:9, 5:9] = 2**40
    labels = Labels(painted, scale=FRAME.scale, translate=FRAME.translate, units=FRAME.units)
    recipe = train_recipe("unet", "quick", {"out": str(tmp_path / "model")})
    given = handover.training(recipe, handover.taken(image), handover.taken(labels), never)
    assert given.image == stored
    np.testing.assert_array_equal(read(given.labels).numpy(), painted)
    again = handover.training(recipe, handover.taken(image), handover.taken(labels), never)
    assert again.labels != given.labels
    assert not (tmp_path / "model").exists()


def test_a_rotated_layer_is_refused_with_the_reason():
    layer = Image(np.zeros((20, 24)), rotate=30)
    assert "rotated" in understand(layer).problem
    assert "rotated" in handover.pairing(layer, Labels(np.ones((20, 24), int)), "unet").problem


def test_names_that_are_free_are_found_and_unfinished_writes_are_no_free_place(tmp_path):
    path = tmp_path / "a b-labels.ome.zarr"
    assert checks.free_place(path) == path
    path.mkdir()
    assert checks.free_place(path) == path  # an empty folder is nothing
    (path / "zarr.json").write_text("{}")
    (tmp_path / "a b-labels-2.ome.zarr.partial").mkdir()
    assert checks.free_place(path) == tmp_path / "a b-labels-3.ome.zarr"
    relabelled = segmenting.relabelling(Label(interior_map="p", out=str(path)), never)
    assert relabelled.out == str(tmp_path / "a b-labels-3.ome.zarr")


def test_labels_go_beside_the_file_and_models_into_the_home(stored, home):
    (layer,) = (Layer.create(*data) for data in read_layers(stored))
    layer.name = "süß / 1.5%#"
    assert handover.place_for_labels(layer).startswith(str(home))
    assert handover.place_for_labels(layer).endswith("süß-1-5-labels.ome.zarr")
    assert handover.place_for_model(layer, "unet") == str(
        home / "napari-advseg" / "models" / "süß-1-5-unet"
    )
    assert handover.place_for_labels(None) == str(home / "napari-advseg" / "image-labels.ome.zarr")


def test_a_folder_without_model_says_so(tmp_path):
    assert "model.json is missing" in handover.model_at(str(tmp_path)).problem
    assert "Choose a model folder" in handover.model_at("").problem


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"best_step": 300, "best_loss": 0.2},
            "unet, 300 steps; voxel 4 x 6 nm; on validation: voi 0.5",
        ),
        ({}, "unet, 700 steps; voxel 4 x 6 nm; on what it was trained on: voi 0.5"),
    ],
    ids=["validated", "never validated"],
)
def test_a_model_says_how_long_it_learnt_and_what_it_was_judged_on(fields, words):
    card = Card(
        recipe=train_recipe("unet", "quick"),
        normaliser=Normaliser(low=0, high=255),
        voxel_size=(4.0, 6.0),
        units=("nanometer",) * 2,
        last_step=700,
        calibration={"voi": 0.5},
        **fields,
    )
    assert handover.Model("model", card).words == words


@pytest.mark.parametrize("section", [0, 2])
def test_a_preview_is_the_labelling_of_its_section_at_its_place(section, tmp_path):
    interior = np.random.default_rng(1).random((3, 30, 30), np.float32)
    path = str(write(Volume(interior, FRAME), tmp_path / "p.ome.zarr"))
    relabeller = Relabeller()
    for threshold in (0.3, 0.6):
        chosen = LabellingSettings(threshold=threshold)
        layer = relabeller.label(Wish(path, section, chosen))
        np.testing.assert_array_equal(layer[0][0], label_section(interior[section], chosen))
        assert layer[1]["translate"][0] == 80 + 40 * section
        assert words_of(layer) == f"{layer[0].max()} cells in this section"
    empty = relabeller.label(Wish(path, section, LabellingSettings(threshold=0.9999)))
    assert "lower" in words_of(empty)


def test_a_preview_of_one_section_is_flat(tmp_path):
    interior = np.random.default_rng(1).random((30, 30), np.float32)
    path = str(write(Volume(interior, Frame("yx")), tmp_path / "p.ome.zarr"))
    layer = Relabeller().label(Wish(path, 0, LabellingSettings()))
    assert layer[0].shape == (30, 30)


def test_the_section_on_screen_is_found_from_the_world(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((5, 8, 8)), scale=(40, 4, 6), translate=(80, 0, 8), units=("nm",) * 3)
    viewer.dims.set_current_step(0, 3)
    assert section_on_screen(viewer, FRAME, 5) == 3
    assert section_on_screen(viewer, FRAME, 2) == 1
    assert section_on_screen(viewer, Frame("yx"), 1) == 0
