"""Memory that stays with the process from one section to the next."""

from __future__ import annotations

from functools import cache

import numpy as np

# glibc learns from freed blocks of up to 32 MiB; two pages are for its own notes.
LARGEST_TO_KEEP = (32 << 20) - (8 << 10)


@cache
def keep_freed_memory() -> None:
    """Let the arrays of a section be made of those of the one before.

    glibc gives each freed array back to the system, and gets it again page by page, until it has
    seen a larger one come and go; that was a fifth of the time of gap closing. The one that comes
    and goes here is never written to, so it costs nothing; other systems do not mind it.
    """
    np.empty(LARGEST_TO_KEEP, np.uint8)
