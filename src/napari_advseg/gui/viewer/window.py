"""The few things of napari's main window that its public interface does not offer, in one place."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from napari import layers
from napari._app_model import get_app_model
from napari.components import ViewerModel
from napari.utils.action_manager import action_manager
from napari.utils.colormaps import _accelerated_cmap
from napari.utils.notifications import (
    Notification,
    NotificationSeverity,
    notification_manager,
    show_error,
    show_info,
)
from napari.utils.theme import get_theme
from qtpy.compat import isalive
from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QListWidget, QMainWindow, QTabWidget, QWidget

try:
    from napari.utils.task_status import Status
except ImportError:  # an older napari closes without asking; the child is stopped all the same
    Status = None

__all__ = [
    "announce",
    "begun",
    "bind_keys",
    "bound_keys",
    "bound_to",
    "canvas_size",
    "colours",
    "controls_later",
    "forget_history",
    "history",
    "is_open",
    "known_actions",
    "little_garbage",
    "load_label_colours",
    "main_window",
    "offer",
    "open_file",
    "open_shortcuts",
    "over_canvas",
    "overlays",
    "redraw",
    "selection_kept",
    "show_error",
    "show_info",
    "tabs_beside",
    "undrawn",
    "unwrapped",
]

ENDS_POLYGON = ("Enter", "Escape", "Backspace")


def unwrapped(viewer: Any) -> Any:
    """The viewer itself: plugins are given a proxy that hides its window's Qt object."""
    return getattr(viewer, "__wrapped__", viewer)


def main_window(viewer: Any) -> QMainWindow:
    """The Qt window of a viewer."""
    return unwrapped(viewer).window._qt_window  # noqa: SLF001 - there is no public way to it


def qt_viewer(viewer: Any) -> Any:
    """The Qt widget of a viewer, with its canvas and its panel of controls."""
    return unwrapped(viewer).window._qt_viewer  # noqa: SLF001


def is_open(viewer: Any) -> bool:
    """Whether the viewer's window has not been closed."""
    return hasattr(unwrapped(viewer).window, "_qt_window")


def announce(viewer: Any, what: str, stop: Callable[[], object]) -> Callable[[], None]:
    """Tell the window that something runs: closing it asks first, then calls `stop`. Returns how to say it is over."""
    window = unwrapped(viewer).window
    register = getattr(window, "_register_task_status", None)
    if Status is None or register is None:
        return lambda: None
    number = register("napari-advseg", Status.BUSY, what, stop)
    # By then the window may have gone, and its register with it.
    return partial(window._update_task_status, number, Status.COMPLETED, "")  # noqa: SLF001


def known_actions() -> Mapping[str, Any]:
    """What keys and buttons can start, by name, ours and napari's own."""
    found: Mapping[str, Any] = action_manager._actions  # noqa: SLF001
    return found


def bound_keys() -> Mapping[str, Sequence[Any]]:
    """The keys of each of these actions that has any."""
    found: Mapping[str, Sequence[Any]] = action_manager._shortcuts  # noqa: SLF001
    return found


def bound_to(key: str) -> str:
    """What napari's menus or the layers of any kind do on this key, as napari writes keys; empty where nothing."""
    app = get_app_model()
    for rule in app.keybindings:
        if str(rule.keybinding) == key:
            return str(app.commands[rule.command_id].title)
    for owner in (ViewerModel, *(getattr(layers, name.title()) for name in sorted(layers.NAMES))):
        for bound, command in getattr(owner, "class_keymap", {}).items():
            if str(bound) == key:
                return str(getattr(command, "__name__", command)).replace("_", " ")
    return ""


def open_shortcuts(viewer: Any, *_: object) -> None:
    """Show the page of napari's preferences where keys are changed."""
    dialog = unwrapped(viewer).window._open_preferences_dialog()  # noqa: SLF001
    pages = dialog.findChild(QListWidget, "Preferences")
    pages.setCurrentItem(*pages.findItems("Shortcuts", Qt.MatchFlag.MatchExactly))


def open_file(file: Path, *_: object) -> None:
    """Open a file or folder with what the system has for it; where it has nothing, say where the file is."""
    if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(file))):
        show_info(f"Nothing on this computer opens {file} by itself; open it by hand.")


def offer(what: str, action: str, do: Callable[[], object]) -> None:
    """Say something with a button that does something about it."""
    actions = ((action, lambda _dialog: do()),)
    notification_manager.dispatch(Notification(what, NotificationSeverity.WARNING, actions))


def load_label_colours() -> None:
    """Have the function ready that napari colours label ids with; else the viewer waits for it at the first layer.

    It is compiled, or read, and not called: its threads belong to the viewer.
    """
    loop: Any = getattr(_accelerated_cmap, "_zero_preserving_modulo_inner_loop", None)
    numba = getattr(_accelerated_cmap, "numba", None)
    if numba is not None and hasattr(loop, "compile"):
        whole = numba.int64
        for shape in ((1, 1), (1,)):  # sections, and lists of single ids
            ids, colours = np.zeros(shape, np.int32), np.zeros(shape, np.uint8)
            loop.compile((numba.typeof(ids), whole, whole, numba.typeof(colours)))


def overlays(layer: Any) -> Mapping[str, Any]:
    """What napari draws on a layer besides its data: outlines, brush, lasso."""
    found: Mapping[str, Any] = getattr(layer, "_overlays", {})
    return found


def tabs_beside(viewer: Any) -> None:
    """Put the tabs of docks on the right beside them: below, seven names would be cut to their first letters."""
    area = Qt.DockWidgetArea.RightDockWidgetArea
    main_window(viewer).setTabPosition(area, QTabWidget.TabPosition.East)


@contextmanager
def little_garbage() -> Iterator[None]:
    """Removing a layer makes napari collect garbage, which takes the longer the more there is; here there is little.

    It does so for the sake of drivers of Windows, where it may.
    """
    if sys.platform == "win32":
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def selection_kept(viewer: Any) -> Iterator[None]:
    """Leave the active layer active while others are added; where there is none, the new one becomes it."""
    layers = unwrapped(viewer).layers
    active = layers.selection.active
    if active is None:
        yield
        return
    # Selecting and selecting back would fill the panel of controls twice.
    layers._activate_on_insert = False  # noqa: SLF001
    try:
        yield
    finally:
        layers._activate_on_insert = True  # noqa: SLF001
        layers.selection.active = active


@contextmanager
def controls_later(viewer: Any, layer: Any) -> Iterator[Callable[[], None]]:
    """Add a layer without napari's panel of controls for it, which what is yielded makes: half of the time it takes.

    Something stands in for the panel until then, as napari looks for it when the layer is selected or removed.
    """
    panels = qt_viewer(viewer).controls
    stand_in = QWidget()
    panels.addWidget(stand_in)
    panels.widgets[layer] = stand_in

    def make() -> None:
        if panels.widgets.get(layer) is not stand_in:
            return  # the layer has gone, and napari removed what stood in
        is_shown = panels.currentWidget() is stand_in
        del panels.widgets[layer]
        panels._add(SimpleNamespace(value=layer))  # noqa: SLF001
        if is_shown and layer in panels.widgets:
            panels.setCurrentWidget(panels.widgets[layer])
        panels.removeWidget(stand_in)
        stand_in.deleteLater()

    with unwrapped(viewer).layers.events.inserted.blocker(panels._add):  # noqa: SLF001
        yield make


def undrawn(viewer: Any) -> Callable[[], None]:
    """Draw nothing on the canvas until what comes back is called, so that drawing has a turn of its own."""
    native = qt_viewer(viewer).canvas.native
    native.setUpdatesEnabled(False)
    return lambda: native.setUpdatesEnabled(True)


def canvas_size(viewer: Any) -> tuple[int, int]:
    """Width and height of the canvas in pixels."""
    native = qt_viewer(viewer).canvas.native
    return native.width(), native.height()


def camera(viewer: Any) -> Any:
    """The camera of a viewer, which moved into its scene with napari 0.9."""
    scene = getattr(viewer, "scene", None)
    return viewer.camera if scene is None else scene.camera


def colours(viewer: Any) -> tuple[str, str]:
    """Background and text colour of the viewer's theme, as #rrggbb."""
    theme = get_theme(viewer.theme)
    background, text = (
        "#{:02x}{:02x}{:02x}".format(*colour.as_rgb_tuple(alpha=False))
        for colour in (theme.background, theme.text)
    )
    return background, text


def history(layer: Any) -> tuple[Sequence[Any], Sequence[Any]]:
    """What was done in a labels layer and can be undone, and what was undone; empty where napari does not say."""
    return getattr(layer, "_undo_history", ()), getattr(layer, "_redo_history", ())


def begun(layer: Any) -> Sequence[Any]:
    """What was done in a labels layer since a stroke was begun that is not over."""
    found: Sequence[Any] = getattr(layer, "_staged_history", ())
    return found


def forget_history(layer: Any) -> None:
    """Let napari forget what was painted in a layer whose strokes are undone elsewhere."""
    layer._reset_history()  # noqa: SLF001


def bind_keys(layer: Any, keys: Mapping[str, Callable[[], None]]) -> None:
    """Keys of a labels layer, which come before those of napari and only while it is selected.

    One that ends a polygon still does.
    """
    for key, do in keys.items():
        layer.bind_key(key, _keyed(key, do), overwrite=True)


def _keyed(key: str, do: Callable[[], None]) -> Callable[[Any], None]:
    """What napari calls for a key; a function, as it asks for its name."""

    def act(layer: Any) -> None:
        is_drawn = str(layer.mode) == "polygon" and len(overlays(layer)["polygon"].points) > 1
        if not is_drawn or key not in ENDS_POLYGON:
            do()
            return
        for bound, theirs in type(layer).class_keymap.items():
            if str(bound) == key:
                theirs(layer)

    return act


def over_canvas(viewer: Any, widget: QWidget, place: Callable[[], object]) -> None:
    """Lay a widget on the canvas; `place` is called whenever the canvas gets another size."""
    canvas = qt_viewer(viewer).canvas
    widget.setParent(canvas.native)

    def resized(_event: object) -> None:
        if isalive(widget):
            place()

    canvas._scene_canvas.events.resize.connect(resized)  # noqa: SLF001


def redraw(layer: Any, box: Sequence[slice], shown: Sequence[float]) -> bool:
    """Draw a box of a labels layer anew, whose data have changed there, and nothing else; whether that was possible.

    `shown` is the place on screen along the axes of the layer. Of a pyramid, in 3D, turned or with contours the whole
    view is drawn, which is what is on screen and no more.
    """
    axes = layer._slice_input  # noqa: SLF001
    is_plain = axes.ndisplay == 2 and list(axes.displayed) == [layer.ndim - 2, layer.ndim - 1]
    image = layer._slice.image  # noqa: SLF001
    is_drawn = image.raw.shape == tuple(layer.data.shape[-2:])
    if layer.multiscale or layer.contour or not is_plain or not is_drawn:
        layer.refresh(thumbnail=False, highlight=False, extent=False)
        return False
    place = tuple(round(one) for one in shown[: layer.ndim - 2])
    if not all(one.start <= k < one.stop for k, one in zip(place, box, strict=False)):
        return True  # elsewhere
    plane = tuple(box[-2:])
    part = np.asarray(layer.data[(*place, *plane)])
    image.raw[plane] = part
    image.view[plane] = layer.colormap._data_to_texture(part)  # noqa: SLF001
    layer._updated_slice = (*(slice(k, k + 1) for k in place), *plane)  # noqa: SLF001
    layer._partial_labels_refresh()  # noqa: SLF001
    return True
