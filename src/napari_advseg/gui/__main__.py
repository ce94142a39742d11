"""`python -m napari_advseg.gui [PATH ...]` opens napari with the docks and these images and labels."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

INSTALL = 'install them with: pip install "napari-advseg[gui]"'
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def main(paths: Sequence[str] = ()) -> int:
    """Open the viewer and return its exit code; 2 with one line on standard error where none can be opened."""
    problem = why_not(sys.platform, os.environ)
    if problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    import_module("napari_advseg.gui.opening").run(paths)
    return 0


def why_not(system: str, environment: Mapping[str, str]) -> str:
    """Why no viewer can be opened here, with the remedy; empty where one can."""
    if system.startswith("linux") and not any(environment.get(name) for name in SCREENS):
        return (
            "There is no display to open a viewer on; log in with a desktop, use ssh -X, or run it under "
            'xvfb-run -s "-screen 0 1600x1000x24". The command line needs no display.'
        )
    for name in ("qtpy.QtWidgets", "napari"):
        try:
            import_module(name)
        except ImportError as error:
            return f"The viewer needs napari and a Qt binding ({error}); {INSTALL}."
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
