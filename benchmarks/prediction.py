"""What predicting one section costs: our tiles beside MONAI's sliding window and the whole-section forward pass.

Run `python benchmarks/prediction.py [--side 1250] [--widths 16,32,64,128,256] [--rounds 3] [--model DIR] [--json]`
(needs monai). All ways run the same network in one process and take turns, so that a busy machine slows all alike;
the ratio of the medians counts. With --model the weights of a trained model are used, and the agreement of bf16 is
measured on its own kind of image (--image).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from monai.inferers import sliding_window_inference

from napari_advseg import drain, families, model_store, read
from napari_advseg.inference import device as devices
from napari_advseg.inference.predictor import Predictor
from napari_advseg.inference.tiling import padded
from napari_advseg.model_store import Card, StoredModel
from napari_advseg.recipes import train_recipe
from napari_advseg.samples import neuropil
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.volume.normalise import Normaliser

MONAI_TILE, MONAI_OVERLAP = 512, 0.25


def untrained(widths: tuple[int, ...]) -> StoredModel:
    """A model with random weights: speed does not depend on them."""
    recipe = train_recipe("unet", "quick", {"model": {"widths": widths}})
    torch.manual_seed(0)
    family = families.load("unet").Model(recipe.model)
    weights = {
        f"unet.{key}": value.numpy() for key, value in family.modules["unet"].state_dict().items()
    }
    return StoredModel(Card(recipe=recipe, normaliser=Normaliser(low=0, high=255)), weights)


def plain_network(model: StoredModel) -> torch.nn.Module:
    """The network as a script would use it: contiguous, batch norm apart, fp32."""
    family = families.load(model.family).Model(model.card.recipe.model)
    family.put_weights(model.weights)
    return family.modules["unet"].eval()


def ways(model: StoredModel, section: Any) -> dict[str, Callable[[], Any]]:
    """Every way of getting the interior map of one section."""
    planes = model.card.normaliser(section[None])
    stride = families.load(model.family).Model(model.card.recipe.model).footprint.stride
    whole = torch.from_numpy(padded(planes, stride))[None]
    network = plain_network(model)

    @torch.inference_mode()
    def forward() -> Any:
        return torch.sigmoid(network(whole))

    @torch.inference_mode()
    def monai() -> Any:
        out = sliding_window_inference(
            whole, MONAI_TILE, 1, network, overlap=MONAI_OVERLAP, mode="gaussian"
        )
        return torch.sigmoid(out)

    def ours(**chosen: Any) -> Callable[[], Any]:
        predictor = Predictor(model, PredictionSettings(device="cpu", **chosen))
        predictor.ready.precision = chosen["precision"]
        return lambda: drain(predictor.section(section))

    found = {
        "whole, plain torch": forward,
        f"MONAI {MONAI_TILE} px, overlap {MONAI_OVERLAP}": monai,
        "ours fp32, as chosen": ours(precision="fp32"),
        "ours fp32, tiles of 640": ours(precision="fp32", tile=640),
    }
    if devices.cpu_has_bf16():
        found["ours bf16, as chosen"] = ours(precision="bf16")
        found["ours bf16, tiles of 640"] = ours(precision="bf16", tile=640)
    return found


def measure(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each way; they take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begin)
    return {name: statistics.median(taken[1:]) for name, taken in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=1250)
    parser.add_argument("--widths", default="16,32,64,128,256")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model")
    parser.add_argument("--image")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    devices.use_threads(None)
    widths = tuple(int(width) for width in options.widths.split(","))
    model = model_store.load(options.model) if options.model else untrained(widths)
    image = (
        read(options.image) if options.image else neuropil((options.side, options.side), seed=0)[0]
    )
    section = np.ascontiguousarray(image.section(image.size("z") // 2))
    seconds = measure(ways(model, section), options.rounds)
    monai = next(value for name, value in seconds.items() if name.startswith("MONAI"))
    rows: dict[str, Any] = {
        name: {"seconds": value, "times_faster_than_monai": monai / value}
        for name, value in seconds.items()
    }
    if devices.cpu_has_bf16():
        agreement = Predictor(model, PredictionSettings(device="cpu", precision="fp32")).agreement(
            section, "bf16"
        )
        rows["bf16 agreement"] = {
            "pixels": agreement.pixels,
            "voi": agreement.voi,
            "taken": agreement.good,
        }
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for name, row in rows.items():
        print(f"{name:<34}" + "  ".join(f"{key} {value:.4g}" for key, value in row.items()))


if __name__ == "__main__":
    main()
