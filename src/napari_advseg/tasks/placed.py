"""An image where the recipe says that it lies."""

from __future__ import annotations

import dataclasses

from napari_advseg.recipes import Placement
from napari_advseg.volume.volume import Volume


def there(raw: Volume, placed: Placement | None) -> Volume:
    """An image where the recipe says that it lies."""
    if placed is None:
        return raw
    return dataclasses.replace(raw, frame=dataclasses.replace(raw.frame, **dict(placed)))
