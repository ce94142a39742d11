"""Units have one name each, their sizes are those of the SI, and a distance is told where it is known."""

from __future__ import annotations

import pytest

from napari_advseg.volume.frame import Frame
from napari_advseg.volume.units import (
    NANOMETERS,
    SYMBOLS,
    known_distance,
    ratio,
    step_nm,
    unit_name,
)
from napari_advseg.volume.units import unit_symbol as symbol

NM = ("nanometer",) * 3


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("nm", "nanometer"),
        ("Nanometres", "nanometer"),
        ("micron", "micrometer"),
        ("\\u00B5m", "micrometer"),
        ("['um']", "micrometer"),
        ("A", "angstrom"),
        ("mm", "millimeter"),
        ("m", "meter"),
        ("metres", "meter"),
        ("", "pixel"),
        (None, "pixel"),
        ("min", "minute"),
        ("furlong", "furlong"),
    ],
)
def test_a_unit_has_one_name_however_it_is_written(written, name):
    assert unit_name(written) == name


@pytest.mark.parametrize("name", SYMBOLS)
def test_a_name_survives_its_symbol(name):
    assert unit_name(name) == name
    assert unit_name(symbol(name)) == name


def test_a_unit_without_a_symbol_is_its_own():
    assert symbol("furlong") == "furlong"


@pytest.mark.parametrize(
    ("unit", "meters"),
    [
        ("angstrom", 1e-10),
        ("picometer", 1e-12),
        ("nanometer", 1e-9),
        ("micrometer", 1e-6),
        ("millimeter", 1e-3),
        ("centimeter", 1e-2),
        ("meter", 1),
        ("inch", 0.0254),
        ("foot", 0.3048),
        ("femtometer", 1e-15),
        ("decimeter", 0.1),
        ("kilometer", 1e3),
    ],
)
def test_the_sizes_of_units_are_those_of_the_si(unit, meters):
    assert ratio(unit, "meter") == pytest.approx(meters)
    assert ratio("meter", unit) == pytest.approx(1 / meters)


@pytest.mark.parametrize(
    ("axis", "size"), [("z", 40.0), ("y", 4.0), ("x", 6.0), ("c", None), ("t", None)]
)
def test_a_step_is_told_in_nanometers_where_its_length_is_known(axis, size):
    frame = Frame(
        "czyx", (1.0, 0.04, 40.0, 6e-9), ("", "micrometer", "angstrom", "meter"), (0.0,) * 4
    )
    assert step_nm(frame, axis) == (None if size is None else pytest.approx(size))
    assert step_nm(Frame("yx", (4.0, 4.0), ("pixel", "pixel")), "y") is None


def test_every_length_of_pint_and_of_ome_zarr_is_known_by_name():
    lengths = "angstrom centimeter decimeter femtometer foot inch kilometer meter micrometer"
    for name in f"{lengths} millimeter nanometer picometer".split():
        assert unit_name(name) == name
        assert ratio(name, name) == 1
        assert ratio(name, "meter")


def test_every_length_but_the_pixel_has_a_size():
    times = "nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day"
    assert set(NANOMETERS) == set(SYMBOLS) - {"pixel", *times}


@pytest.mark.parametrize(("unit", "other"), [("nanometer", "pixel"), ("nanometer", "second")])
def test_what_does_not_measure_the_same_has_no_ratio(unit, other):
    assert ratio(unit, other) is None
    assert ratio(other, unit) is None
    assert ratio(other, other) == 1


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (Frame("zyx", (40.0, 4.0, 4.0), NM), 10),
        (Frame("zyx", (36.0, 4.0, 9.0), NM), 6),
        (Frame("czyx", (1.0, 36.0, 9.0, 4.0), ("", *NM)), 6),
        (Frame("zyx", (0.03, 4.0, 9.0), ("micrometer", "nanometer", "nanometer")), 5),
        (Frame("zyx", (0.03, 4.0, 0.009), ("micrometer", "nanometer", "micrometer")), 5),
        (Frame("zyx", (10.0, 1.0, 1.0)), 10),
        (Frame("zyx", (1.0, 1.0, 1.0), NM), 1),
    ],
)
def test_the_distance_of_sections_is_told_in_pixels_of_their_mean_size(frame, expected):
    assert known_distance(frame) == pytest.approx(expected)


@pytest.mark.parametrize(
    "frame",
    [
        Frame("zyx"),
        Frame("yx", (4.0, 6.0), NM[:2]),
        Frame("zyx", (40.0, 4.0, 6.0), ("nanometer", "pixel", "pixel")),
    ],
)
def test_a_distance_that_nobody_has_said_is_not_guessed(frame):
    assert known_distance(frame) is None
