"""Multicut: the partition of fragments that agrees best with all the walls between them at once.

Imported only where a multicut is asked for, so that no other process loads the library.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from bioimage_cpp.graph import UndirectedGraph
from bioimage_cpp.graph.multicut import (
    ChainedMulticutSolvers,
    GreedyAdditiveMulticut,
    KernighanLinMulticut,
    MulticutObjective,
)

from napari_advseg.labelling.stack.contacts import Contacts

NEAREST = 1e-3


def multicut(contacts: Contacts, count: int, threshold: float) -> npt.NDArray[np.int64]:
    """The group of each of the nodes 0..count - 1, shape (count,), int64; groups are connected.

    A contact whose mean evidence w is below the threshold t is worth area * (logit(t) - logit(w))
    if both sides are one, else nothing; above t it costs as much (Andres et al. 2012). The sum is
    raised by greedy contraction of edges and by Kernighan and Lin's moves (Keuper et al. 2015),
    which come near the best. A threshold of 0 joins nothing, 1 all that touches.
    """
    edges = contacts.pairs
    if threshold <= 0 or threshold >= 1 or not len(edges):
        edges = edges if threshold >= 1 else edges[:0]
        return _solved(edges, np.ones(len(edges)), count)
    worth = contacts.area * (_logit(threshold) - _logit(contacts.wall / contacts.area))
    return _solved(edges, worth, count)


def _solved(
    edges: npt.NDArray[np.int64], worth: npt.NDArray[np.float64], count: int
) -> npt.NDArray[np.int64]:
    graph = UndirectedGraph(count)
    graph.insert_edges(edges.astype(np.uint64))
    solver = ChainedMulticutSolvers([GreedyAdditiveMulticut(), KernighanLinMulticut()])
    groups: npt.NDArray[np.int64] = solver.optimize(MulticutObjective(graph, worth)).astype(
        np.int64
    )
    return groups


def _logit(share: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
    inside = np.clip(share, NEAREST, 1 - NEAREST)
    logit: npt.NDArray[np.float64] = np.log(inside / (1 - inside))
    return logit
