"""Alarms of an adversarial training: what goes wrong, and which knob to turn."""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from typing import Any

import torch
from torch import Tensor

from napari_advseg.progress import Contest

EVERY = 10
BINS = 24
# Judged over so many contests, that is over ten times as many steps.
REMEMBERED = 20
WINNING = 0.98
SILENT = 1e-4
SAME = 0.05
PATIENCE = 8
FLIPS = 3


@dataclasses.dataclass(frozen=True)
class Alarm:
    """One sentence with cause and remedy; `is_fatal` where going on would only make it worse."""

    text: str
    is_fatal: bool = False


def contest(step: int, scores: dict[str, dict[str, Tensor]], norms: dict[str, float]) -> Contest:
    """What the critics said at a step: histograms of their scores, how often they were right, gradient norms."""
    shown: dict[str, dict[str, Any]] = {}
    for critic, judged in scores.items():
        flat = {kind: values.detach().float().flatten() for kind, values in judged.items()}
        low = float(min(values.min() for values in flat.values()))
        high = max(float(max(values.max() for values in flat.values())), low + 1e-6)
        shown[critic] = {
            "low": low,
            "high": high,
            **{kind: torch.histc(v, BINS, low, high).int().tolist() for kind, v in flat.items()},
            "right": told_apart(flat["real"], flat["fake"]),
        }
    critics = [norms[name] for name in norms if name in shown]
    others = [norms[name] for name in norms if name not in shown]
    ratio = max(others, default=0.0) / max(critics) if critics and max(critics) > 0 else 0.0
    return Contest(step, shown, norms, ratio)


def told_apart(real: Tensor, fake: Tensor) -> float:
    """How often a real score is above a fake one: .5 for a critic that guesses, 1 for one that always knows."""
    order = torch.cat((real, fake)).argsort().argsort().double() + 1
    above = order[: len(real)].sum() - len(real) * (len(real) + 1) / 2
    return float(above / (len(real) * len(fake)))


class Watch:
    """Looks at contests and at what is made of the withheld examples; says each alarm once until it is over."""

    def __init__(self) -> None:
        self._right: dict[str, deque[float]] = {}
        self._ratios: deque[float] = deque(maxlen=REMEMBERED)
        self._said: set[str] = set()
        self._looks = 0
        self._was_diverse = False
        self._flips = 0

    def see(self, found: Contest) -> list[Alarm]:
        """Alarms about the balance between critics and the networks that they judge."""
        alarms = []
        for critic, shown in found.critics.items():
            past = self._right.setdefault(critic, deque(maxlen=REMEMBERED))
            past.append(shown["right"])
            share = sum(past) / len(past)
            is_winning = len(past) == REMEMBERED and share > WINNING
            alarms += self._once(
                f"winning {critic}",
                f"The {critic} tells {100 * share:.0f} % of true and made maps apart: it wins and teaches little. "
                "Lower the critic's learning rate or, where there are such settings, raise critic.every or set "
                "critic.smooth to 0.9.",
                is_so=is_winning,
            )
        self._ratios.append(found.ratio)
        is_silent = len(self._ratios) == REMEMBERED and max(self._ratios) < SILENT
        alarms += self._once(
            "saturated",
            "The generator's gradient has nearly vanished beside the critic's: its output is saturated. "
            "Choose the objective lsgan or hinge, or lower the generator's learning rate.",
            is_so=is_silent,
        )
        return alarms

    def look(self, made: list[Tensor], true: list[Tensor]) -> list[Alarm]:
        """Alarms about maps (K, H, W) made of different withheld images, beside the true ones."""
        spread, wanted = diversity(made), diversity(true)
        is_alike = wanted > 0 and spread < SAME * wanted
        self._looks += 1
        # An untrained network makes the same of everything too; that is no collapse yet.
        is_collapsed = is_alike and (self._was_diverse or self._looks > PATIENCE)
        self._was_diverse = self._was_diverse or not is_alike
        return self._once(
            "collapsed",
            "The generator makes nearly the same map of every image: it has collapsed. Raise content_weight, lower "
            "its learning rate, or choose another objective (r1, hinge).",
            is_so=is_collapsed,
            is_fatal=True,
        )

    def measure(self, measures: dict[str, float]) -> list[Alarm]:
        """Alarms about what a validation has found."""
        is_flipped = measures.get("flipped", 0.0) > 0.5
        self._flips = self._flips + 1 if is_flipped else 0
        return self._once(
            "flipped",
            "Inside and outside are swapped: the complement of what is made of withheld images fits their annotation "
            "better. Nothing in unpaired data tells them apart. Train again with another seed, give a few pairs "
            "(--image, --labels), or raise model.paired.",
            is_so=self._flips >= FLIPS,
        )

    def forget(self) -> None:
        """Begin anew, after going back; that it was diverse once stays known."""
        self._looks = 0
        self._right.clear()
        self._ratios.clear()
        self._said.clear()

    def _once(self, what: str, text: str, *, is_so: bool, is_fatal: bool = False) -> list[Alarm]:
        if not is_so:
            self._said.discard(what)
            return []
        is_new = what not in self._said
        self._said.add(what)
        return [Alarm(text, is_fatal)] if is_new or is_fatal else []


def diversity(maps: list[Tensor]) -> float:
    """Mean absolute difference between neighbours in a row of maps, over the part that both have."""
    differences = []
    for first, second in itertools.pairwise(maps):
        height, width = (
            min(a, b) for a, b in zip(first.shape[-2:], second.shape[-2:], strict=True)
        )
        one, other = first[..., :height, :width], second[..., :height, :width]
        differences.append(float((one.float() - other.float()).abs().mean()))
    return sum(differences) / len(differences) if differences else 0.0
