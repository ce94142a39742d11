"""A training that starts from another model: tensors that fit by name and shape are taken over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch

from napari_advseg import model_store
from napari_advseg.families.family import Family
from napari_advseg.model_store import StoredModel, Tensors

NAMED = 3


def take_over(family: Family[Any], folder: str | None, only: Sequence[str] = ()) -> str:
    """Put the fitting tensors of the model in `folder` into the networks; in words what was taken and what was not.

    Networks are matched by name first: where a player has no namesake in the other model, the player there takes
    its place that most tensors fit. `only` are patterns of the tensors that may be taken.

    Raises:
        ValueError: nothing fits, the model cannot be read, or the family needs one and none is named.
    """
    if folder is None:
        if family.expects_source:
            raise ValueError(
                "These settings take layers over from another model: name its folder with start_from, or choose the "
                "scenario random (model.scenario=random)."
            )
        return ""
    source = model_store.load(folder)
    if source.members:
        raise ValueError(
            f"{folder} is a model of several; name one of its members, for example {folder}/{source.card.members[0]}."
        )
    own = {
        f"{player}.{name}": value
        for player, module in family.modules.items()
        for name, value in module.state_dict(keep_vars=True).items()
    }
    wanted = [
        name
        for name in family.may_take(list(own))
        if not only or any(fnmatchcase(name, one) for one in only)
    ]
    if not wanted:
        raise ValueError(
            f"Nothing is taken from {folder} by these settings; leave out start_from, or change "
            f"{'start_only' if only else 'what the family takes over'}."
        )
    found = fitting({name: tuple(own[name].shape) for name in own}, source.weights)
    taken = {name: found[name] for name in wanted if name in found}
    if not taken:
        raise ValueError(
            f"No tensor of {folder} ({source.family}) has a name and shape of this model; choose a model of a family "
            "with the same network and widths, or leave out start_from."
        )
    with torch.no_grad():
        for name, other in taken.items():
            own[name].copy_(torch.from_numpy(source.weights[other]))
    unused = [name for name in source.weights if name not in set(taken.values())]
    return describe_transfer(source, taken, [name for name in own if name not in taken], unused)


def fitting(own: dict[str, tuple[int, ...]], theirs: Tensors) -> dict[str, str]:
    """For the tensors of a model, those of another that have their name within the network and their shape."""
    found: dict[str, str] = {}
    others = players(theirs)
    for player in players(own):
        matches = {other: _pairs(player, other, own, theirs) for other in others}
        best = max(matches, key=lambda other: (other == player, len(matches[other])), default=None)
        if best is not None and not matches[best]:  # the namesake is another network
            best = max(matches, key=lambda other: len(matches[other]))
        found |= matches[best] if best is not None else {}
    return found


def players(names: Iterable[str]) -> list[str]:
    """The networks that tensors belong to, in their order."""
    return list(dict.fromkeys(name.partition(".")[0] for name in names))


def describe_transfer(
    source: StoredModel, taken: dict[str, str], missing: Sequence[str], unused: Sequence[str]
) -> str:
    """For example "36 of 40 tensors come from model (boundless, step 500). At random begin: critic.last.bias"."""
    step = source.card.best_step or source.card.last_step
    where = source.folder.name if source.folder else "a model in memory"
    words = f"{len(taken)} of {len(taken) + len(missing)} tensors come from {where} ({source.family}, step {step})."
    if missing:
        words += f" At random begin {_listed(missing)}."
    if unused:
        words += f" Left out of it: {_listed(unused)}."
    return words


def _pairs(
    player: str, other: str, own: dict[str, tuple[int, ...]], theirs: Tensors
) -> dict[str, str]:
    pairs = {}
    for name, shape in own.items():
        mine, _, rest = name.partition(".")
        twin = f"{other}.{rest}"
        if mine == player and twin in theirs and theirs[twin].shape == shape:
            pairs[name] = twin
    return pairs


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED} more"
