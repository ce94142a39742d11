"""A stain on synthetic tissue filled, and the image extended, by the docks' own controls, with a picture of each.

`xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/mend.py --out docs/images [--steps 600] [--size 1280x800]
[--theme dark|light] [--model FOLDER]`. A small boundless model learns first, in the Train dock, from the image without
the stain; or it is one that has learnt already.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import napari
import numpy as np
from napari.layers import Image, Labels

import napari_advseg as advseg
from camera import Camera, bring_to_front, run_for, wait
from napari_advseg.gui.docks.mend.dock import MendDock
from napari_advseg.gui.docks.train.dock import TrainDock
from napari_advseg.gui.opened import session_of
from napari_advseg.gui.opening import open_docks, open_path
from napari_advseg.samples import neuropil

SHAPE = (6, 320, 320)
SEED = 4
SECTION = 2
STAIN = (190, 130, 34)
GREY = 245
CROP = 65
WIDTH = 8
BATCH = 2
MARGIN_PX = 48
LATER = 900


def main() -> None:
    """Play it and take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--size", default="1280x800")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--model", type=Path, help="a boundless model in place of a training")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"XDG_CONFIG_HOME": f"{folder}/config", "NAPARI_ADVSEG_CACHE": folder}
        viewer = napari.Viewer(title="napari-advseg")
        viewer.theme = chosen.theme
        viewer.window.resize(*map(int, chosen.size.split("x")))
        docks = open_docks(viewer)
        camera = Camera(viewer, chosen.out)
        run_for(1)
        for path in stained(Path(folder)):
            open_path(viewer, str(path))
            viewer.layers[-1].name = path.name.partition(".")[0]
        if chosen.model is None:
            learn(viewer, docks.train, camera, Path(folder), chosen.steps)
        else:
            viewer.dims.set_current_step(0, SECTION)
            session_of(viewer).learnt(str(chosen.model))
        fill(viewer, docks.mend, camera)
        extend(viewer, docks.mend, camera)
        viewer.close()
        run_for(3)


def stained(folder: Path) -> list[Path]:
    """Tissue as it was, to learn from, and with a stain in one section."""
    image = neuropil(SHAPE, seed=SEED)[0]
    grey = image.numpy().copy()
    grey[SECTION][disc()] = GREY
    places = [folder / "clean.ome.zarr", folder / "tissue.ome.zarr"]
    for place, array in zip(places, (image.numpy(), grey), strict=True):
        advseg.write(image.like(array), place)
    return places


def disc(more: int = 0) -> np.ndarray:
    """Where the stain is, or a little more."""
    rows, columns = np.ogrid[: SHAPE[1], : SHAPE[2]]
    row, column, radius = STAIN
    return (rows - row) ** 2 + (columns - column) ** 2 <= (radius + more) ** 2


def learn(viewer: napari.Viewer, dock: TrainDock, camera: Camera, folder: Path, steps: int) -> None:
    """Train on the clean image, with the preview on."""
    bring_to_front(dock)
    viewer.dims.set_current_step(0, SECTION)
    dock.family.setCurrentText("boundless")
    dock.image.choose(layer_of(viewer, Image, "clean"))
    dock.length.row("steps").editor.write(steps)
    model = dock.advanced.group("model")
    model.row("width").editor.write(WIDTH)
    model.row("critic_width").editor.write(WIDTH)
    model.group("mask").row("mode").editor.write("random")
    dock.advanced.group("examples").row("crop").editor.write(CROP)
    dock.advanced.group("examples").row("batch").editor.write(BATCH)
    dock.out.set(str(folder / "painter"))
    dock.out.is_own = True
    wait("a training that can start", dock.buttons.run.isEnabled)
    dock.buttons.run.click()
    job = session_of(viewer).running(dock.kind)
    wait("most of the training", lambda: job.done > 0.9 * steps or job.is_over, LATER)
    camera.take("train-boundless")
    wait("the end of the training", lambda: job.is_over, LATER)
    dock.preview.setChecked(False)


def fill(viewer: napari.Viewer, dock: MendDock, camera: Camera) -> None:
    """Paint over the stain and let the model fill it."""
    layer_of(viewer, Image, "clean").visible = False
    bring_to_front(dock)
    dock.image.choose(layer_of(viewer, Image, "tissue"))
    dock.region.new.click()
    wait("a region", lambda: dock.region.layer is not None and dock.region.layer.mode == "paint")
    region = dock.region.layer
    region.data[SECTION][disc(3)] = 1
    region.refresh()
    wait("a model", dock.buttons.run.isEnabled)
    camera.take("mend-region")
    dock.buttons.run.click()
    wait("the filled image", lambda: has(viewer, "tissue filled"))
    dock.buttons.run.setFocus()
    run_for(1)
    camera.take("mend-filled")


def extend(viewer: napari.Viewer, dock: MendDock, camera: Camera) -> None:
    """Let the model paint on beyond the border."""
    dock.use.setCurrentIndex(dock.use.findData("extend"))
    for side in ("top", "bottom", "left", "right"):
        dock.forms.margins.row(side).editor.write(MARGIN_PX)
    dock.image.choose(layer_of(viewer, Image, "tissue filled"))
    wait("an extension that can start", dock.buttons.run.isEnabled)
    dock.buttons.run.click()
    wait("the extended image", lambda: has(viewer, "tissue filled extended"))
    run_for(1)
    viewer.reset_view()
    camera.take("mend-extended")


def has(viewer: napari.Viewer, name: str) -> bool:
    """Whether a layer is there and shown."""
    return any(layer.name == name and layer.visible for layer in viewer.layers)


def layer_of(viewer: napari.Viewer, kind: type[Image | Labels], name: str) -> Image | Labels:
    """The layer of a name."""
    return next(one for one in viewer.layers if isinstance(one, kind) and one.name == name)


if __name__ == "__main__":
    main()
