"""How much memory a piece of work needs while it runs, where the system tells."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

import torch

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"
MB = 1e6


class Peak:
    """The most memory since this was made, over what was held then: a GPU's own, else that of the process (Linux)."""

    def __init__(self, device: torch.device) -> None:
        self._is_gpu = device.type == "cuda"
        gc.collect()
        if self._is_gpu:
            torch.cuda.reset_peak_memory_stats()
            self._before: int | None = torch.cuda.memory_allocated()
        else:
            self._before = _process("VmRSS") if _begin_anew() else None

    @property
    def mb(self) -> float | None:
        """In MB; None where the system does not tell."""
        peak = torch.cuda.max_memory_allocated() if self._is_gpu else _process("VmHWM")
        if self._before is None or peak is None:
            return None
        return max(0, peak - self._before) / MB


def _begin_anew() -> bool:
    """Hand memory that was freed back to the system, and let the process' peak begin at what it holds now."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if CLEAR.exists() else None
    if trim is None:
        return False
    trim(0)
    try:
        CLEAR.write_text(RESET_PEAK, encoding="ascii")
    except OSError:  # not allowed in every container
        return False
    return True


def _process(name: str) -> int | None:
    """A line of the process' status, in bytes."""
    lines = STATUS.read_text(encoding="ascii").splitlines() if STATUS.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(name)), None)
