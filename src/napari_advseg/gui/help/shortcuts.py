"""Keys for what the docks do: registered with napari's action manager, so that its preferences list them too.

A dock calls `register(viewer, Shortcut("next_error", "Go to the next error", "N", self.next_error))` when it opens and
`withdraw` when it closes. Keys are written as in napari: "N", "Shift-N", "Ctrl-Enter", "" for none. A user changes
them in napari's preferences; what is chosen there is remembered for all viewers.
"""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

from napari.components import ViewerModel
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.interactions import KEY_SYMBOLS
from napari.utils.interactions import Shortcut as Interaction
from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import QObject, QTimer, Signal

from napari_advseg.gui.kit.preferences import remember, remembered
from napari_advseg.gui.viewer import window

PREFIX = "napari-advseg:"
BOARD = "napari-advseg shortcuts"
TITLE = "Adversarial segmentation"

_is_us: ContextVar[bool] = ContextVar("_is_us", default=False)
_first: dict[str, str] = {}  # the key that each action comes with, as napari writes it


@dataclasses.dataclass(frozen=True)
class Shortcut:
    """One action that a key can start.

    Attributes:
        name: lower case with underscores; the same for every dock that offers the action.
        title: what it does, as a user would say it.
        keys: the key it has unless the user chose another.
        do: takes no arguments; called on the Qt thread.
        repeats: whether holding the key down does it again and again.
    """

    name: str
    title: str
    keys: str
    do: Callable[[], object]
    repeats: bool = False


def register(viewer: Any, *shortcuts: Shortcut) -> None:
    """Offer actions in this viewer; one of the same name takes the place of the one before.

    An action whose key napari or another plugin has taken gets none; the user gives it another.
    """
    for shortcut in shortcuts:
        _know(shortcut)
        offered(viewer)[shortcut.name] = shortcut


def withdraw(viewer: Any, *shortcuts: Shortcut) -> None:
    """Offer these no longer, unless another dock has taken their names meanwhile."""
    board = offered(viewer)
    for shortcut in shortcuts:
        if board.get(shortcut.name) is shortcut:
            del board[shortcut.name]


def offered(viewer: Any) -> dict[str, Shortcut]:
    """What the docks of a viewer offer now, by name; it goes with the viewer's window."""
    host = window.main_window(viewer)
    return (host.findChild(Board, BOARD) or Board(host)).offered


def keys_of(name: str) -> str:
    """The key of an action, as napari writes it; empty where it has none."""
    found = window.bound_keys().get(PREFIX + name)
    return str(coerce_keybinding(found[0])) if found else ""


def shown(name: str) -> str:
    """The key of an action as this computer's keyboard names it: "Ctrl+N", or with the signs of a Mac."""
    keys = keys_of(name)
    return Interaction(keys).platform if keys else ""


def give_back(shortcuts: Iterable[Shortcut], *_: object) -> None:
    """Give actions the keys that they come with, as far as these are free once all of them are without."""
    for one in shortcuts:
        _bind(one.name, "")
    for one in shortcuts:
        _bind(one.name, _free(one.name, one.keys))
        _keep(one.name)


def taken_by(keys: str, name: str = "") -> str:
    """What napari or one of our other actions than `name` does on this key; empty where it is free."""
    wanted = str(coerce_keybinding(keys))
    for action, bound in window.bound_keys().items():
        if action != PREFIX + name and wanted in map(str, map(coerce_keybinding, bound)):
            known = window.known_actions().get(action)
            return str(known.description if known is not None else action)
    is_own = wanted == keys_of(name)
    return "" if is_own else window.bound_to(wanted)


class Keys(QObject):
    """Tells that an action has another key; with its name."""

    changed = Signal(str)


KEYS = Keys()


class Board(QObject):
    """What the docks of one viewer offer."""

    def __init__(self, host: QObject) -> None:
        super().__init__(host)
        self.setObjectName(BOARD)
        self.offered: dict[str, Shortcut] = {}


def _know(shortcut: Shortcut) -> None:
    """Make an action known to napari, with the key that the user chose or the one it comes with."""
    action = PREFIX + shortcut.name
    if action not in window.known_actions():
        _first[shortcut.name] = str(coerce_keybinding(shortcut.keys)) if shortcut.keys else ""
        title = f"{TITLE}: {shortcut.title}"
        command = _command(shortcut.name)
        with _quiet():
            action_manager.register_action(action, command, title, ViewerModel, shortcut.repeats)
        _bind(shortcut.name, _free(shortcut.name, _chosen(shortcut)))


def _command(name: str) -> Callable[[ViewerModel], None]:
    """What napari calls. It outlives all viewers, and so knows no more of them than a name."""

    def act(viewer: ViewerModel) -> None:
        _do(viewer, name)

    act.__name__ = act.__qualname__ = name  # napari tells keys that repeat by it
    return act


def _chosen(shortcut: Shortcut) -> str:
    return remembered().shortcuts.get(shortcut.name, shortcut.keys)


def _free(name: str, keys: str) -> str:
    """The key as napari writes it where it can be had, else none."""
    if not keys:
        return ""
    with contextlib.suppress(ValueError):  # the file of choices may hold anything
        binding = coerce_keybinding(keys)
        written = str(binding)
        is_usable = written and all(_is_usable(str(part.key)) for part in binding.parts)
        if is_usable and not taken_by(written, name):
            return written
    return ""


def _is_usable(key: str) -> bool:
    """Whether napari can name the key: it warns of F1 to F12, at every look at a list."""
    return len(key) == 1 or key in KEY_SYMBOLS


def _bind(name: str, keys: str) -> None:
    with _quiet():
        action_manager.unbind_shortcut(PREFIX + name)
        if keys:
            action_manager.bind_shortcut(PREFIX + name, keys)
    KEYS.changed.emit(name)


def _do(viewer: Any, name: str) -> None:
    shortcut = offered(viewer).get(name)
    if shortcut is None:
        window.show_info("The dock that does this is not open.")
    else:
        shortcut.do()


def _keep(name: str) -> None:
    """Remember the key of an action, or nothing where it is the one that the action comes with."""
    chosen = {**remembered().shortcuts, name: keys_of(name)}
    if chosen[name] == _first.get(name):
        del chosen[name]
    remember(shortcuts=chosen)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What happens inside is our own doing."""
    token = _is_us.set(True)
    try:
        yield
    finally:
        _is_us.reset(token)


def _hear(event: Any) -> None:
    """A key was changed in napari's preferences: it is remembered as if it were changed here."""
    if event.name.startswith(PREFIX) and not _is_us.get():
        name = event.name.removeprefix(PREFIX)
        _keep(name)
        KEYS.changed.emit(name)


def _leave_out() -> None:
    """Take our keys out of napari's own settings: it would warn of unknown actions at its next start."""
    theirs = get_settings().shortcuts
    kept = {name: keys for name, keys in theirs.shortcuts.items() if not name.startswith(PREFIX)}
    if len(kept) < len(theirs.shortcuts):
        theirs.shortcuts = kept


# Its only event, whose name older versions of napari misspell.
for _event in action_manager.events.emitters.values():
    _event.connect(_hear)
get_settings().shortcuts.events.connect(lambda _event: QTimer.singleShot(0, _leave_out))
