"""PNG images: grey values, RGB, or the indices of a palette (class masks)."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import PngImagePlugin

from napari_advseg.volume.arrays.lazy import Array
from napari_advseg.volume.formats.arrange import Found, arrange, without_colour
from napari_advseg.volume.refusals import DAMAGE, Unreadable, afford, reason
from napari_advseg.volume.volume import Volume

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PALETTE = 3
# Deflate packs at most about 1032 bytes into one; more is a lie in the header.
LARGEST_RATIO = 1100


def read_png(path: Path) -> Volume:
    """The image, (y, x) or (c, y, x), in memory.

    Raises:
        Unreadable: it is no PNG, is cut short or damaged, or claims more than its bytes can hold.
    """
    header = _header(path)
    try:
        array = (
            _indices(path)
            if header.small or header.colour == PALETTE
            else imagecodecs.png_decode(path.read_bytes())
        )
    except DAMAGE as fault:
        raise Unreadable(
            f"'{path}' is a damaged PNG ({reason(fault)}); copy or export it again."
        ) from fault
    samples = 1 if array.ndim == 2 else array.shape[2]
    found = Found(array, "yx" if array.ndim == 2 else "yxs", str(path), path.stem)
    if header.colour == PALETTE:
        found = dataclasses.replace(found, history=("palette indices kept",))
    volume = arrange(without_colour(found, alpha=1 if samples in (2, 4) else 0))
    return Volume(volume.numpy(), volume.frame, volume.source)


@dataclasses.dataclass(frozen=True)
class _Header:
    width: int
    height: int
    depth: int
    colour: int

    @property
    def small(self) -> bool:
        """Less than a byte a value: kept as stored, 0 or 1 for a mask of one bit."""
        return self.depth == 1


def _header(path: Path) -> _Header:
    with path.open("rb") as file:
        start = file.read(33)
    if len(start) < 33 or not start.startswith(SIGNATURE) or start[12:16] != b"IHDR":
        raise Unreadable(f"'{path}' is no PNG image, whatever its name says; save it again.")
    header = _Header(*struct.unpack(">IIBB", start[16:26]))
    if header.colour not in SAMPLES or not header.width or not header.height:
        raise Unreadable(f"'{path}' has a damaged PNG header; copy or export it again.")
    bits = header.width * header.height * SAMPLES[header.colour] * header.depth
    size = path.stat().st_size
    if bits // 8 > size * LARGEST_RATIO:
        raise Unreadable(
            f"'{path}' claims {header.width} x {header.height} pixels, more than its {size} "
            "bytes can hold; "
            "it is damaged."
        )
    afford(
        header.width * header.height * SAMPLES[header.colour] * max(1, header.depth // 8),
        f"'{path}'",
    )
    return header


def _indices(path: Path) -> Array:
    """Values as stored, without the palette and without stretching one bit to 255."""
    # The plug-in itself, because `Image.open` warns of every image above 89 million pixels.
    with path.open("rb") as file, PngImagePlugin.PngImageFile(file) as image:
        image.load()
        return np.array(image)
