"""A layer on its way to be segmented: what is understood, what of it is read, and what comes back."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.layers import Image

from napari_advseg import model_store
from napari_advseg.gui.compute import handover
from napari_advseg.gui.compute.cancellable import Cancellable
from napari_advseg.gui.docks.segment import segmenting
from napari_advseg.gui.docks.segment.segmenting import View, ViewRequest
from napari_advseg.gui.kit import model_choice
from napari_advseg.gui.kit.understood import Understood, understand
from napari_advseg.gui.viewer.field_of_view import Look
from napari_advseg.model_store import Card
from napari_advseg.recipes import Segment, train_recipe
from napari_advseg.settings.channels import Channels
from napari_advseg.volume.formats.files import read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.painted import with_names
from napari_advseg.volume.part import Part
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3, (80.0, 0.0, 8.0), "raw")
ALL = Look(0, (-0.5, 1e9), (-0.5, 1e9))


def a_card(**fields):
    normaliser = Normaliser(low=0, high=255)
    return Card(recipe=train_recipe("unet", "quick"), normaliser=normaliser, **fields)


def a_model(folder, **fields):
    name = model_store.save_weights(folder, "best", 5, {"unet.a": np.zeros(3, np.float32)})
    model_store.save_card(folder, a_card(weights={"best": name}, best_step=5, **fields))
    return str(folder)


@pytest.fixture
def model(tmp_path):
    return a_model(tmp_path / "model")


def test_a_model_that_paints_is_no_model_to_segment_with():
    found = Understood(Volume(np.zeros((2, 8, 8), np.uint8), FRAME))
    for family in ("boundless", "stylegan"):
        card = Card(recipe=train_recipe(family, "quick"), normaliser=Normaliser(low=0, high=255))
        assert "paints and segments nothing: use it in the Mend dock" in found.why_not(card)
    assert found.why_not(a_card()) == ""


def cancellable(told=None):
    return Cancellable(lambda: False, ([] if told is None else told).append)


def glanced(layer, model, look, tmp_path, **fields):
    recipe = Segment(image="x", model=model, out="x.tif", **fields)
    view_request = ViewRequest(recipe, handover.taken(layer), look, tmp_path / "session", "cpu")
    return view_request, view_request(cancellable())


def lazy(shape, chunks, dtype=np.uint8, computed=None):
    """A dask array that counts the chunks which are computed."""
    seen = [] if computed is None else computed

    def block(block_info=None):
        place = block_info[None]["array-location"]
        seen.append(place)
        size = block_info[None]["chunk-shape"]
        start = sum(first for first, _ in place)
        return ((np.arange(np.prod(size)).reshape(size) + start) % 251).astype(dtype)

    return da.map_blocks(block, chunks=da.core.normalize_chunks(chunks, shape), dtype=dtype)


def a_pyramid(shape, chunks, computed=None):
    """A layer of a lazy array and a coarse level, which alone the layer looks at when it is made."""
    data = lazy(shape, chunks, computed=computed)
    return Image([data, np.zeros((shape[0], 4, 4), np.uint8)], contrast_limits=(0, 255))


@pytest.mark.parametrize(
    ("array", "options", "words"),
    [
        (np.zeros((20, 512, 512), np.uint8), {}, "20 sections of 512 x 512, uint8"),
        (np.zeros((1, 30, 40), np.uint16), {"scale": (50, 4, 6)}, "1 section of 30 x 40, uint16"),
        (np.zeros((30, 40), np.float32), {}, "30 x 40, float32, voxel size unknown (yx)"),
        (np.zeros((30, 40, 3), np.uint8), {"rgb": True}, "30 x 40 in 3 channels"),
        (np.zeros((5, 30, 40, 4), np.uint8), {"rgb": True}, "5 sections of 30 x 40 in 3 channels"),
    ],
)
def test_what_was_understood_is_said(array, options, words):
    found = understand(Image(array, **options))
    assert found.words.startswith(words)
    assert not found.problem


def test_a_pyramid_is_described_by_its_finest_level_and_a_large_one_with_its_size():
    layer = a_pyramid((2000, 40_000, 40_000), (64, 512, 512))
    words = understand(layer).words
    assert words.startswith("2000 sections of 40000 x 40000")
    assert words.endswith("3.2 TB")


def test_a_model_of_one_channel_offers_the_channels_of_a_colour_image():
    found = understand(Image(np.zeros((30, 40, 3), np.uint8), rgb=True))
    grey, colour = a_card(), a_card(channels=Channels(image=3))
    assert [value for _, value in found.channels(grey)] == ["mean", 0, 1, 2]
    assert not found.why_not(grey)
    assert not found.channels(colour)
    assert not found.why_not(colour)
    assert not understand(Image(np.zeros((30, 40)))).channels(grey)


@pytest.mark.parametrize(
    ("layer", "channels", "words"),
    [
        (Image(np.zeros((30, 40))), 3, "has 1 channel, the model was trained with 3 channels"),
        (Image(np.zeros((20, 30, 3)), rgb=False), 1, "rgb=True"),
        (Image(np.zeros((6, 9, 30, 40)), axis_labels=tuple("tzyx")), 1, "6 time points"),
        (Image(np.zeros((6, 9, 30, 40))), 1, "has 4 axes"),
        (Image(np.zeros((30, 40)), rotate=30), 1, "rotated"),
        (None, 1, "Choose an image"),
    ],
)
def test_what_a_model_cannot_take_is_said_with_the_remedy(layer, channels, words):
    assert words in understand(layer).why_not(a_card(channels=Channels(image=channels)))


def test_of_a_lazy_array_larger_than_memory_only_what_is_on_screen_is_computed(model, tmp_path):
    computed = []
    layer = a_pyramid((64, 40_000, 80_000), (16, 1024, 1024), computed)
    look = Look(50, (30_000.2, 30_900.1), (70_000.0, 70_500.0))
    view_request, recipe = glanced(layer, model, look, tmp_path)
    assert len(computed) <= 6
    copy = read(recipe.image)
    assert copy.shape[0] == 1
    assert copy.size("y") * copy.size("x") < 1600 * 1200
    part = Part(*recipe.part)
    assert part.shape == (901, 501)
    shown = part.of(copy)
    np.testing.assert_array_equal(
        shown.numpy()[0], np.asarray(layer.data[0][50, 30_000:30_901, 70_000:70_501])
    )
    assert shown.frame.translate == (50, 30_000, 70_000)
    assert view_request.seen() == Part(30_000, 30_901, 70_000, 70_501)


def test_of_a_large_field_of_view_the_middle_is_shown(model, tmp_path):
    layer = Image(np.zeros((4000, 3000), np.uint8))
    view_request, recipe = glanced(layer, model, ALL, tmp_path)
    part, is_all = view_request.part(model_store.read_card(model))
    assert not is_all
    assert part == Part(1488, 2512, 988, 2012)
    assert recipe.part == part.box
    assert recipe.sections is None


def test_a_network_that_sees_the_image_enlarged_is_shown_less_of_it(tmp_path):
    model = a_model(tmp_path / "fine", voxel_size=(4.0, 6.0), units=("nanometer",) * 2)
    layer = Image(np.zeros((4000, 3000), np.uint8), scale=(8, 6), units=("nm",) * 2)
    view_request, _ = glanced(layer, model, ALL, tmp_path)
    assert view_request.part(model_store.read_card(model))[0].shape == (512, 512)


def test_a_few_sections_of_a_huge_array_are_copied_and_nothing_else(model, tmp_path):
    computed, told = [], []
    layer = Image(lazy((100_000, 640, 512), (4, 640, 512), computed=computed), name="huge")
    computed.clear()
    assert np.prod(layer.data.shape) > 3e10
    recipe = Segment(image="x", model=model, out=str(tmp_path / "o" / "l.tif"), sections=(50, 58))
    found = segmenting.segmentation(recipe, handover.taken(layer), cancellable(told))
    assert found.sections is None
    read_from = [place[0] for place in computed]
    assert sorted(set(read_from)) == [(48, 52), (52, 56), (56, 60)]
    assert len(read_from) <= 2 * 3, "a run of sections reads a chunk at most twice"
    copy = read(found.image)
    assert Path(found.image) == tmp_path / "o" / "huge-image.ome.zarr"
    np.testing.assert_array_equal(copy.numpy(), np.asarray(layer.data[50:58]))
    assert copy.frame.translate[0] == 50
    assert [report.done for report in told] == list(range(1, 9))
    again = segmenting.segmentation(recipe, handover.taken(layer), cancellable())
    assert again.image == found.image, "the same data is not copied twice"


def test_a_copy_that_the_disk_has_no_room_for_is_refused_before_it_begins(model, tmp_path):
    computed = []
    layer = a_pyramid((100_000,) * 3, (10_000,) * 3, computed)
    recipe = Segment(image="x", model=model, out=str(tmp_path / "l.ome.zarr"))
    with pytest.raises(ValueError, match="needs about .* are free"):
        segmenting.segmentation(recipe, handover.taken(layer), cancellable())
    assert not computed


@pytest.fixture
def stored(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, (3, 70, 80), np.uint8)
    return str(write(Volume(data, FRAME), tmp_path / "raw.ome.zarr"))


def opened_by_another_reader(path, kind):
    array = zarr.open_array(f"{path}/0", mode="r")
    layer = Image(da.from_zarr(array) if kind == "dask" else array, scale=(50, 4, 6))
    layer._source = SimpleNamespace(path=path)
    return layer


@pytest.mark.parametrize("kind", ["dask", "zarr"])
def test_a_store_that_another_reader_opened_is_not_copied(kind, stored, model, tmp_path):
    layer = opened_by_another_reader(stored, kind)
    recipe = Segment(image="x", model=model, out=str(tmp_path / "o" / "l.tif"), sections=(1, 3))
    found = segmenting.segmentation(recipe, handover.taken(layer), cancellable())
    assert Path(found.image).is_relative_to(stored)
    assert found.sections == (1, 3)
    assert found.placed.scale == (50, 4, 6)
    look = Look(2, (10, 30), (20, 60))
    _, recipe = glanced(layer, model, look, tmp_path)
    assert Path(recipe.image).is_relative_to(stored)
    assert (recipe.sections, recipe.part) == ((2, 3), (10, 31, 20, 61))
    assert recipe.placed.scale == (50, 4, 6)


def test_a_lazy_layer_that_shows_other_data_than_its_file_is_copied(stored, model, tmp_path):
    layer = opened_by_another_reader(stored, "dask")
    layer.data = 255 - layer.data
    recipe = Segment(image="x", model=model, out=str(tmp_path / "o" / "l.tif"))
    found = segmenting.segmentation(recipe, handover.taken(layer), cancellable())
    np.testing.assert_array_equal(read(found.image).numpy(), np.asarray(layer.data))


def test_a_view_knows_what_else_it_would_show(model, tmp_path):
    layer = Image(np.zeros((3, 400, 400), np.uint8))
    look = Look(1, (99.5, 299.4), (0, 199))
    view_request, _ = glanced(layer, model, look, tmp_path)
    view = View(view_request, "map", Frame("zyx"), Part(100, 300, 0, 200), is_all=True)
    assert view.shows(view_request)
    inside = glanced(layer, model, Look(1, (150, 200), (30, 90)), tmp_path)[0]
    assert view.shows(inside)
    for other in (Look(2, *([(150, 200)] * 2)), Look(1, (150, 320), (30, 90))):
        assert not view.shows(glanced(layer, model, other, tmp_path)[0])
    last = glanced(layer, model, look, tmp_path, weights="last")[0]
    assert not view.shows(last)
    assert "middle 200 x 200 px" in View(view_request, "", FRAME, view.part, is_all=False).words()


def test_large_labels_come_back_lazy_as_a_pyramid_with_their_history(tmp_path, monkeypatch):
    labels = np.random.default_rng(0).integers(0, 9, (2, 1200, 1100)).astype(np.int32)
    path = str(write(Volume(labels, FRAME.after("seen")), tmp_path / "l.ome.zarr"))
    made = {"labels": path, "probabilities": None, "labelling": None}
    small = segmenting.as_result(made, "cells").layer
    assert isinstance(small.data, np.ndarray)
    monkeypatch.setattr("napari_advseg.napari_io.layers.IN_MEMORY_BYTES", 100)
    data, attributes, kind = segmenting.as_result(made, "cells").layer.as_layer_data_tuple()
    assert kind == "labels"
    assert attributes["multiscale"]
    assert [level.shape for level in data] == [(2, 1200, 1100), (2, 600, 550), (2, 300, 275)]
    assert list(attributes["scale"]) == list(FRAME.scale)
    assert list(attributes["translate"]) == list(FRAME.translate)
    assert attributes["metadata"]["napari_advseg"]["history"][-1] == "seen"
    assert attributes["name"] == "cells"


def test_classes_come_back_with_names_and_colours_and_0_is_transparent(tmp_path):
    frame = with_names(FRAME, {0: "wall", 1: "axon", 3: "glia"})
    classes = np.array([[[0, 1], [3, 3]]], np.uint8)
    path = str(write(Volume(classes, frame), tmp_path / "c.ome.zarr", kind="labels"))
    made = {"labels": path, "probabilities": None, "labelling": None}
    layer = segmenting.as_result(made, "classes").layer
    names = layer.features.to_dict("list")
    assert names == {"index": [0, 1, 3], "class": ["wall", "axon", "glia"]}
    colours = [layer.colormap.map(k) for k in range(4)]
    assert colours[0][3] == 0
    assert len({tuple(colour) for colour in colours}) == 4


def test_the_models_to_choose_from_begin_with_what_was_trained_last(tmp_path, monkeypatch, home):
    monkeypatch.setattr(model_store, "FIRST_FOLDER", tmp_path / "package" / "first")
    assert model_choice.list_models("", None) == []
    a_model(model_store.FIRST_FOLDER)
    assert model_choice.list_models("", None) == [("first", "First model")]
    used, trained = a_model(home / "a" / "unet"), a_model(home / "b" / "unet")
    model_choice._remember(used)
    model_choice._remember(str(tmp_path / "gone"))
    paths, titles = zip(*model_choice.list_models(trained, None), strict=True)
    assert paths == (trained, used, "first")
    assert titles == ("unet in b", "unet in a", "First model")
    for k in range(12):
        model_choice._remember(a_model(home / f"m{k}"))
    assert len(model_choice.remembered_models()) == model_choice.KEPT
    assert model_choice.remembered_models()[0].endswith("m11")
