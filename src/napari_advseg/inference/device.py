"""Which device computes, in which precision, with how many threads."""

from __future__ import annotations

import gc
import os
from typing import Any, Literal

import psutil
import torch

from napari_advseg.settings.prediction import Device, Precision

Resolved = Literal["fp32", "bf16", "fp16"]


def choose_device(wanted: Device) -> torch.device:
    """The device to compute on; `auto` prefers CUDA, then Apple's GPU, then the CPU.

    Raises:
        ValueError: the wanted device is not there.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return torch.device(next(name for name, there in available.items() if there))
    if not available[wanted]:
        there = ", ".join(name for name, present in available.items() if present)
        raise ValueError(f"There is no {wanted} device here; choose one of: {there} (or auto).")
    return torch.device(wanted)


def half_precision(device: torch.device) -> Resolved:
    """The reduced precision in which `device` computes faster than in fp32, or fp32 where there is none."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    if device.type == "cpu" and cpu_has_bf16():
        return "bf16"
    return "fp32"


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware; elsewhere bf16 is emulated and slower than fp32."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001


def training_precision(wanted: Precision, device: torch.device) -> Resolved:
    """The precision of a training; `auto` takes the device's reduced precision."""
    return half_precision(device) if wanted == "auto" else wanted


def use_threads(count: int | None) -> int:
    """Set and return torch's CPU threads: `count`, or all cores this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = count or usable or 1
    torch.set_num_threads(threads)
    return threads


def free_memory(device: torch.device) -> int:
    """Bytes that can still be allocated on `device`."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def release_memory() -> None:
    """Give back what a job that has ended still holds, on a GPU too: other programs, and the viewer, may need it."""
    gc.collect()  # networks, optimisers and hooks refer to each other
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether `error` means that memory did not suffice, on a GPU or in the CPU allocator."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def describe_device(wanted: Device = "auto") -> dict[str, Any]:
    """Name, cores, memory and precision of the device, as plain JSON for a dock or `doctor`."""
    device = choose_device(wanted)
    cuda = device.type == "cuda"
    return {
        "device": device.type,
        "name": torch.cuda.get_device_name(device) if cuda else "CPU",
        "cores": use_threads(None),
        "memory_gb": round(free_memory(device) / 1e9, 1),
        "precision": half_precision(device),
        "torch": torch.__version__,
    }
