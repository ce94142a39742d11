"""Loss terms and measures: the numbers of the formulas (methods, sections 0, 6 and 10), in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_advseg.networks import losses

RNG = np.random.default_rng(0)
SHAPE = (2, 3, 4, 5)
LOGITS = RNG.normal(0, 3, SHAPE)
CLASSES = RNG.integers(0, 3, (2, 4, 5))
ONE_HOT = np.stack([k == CLASSES for k in range(3)], 1).astype(float)
SHARES = RNG.dirichlet(np.ones(3), (2, 4, 5)).transpose(0, 3, 1, 2)
UNEQUAL = np.broadcast_to(RNG.choice([0.0, 0.5, 1.0, 3.0], (2, 1, 4, 5)), SHAPE)
EQUAL = np.ones(SHAPE)
WEIGHTS = pytest.mark.parametrize("weight", [EQUAL, UNEQUAL], ids=["equal", "unequal"])


def found(loss, *values, **options):
    """What a loss says in fp32 of arrays in float64."""
    tensors = [torch.tensor(value, dtype=torch.float32) for value in values]
    return float(loss(*tensors, **options))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum(1, keepdims=True)


def test_a_weighted_mean_leaves_out_what_weighs_nothing():
    assert found(losses.weighted_mean, [1.0, 2.0, 1e6], [1.0, 3.0, 0.0]) == pytest.approx(1.75)
    assert found(losses.weighted_mean, [-1.0, 1.0], [0.5, 0.0]) == -1.0


def test_where_nothing_weighs_anything_the_mean_and_its_slope_are_0():
    values = torch.tensor([3.0, -1.0], requires_grad=True)
    mean = losses.weighted_mean(values, torch.zeros(2))
    mean.backward()
    assert mean == 0
    assert torch.equal(values.grad, torch.zeros(2))


@pytest.mark.parametrize(
    ("logit", "target", "nats"),
    [
        (0.0, 1.0, np.log(2)),
        (2.0, 1.0, 0.126928),
        (2.0, 0.0, 2.126928),
        (-3.0, 1.0, 3.048587),
        (1000.0, 0.0, 1000.0),
        (-1000.0, 0.0, 0.0),
        (0.0, 0.25, np.log(2)),
    ],
)
def test_binary_cross_entropy_by_hand(logit, target, nats):
    values = [logit], [target], [1.0]
    assert found(losses.binary_cross_entropy, *values) == pytest.approx(nats, abs=1e-5)


@WEIGHTS
@pytest.mark.parametrize("target", [ONE_HOT, SHARES], ids=["hard", "soft"])
def test_binary_cross_entropy_is_the_weighted_mean_of_the_formula(target, weight):
    share = sigmoid(LOGITS)
    terms = -(target * np.log(share) + (1 - target) * np.log(1 - share))
    expected = np.average(terms, weights=weight)
    values = LOGITS, target, weight
    assert found(losses.binary_cross_entropy, *values) == pytest.approx(expected, rel=1e-5)


@WEIGHTS
@pytest.mark.parametrize("target", [ONE_HOT, SHARES], ids=["hard", "soft"])
def test_cross_entropy_is_the_weighted_mean_of_the_formula(target, weight):
    terms = -(target * np.log(softmax(LOGITS))).sum(1)
    expected = np.average(terms, weights=weight[:, 0])
    assert expected > 0
    values = LOGITS, target, weight
    assert found(losses.cross_entropy, *values) == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_of_undecided_logits_is_the_logarithm_of_the_classes():
    values = np.zeros(SHAPE), ONE_HOT, UNEQUAL
    assert found(losses.cross_entropy, *values) == pytest.approx(np.log(3), rel=1e-6)


def dice_loss(predicted, drawn, weight):
    """1 - (2 sum w p y + 1) / (sum w p + sum w y + 1), the mean over channels."""
    over = (0, 2, 3)
    both = (weight * predicted * drawn).sum(over)
    sizes = (weight * predicted).sum(over) + (weight * drawn).sum(over)
    return np.mean(1 - (2 * both + 1) / (sizes + 1))


@WEIGHTS
def test_dice_of_classes_is_the_formula(weight):
    expected = dice_loss(softmax(LOGITS), ONE_HOT, weight)
    values = LOGITS, ONE_HOT, weight
    assert found(losses.dice, *values, gives="classes") == pytest.approx(expected, rel=1e-5)


@WEIGHTS
def test_dice_of_maps_is_the_formula_on_boundaries(weight):
    expected = dice_loss(1 - sigmoid(LOGITS), 1 - ONE_HOT, weight)
    values = LOGITS, ONE_HOT, weight
    assert found(losses.dice, *values) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("gives", ["interior", "classes"])
def test_dice_falls_from_near_1_to_0_as_the_prediction_becomes_true(gives):
    drawn = np.repeat(np.repeat(ONE_HOT, 8, 2), 8, 3)
    truth = 40 * (2 * drawn - 1)
    ones = np.ones_like(drawn)
    assert found(losses.dice, truth, drawn, ones, gives=gives) == pytest.approx(0, abs=1e-6)
    assert found(losses.dice, -truth, drawn, ones, gives=gives) > 0.4


@WEIGHTS
def test_likenesses_are_the_weighted_means_of_the_formulas(weight):
    error = LOGITS - SHARES
    values = LOGITS, SHARES, weight
    for loss, terms in ((losses.l1, np.abs(error)), (losses.l2, error**2)):
        assert found(loss, *values) == pytest.approx(np.average(terms, weights=weight), rel=1e-5)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "cross_entropy", "dice", "l1", "l2"])
def test_pixels_of_weight_0_teach_nothing(name):
    logits = torch.tensor(LOGITS, dtype=torch.float32, requires_grad=True)
    target, weight = (torch.tensor(one, dtype=torch.float32) for one in (ONE_HOT, UNEQUAL.copy()))
    getattr(losses, name)(logits, target, weight).backward()
    assert (logits.grad[weight == 0] == 0).all()
    assert (logits.grad[weight > 0] != 0).all()


def test_class_measures_count_annotated_pixels_alone():
    """Of four annotated pixels three are right; class 2 is neither there nor found."""
    true, said = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 1, 0, 0])
    target, logits = (np.eye(4)[one].T[None, :, None] for one in (true, said))
    weight = np.broadcast_to(np.array([1, 0.2, 5, 1, 0.0]), target.shape)
    tensors = (torch.tensor(one, dtype=torch.float32) for one in (logits, target, weight.copy()))
    measured = losses.class_measures(*tensors)
    assert measured["pixel_accuracy"] == pytest.approx(3 / 4)
    assert measured["mean_iou"] == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_without_annotation_class_measures_are_0():
    measured = losses.class_measures(*(torch.zeros(1, 2, 3, 3) for _ in range(3)))
    assert measured == {"pixel_accuracy": 0, "mean_iou": 0}


def test_pixel_accuracy_is_the_share_on_the_right_side_of_a_half():
    values = [1.0, -1.0, 0.1, 9.0], [1.0, 1.0, 0.6, 0.0], [0.3, 2.0, 1.0, 0.0]
    assert found(losses.pixel_accuracy, *values) == pytest.approx(2 / 3)


def ssim_at(a, b):
    """Wang et al. 2004, equation 13, of two windows with equal weights."""
    c1, c2 = 0.01**2, 0.03**2
    both = ((a - a.mean()) * (b - b.mean())).mean()
    first = (2 * a.mean() * b.mean() + c1) / (a.mean() ** 2 + b.mean() ** 2 + c1)
    return first * (2 * both + c2) / (a.var() + b.var() + c2)


def test_structural_similarity_is_the_formula_in_windows_cut_off_at_the_edge():
    a, b = RNG.random((2, 12, 15))
    tensors = (torch.tensor(one[None, None], dtype=torch.float32) for one in (a, b))
    measured = losses.structural_similarity(*tensors)[0, 0]
    for y, x in ((0, 0), (6, 7), (11, 3), (2, 14)):
        window = slice(max(0, y - 3), y + 4), slice(max(0, x - 3), x + 4)
        assert float(measured[y, x]) == pytest.approx(ssim_at(a[window], b[window]), abs=1e-4)


def test_an_image_is_as_similar_to_itself_as_can_be():
    image = torch.rand(1, 2, 9, 9)
    similar = losses.structural_similarity(image, image)
    torch.testing.assert_close(similar, torch.ones_like(image), rtol=0, atol=1e-3)
