#!/usr/bin/env bash
# Raising pycocotools' limit of 100 objects an image turns its main score into -1.
#
# A good guess: an image with 200 cells, all found, scores 1; where a limit stands in the way, the
# parameter for it (maxDets) lifts it.
# What happens: detections beyond the 100 surest are dropped without a word, so the perfect result
# scores .505. With maxDets = [1, 10, 1000] the printed main line and stats[0] are -1, "not computed":
# that line asks for the column of 100 by number, and falls on nothing. With [1, 100, 1000] it still
# is the score of the first 100, .505; only the arrays under "eval" hold the right one.
# Why it matters here: a section holds hundreds of objects. Scores must be read from the arrays at the
# last limit, never from the summary.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq pycocotools==2.0.11 numpy==2.4.6
venv/bin/python - <<'PY'
import contextlib
import io
from importlib.metadata import version

import numpy as np
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

print("pycocotools", version("pycocotools"))

CELLS = 200
truth, found = [], []
for k in range(CELLS):
    square = np.zeros((8, 8 * CELLS), np.uint8, order="F")
    square[1:6, 8 * k + 1 : 8 * k + 6] = 1
    common = {"image_id": 1, "category_id": 1, "segmentation": mask.encode(square)}
    truth.append(common | {"id": k + 1, "iscrowd": 0, "area": 25, "bbox": [8 * k + 1, 1, 5, 5]})
    found.append(common | {"score": 1 - k / 1000})
images = [{"id": 1, "height": 8, "width": 8 * CELLS}]
categories = [{"id": 1, "name": "cell"}]


def judge(limits):
    coco = COCO()
    coco.dataset = {"images": images, "categories": categories, "annotations": truth}
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        judged = COCOeval(coco, coco.loadRes([dict(cell) for cell in found]), "segm")
        judged.params.maxDets = limits
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    own = float(judged.eval["precision"][:, :, :, 0, -1].mean())  # every size, the last limit
    print(f"limits {limits}: summary {judged.stats[0]:.3f}, from the arrays {own:.3f}")
    return round(float(judged.stats[0]), 3), round(own, 3)


assert judge([1, 10, 100]) == (0.505, 0.505), "more than 100 are judged now"
assert judge([1, 10, 1000]) == (-1.0, 1.0), "the summary minds the limit now"
assert judge([1, 100, 1000]) == (0.505, 1.0)
PY
