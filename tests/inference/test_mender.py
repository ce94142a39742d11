"""Images extended and mended: what was there stays bit by bit, what is painted is marked and counts nowhere."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg import cli, drain, extend, mend, model_store, read, score, segment, write
from napari_advseg.examples.patches import Batches, finite
from napari_advseg.inference.mender import Mender
from napari_advseg.inference.predictor import Predictor
from napari_advseg.progress import Said, Warned
from napari_advseg.recipes import train_recipe, validated
from napari_advseg.samples import neuropil
from napari_advseg.scoring.measures.objects import object_score
from napari_advseg.scoring.measures.semantic import semantic_score
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.training.data import prepare, prepare_unlabelled
from napari_advseg.training.fit import fit
from napari_advseg.volume.formats.files import Unreadable
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.synthetic_voxels import marked, mask_beside
from napari_advseg.volume.volume import Volume

TRAINING = {"steps": 2, "validate_every": 2, "threads": 1, "device": "cpu", "precision": "fp32"}
EXAMPLES = {"crop": 33, "batch": 1}
NARROW = {"width": 4, "critic_width": 4}


@pytest.fixture(scope="module")
def tissue():
    return neuropil((3, 60, 70), seed=3, voxel_nm=(40.0, 4.0, 6.0), wall=1)


@pytest.fixture(scope="module")
def folder(tissue, tmp_path_factory):
    """A model that mends, one that segments, and the tissue as files."""
    place = tmp_path_factory.mktemp("mending")
    painter = {"model": {**NARROW, "mask": {"mode": "random"}}, "examples": EXAMPLES}
    for family, changes, labels in (
        ("boundless", painter, None),
        ("unet", {"model": {"widths": [4, 8]}, "examples": EXAMPLES}, tissue[1]),
    ):
        tree = {**changes, "training": TRAINING, "out": str(place / family)}
        drain(fit(tissue[0], labels, train_recipe(family, "quick", tree)))
    write(tissue[0], place / "image.tif")
    write(tissue[1], place / "labels.tif")
    hole = np.zeros((60, 70), np.uint8)
    hole[20:35, 30:70] = 1
    write(Volume(hole, Frame("yx")), place / "hole.tif")
    return place


@pytest.fixture
def command(monkeypatch, capfd):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["napari-advseg", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, " ".join(capfd.readouterr().err.split())

    return run


@given(margins=st.tuples(*[st.integers(0, 20)] * 4), seed=st.integers(0, 99))
@settings(max_examples=6, deadline=None)
def test_an_extended_section_holds_the_old_one_bit_by_bit(folder, margins, seed):
    section = np.random.default_rng(seed).integers(0, 256, (40, 50)).astype(np.uint8)
    made, hole = Mender.of(str(folder / "boundless")).extended(section, margins)
    top, bottom, left, right = margins
    assert made.shape == (40 + top + bottom, 50 + left + right)
    inside = (slice(top, top + 40), slice(left, left + 50))
    assert np.array_equal(made[inside], section)
    assert not hole[inside].any()
    assert hole.sum() == made.size - section.size


@given(seed=st.integers(0, 99), kind=st.sampled_from(["u1", "u2", "f4"]))
@settings(max_examples=6, deadline=None)
def test_a_mended_section_changes_in_its_holes_alone(folder, seed, kind):
    rng = np.random.default_rng(seed)
    section = rng.integers(0, 256, (50, 60)).astype(kind)
    hole = np.zeros((50, 60), np.bool_)
    for top, left, side in rng.integers(1, 30, (3, 3)):
        hole[top : top + side, left : left + side] = True
    if kind == "f4":
        section[hole] = np.nan
    made, painted = Mender.of(str(folder / "boundless")).mended(section, hole)
    assert made.dtype == section.dtype
    assert np.array_equal(made[~hole], section[~hole])
    assert np.array_equal(painted, hole)
    assert np.isfinite(made).all()


def test_what_is_added_lies_beside_what_was_there(folder, tissue):
    image = tissue[0]
    grown = drain(extend(image, str(folder / "boundless"), top=6, left=3, right=12))
    assert grown.shape == (3, 66, 85)
    y, x = (image.frame.step(axis) for axis in "yx")
    moved = np.subtract(grown.frame.translate, image.frame.translate)
    np.testing.assert_allclose(moved, (0, -6 * y, -3 * x))
    assert np.asarray(grown.synthetic).sum() == 3 * (66 * 85 - 60 * 70)


def test_without_holes_what_is_not_finite_is_mended(folder, tissue):
    grey = tissue[0].numpy().astype(np.float32)
    grey[1, 10:20, :9] = np.nan
    reports = []
    running = mend(Volume(grey, tissue[0].frame), str(folder / "boundless"))
    made = drain(running, reports.append)
    assert np.isfinite(made.numpy()).all()
    assert np.array_equal(np.asarray(made.synthetic) != 0, np.isnan(grey))
    assert any("90 pixels are painted" in one.text for one in reports if isinstance(one, Said))
    assert not any(isinstance(one, Warned) for one in reports)
    again = drain(extend(made, str(folder / "boundless"), top=5), reports.append)
    assert np.asarray(again.synthetic).sum() == 90 + 3 * 5 * 70
    assert any("model.mask.mode=right" in one.text for one in reports if isinstance(one, Warned))


def test_a_section_that_is_lost_is_a_copy_of_the_nearest_and_said(folder, tissue):
    holes = np.zeros(tissue[0].shape, np.uint8)
    holes[0] = holes[1] = 1
    holes[2, :9, :9] = 1
    reports = []
    made = drain(mend(tissue[0], str(folder / "boundless"), holes), reports.append)
    np.testing.assert_array_equal(made.section(0), made.section(2))
    np.testing.assert_array_equal(made.section(1), made.section(2))
    np.testing.assert_array_equal(np.asarray(made.synthetic), holes)
    said = [one.text for one in reports if isinstance(one, Warned)]
    assert sum("is a copy of section 2, and synthetic" in text for text in said) == 2
    with pytest.raises(ValueError, match="Section 0 is missing altogether"):
        drain(mend(tissue[0], str(folder / "boundless"), holes, lost="refuse"))


def test_one_label_of_the_holes_is_filled_alone(folder, tissue, tmp_path, command):
    marks = np.zeros((60, 70), np.uint8)
    marks[5:20, 5:20], marks[30:40, 30:50] = 1, 3
    write(Volume(marks, Frame("yx")), tmp_path / "marks.tif")
    out = tmp_path / "one.tif"
    words = ("--image", folder / "image.tif", "--model", folder / "boundless", "--out", out)
    code, said = command("mend", *words, "--holes", tmp_path / "marks.tif", "--label", 3)
    assert code == 0, said
    assert np.array_equal(read(out).synthetic[1], marks == 3)
    code, said = command(
        "mend", *words, "--holes", tmp_path / "marks.tif", "--label", 9, "--overwrite"
    )
    assert code == 2
    assert "no pixel is marked" in said
    assert not list(tmp_path.glob("*.partial"))
    assert np.array_equal(read(out).synthetic[1], marks == 3)


def test_files_keep_the_mask_beside_them(folder, tissue, tmp_path, command):
    for out in (tmp_path / "m.ome.zarr", tmp_path / "m.tif"):
        words = ("--image", folder / "image.tif", "--model", folder / "boundless", "--out", out)
        code, said = command("mend", *words, "--holes", folder / "hole.tif")
        assert code == 0, said
        assert mask_beside(out).exists()
        made = read(out)
        mask = np.asarray(made.synthetic[...]) != 0
        assert mask.sum() == 3 * 15 * 40
        assert np.array_equal(made.numpy()[~mask], tissue[0].numpy()[~mask])
    assert command("mend", *words, "--holes", folder / "hole.tif")[0] == 2
    copy = write(made.cut(1, 3), tmp_path / "copy.tif")
    assert np.asarray(read(copy).synthetic[...]).sum() == 2 * 15 * 40
    mask_beside(copy).unlink()
    with pytest.raises(Unreadable, match=r"their mask 'copy\.synthetic\.tif' is missing"):
        read(copy)


def test_extend_writes_a_recipe_that_can_be_replayed(folder, tmp_path, command):
    words = ("--image", folder / "image.tif", "--model", folder / "boundless")
    out = tmp_path / "wide.ome.zarr"
    assert command("extend", *words, "--out", out, "--right", 9, "--sections", "1:3")[0] == 0
    assert read(out).shape == (2, 60, 79)
    again = tmp_path / "again.ome.zarr"
    assert command("run", tmp_path / "wide.recipe.yaml", "--set", f"out={again}")[0] == 0
    assert np.array_equal(read(out).numpy(), read(again).numpy())


class TestNothingCountsThere:
    @pytest.fixture
    def mended(self, tissue):
        mask = np.zeros(tissue[0].shape, np.uint8)
        mask[:, 20:40, 30:60] = 1
        return marked(tissue[0], mask), mask != 0

    def recipe(self, family, **changes):
        tree = {"examples": EXAMPLES, "training": TRAINING, "zero": "boundary", **changes}
        return train_recipe(family, "quick", tree)

    def test_in_a_training(self, mended, tissue):
        image, mask = mended
        data = drain(prepare(image, tissue[1], self.recipe("unet")))
        assert not np.asarray(data.withheld[0].weight)[0, 0][mask[-1]].any()
        plain = drain(prepare(*tissue, self.recipe("unet"))).withheld[0].weight[0, 0]
        far = ~mask[-1]
        far[18:42, 28:62] = False
        np.testing.assert_array_equal(data.withheld[0].weight[0, 0][far], plain[far])

    def test_in_a_training_without_labels(self, mended):
        data = drain(prepare_unlabelled(mended[0], self.recipe("boundless")))
        flat = self.recipe("boundless").examples.augmentation.changed(
            flip=0, rotate=False, noise=0, blur=0
        )
        settings_ = data.examples.changed(augmentation=flat, crop=40)
        batches = Batches(data.images, data.labels, settings_, "boundary", data.normaliser, 0)
        for k in range(4):
            batch = batches[k]
            _, z, top, left = batch.windows[0]
            window = mended[1][z, max(0, top) : top + 40, max(0, left) : left + 40]
            known = batch.weight[0, 0][: window.shape[0], : window.shape[1]] > 0
            assert not known[window].any()
            assert known.any()
        assert finite(np.zeros(3, np.uint8))

    def test_in_a_score(self, tissue, mended):
        truth = tissue[1].numpy()
        labels = truth.copy()
        labels[mended[1]] = 7
        wrong = Volume(labels, tissue[1].frame)
        for pair in (
            (marked(wrong, mended[1].astype(np.uint8)), tissue[1]),
            (wrong, marked(tissue[1], mended[1].astype(np.uint8))),
        ):
            for by in ("section", "volume"):
                for zero in ("boundary", "background"):
                    found = score(*pair, by=by, zero=zero, border=0)
                    assert found.voi == 0
                    left = ~mended[1] & ((truth != 0) | (zero == "background"))
                    assert found.scored == left.sum()
            assert score(wrong, tissue[1]).voi > 0
            assert object_score(*pair).at[0].f1 == 1
            assert semantic_score(*pair).pixel_accuracy == 1

    def test_a_negative_label_is_still_refused(self, tissue):
        below = tissue[1].numpy().astype(np.int64) - 1
        with pytest.raises(ValueError, match="negative"):
            score(tissue[1].numpy(), below)

    def test_labels_of_a_mended_image_carry_its_mask(self, folder, mended, tmp_path, command):
        image = write(mended[0], tmp_path / "mended.tif")
        out = tmp_path / "labels.ome.zarr"
        code, said = command("segment", "--image", image, "--model", folder / "unet", "--out", out)
        assert code == 0, said
        assert np.array_equal(np.asarray(read(out).synthetic[...]) != 0, mended[1])
        made = drain(segment(mended[0], str(folder / "unet")))
        assert made.labels.synthetic is not None

    def test_a_mask_of_another_image_is_refused(self, tissue):
        with pytest.raises(ValueError, match="do not belong together"):
            marked(tissue[0], np.zeros((3, 4, 5), np.uint8))


class TestBorder:
    @pytest.mark.parametrize("painted", [False, True])
    def test_the_middle_of_a_section_stays_as_it_was(self, folder, tissue, painted):
        """What lies further in than the network sees is the same with context around the section."""
        model = model_store.load(folder / "unet")
        context = {"border": 16, "border_model": str(folder / "boundless") if painted else None}
        plain = PredictionSettings(precision="fp32", device="cpu")
        section = np.tile(tissue[0].section(0), (2, 2))
        maps = [
            drain(Predictor(model, chosen).section(section))
            for chosen in (plain, plain.changed(**context))
        ]
        reach = Predictor(model, plain).tiling.halo
        inner = (slice(reach, -reach), slice(reach, -reach))
        assert maps[0].shape == maps[1].shape == section.shape
        np.testing.assert_allclose(maps[0][inner], maps[1][inner], atol=1e-5)
        assert not np.allclose(maps[0], maps[1], atol=1e-5)

    def test_the_edge_is_scored_alone(self, tissue):
        truth = tissue[1]
        labels = truth.numpy().copy()
        labels[:, 20:40, 20:40] = 99
        assert score(labels, truth.numpy()).voi > 0
        edge = score(labels, truth.numpy(), edge=10, border=0)
        assert edge.voi == 0
        band = np.ones((60, 70), np.bool_)
        band[10:-10, 10:-10] = False
        assert edge.scored == np.count_nonzero(truth.numpy()[:, band])
        whole, wide = (score(labels, truth.numpy(), edge=n) for n in (0, 1000))
        assert wide.values() == whole.values()


class TestRefusals:
    def refused(self, tree, words):
        with pytest.raises(ValueError, match=words):
            validated(tree)

    def test_an_extension_by_nothing(self):
        tree = {"task": "extend", "image": "a.tif", "model": "m", "out": "b.tif"}
        self.refused(tree, "say by how many pixels: top, bottom, left or right")

    def test_models_that_paint_nothing(self, folder, command, tmp_path):
        words = (
            "--image",
            folder / "image.tif",
            "--model",
            folder / "unet",
            "--out",
            tmp_path / "x.tif",
        )
        code, said = command("extend", *words, "--right", 4)
        assert code == 2
        assert "of the family unet and paints nothing into images" in said

    def test_a_boundless_model_that_is_to_segment(self, folder, tissue):
        with pytest.raises(ValueError, match="does not segment: use the commands extend and mend"):
            drain(segment(tissue[0], str(folder / "boundless")))

    def test_holes_that_are_none_or_everything_or_elsewhere(self, folder, tissue):
        model = str(folder / "boundless")
        with pytest.raises(ValueError, match="name the labels of the holes"):
            drain(mend(tissue[0], model))
        with pytest.raises(ValueError, match="no pixel is marked"):
            drain(mend(tissue[0], model, np.zeros((60, 70), np.uint8)))
        with pytest.raises(ValueError, match="Section 0 is missing altogether"):
            drain(mend(tissue[0], model, np.ones((60, 70), np.uint8)))
        with pytest.raises(ValueError, match="do not lie on the pixels"):
            drain(mend(tissue[0], model, np.ones((50, 70), np.uint8)))

    def test_colours_for_a_grey_model(self, folder):
        colour = Volume(np.zeros((3, 40, 40), np.uint8), Frame("cyx"))
        with pytest.raises(ValueError, match="3 channels, the model was trained on 1"):
            drain(extend(colour, str(folder / "boundless"), top=1))

    def test_an_image_that_would_replace_itself(self, folder, command):
        image = folder / "image.tif"
        code, said = command(
            "extend", "--image", image, "--model", folder / "boundless", "--out", image, "--top", 2
        )
        assert code == 2
        assert "would replace itself" in said
