"""What our graph of fragments costs beside bioimage-cpp's, and whether both say the same.

Run `python benchmarks/graph.py SUPERVOXELS BOUNDARY [--rounds 3]` with a stack of fragments and one of boundary
evidence in [0, 1] or uint8 (or of grey values, to measure the time alone). bioimage-cpp takes one evidence a voxel and
counts every side alike, so the evidence at a side comes as affinities, one channel an axis. Times are the best of
`--rounds`, of the processor, on one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from bioimage_cpp.graph import region_adjacency_graph
from bioimage_cpp.graph.agglomeration import GaspClusterPolicy
from bioimage_cpp.graph.features import affinity_features
from skimage.metrics import adapted_rand_error

import napari_advseg as advseg
from napari_advseg.labelling.stack.contacts import ContactCounter, Contacts
from napari_advseg.labelling.stack.merge_tree import merge_tree

Array = np.ndarray[Any, Any]
OFFSETS = [[-1, 0, 0], [0, -1, 0], [0, 0, -1]]
THRESHOLDS = (0.2, 0.35, 0.5)


def counted(fragments: Array, evidence: Array) -> Contacts:
    """Our contacts."""
    counter = ContactCounter()
    for section, walls in zip(fragments, evidence, strict=True):
        counter.add(section, walls)
    return counter.contacts()


def features_of(fragments: Array, evidence: Array) -> tuple[Any, Array]:
    """Their graph, and mean and number of the sides of each edge."""
    graph = region_adjacency_graph(fragments, number_of_threads=1)
    sides = np.zeros((3, *evidence.shape))
    for axis in range(3):
        here = tuple(slice(1, None) if axis == k else slice(None) for k in range(3))
        back = tuple(slice(None, -1) if axis == k else slice(None) for k in range(3))
        sides[axis][here] = np.maximum(evidence[here], evidence[back]) / 255
    found = affinity_features(graph, fragments, sides, OFFSETS, number_of_threads=1)
    return graph, found


def joined(graph: Any, features: Array, threshold: float) -> Array:
    """The group of each fragment at one threshold."""
    groups: Array = GaspClusterPolicy(linkage="mean").optimize(graph, threshold - features[:, 0])
    return groups


def best(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """Seconds of the processor, and what came out; once before to compile."""
    work()
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        found = work()
        times.append(time.process_time() - begin)
    return min(times), found


def main() -> None:
    """Print times and agreement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("supervoxels")
    parser.add_argument("boundary")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    supervoxels = advseg.read(options.supervoxels).numpy()
    fragments = np.unique(supervoxels, return_inverse=True)[1].reshape(supervoxels.shape) + 1
    fragments = fragments.astype(np.uint32)
    evidence = advseg.read(options.boundary).numpy()
    if evidence.dtype != np.uint8:
        evidence = np.rint(255 * np.clip(evidence, 0, 1)).astype(np.uint8)
    ours_s, contacts = best(lambda: counted(fragments, evidence), options.rounds)
    theirs_s, (graph, features) = best(lambda: features_of(fragments, evidence), options.rounds)
    is_same = np.array_equal(graph.uv_ids(), contacts.pairs)
    apart = np.abs(features[:, 0] - contacts.wall / contacts.area).max() if is_same else np.nan
    print(
        f"{fragments.shape}, {len(contacts)} contacts, the same ones: {is_same}, mean {apart:.1e} apart"
    )
    print(f"contacts: ours {ours_s:.3f} s, theirs {theirs_s:.3f} s")
    sizes = np.bincount(fragments.reshape(-1))
    tree_s, tree = best(lambda: merge_tree(contacts, sizes), options.rounds)
    for threshold in THRESHOLDS:
        table_s, table = best(lambda at=threshold: tree.lut(at), options.rounds)
        one_s, groups = best(lambda at=threshold: joined(graph, features, at), options.rounds)
        error = adapted_rand_error(table[fragments], 1 + groups[fragments])[0]
        print(
            f"joined below {threshold}: ours {tree_s:.3f} s for all thresholds and {1000 * table_s:.2f} ms for one, "
            f"theirs {one_s:.3f} s for one; {table.max()} and {len(np.unique(groups[1:]))} objects, "
            f"adapted Rand error {error:.4f}"
        )


if __name__ == "__main__":
    main()
