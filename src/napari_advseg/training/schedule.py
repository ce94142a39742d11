"""The learning rate over steps: warm-up, cosine, and reductions where the validation loss stands still.

The factor is a function of the step, so that a resumed or shortened run needs no state of a scheduler; the rule for a
plateau counts its reductions, as in the thesis, which torch's does not.
"""

from __future__ import annotations

import dataclasses
import math

from napari_advseg.settings.training import PlateauSettings, TrainingSettings


def ramp(step: int, settings: TrainingSettings) -> float:
    """The factor that the step number alone decides, in [0, 1]."""
    rise = min(1.0, (step + 1) / settings.warmup) if settings.warmup else 1.0
    fall = 0.5 * (1 + math.cos(math.pi * step / settings.steps)) if settings.cosine else 1.0
    return rise * fall * linear_decay(step, settings)


def linear_decay(step: int, settings: TrainingSettings) -> float:
    """The factor of the linear decay: 1 up to its beginning, then down to 0 at the end of the run."""
    if settings.linear is None:
        return 1.0
    begin = settings.linear * settings.steps
    return min(1.0, (settings.steps - step) / max(1.0, settings.steps - begin))


@dataclasses.dataclass
class Plateau:
    """Halves (or multiplies by `factor`) the rate after `patience` validations without a better loss.

    At most `reductions` times: 0.01 with factor 0.5 and 4 reductions ends at 6.25e-4 (thesis).
    """

    settings: PlateauSettings
    factor: float = 1.0
    reductions: int = 0
    lowest: float = math.inf
    waited: int = 0

    def see(self, loss: float) -> None:
        """Take note of a validation loss."""
        if loss < self.lowest:
            self.lowest, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited > self.settings.patience and self.reductions < self.settings.reductions:
            self.factor *= self.settings.factor
            self.reductions += 1
            self.waited = 0

    def facts(self) -> dict[str, float | int | None]:
        """Everything but the settings, as JSON."""
        lowest = None if math.isinf(self.lowest) else self.lowest
        return {
            "factor": self.factor,
            "reductions": self.reductions,
            "lowest": lowest,
            "waited": self.waited,
        }

    def recall(self, facts: dict[str, float | int | None]) -> None:
        """Take over what `facts` said."""
        self.factor = float(facts["factor"] or 0)
        self.reductions = int(facts["reductions"] or 0)
        self.lowest = math.inf if facts["lowest"] is None else float(facts["lowest"])
        self.waited = int(facts["waited"] or 0)
