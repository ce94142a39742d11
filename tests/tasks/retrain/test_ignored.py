"""What nobody has reviewed teaches nothing: neither loss nor gradient of any player changes with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_advseg import drain, families, read
from napari_advseg.examples.patches import Batches
from napari_advseg.families.family import Progress, TensorBatch
from napari_advseg.proofreading.afterwards.trusted import write_learnt
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.settings.examples import ExampleSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import with_gaps
from napari_advseg.volume.volume import Volume

SETTINGS = ExampleSettings(crop=64, batch=1)
NARROW = {
    "unet": {"widths": (4, 8)},
    "adversarial_unet": {"widths": (4, 8), "quiet_steps": 0, "critic": {"widths": (4, 8)}},
    "cgan": {"width": 4, "depth": 3, "critic": {"widths": (4, 8)}},
}
BOX = (slice(0, 1), slice(8, 44), slice(0, 40))


def learnt(labels, folder):
    """The annotation of a proof in which a part was reviewed, and an object beside it marked."""
    proof = Proof(Volume(labels, Frame("zyx"), kind="labels"))
    proof.do(edits.review(proof, BOX))
    path = folder / f"learnt-{len(list(folder.iterdir()))}.ome.zarr"
    drain(write_learnt(proof, path, SETTINGS.targets, "boundary"))
    return read(path)


def batch_of(image, annotation):
    """A batch of it as a training makes it."""
    batches = Batches(
        [image],
        [with_gaps(annotation)],
        SETTINGS,
        "boundary",
        lambda grey: grey.astype(np.float32) / 255,
        0,
    )
    made = batches[0]
    parts = made.image, made.target, made.weight
    return TensorBatch(*(torch.from_numpy(np.ascontiguousarray(one)) for one in parts))


def taught(name, batch):
    """Loss, terms and gradients of every player."""
    torch.manual_seed(0)
    settings = families.find(name).settings.model_validate(NARROW[name])
    family = families.load(name).Model(settings)
    found = []
    torch.manual_seed(1)
    for turn in family.turns(batch, Progress(0, 10)):
        weights = [w for player in turn.players for w in family.modules[player].parameters()]
        turn.loss.backward(inputs=weights, retain_graph=True)
        found += [turn.loss.detach(), *turn.terms.values(), *(w.grad.clone() for w in weights)]
        for weight in weights:
            weight.grad = None
    return found


@pytest.mark.parametrize("name", NARROW)
def test_unreviewed_labels_change_neither_loss_nor_gradients(name, home, tmp_path):
    image, truth = read(home / "raw.tif").cut(0, 1), read(home / "truth.tif").numpy()[:1]
    other = truth.copy()
    unseen = np.ones(truth.shape, bool)
    unseen[BOX] = False
    other[0, 46:] = (
        5000 + other[0, 46:] // 7
    )  # far from the box, so that the same voxels are certain
    other[0, :, 42:] = 3
    assert (other != truth)[unseen].any()
    first, second = (taught(name, batch_of(image, learnt(one, tmp_path))) for one in (truth, other))
    assert len(first) == len(second)
    assert all(torch.equal(one, two) for one, two in zip(first, second, strict=True))


@pytest.mark.parametrize("name", NARROW)
def test_whatever_stands_where_the_weight_is_0_changes_nothing(name, home, tmp_path):
    image, truth = read(home / "raw.tif").cut(0, 1), read(home / "truth.tif").numpy()[:1]
    batch = batch_of(image, learnt(truth, tmp_path))
    unknown = batch.weight == 0
    assert 0.2 < unknown.float().mean() < 0.9
    wrong = torch.where(unknown, 1 - batch.target, batch.target)
    first, second = (
        taught(name, TensorBatch(batch.image, target, batch.weight))
        for target in (batch.target, wrong)
    )
    assert all(torch.equal(one, two) for one, two in zip(first, second, strict=True))
    right = torch.where(unknown, batch.target, 1 - batch.target)
    third = taught(name, TensorBatch(batch.image, right, batch.weight))
    assert not torch.equal(first[0], third[0])
