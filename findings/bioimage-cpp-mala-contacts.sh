#!/usr/bin/env bash
# The MALA policy of bioimage-cpp gives a contact of two faces the weight of one of twenty.
#
# A good guess: agglomeration by the median of a histogram counts every face of a contact, as the
# method was published and as the sister policies do, which take edge_sizes; the median of twenty
# faces at .885 and two at .3 is .885, so .35 keeps the objects apart.
# What happens: MalaClusterPolicy has no argument for sizes and enters one count an edge; after the
# first merge the median of {.885, .3} is the lower one, and the objects merge from .35 on. Results
# at rising thresholds are nested (measured below), so a sweep is sound, only each needs its own run.
# Why it matters here: a short leaky contact through a third fragment opens a long clean wall, and a
# threshold tuned with one tool cannot be carried to the other.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq bioimage-cpp==0.10.0 numpy==2.4.6
venv/bin/python - <<'PY'
import inspect
from importlib.metadata import version

import bioimage_cpp.graph as graphs
import numpy as np
from bioimage_cpp.graph.agglomeration import EdgeWeightedClusterPolicy, MalaClusterPolicy
from bioimage_cpp.graph.features import edge_map_features

print("bioimage-cpp", version("bioimage-cpp"))

labels = np.zeros((21, 12), np.uint32)
labels[:20, 6:], labels[20, :7], labels[20, 7:] = 2, 1, 2
walls = np.full(labels.shape, 0.1, np.float32)
walls[:20, 5:7], walls[19:, 6:8] = 0.9, 0.3
graph = graphs.region_adjacency_graph(labels)
means, sizes = edge_map_features(graph, labels, walls).T
for edge, mean, size in zip(graph.uv_ids().tolist(), means, sizes):
    print(f"contact {edge}: mean {mean:.3f} over {size:.0f} faces")
faces = np.repeat(means[1:], sizes[1:].astype(int))
print(f"median over the {faces.size} faces of the outer object: {np.median(faces):.3f}")
for threshold in (0.2, 0.35, 0.8):
    nodes = MalaClusterPolicy(threshold=threshold).optimize(graph, means).tolist()
    print(f"threshold {threshold}: {nodes}")
    assert nodes == ([0, 0, 1] if threshold == 0.2 else [0, 0, 0]), "contacts are weighed now"
assert "edge_sizes" in inspect.signature(EdgeWeightedClusterPolicy.optimize).parameters
assert "edge_sizes" not in inspect.signature(MalaClusterPolicy.optimize).parameters

rng = np.random.default_rng(0)
steps = broken = 0
for _ in range(20):
    edges = {tuple(sorted(pair)) for pair in rng.integers(0, 60, (200, 2)).tolist() if pair[0] != pair[1]}
    graph = graphs.UndirectedGraph.from_edges(60, np.array(sorted(edges), np.uint64))
    weights = rng.random(int(graph.number_of_edges))
    runs = [MalaClusterPolicy(threshold=t).optimize(graph, weights) for t in np.linspace(0.05, 0.95, 19)]
    for fine, coarse in zip(runs, runs[1:]):
        steps += 1
        broken += len(set(zip(fine.tolist(), coarse.tolist()))) != len(set(fine.tolist()))
print(f"random graphs: {broken} of {steps} steps of the threshold split an object")
assert broken == 0, "results at two thresholds are not nested any more"
PY
