"""Compiled kernels: without the GIL, and cached on disk wherever a cache can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`function` as machine code that other threads run beside.

    numba keeps it beside the source, else in the user's cache folder (NUMBA_CACHE_DIR names
    another). Where neither can be written, as in a read-only container, it is compiled anew in
    every process instead of failing.
    """
    try:
        return cast(Callable[P, R], njit(nogil=True, cache=True)(function))
    except RuntimeError:
        return cast(Callable[P, R], njit(nogil=True)(function))
