"""A frame keeps what belongs to an axis together, whatever is cut or taken away."""

from __future__ import annotations

import pytest

from napari_advseg.volume.frame import Frame

UNITS = ("", "micrometer", "nanometer", "angstrom")
FRAME = Frame("czyx", (1.0, 40.0, 4.0, 6.0), UNITS, (0.0, 80.0, 8.0, 18.0), "raw", ("cut",))


def test_what_is_not_said_is_one_pixel_from_the_origin_on():
    assert Frame("tczyx") == Frame(
        "tczyx", (1.0,) * 5, ("", "", "pixel", "pixel", "pixel"), (0.0,) * 5
    )


def test_each_axis_has_its_own_step_and_one_that_is_missing_1():
    assert [FRAME.step(axis) for axis in "tczyx"] == [1, 1, 40, 4, 6]


@pytest.mark.parametrize(
    ("axis", "left"),
    [
        ("c", Frame("zyx", (40.0, 4.0, 6.0), UNITS[1:], (80.0, 8.0, 18.0), "raw", ("cut",))),
        (
            "y",
            Frame(
                "czx",
                (1.0, 40.0, 6.0),
                ("", "micrometer", "angstrom"),
                (0.0, 80.0, 18.0),
                "raw",
                ("cut",),
            ),
        ),
        ("t", FRAME),
    ],
)
def test_without_an_axis_the_others_stay_as_they_are(axis, left):
    assert FRAME.without(axis) == left


@pytest.mark.parametrize(
    ("axis", "steps", "translate"),
    [("z", 3, (0, 200, 8, 18)), ("y", -2, (0, 80, 0, 18)), ("x", 0.5, (0, 80, 8, 21))],
)
def test_a_cut_begins_so_many_steps_further_along_its_axis(axis, steps, translate):
    assert FRAME.shifted(axis, steps).translate == translate
    assert FRAME.shifted(axis, steps).shifted(axis, -steps) == FRAME


def test_history_is_told_oldest_first():
    assert FRAME.after("labelled").history == ("cut", "labelled")


@pytest.mark.parametrize("axes", ["", "xy", "zz", "zyq"])
def test_axes_that_are_none_are_refused(axes):
    with pytest.raises(ValueError, match="must be letters of 'tczyx'"):
        Frame(axes)


@pytest.mark.parametrize("size", [0, -4.0, float("inf"), float("nan")])
def test_a_voxel_of_no_size_is_refused(size):
    with pytest.raises(ValueError, match="must be positive and finite"):
        Frame("yx", (4.0, size))


@pytest.mark.parametrize("field", ["scale", "units", "translate"])
def test_a_value_too_few_is_refused(field):
    with pytest.raises(ValueError, match=f"{field} has 1 entries for 2 axes 'yx'"):
        Frame("yx", **{field: (1.0,) if field != "units" else ("nm",)})
