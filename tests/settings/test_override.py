"""Keywords over settings: fields win, mistakes are named in one line."""

import pytest

from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.override import override


def test_without_anything_the_defaults_come_out():
    assert override(LabellingSettings, None, {}) == LabellingSettings()


def test_fields_are_written_over_settings():
    given = LabellingSettings(threshold=0.5, depth=3.0)
    assert override(LabellingSettings, given, {"threshold": 0.6}) == LabellingSettings(
        threshold=0.6, depth=3.0
    )


def test_unknown_fields_are_named_with_those_that_exist():
    with pytest.raises(ValueError, match="no setting depht, thick; choose among threshold, "):
        override(LabellingSettings, None, {"thick": 1, "depht": 2})


def test_every_value_out_of_bounds_is_named():
    with pytest.raises(
        ValueError, match=r"^threshold=1: input [^\n]*; depth='deep': input [^\n]*\.$"
    ):
        override(LabellingSettings, None, {"threshold": 1, "depth": "deep"})
