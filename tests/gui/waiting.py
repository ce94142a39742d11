"""How long the docks' tests wait at most, in ms: they go on once it has happened, so only one that fails does."""

from __future__ import annotations

SOON = 120_000  # for the viewer, its threads, and a child without torch, on a computer that has much else to do
LATER = 300_000  # for what the real child computes
