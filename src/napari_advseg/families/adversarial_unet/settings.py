"""What can be chosen of the adversarial U-Net, and its presets."""

from __future__ import annotations

from napari_advseg.settings import merge, setting
from napari_advseg.settings.critic import CriticSettings
from napari_advseg.settings.training import AdamSettings
from napari_advseg.settings.unet import QUICK, SEED, UNetShape

NAME = "adversarial_unet"
SUMMARY = "U-Net with a critic of image and interior map that has seen open boundaries"
REFERENCE = "Main idea of the thesis S003; patch critic of Isola et al. 2017, spectral norm of Miyato et al. 2018"

CRITIC = CriticSettings(
    spectral=True,
    norm="none",
    objective="lsgan",
    optimiser=AdamSettings(learning_rate=1e-4, beta1=0.5, beta2=0.9),
)


class AdversarialUNetSettings(UNetShape):
    """Network, critic and the balance between data term and critic."""

    adversarial_weight: float = setting(
        0.01, "Critic's weight", "Of the critic's verdict beside the cross-entropy.", ge=0, le=10
    )
    quiet_steps: int = setting(
        300, "Quiet steps", "First steps on the data term alone; the critic learns meanwhile.", ge=0
    )
    soften: float = setting(
        0.7,
        "Soften targets",
        "Blur of true maps before the critic sees them: else it tells them by their hard edges.",
        unit="px",
        ge=0,
        le=5,
    )
    noise: float = setting(
        0.05, "Noise", "Noise added to true and predicted maps alike before the critic.", ge=0, le=1
    )
    gaps: int = setting(
        3,
        "Gaps",
        "Openings cut into each true map to show the critic what is wrong; 0: none.",
        ge=0,
    )
    gap_radius: tuple[float, float] = setting(
        (3.0, 8.0), "Gap radius", "Smallest and largest radius of an opening.", unit="px"
    )
    optimiser: AdamSettings = setting(AdamSettings(), "Optimiser", "Adam of the generator.")
    critic: CriticSettings = setting(CRITIC, "Critic", "The critic of image and map.")

    @property
    def judges(self) -> bool:
        """Its critic says how false segmentations look."""
        return True


NARROW = {"model": {"critic": {**CRITIC.model_dump(), "widths": (16, 32, 64, 128)}}}
PRESETS = {"quick": merge(QUICK, NARROW), "seed": SEED}
