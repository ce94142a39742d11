"""Labelling a stack: order, ids, frame, reports, odd volumes."""

import numpy as np
import pytest
import zarr
from phantom import voronoi_phantom

from napari_advseg import drain, label
from napari_advseg.labelling import label_dtype, label_into
from napari_advseg.labelling.section.gap_closing import label_section
from napari_advseg.progress import BlockDone, Phase
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3, (0.0, 8.0, 12.0), "tissue", ("made",))


def tissue(sections=5, size=64):
    return np.stack([voronoi_phantom(seed, size, 7, 2)[0] for seed in range(sections)])


def test_a_stack_is_labelled_section_by_section_with_ids_of_its_own():
    maps = tissue()
    labels = drain(label(maps)).numpy()
    highest = 0
    for section, interior_map in zip(labels, maps, strict=True):
        alone = label_section(interior_map, LabellingSettings())
        np.testing.assert_array_equal(section, np.where(alone > 0, alone + highest, 0))
        highest = section.max()


def test_every_section_is_reported():
    reports = []
    drain(label(tissue(3)), reports.append)
    assert reports == [Phase("label", 3), *(BlockDone("label", k, 3) for k in (1, 2, 3))]


def test_the_frame_is_kept():
    labels = drain(label(Volume(tissue(), FRAME)))
    assert labels.frame.scale == FRAME.scale
    assert labels.frame.translate == FRAME.translate
    assert labels.frame.history[0] == "made"
    assert labels.dtype == np.int32


def test_one_section_comes_back_as_one_section():
    labels = drain(label(tissue(1)[0]))
    assert labels.axes == "yx"
    np.testing.assert_array_equal(labels.numpy(), drain(label(tissue(1))).numpy()[0])


def test_a_channel_axis_of_length_1_is_dropped():
    maps = tissue()
    channel = Volume(maps[None], Frame("czyx", (1.0, 40.0, 4.0, 6.0)))
    labels = drain(label(channel))
    assert labels.axes == "zyx"
    assert labels.frame.scale == (40.0, 4.0, 6.0)
    np.testing.assert_array_equal(labels.numpy(), drain(label(maps)).numpy())


@pytest.mark.parametrize(
    ("shape", "axes"), [((2, 4, 5, 5), "czyx"), ((1, 4, 5, 5), "tzyx"), ((2, 5, 5), "cyx")]
)
def test_several_channels_or_times_are_refused(shape, axes):
    with pytest.raises(ValueError, match="choose one channel and one time point"):
        drain(label(Volume(np.zeros(shape, np.float32), Frame(axes))))


@pytest.mark.parametrize("shape", [(5,), (1, 1, 5, 5)])
def test_arrays_of_other_dimensions_are_refused(shape):
    with pytest.raises(ValueError, match="no section and no stack"):
        drain(label(np.zeros(shape, np.float32)))


def test_bytes_and_half_floats_are_probabilities_too():
    maps = tissue(2)
    expected = drain(label(maps)).numpy()
    for odd in (np.rint(maps * 255).astype(np.uint8), maps.astype(np.float16)):
        np.testing.assert_array_equal(drain(label(odd)).numpy(), expected)


def test_chunks_on_disk_are_read_slab_by_slab(tmp_path):
    maps = tissue(5)
    store = zarr.create_array(tmp_path / "p.zarr", shape=maps.shape, chunks=(2, 64, 64), dtype="f4")
    store[:] = maps
    lazy = Volume(store, FRAME)
    np.testing.assert_array_equal(drain(label(lazy)).numpy(), drain(label(maps)).numpy())
    np.testing.assert_array_equal(
        drain(label(lazy.cut(1, 4))).numpy(), drain(label(maps[1:4])).numpy()
    )


def test_a_section_without_interior_stays_0():
    maps = tissue(3)
    maps[1] = 0
    labels = drain(label(maps)).numpy()
    assert not labels[1].any()
    assert labels[2].min() > labels[0].max()


def test_a_stack_that_may_hold_more_labels_than_int32_is_int64():
    small = np.zeros((2, 3, 4), np.float16)
    assert label_dtype(Volume(small, Frame("zyx"))) == np.int32
    huge = np.broadcast_to(np.float16(0), (300_000, 300, 300))
    assert label_dtype(Volume(huge, Frame("zyx"))) == np.int64


def test_sections_can_go_elsewhere_one_by_one():
    maps, seen = tissue(3), {}
    volume = Volume(maps, Frame("zyx"))
    count = drain(label_into(seen.__setitem__, volume, LabellingSettings()))
    whole = drain(label(maps)).numpy()
    assert count == whole.max()
    for index, section in seen.items():
        np.testing.assert_array_equal(section, whole[index])


def test_keywords_are_settings():
    maps = tissue(1)
    assert (drain(label(maps, LabellingSettings(thin=False), thin=True)).numpy() > 0).all()
    assert (drain(label(maps, thin=False)).numpy() == 0).any()
    with pytest.raises(ValueError, match="no setting treshold"):
        drain(label(maps, treshold=0.5))
    with pytest.raises(ValueError, match="threshold=2"):
        drain(label(maps, threshold=2))


def test_closing_it_early_ends_it():
    running = label(tissue(5))
    next(running)
    next(running)
    running.close()
    assert list(running) == []


def test_a_bad_section_names_its_trouble():
    maps = tissue(3)
    maps[2] *= 20
    with pytest.raises(ValueError, match="not logits"):
        drain(label(maps))


WAYS = ["sections", "linked", "agglomerated", "components"]


@pytest.mark.parametrize("way", WAYS)
def test_one_section_is_labelled_alike_whatever_runs_through_stacks(way):
    maps = tissue(1)
    expected = drain(label(maps)).numpy()
    np.testing.assert_array_equal(drain(label(maps, across_sections=way)).numpy(), expected)
    np.testing.assert_array_equal(drain(label(maps[0], across_sections=way)).numpy(), expected[0])


@pytest.mark.parametrize("way", WAYS)
def test_ids_are_numbered_without_holes_in_every_way(way):
    labels = drain(label(tissue(4), across_sections=way, minimum_size=20))
    assert labels.dtype == np.int32
    assert set(np.unique(labels.numpy())) == set(range(1, labels.numpy().max() + 1))


@pytest.mark.parametrize("way", WAYS)
def test_a_channel_axis_makes_no_difference_in_any_way(way):
    maps = tissue(3)
    maps[1, :9, :9] = np.nan
    channel = Volume(maps[None], Frame("czyx", (1.0, 40.0, 4.0, 6.0)))
    plain = Volume(maps, Frame("zyx", (40.0, 4.0, 6.0)))
    found = drain(label(channel, across_sections=way, minimum_size=30))
    assert found.axes == "zyx"
    np.testing.assert_array_equal(
        found.numpy(), drain(label(plain, across_sections=way, minimum_size=30)).numpy()
    )
    assert not found.numpy()[1, :9, :9].any()


@pytest.mark.parametrize("way", WAYS)
def test_a_bad_section_names_its_trouble_in_every_way(way):
    maps = tissue(3)
    maps[2] *= 20
    with pytest.raises(ValueError, match="not logits"):
        drain(label(maps, across_sections=way))
