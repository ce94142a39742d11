#!/usr/bin/env bash
# The region graph of bioimage-cpp has a node for every number from 0 to the largest id.
#
# A good guess: nodes are the ids that occur, and 0 is no object, as in the other functions of the
# library (label, watershed, relabel_sequential); "stop at two clusters" leaves two objects.
# What happens: ids that do not occur are nodes without edges and count as clusters, so two objects
# with the ids 5 and 9 are merged although two clusters were asked for; the background is a region
# like others, and objects that never touch are merged through it. No mask and no argument says
# otherwise.
# Why it matters here: fragments after a size filter have gaps in their ids, and walls are 0. Ids
# must be made consecutive and edges to 0 be taken out before the graph is solved.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq bioimage-cpp==0.10.0 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version

import bioimage_cpp.graph as graphs
import numpy as np
from bioimage_cpp.graph.agglomeration import EdgeWeightedClusterPolicy, MalaClusterPolicy
from bioimage_cpp.graph.features import edge_map_features

print("bioimage-cpp", version("bioimage-cpp"))

gaps = np.array([[5, 5, 9, 9]] * 4, np.uint32)
graph = graphs.region_adjacency_graph(gaps)
print("ids 5 and 9:", graph.number_of_nodes, "nodes, edges", graph.uv_ids().tolist())
assert graph.number_of_nodes == 10, "absent ids are no nodes any more"
for asked in (2, 9, 10):
    nodes = EdgeWeightedClusterPolicy(num_clusters_stop=asked).optimize(graph, np.array([0.9]))
    objects = len(set(nodes[[5, 9]].tolist()))
    print(f"clusters asked for: {asked}, objects left: {objects}")
    assert objects == (2 if asked == 10 else 1)

apart = np.array([[1, 1, 0, 2, 2]] * 4, np.uint32)
walls = np.array([[0.0, 0.0, 0.2, 0.0, 0.0]] * 4, np.float32)
graph = graphs.region_adjacency_graph(apart)
means = edge_map_features(graph, apart, walls)[:, 0]
nodes = MalaClusterPolicy(threshold=0.5).optimize(graph, means)
merged = graphs.project_node_labels_to_pixels(graph, apart, nodes)
print("objects 1 and 2 with background between them:", merged[0].tolist())
assert graph.uv_ids().tolist() == [[0, 1], [0, 2]], "0 is no region any more"
assert len(np.unique(merged)) == 1, "objects no longer merge through the background"
PY
