"""Networks, optimisers, average and schedule of one training, and the one step that every family takes."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn, optim

from napari_advseg.families.family import Family, Progress, TensorBatch, Turn, under
from napari_advseg.inference import device as devices
from napari_advseg.model_store import State, Tensors
from napari_advseg.progress import Contest
from napari_advseg.settings.training import AdamSettings, TrainingSettings
from napari_advseg.training.average import Average
from napari_advseg.training.schedule import Plateau, ramp
from napari_advseg.training.watch import EVERY as WATCHED_EVERY
from napari_advseg.training.watch import contest

# Fabric announces its precision on every start; the recipe says it already.
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
FABRIC_PRECISION: dict[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


class NonFiniteLossError(ArithmeticError):
    """A loss that is not a number; the step was not taken."""


class Run:
    """One training at a step; everything a resumed run needs goes in and out through `state`."""

    def __init__(self, family: Family[Any], settings: TrainingSettings, seed: int) -> None:
        device = devices.choose_device(settings.device)
        devices.use_threads(settings.threads)
        self.precision = devices.training_precision(settings.precision, device)
        self.fabric = Fabric(
            accelerator=device.type, devices=1, precision=FABRIC_PRECISION[self.precision]
        )
        self.family = family
        self.settings = settings
        self.seed = seed
        self.step = 0
        self.validated = 0
        self.restarts = 0
        self.plateau = Plateau(settings.plateau)
        self.contest: Contest | None = None
        self._optimisers: dict[str, tuple[optim.AdamW, Any]] = {}
        for name, module in family.modules.items():
            inner = adam(module, family.optimisers[name])
            module.to(device=device, memory_format=family.memory_format)  # type: ignore[call-overload]
            # Stepped through Fabric for the loss scaling of fp16; the networks stay as they are.
            self._optimisers[name] = (inner, self.fabric.setup_optimizers(inner))
        self.average = Average(family.modules, settings.ema)

    @property
    def learning_rates(self) -> dict[str, float]:
        """The rate of each player's next step."""
        factor = ramp(self.step, self.settings) * self.plateau.factor * 0.5**self.restarts
        return {
            name: chosen.learning_rate * factor for name, chosen in self.family.optimisers.items()
        }

    def take_step(self, batch: TensorBatch) -> dict[str, float]:
        """Every player's turn on one batch; the terms of their losses come back.

        Raises:
            NonFiniteLossError: a loss was not finite; that player was not stepped.
        """
        # Dropout and noise inside networks are functions of seed and step, so a resumed run draws the same.
        torch.manual_seed(step_seed(self.seed, self.step))
        for module in self.family.modules.values():
            module.train()
        rates = self.learning_rates
        is_watched = (self.step + 1) % WATCHED_EVERY == 0
        terms: dict[str, float] = {}
        turns = iter(self.family.turns(batch, Progress(self.step, self.settings.steps)))
        scores: dict[str, dict[str, Tensor]] = {}
        norms: dict[str, float] = {}
        while True:
            with self.fabric.autocast():
                turn = next(turns, None)
            if turn is None:
                break
            terms.update(self._learn(turn, rates))
            if turn.scores:
                scores["+".join(turn.players)] = turn.scores
            if is_watched and self.family.is_adversarial:
                norms |= {name: self._gradient(name) for name in turn.players}
        self.contest = contest(self.step + 1, scores, norms) if is_watched and scores else None
        self.step += 1
        self.average.update(self.step)
        return terms

    def _learn(self, turn: Turn, rates: dict[str, float]) -> dict[str, float]:
        value, name = float(turn.loss.detach()), "+".join(turn.players)
        if not math.isfinite(value):
            raise NonFiniteLossError(f"The loss of '{name}' is {value} at step {self.step + 1}.")
        parameters: list[Tensor] = []
        for player in turn.players:
            inner, optimiser = self._optimisers[player]
            for group in inner.param_groups:
                group["lr"] = rates[player]
            optimiser.zero_grad(set_to_none=True)
            weights = self.family.modules[player].parameters()
            parameters += [weight for weight in weights if weight.requires_grad]
        # `inputs` keeps the gradient to these players: no flags, nothing leaks into the others.
        self.fabric.backward(turn.loss, inputs=parameters)
        for player in turn.players:
            self._optimisers[player][1].step()
        terms = {f"{name}/{key}": float(term.detach()) for key, term in turn.terms.items()}
        return {f"{name}/loss": value, **terms}

    def _gradient(self, player: str) -> float:
        """Norm of the gradient that a player has just learnt from."""
        gradients = [w.grad for w in self.family.modules[player].parameters() if w.grad is not None]
        return float(torch.nn.utils.get_total_norm(gradients))

    def see(self, loss: float) -> None:
        """Take note of the validation loss of this step: the rate falls where it stands still."""
        self.plateau.see(loss)
        self.validated = self.step

    def begin_average(self) -> None:
        """Average anew from the networks as they are: they were given other weights."""
        self.average = Average(self.family.modules, self.settings.ema)

    @torch.no_grad()
    def shown(self, crops: Iterable[TensorBatch]) -> list[tuple[Tensor, Tensor, Tensor]]:
        """What is given, made with the averaged weights, and true, of withheld crops."""
        with self.average.applied():
            for module in self.family.modules.values():
                module.eval()
            return [self.family.shown(crop) for crop in crops]

    @torch.no_grad()
    def validate(self, examples: Iterable[TensorBatch]) -> dict[str, float]:
        """Mean of the family's measures over withheld examples, with the averaged weights."""
        totals: dict[str, float] = {}
        count = 0
        with self.average.applied():
            for module in self.family.modules.values():
                module.eval()
            for batch in examples:
                with self.fabric.autocast():
                    measures = self.family.validate(batch)
                for name, value in measures.items():
                    totals[name] = totals.get(name, 0.0) + float(value)
                count += 1
        return {name: total / count for name, total in totals.items()}

    def to_device(self, *arrays: np.ndarray[Any, Any]) -> list[Tensor]:
        """Numpy arrays as tensors on the device, channels last."""
        return [
            torch.from_numpy(array)
            .to(self.fabric.device)
            .contiguous(memory_format=self.family.memory_format)
            for array in arrays
        ]

    def weights(self) -> Tensors:
        """The averaged weights where an average is kept, else the networks' own."""
        with self.average.applied():
            return self._networks()

    def state(self) -> State:
        """All that an unbroken continuation needs."""
        tensors = {f"network.{key}": value for key, value in self._networks().items()}
        tensors |= {f"average.{key}": _copy(value) for key, value in self.average.tensors.items()}
        tensors |= {f"memory.{key}": _copy(value) for key, value in self.family.memory().items()}
        for name, (inner, _) in self._optimisers.items():
            for index, memory in inner.state_dict()["state"].items():
                tensors |= {
                    f"adam.{name}.{index}.{key}": _copy(value) for key, value in memory.items()
                }
        facts = {
            "step": self.step,
            "validated": self.validated,
            "restarts": self.restarts,
            "plateau": self.plateau.facts(),
        }
        return State(facts, tensors)

    def recall(self, state: State) -> None:
        """Go back (or on) to `state`."""
        self.step = int(state.facts["step"])
        self.validated = int(state.facts.get("validated", self.step))  # older states do not say
        self.restarts = int(state.facts["restarts"])
        self.plateau.recall(state.facts["plateau"])
        self.family.put_weights(under("network.", state.tensors))
        remembered = under("memory.", state.tensors)
        self.family.recall({key: self.to_device(value)[0] for key, value in remembered.items()})
        for key, value in under("average.", state.tensors).items():
            self.average.tensors[key].copy_(torch.from_numpy(value))
        for name, (inner, _) in self._optimisers.items():
            _recall_adam(inner, under(f"adam.{name}.", state.tensors))

    def _networks(self) -> Tensors:
        return {
            f"{name}.{key}": _copy(value)
            for name, module in self.family.modules.items()
            for key, value in module.state_dict().items()
        }


def adam(module: nn.Module, settings: AdamSettings) -> optim.AdamW:
    """Adam with decoupled weight decay; without decay it is plain Adam."""
    return optim.AdamW(
        [weight for weight in module.parameters() if weight.requires_grad],
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        eps=settings.eps,
        weight_decay=settings.weight_decay,
    )


def step_seed(seed: int, step: int) -> int:
    """A seed for what is drawn inside the networks at one step."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])


def _recall_adam(inner: optim.AdamW, memory: Tensors) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in memory.items():
        index, name = key.split(".")
        state.setdefault(int(index), {})[name] = torch.from_numpy(value)
    inner.load_state_dict({"state": state, "param_groups": inner.state_dict()["param_groups"]})


def _copy(value: Tensor) -> np.ndarray[Any, Any]:
    return value.detach().to("cpu", copy=True).contiguous().numpy()
