"""What is measured of the runs of studies: scores on sections that nothing has seen, and speed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_advseg import families
from napari_advseg.examples.patches import section_target
from napari_advseg.examples.targets import Meaning
from napari_advseg.families.family import Family
from napari_advseg.families.works import Draws, Fills
from napari_advseg.inference.device import choose_device
from napari_advseg.inference.predictor import Predictor
from napari_advseg.inference.slabs import block
from napari_advseg.labelling import label
from napari_advseg.model_store import Card, StoredModel
from napari_advseg.progress import BlockDone, Phase, Reports, drain
from napari_advseg.recipes import Train
from napari_advseg.scoring import score
from napari_advseg.scoring.measures.semantic import semantic_score
from napari_advseg.settings.channels import Channels
from napari_advseg.studies.memory import Peak
from napari_advseg.studies.plan import Plan
from napari_advseg.studies.queue import trained
from napari_advseg.studies.study import Job
from napari_advseg.tasks.segment import Segmented, segment
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.volume import Volume

MPX = 1e6
WITHOUT_WALLS = ("voi", "voi_split", "voi_merge", "adapted_rand_error")


def scored(job: Job, plan: Plan) -> Reports[dict[str, float]]:
    """The scores of a run's model on its test sections.

    Labels after gap closing with walls grown away (`voi`, `adapted_rand_error`, ...), the same with predicted walls
    left out as in the thesis (`voi_walls_left_out`, ...), the share of pixels that this leaves out
    (`ignored_fraction`), VOI of that without gap closing (`voi_before`), and the share of pixels on the right side of
    the threshold with the overlap (IoU) of insides and of walls. Where another run came first, what that was worth
    stands beside, its names beginning with `first_`.
    """
    model = yield from trained(job, plan)
    raw, truth = (one.cut(*job.tested) for one in (plan.tissue.image, plan.tissue.labels))
    made = yield from segment(raw, model)
    found = score(made.labels, truth)
    settings = model.card.labelling
    walls = settings.changed(thin=False)
    values: dict[str, float] = {"steps": model.card.recipe.training.steps}
    values |= {name: float(getattr(found, name)) for name in found.VALUES[:4]}
    plain = walls.changed(gap_threshold=walls.threshold)
    closed = yield from label(made.interior_map, walls)
    before = yield from label(made.interior_map, plain)
    without = score(closed, truth, boundary="ignore")
    values |= {f"{name}_walls_left_out": float(getattr(without, name)) for name in WITHOUT_WALLS}
    values["ignored_fraction"] = float(without.ignored_fraction)
    values["voi_before"] = float(score(before, truth, boundary="ignore").voi)
    values |= pixels(made, truth, model)
    if job.first is not None:
        first = yield from trained(job.first, plan)
        values["first_steps"] = first.card.recipe.training.steps
        values |= {f"first_{name}": value for name, value in first.card.calibration.items()}
    return values


def pixels(made: Segmented, truth: Volume, model: StoredModel) -> dict[str, float]:
    """Pixel accuracy and overlap of the thresholded interior map with the target that the model has learnt."""
    zero: Meaning = "background" if model.card.labelling.zero == "background" else "boundary"
    found, true = [], []
    for interior_map, ids in zip(made.interior_map.sections(), truth.sections(), strict=True):
        plane = ids.reshape(ids.shape[-2:]).astype(np.int64)
        target, weight = section_target(plane, model.card.recipe.examples.targets, zero)
        known = weight[0] > 0
        found.append(interior_map.reshape(plane.shape)[known] > model.card.labelling.threshold)
        true.append(target[0][known] > 0.5)
    pair = (np.concatenate(part)[None].astype(np.uint8) for part in (found, true))
    result = semantic_score(*pair)
    return {
        "pixel_accuracy": result.pixel_accuracy,
        "iou_inside": result.iou.get(1, 0.0),
        "iou_walls": result.iou.get(0, 0.0),
        "mean_iou": result.mean_iou,
    }


def timed(job: Job, plan: Plan) -> Reports[dict[str, Any]]:
    """How long the networks of a run take for one test section, or for one crop where they draw crops.

    Median of several passes after warm-ups, grey values in, map out, in fp32; labelling is not in it. A GPU has
    finished when the clock is stopped, as the map is back in memory. Networks of volumes take a block as deep as they
    are trained on; its time is divided by its sections, its memory is not. Memory is the most that was held beyond
    what the process held before the networks were there.
    """
    warm_ups, repeats = plan.scale.repeats
    image = plan.tissue.image
    model = untrained(job.recipe, image)
    settings = model.card.recipe.prediction.changed(precision="fp32")
    memory = Peak(choose_device(settings.device))
    predictor = Predictor(model, settings)
    depth, work, count = _work(predictor, image, job.tested[0])
    spent = []
    yield Phase("time", warm_ups + repeats)
    for number in range(warm_ups + repeats):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
        yield BlockDone("time", number + 1, warm_ups + repeats)
    median = statistics.median(spent[warm_ups:])
    return {
        "ms_per_image": 1000 * median / depth,
        "mpx_per_s": depth * count / MPX / median,
        "mpx": count / MPX,
        "memory_mb": "" if memory.mb is None else memory.mb,
        "parameters": _parameters(predictor.family),
        "threads": predictor.ready.threads,
        "device": predictor.ready.device.type,
    }


def untrained(recipe: Train, image: Volume) -> StoredModel:
    """A model with random weights: as fast as a trained one."""
    torch.manual_seed(recipe.seed)
    channels = Channels(image=image.size("c"))
    family: Family[Any] = families.load(recipe.family).Model(recipe.model, channels)
    weights = {
        f"{name}.{key}": value.numpy()
        for name, module in family.modules.items()
        for key, value in module.state_dict().items()
    }
    normaliser = Normaliser.fit(image, recipe.examples.normalisation, range(1))
    card = Card(recipe=recipe, normaliser=normaliser, channels=channels, grey=str(image.dtype))
    return StoredModel(card, weights)


def _work(predictor: Predictor, image: Volume, index: int) -> tuple[int, Callable[[], object], int]:
    """How many images are made at once, what is timed, and how many pixels each of them has."""
    family = predictor.family
    for module in family.modules.values():
        module.to(predictor.ready.device).eval()
    if predictor.is_volume:
        sections = predictor.around(index, image.size("z"))
        planes = block(image, sections.start, sections.stop)
    else:
        sections, planes = range(1), image.section(index)
    height, width = planes.shape[-2:]
    if isinstance(family, Draws):
        side = predictor.model.card.recipe.examples.crop
        return 1, lambda: _drawn(family), side * side
    if isinstance(family, Fills):
        return (
            1,
            lambda: _filled(family, planes, family.footprint.stride, predictor.ready.device),
            height * width,
        )
    return len(sections), lambda: drain(predictor.section(planes)), height * width


def _parameters(family: Family[Any]) -> int:
    """Parameters of the networks that are used when a model is applied."""
    return sum(w.numel() for name in family.inferring for w in family.modules[name].parameters())


@torch.inference_mode()
def _drawn(family: Draws) -> object:
    return family.sample(1).cpu()


@torch.inference_mode()
def _filled(
    family: Fills, section: npt.NDArray[np.generic], stride: int, device: torch.device
) -> object:
    """The section with its right quarter painted anew."""
    planes = np.asarray(section, np.float32).reshape(1, -1, *section.shape[-2:])
    sides = [length - length % stride for length in planes.shape[-2:]]
    image = torch.from_numpy(planes[..., : sides[0], : sides[1]] / 255).to(device)
    hole = torch.zeros_like(image[:, :1])
    hole[..., -max(1, sides[1] // 4) :] = 1
    return family.fill(image, hole).cpu()
