"""One step of a player moves its own score the right way: a critic's apart, a generator's up."""

from __future__ import annotations

import pytest
import torch

from napari_advseg import families
from napari_advseg.families.family import Progress, TensorBatch
from napari_advseg.networks.critic import PatchCritic
from napari_advseg.settings.channels import Channels

CRITIC = {"widths": (4, 8), "norm": "none"}
OBJECTIVES = ("vanilla", "minimax", "lsgan", "hinge", "wgan-gp", "r1")
THREE_CLASSES = Channels(output=3, gives="classes")
FIRST = Progress(0, 10)
DECIDED = 5
STEP = 0.003
"""Length of a step through all weights of a player."""


def narrow(name, channels=None, **changes):
    torch.manual_seed(0)
    settings = families.find(name).settings.model_validate(changes)
    family = families.load(name).Model(settings, channels)
    for module in family.modules.values():
        module.eval()  # the same function before and after: no dropout, no new statistics
    return family


def decided(family):
    """The family with patch critics that see something at once: their first weights are next to 0."""
    for module in family.modules.values():
        if isinstance(module, PatchCritic):
            for weight in module.parameters():
                weight.data *= DECIDED
    return family


def cgan(objective, **changes):
    critic = {**CRITIC, "objective": objective}
    return decided(narrow("cgan", width=4, depth=3, dropout=0.0, critic=critic, **changes))


def cyclegan(objective):
    critic = {**CRITIC, "objective": objective}
    return decided(narrow("cyclegan", width=4, depth=3, dropout=0.0, pool=0, critic=critic))


def adversarial_unet(objective):
    critic = {**CRITIC, "objective": objective}
    return decided(narrow("adversarial_unet", widths=(4, 8), quiet_steps=0, gaps=0, critic=critic))


def seggan(form, gan_share=0.5):
    widths = {"painter_widths": (4, 4, 8, 8), "critic_widths": (4, 8), "dropout": 0.0}
    chosen = {"segmenter": "deeplab_lite", "adversarial": form, "gan_share": gan_share, **widths}
    return decided(narrow("seggan", THREE_CLASSES, **chosen))


def stylegan(objective):
    return narrow(
        "stylegan", widths=(4, 4, 4), code=8, mapping=1, init_size=16, objective=objective
    )


def stripes(side=16, classes=1):
    """Vertical stripes as image and target, all of them annotated."""
    kind = (torch.arange(side) // 4 % 3).expand(2, side, side)
    image = 0.2 + 0.3 * kind[:, None].float()
    target = torch.stack([kind == at for at in range(classes)], 1).float()
    return TensorBatch(image, target, torch.ones_like(target))


def scores_of(family, batch):
    """What every critic says of real and made in the first step, the same noise drawn each time."""
    torch.manual_seed(1)
    return {
        turn.player: {name: float(value.detach().mean()) for name, value in turn.scores.items()}
        for turn in family.turns(batch, FIRST)
        if turn.scores
    }


def verdict(turn):
    """A critic's loss as far as it comes from the scores of this turn: a penalty wants slopes, not scores."""
    scores = list(turn.scores.values())
    slopes = torch.autograd.grad(turn.loss, scores, retain_graph=True)
    return sum((slope * score).sum() for slope, score in zip(slopes, scores, strict=True))


def fooling(turn):
    """The terms of a loss in which a critic is heard."""
    return sum(loss for name, loss in turn.terms.items() if name.startswith(("fooling", "verdict")))


def step(family, batch, player, heard, at=FIRST):
    """Let all of a player's turn go down the slope of what is `heard` of its loss."""
    torch.manual_seed(1)
    turn = next(turn for turn in family.turns(batch, at) if player in turn.players)
    weights = [weight for name in turn.players for weight in family.modules[name].parameters()]
    slopes = torch.autograd.grad(heard(turn), weights, allow_unused=True, materialize_grads=True)
    length = torch.cat([slope.flatten() for slope in slopes]).norm().item()
    with torch.no_grad():
        for weight, slope in zip(weights, slopes, strict=True):
            weight.sub_(slope, alpha=STEP / length)


def gap(scores):
    return scores["real"] - scores["fake"]


FAMILIES = [
    *((cgan, kind, stripes()) for kind in OBJECTIVES),
    *((cyclegan, kind, stripes()) for kind in OBJECTIVES),
    *((adversarial_unet, kind, stripes()) for kind in OBJECTIVES),
    *((seggan, kind, stripes(32, 3)) for kind in ("saturating", "non-saturating")),
    (lambda _: narrow("boundless", width=4, critic_width=4), "boundless", stripes()),
    *((stylegan, kind, stripes()) for kind in ("wgan-gp", "r1")),
]
NAMES = [f"{make.__name__.strip('<>')}-{kind}" for make, kind, _ in FAMILIES]


@pytest.mark.parametrize(("make", "kind", "batch"), FAMILIES, ids=NAMES)
def test_a_critics_step_moves_real_and_made_apart(make, kind, batch):
    before = scores_of(make(kind), batch)
    assert before
    for critic in before:
        family = make(kind)
        step(family, batch, critic, verdict)
        assert gap(scores_of(family, batch)[critic]) > gap(before[critic])


@pytest.mark.parametrize(("make", "kind", "batch"), FAMILIES, ids=NAMES)
def test_a_generators_step_raises_what_the_critics_say_of_what_it_makes(make, kind, batch):
    family = make(kind)
    before = scores_of(family, batch)
    step(
        family,
        batch,
        next(name for name in family.modules if name.startswith("generator")),
        fooling,
    )
    after = scores_of(family, batch)
    for critic, scores in after.items():
        assert scores["fake"] > before[critic]["fake"]
        assert scores["real"] == pytest.approx(before[critic]["real"], abs=1e-4)


@pytest.mark.parametrize("form", ["saturating", "non-saturating"])
def test_a_segmenters_step_raises_what_the_frozen_critic_says_of_its_painted_map(form):
    family, batch = seggan(form, gan_share=0.1), stripes(32, 3)
    painter, critic = (family.modules[name] for name in ("generator", "critic"))

    def said():
        with torch.no_grad():
            shares = torch.softmax(family.modules["segmenter"](batch.image), 1)
            return float(critic(painter(shares)).mean())

    before = said()
    step(family, batch, "segmenter", fooling, Progress(5, 10))
    assert said() > before


def test_a_painter_of_the_reverse_direction_learns_to_fool_too():
    family = cgan("vanilla", direction="map_to_image")
    before = scores_of(family, stripes())["critic"]["fake"]
    step(family, stripes(), "generator", fooling)
    assert scores_of(family, stripes())["critic"]["fake"] > before
