"""Parameter counts of every family and preset, without building anything in memory."""

from __future__ import annotations

from typing import Any

import torch

from napari_advseg import families
from napari_advseg.families import Entry


def listed() -> list[dict[str, Any]]:
    """Every family as JSON: name, summary, reference, and the parameters of each player in each preset."""
    return [
        {
            "name": entry.name,
            "summary": entry.summary,
            "reference": entry.reference,
            "presets": {name: {"parameters": parameters(entry, name)} for name in entry.presets},
        }
        for entry in families.FAMILIES.values()
    ]


def parameters(entry: Entry, preset: str) -> dict[str, int]:
    """Trainable parameters of each player of a preset, counted on the meta device."""
    chosen = entry.presets[preset].get("model", {}) | entry.counted_with
    settings = entry.settings.model_validate(chosen)
    with torch.device("meta"):
        family = families.load(entry.name).Model(settings, entry.counted)
    return {
        name: sum(weight.numel() for weight in module.parameters())
        for name, module in family.modules.items()
    }


def preset_here(name: str) -> str:
    """The preset for this computer."""
    return families.preset_on(name, "cuda" if torch.cuda.is_available() else "cpu")
