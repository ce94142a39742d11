"""Average precision: equal to pycocotools to the last digits, and by hand."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from napari_advseg.scoring.measures.average_precision import average_precision
from napari_advseg.scoring.measures.overlaps import (
    Instances,
    compare_boxes,
    compare_labels,
    compare_masks,
    mask_boxes,
)
from napari_advseg.scoring.table.contingency import contingency

NAMES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
SIDE = 128


def by_coco(images, kind, detections=100):
    """The six numbers of pycocotools for (found, true) pairs; None for its -1."""
    truth, results = [], []
    for k, (found, true) in enumerate(images, start=1):
        truth += [{**one, "id": len(truth) + i} for i, one in enumerate(entries(true, k), start=1)]
        scores = found.ranks()
        results += [{**one, "score": float(scores[i])} for i, one in enumerate(entries(found, k))]
    kinds = sorted({one["category_id"] for one in truth + results})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": k, "height": SIDE, "width": SIDE} for k in range(1, len(images) + 1)],
            "annotations": truth,
            "categories": [{"id": one} for one in kinds],
        }
        coco.createIndex()
        if kind == "bbox":
            results = [{k: v for k, v in one.items() if k != "segmentation"} for one in results]
        else:
            results = [{k: v for k, v in one.items() if k != "bbox"} for one in results]
        evaluation = COCOeval(coco, coco.loadRes(results) if results else COCO(), kind)
        evaluation.params.imgIds = list(range(1, len(images) + 1))
        evaluation.params.catIds = kinds
        evaluation.params.maxDets = [detections]
        evaluation.evaluate()
        evaluation.accumulate()
    return means(evaluation.eval["precision"][..., -1])


def entries(side, image):
    boxes, kinds, areas = side.corners(), side.kinds(), side.areas()
    for k, mask in enumerate(side.masks):
        y0, x0, y1, x1 = map(float, boxes[k])
        yield {
            "image_id": image,
            "category_id": int(kinds[k]),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": float(areas[k]),
            "segmentation": coco_mask.encode(np.asfortranarray(mask.astype(np.uint8))),
            "iscrowd": 0,
        }


def means(precision):
    """AP, AP50, AP75, APS, APM, APL from the precisions (threshold, recall, class, area)."""
    chosen = [precision[..., 0], precision[0, ..., 0], precision[5, ..., 0]]
    chosen += [precision[..., k] for k in (1, 2, 3)]
    return [float(p[p > -1].mean()) if (p > -1).any() else None for p in chosen]


def numbers(measured):
    return [getattr(measured, name) for name in NAMES]


def blocks(rng, count, side=SIDE):
    """A label image of rectangles of all three size ranges, later ones over earlier ones."""
    labels = np.zeros((side, side), np.int32)
    for k in range(1, count + 1):
        height, width = rng.choice([4, 12, 32, 33, 50, 96, 97, 110], 2)
        y, x = rng.integers(0, side - 8, 2)
        labels[y : y + height, x : x + width] = k
    return labels


def wobbled(rng, labels):
    """The same objects moved, some joined, some renumbered away, some new."""
    shift = tuple(rng.integers(-3, 4, 2))
    moved = np.roll(labels, shift, (0, 1))
    for one in rng.permutation(np.unique(labels))[: rng.integers(0, 3)]:
        moved[moved == one] = rng.integers(0, labels.max() + 2)
    return moved


def instances(labels, scores=None, classes=None):
    ids = [one for one in np.unique(labels) if one]
    return Instances(
        masks=[labels == one for one in ids],
        scores=None if scores is None else [scores[int(one)] for one in ids],
        classes=None if classes is None else [classes[int(one)] for one in ids],
    )


@st.composite
def label_images(draw):
    """Some images: predicted and true labels, with scores (many equal) and classes by id."""
    images = []
    for _ in range(draw(st.integers(1, 3))):
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        truth = blocks(rng, draw(st.integers(0, 9)))
        labels = (
            wobbled(rng, truth) if draw(st.booleans()) else blocks(rng, draw(st.integers(0, 9)))
        )
        ids = range(1, int(max(labels.max(), truth.max())) + 2)
        levels = draw(st.sampled_from([1, 3, 1000]))
        scores = {k: float(rng.integers(0, levels)) / levels for k in ids}
        classes, true_classes = ({k: int(rng.integers(1, 4)) for k in ids} for _ in "ab")
        images.append(
            (labels, truth, scores, classes, true_classes if draw(st.booleans()) else classes)
        )
    return images


@given(label_images(), st.sampled_from([100, 2]))
@settings(deadline=None, max_examples=40)
def test_label_images_score_as_in_pycocotools(images, detections):
    pairs = [(instances(a, s, c), instances(b, None, d)) for a, b, s, c, d in images]
    tables = [
        compare_labels(contingency(a, b), scores=s, classes=c, true_classes=d)
        for a, b, s, c, d in images
    ]
    expected = by_coco(pairs, "segm", detections)
    assert numbers(average_precision(tables, detections)) == pytest.approx(expected, abs=1e-9)
    masks = [compare_masks(*pair) for pair in pairs]
    assert average_precision(masks, detections) == average_precision(tables, detections)


@given(label_images(), st.sampled_from([100, 2]))
@settings(deadline=None, max_examples=30)
def test_boxes_score_as_in_pycocotools(images, detections):
    pairs = [(instances(a, s, c), instances(b, None, d)) for a, b, s, c, d in images]
    measured = average_precision([compare_boxes(*pair) for pair in pairs], detections)
    assert numbers(measured) == pytest.approx(by_coco(pairs, "bbox", detections), abs=1e-9)


@st.composite
def overlapping(draw):
    """Some images of masks that may lie on each other, as a detector gives them."""
    images = []
    for _ in range(draw(st.integers(1, 3))):
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        true = [rectangle(rng) for _ in range(draw(st.integers(0, 5)))]
        found = [rectangle(rng, near=true) for _ in range(draw(st.integers(0, 12)))]
        images.append(
            (
                Instances(
                    masks=found,
                    scores=rng.integers(0, 4, len(found)) / 4,
                    classes=rng.integers(0, 2, len(found)),
                ),
                Instances(masks=true, classes=rng.integers(0, 2, len(true))),
            )
        )
    return images


def rectangle(rng, near=()):
    mask = np.zeros((SIDE, SIDE), bool)
    if len(near) and rng.random() < 0.8:
        return np.roll(near[rng.integers(len(near))], rng.integers(-4, 5, 2), (0, 1))
    (y, x), (height, width) = rng.integers(0, SIDE - 20, 2), rng.choice([3, 20, 32, 96, 120], 2)
    mask[y : y + height, x : x + width] = True
    return mask


@given(overlapping())
@settings(deadline=None, max_examples=30)
def test_masks_that_overlap_score_as_in_pycocotools(images):
    masks = average_precision([compare_masks(*pair) for pair in images])
    assert numbers(masks) == pytest.approx(by_coco(images, "segm"), abs=1e-9)
    boxes = average_precision([compare_boxes(*pair) for pair in images])
    assert numbers(boxes) == pytest.approx(by_coco(images, "bbox"), abs=1e-9)


def square(y, x, side, shape=(128, 128)):
    mask = np.zeros(shape, bool)
    mask[y : y + side, x : x + side] = True
    return mask


def score_of(found, true, scores=None, **kinds):
    pair = Instances(masks=found, scores=scores, **kinds), Instances(masks=true)
    return average_precision([compare_masks(*pair)])


class TestByHand:
    def test_a_duplicate_after_the_right_one_costs_nothing_before_it_half(self):
        true = [square(0, 0, 10)]
        right, near = square(0, 0, 10), square(0, 0, 7)
        assert score_of([right, near], true, [0.9, 0.8]).ap == 1
        assert score_of([near, right], true, [0.9, 0.8]).ap == 0.5

    def test_disjoint_is_0_and_nothing_true_is_none(self):
        assert score_of([square(0, 0, 10)], [square(50, 50, 10)]).ap == 0
        assert score_of([], [square(0, 0, 10)]).ap == 0
        assert score_of([square(0, 0, 10)], []).ap is None
        empty = average_precision([])
        assert numbers(empty) == [None] * 6
        assert empty.to_json()["classes"] == {}

    def test_half_found_is_half_of_the_recalls(self):
        measured = score_of([square(0, 0, 10)], [square(0, 0, 10), square(50, 50, 10)])
        assert measured.ap == pytest.approx(51 / 101)

    def test_an_object_on_the_border_of_two_sizes_is_in_both(self):
        measured = score_of([square(0, 0, 32)], [square(0, 0, 32)])
        assert (measured.ap_small, measured.ap_medium, measured.ap_large) == (1, 1, None)
        measured = score_of([square(0, 0, 96)], [square(0, 0, 96)])
        assert (measured.ap_small, measured.ap_medium, measured.ap_large) == (None, 1, 1)

    def test_detections_of_another_size_are_no_errors_of_this_one(self):
        true = [square(0, 0, 10), square(20, 20, 100)]
        found = [square(22, 20, 100), square(0, 0, 10), square(0, 100, 12)]
        measured = score_of(found, true, [0.9, 0.5, 0.7])
        assert measured.ap_small == 0.5
        assert measured.ap_large == pytest.approx(average_precision_of_one(98 / 102))

    def test_equal_scores_rank_as_given(self):
        true = [square(0, 0, 10)]
        assert score_of([square(0, 0, 10), square(50, 0, 10)], true).ap == 1
        assert score_of([square(50, 0, 10), square(0, 0, 10)], true).ap == 0.5

    def test_a_class_without_true_objects_counts_nothing(self):
        found = Instances(masks=[square(0, 0, 9), square(0, 0, 9)], classes=[1, 2])
        true = Instances(masks=[square(0, 0, 9)], classes=[1])
        measured = average_precision([compare_masks(found, true)])
        assert measured.ap == 1
        assert measured.classes == {1: 1.0}
        assert measured.to_json()["classes"] == {"1": 1.0}

    def test_the_best_of_an_image_are_looked_at_and_the_rest_named(self):
        true = [square(0, 0, 10), square(30, 30, 10)]
        pair = Instances(masks=true, scores=[0.1, 0.9]), Instances(masks=true)
        measured = average_precision([compare_masks(*pair)], 1)
        assert measured.ap == pytest.approx(51 / 101)
        assert (measured.truths, measured.detections, measured.left_out) == (2, 1, 1)

    def test_boxes_need_no_masks(self):
        true = Instances(boxes=[[0, 0, 10, 10]])
        found = Instances(boxes=[[0.0, 0.0, 10.0, 7.6]], scores=[0.3])
        assert average_precision([compare_boxes(found, true)]).ap == pytest.approx(0.6)
        none = Instances(boxes=[])
        assert average_precision([compare_boxes(none, true)]).ap == 0
        assert average_precision([compare_boxes(found, none)]).ap is None

    def test_box_detections_keep_to_the_size_of_the_mask_where_it_is_known(self):
        true = Instances(boxes=[[0, 0, 40, 40]], sizes=[900])
        measured = average_precision([compare_boxes(Instances(boxes=[[0, 0, 40, 40]]), true)])
        assert (measured.ap_small, measured.ap_medium) == (1, None)

    def test_more_boxes_than_are_compared_at_once(self):
        corners = np.stack(np.mgrid[:30, :20], -1).reshape(-1, 2) * 5.0
        many = Instances(boxes=np.concatenate([corners, corners + 4], 1))
        overlaps = compare_boxes(many, many)
        np.testing.assert_array_equal(overlaps.found, np.arange(600))
        np.testing.assert_array_equal(overlaps.true, np.arange(600))
        assert average_precision([overlaps], 600).ap == 1

    def test_an_empty_mask_finds_nothing(self):
        none = np.zeros((128, 128), bool)
        assert score_of([none], [square(0, 0, 10)]).ap == 0
        assert mask_boxes([none]).tolist() == [[0, 0, 0, 0]]


def average_precision_of_one(iou):
    """One object found with this IoU: the share of the ten thresholds it reaches."""
    return float(np.mean(np.linspace(0.5, 0.95, 10) <= iou))


class TestInput:
    def test_what_does_not_match_in_number_is_named(self):
        with pytest.raises(ValueError, match="1 masks, 2 scores"):
            Instances(masks=[square(0, 0, 3)], scores=[1, 2])

    def test_nothing_to_compare_is_refused(self):
        with pytest.raises(ValueError, match="neither masks nor boxes"):
            Instances(scores=[1])
        with pytest.raises(ValueError, match="no masks"):
            compare_masks(Instances(boxes=[[0, 0, 1, 1]]), Instances(masks=[square(0, 0, 3)]))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"scores": [np.nan]},
            {"boxes": [[0, 0, np.inf, 1]]},
            {"boxes": [[5, 0, 1, 1]]},
            {"boxes": [[0, 0, 1]]},
            {"boxes": [3]},
            {"classes": ["cell"]},
            {"classes": [0.5]},
        ],
    )
    def test_values_that_mean_nothing_are_refused_in_one_line(self, wrong):
        with pytest.raises(ValueError, match=r"^[^\n]*;[^\n]*\.$"):
            Instances(masks=[square(0, 0, 3)], **wrong)

    def test_masks_of_two_images_are_refused(self):
        with pytest.raises(ValueError, match=r"\(64, 64\).*\(128, 128\)"):
            compare_masks(
                Instances(masks=[square(0, 0, 3, (64, 64))]), Instances(masks=[square(0, 0, 3)])
            )
        with pytest.raises(ValueError, match="4 and of 6 numbers"):
            compare_boxes(Instances(boxes=[[0] * 4]), Instances(boxes=[[0] * 6]))
