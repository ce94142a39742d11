"""The real child on a device with little memory: a tile wider than the number in the file named here does not fit."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from napari_advseg import engine, tasks
from napari_advseg.inference import device
from napari_advseg.inference.predictor import Predictor
from napari_advseg.runs import viewing

ROOM = Path(sys.argv[1])
infer = Predictor.infer


def cramped(self, planes, precision=None):
    if ROOM.exists() and planes.shape[-1] > int(ROOM.read_text()):
        raise torch.OutOfMemoryError("CUDA out of memory.")
    return infer(self, planes, precision)


Predictor.infer = cramped

if __name__ == "__main__":
    engine.serve(tasks.execute, device.describe_device, device.release_memory, viewing.look)
