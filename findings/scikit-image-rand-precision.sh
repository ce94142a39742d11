#!/usr/bin/env bash
# scikit-image names the Rand precision recall, and the recall precision.
#
# A good guess: adapted_rand_error returns what its text says: precision is the share of pairs
# together in the test that are together in the truth too. Two objects merged into one keep every
# true pair and add false ones: recall 1, precision 3/7.
# What happens: the merged result comes back with precision 1 and recall 3/7, the split one the other
# way round. The error itself is symmetric at the default alpha and does not show it; with alpha = 1,
# "precision" by the text, the merged result scores 0 errors.
# Why it matters here: which of the two is low tells whether a segmentation merges or splits, so the
# advice read off this pair (raise or lower the threshold) is exactly the wrong one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq scikit-image==0.26.0 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version
from itertools import combinations

import numpy as np
from skimage.metrics import adapted_rand_error

print("scikit-image", version("scikit-image"))

truth = np.array([[1, 1, 1, 1, 2, 2, 2, 2]])
results = {"merged": np.ones_like(truth), "split": np.array([[1, 1, 2, 2, 3, 3, 4, 4]])}


def by_pairs(truth, test):
    pairs = [(truth.flat[a] == truth.flat[b], test.flat[a] == test.flat[b]) for a, b in combinations(range(8), 2)]
    both = sum(t and s for t, s in pairs)
    return both / sum(s for _, s in pairs), both / sum(t for t, _ in pairs)


for name, test in results.items():
    precision, recall = by_pairs(truth, test)
    error, reported_precision, reported_recall = adapted_rand_error(truth, test)
    print(f"{name}: by pairs precision {precision:.3f} recall {recall:.3f};"
          f" reported precision {reported_precision:.3f} recall {reported_recall:.3f}, error {error:.3f}")
    assert np.allclose((reported_precision, reported_recall), (recall, precision)), "exchanged no more"

weighted = adapted_rand_error(truth, results["merged"], alpha=1.0)[0]
print(f"merged, alpha = 1: error {weighted:.3f}")
assert weighted == 0.0
PY
