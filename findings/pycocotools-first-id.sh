#!/usr/bin/env bash
# pycocotools counts the object with the id 0 as missed, however well it is found.
#
# A good guess: the ids of annotations are names; numbering them from 0 or from 1 gives one score.
# What happens: the match of a detection is stored as the id of its annotation, and 0 in that table
# means "no match". So the object with id 0 is matched and then counted as a false detection and a
# miss: the average precision of a perfect result is 0 for one object, .56 for four, .98 for
# a hundred. The format nowhere forbids 0.
# Why it matters here: an exporter that counts from 0 loses a little on every image, too little to
# notice with many objects. Label images start at 1, so the label itself is a safe id.
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


def perfect(objects, first_id):
    truth, found = [], []
    for k in range(objects):
        square = np.zeros((8, 8 * objects), np.uint8, order="F")
        square[1:6, 8 * k + 1 : 8 * k + 6] = 1
        common = {"image_id": 1, "category_id": 1, "segmentation": mask.encode(square)}
        truth.append(common | {"id": first_id + k, "iscrowd": 0, "area": 25, "bbox": [8 * k + 1, 1, 5, 5]})
        found.append(common | {"score": 1 - k / 1000})
    coco = COCO()
    coco.dataset = {
        "images": [{"id": 1, "height": 8, "width": 8 * objects}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": truth,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        judged = COCOeval(coco, coco.loadRes(found), "segm")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return round(float(judged.stats[0]), 3)


for objects in (1, 4, 100):
    from_one, from_zero = perfect(objects, 1), perfect(objects, 0)
    print(f"{objects} objects, all found: precision {from_one} with ids from 1, {from_zero} from 0")
    assert from_one == 1.0
    assert from_zero < 1.0, "the id 0 is matched now"
assert perfect(1, 0) == 0.0
PY
