"""What `score` measures of one image: its JSON, its lines of text, its row among others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import napari_advseg as advseg
from napari_advseg.cli.options import share_of
from napari_advseg.cli.score.text import class_lines, object_lines, score_lines
from napari_advseg.cli.terminal import say
from napari_advseg.examples.classes import MOST
from napari_advseg.scoring.measures.semantic import class_values, void_of
from napari_advseg.scoring.measures.several import Row, class_row, instance_row, object_row
from napari_advseg.settings.scoring import ObjectSettings, ScoringSettings

OF_INSTANCES = tuple(ScoringSettings.model_fields)
OF_OBJECTS = ("ious", "detections", "probabilities")

NOTHING = "the truth has no labelled pixel there, so nothing was compared and every value is 0."
NO_PIXEL = "the truth has no pixel that counts, so nothing was compared."
MANY = (
    f"Warning: the truth has more than {MOST} values, which are cells or grey values and no classes; "
    "leave out --classes to score cells."
)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is measured, and what was given, by the names of the settings."""

    given: dict[str, Any]

    @property
    def objects(self) -> bool:
        """Whether objects are scored too."""
        return "objects" in self.given

    @property
    def classes(self) -> bool:
        """Whether class maps are compared."""
        return "classes" in self.given

    def check(self) -> None:
        """Refuse options that have no effect beside the others."""
        if self.classes:
            wrong = [name for name in (*OF_INSTANCES, *OF_OBJECTS, "objects") if name in self.given]
            if wrong:
                raise ValueError(
                    f"--classes compares class maps, in which there are no objects; "
                    f"leave out {_options(wrong)}."
                )
            return
        if "ignore" in self.given:
            raise ValueError("--ignore leaves out a class of a class map; add --classes.")
        wrong = [name for name in (*OF_OBJECTS, "tolerance") if name in self.given]
        if wrong and not self.objects:
            raise ValueError(f"{_options(wrong)} is for the score of objects; add --objects.")

    def without_void(self, truths: Iterable[Any]) -> Wanted:
        """The same without the class that stands for nothing, unless something else was asked for."""
        if not self.classes or "ignore" in self.given:
            return self
        found: set[int] = set()
        frames = []
        for truth in truths:
            frames.append(truth.frame)
            values = class_values(truth)
            if values is None:
                say(MANY)
                return self
            found |= set(values)
        void = void_of(found, frames)
        if void is None:
            return self
        say(f"{void.words}; --ignore -1 counts it.")
        return dataclasses.replace(self, given={**self.given, "ignore": void.value})


@dataclasses.dataclass(frozen=True)
class Measured:
    """The scores of one image in three forms, and what to warn of."""

    document: Any
    lines: list[str]
    row: Row
    warnings: tuple[str, ...] = ()


def measured(volumes: list[Any], wanted: Wanted) -> Measured:
    """The scores of labels, truth and perhaps a map that ranks objects."""
    return of_classes(volumes, wanted) if wanted.classes else of_labels(volumes, wanted)


def of_classes(volumes: list[Any], wanted: Wanted) -> Measured:
    """The score of class maps."""
    names = {"tolerance": "width", "ignore": "ignore"}
    fields = {names[name]: value for name, value in wanted.given.items() if name in names}
    result = advseg.semantic_score(*volumes, **fields)
    warnings = () if result.scored else (NO_PIXEL,)
    return Measured(result.to_json(), class_lines(result), class_row(result), warnings)


def of_labels(volumes: list[Any], wanted: Wanted) -> Measured:
    """The score of labels, with that of their objects if asked for."""
    pair, maps = volumes[:2], volumes[2:]
    fields = share_of(ScoringSettings, wanted.given)
    result = advseg.score(*pair, **fields)
    alone = Measured(
        result.to_json(),
        score_lines(result),
        instance_row(result),
        () if result.scored else (NOTHING,),
    )
    if not wanted.objects:
        return alone
    fields |= share_of(ObjectSettings, wanted.given)
    found = advseg.object_score(*pair, probabilities=maps[0] if maps else None, **fields)
    left_out = (
        f"average precision left out {found.masks.left_out} objects: it looks at "
        f"{found.rules.detections} in an image; --detections sets more."
    )
    return Measured(
        {**alone.document, "objects": found.to_json()},
        [*alone.lines, "", *object_lines(found)],
        {**alone.row, **object_row(found)},
        (*alone.warnings, *((left_out,) if found.masks.left_out else ())),
    )


def _options(names: list[str]) -> str:
    return ", ".join(f"--{'iou' if name == 'ious' else name}" for name in names)
