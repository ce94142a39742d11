"""Recipes as files: read, named and written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from napari_advseg.settings import Settings


def read_tree(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The nested dictionary in a YAML or JSON file.

    Raises:
        ValueError: the file is missing, is not YAML, or holds no settings.
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"There is no recipe {file}; name an existing .yaml file.")
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = " ".join(str(error).split())
        raise ValueError(f"{file} is not a readable YAML file: {place}.") from None
    if not isinstance(tree, dict):
        raise ValueError(f"{file} holds no settings; a recipe is a list of 'name: value' lines.")
    return tree


def recipe_beside(path: str | os.PathLike[str]) -> Path:
    """Where the recipe of an output goes: labels.ome.zarr -> labels.recipe.yaml."""
    out = Path(path)
    suffixes = (".ome.zarr", ".ome.tiff", ".ome.tif", out.suffix)
    ending = next(suffix for suffix in suffixes if out.name.endswith(suffix))
    return out.with_name(f"{out.name.removesuffix(ending)}.recipe.yaml")


def to_yaml(recipe: Settings) -> str:
    """The recipe as YAML text that `read_tree` and `validated` turn back into an equal one."""
    tree = recipe.model_dump(mode="json")
    text: str = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    return text
