"""What goes into a model and what comes out of it: decided by the data, not by the user."""

from __future__ import annotations

from typing import Literal

from napari_advseg.settings import Settings, setting

Gives = Literal["interior", "affinities", "classes"]


class Channels(Settings):
    """Channels of image and output; `gives` says what the output's channels are.

    "interior" is one map, 1 inside a cell; "affinities" one map a direction; "classes" one a class.
    """

    image: int = setting(1, "Image channels", "1 for grey, 3 for RGB.", ge=1, le=64)
    output: int = setting(1, "Output channels", "Maps, directions or classes.", ge=1, le=256)
    gives: Gives = setting("interior", "Output", "What the output's channels are.")
