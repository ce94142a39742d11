"""Train, segment, close gaps, score and proofread electron microscopy, with plain and adversarial networks.

The public verbs are resolved on first use: importing the package loads neither torch nor Qt.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "read": "napari_advseg.volume.formats.files",
    "write": "napari_advseg.volume.formats.files",
    "score": "napari_advseg.scoring",
    "object_score": "napari_advseg.scoring.measures.objects",
    "semantic_score": "napari_advseg.scoring.measures.semantic",
    "locate": "napari_advseg.scoring.finding.locate",
    "drain": "napari_advseg.progress",
    "draw": "napari_advseg.tasks.generate.crops",
    "label": "napari_advseg.labelling",
    "link": "napari_advseg.labelling.stack.linking",
    "open_fragments": "napari_advseg.labelling.stack.fragments",
    "fit": "napari_advseg.training.fit",
    "extend": "napari_advseg.inference.mending",
    "mend": "napari_advseg.inference.mending",
    "segment": "napari_advseg.tasks.segment",
    "segment_folder": "napari_advseg.tasks.segment",
    "tune": "napari_advseg.tuning",
}
__all__ = [
    "__version__",
    "drain",
    "draw",
    "extend",
    "fit",
    "label",
    "link",
    "locate",
    "mend",
    "object_score",
    "open_fragments",
    "read",
    "score",
    "segment",
    "segment_folder",
    "semantic_score",
    "tune",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
