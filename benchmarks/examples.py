"""What one training crop costs: reading, augmentation, target, normalisation, beside its budget.

Run `python benchmarks/examples.py [SIDE]`. A training step of 18 crops of 160 x 160 px takes
0.25-0.4 s on two cores; examples may cost 5 % of it, which is 0.7 ms of one core a crop.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from napari_advseg.examples.augment import NO_AUGMENTATION
from napari_advseg.examples.patches import Batches
from napari_advseg.settings.examples import AugmentationSettings, ExampleSettings, TargetSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.volume import Volume

BUDGET_MS = 0.7
ROUNDS, BATCHES = 5, 8
CASES = {
    "default": {},
    "no augmentation": {"augmentation": NO_AUGMENTATION},
    "fixed set": {"mode": "fixed"},
    "training scale 0.72": {"scale": 0.72},
    "intensity .8 (preset quick)": {"augmentation": AugmentationSettings(intensity=0.8)},
    "elastic 1": {"augmentation": AugmentationSettings(elastic=1.0)},
    "localised blur 1": {"augmentation": AugmentationSettings(local_blur=1.0)},
    "missing part 1": {"augmentation": AugmentationSettings(missing_part=1.0)},
    "misalignment 1": {"augmentation": AugmentationSettings(misalignment=1.0)},
    "laplacian3": {"targets": TargetSettings(kind="laplacian3")},
    "connectomics": {"targets": TargetSettings(kind="connectomics")},
    "affinities": {"targets": TargetSettings(kind="affinities")},
}


def phantom(side: int, sections: int = 8) -> tuple[Volume, Volume]:
    """Noise over dense cells of about 30 px with walls of 2 px."""
    rng = np.random.default_rng(0)
    cells = rng.integers(1, 60_000, (sections, side // 30 + 1, side // 30 + 1))
    labels = cells.repeat(30, 1).repeat(30, 2)[:, :side, :side].astype(np.uint32)
    labels[:, ::30], labels[:, :, ::30] = 0, 0
    image = rng.integers(0, 256, labels.shape).astype(np.uint8)
    return Volume(image, Frame("zyx")), Volume(labels, Frame("zyx"))


def milliseconds_a_crop(batches: Batches) -> float:
    """Processor time: the median of five rounds, after one to compile and warm up."""
    rounds = []
    for turn in range(ROUNDS + 1):
        begin = time.process_time()
        for k in range(BATCHES):
            batches[turn * BATCHES + k]
        rounds.append((time.process_time() - begin) / BATCHES / batches.settings.batch * 1e3)
    return float(np.median(rounds[1:]))


def main() -> None:
    image, labels = phantom(int(sys.argv[1]) if len(sys.argv) > 1 else 1250)
    print(f"{'crops of 160 px':30} {'ms a crop':>10} {'of budget':>10}")
    for name, fields in CASES.items():
        settings = ExampleSettings(**fields)
        batches = Batches([image], [labels], settings, "boundary", Normaliser.fit(image), seed=0)
        cost = milliseconds_a_crop(batches)
        print(f"{name:30} {cost:10.3f} {cost / BUDGET_MS:10.0%}")


if __name__ == "__main__":
    main()
