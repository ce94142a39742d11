"""A Frame says where an array lies: axes, scale, units, translate, name, history."""

from __future__ import annotations

import dataclasses

AXES = "tczyx"
SPATIAL = "zyx"


@dataclasses.dataclass(frozen=True)
class Frame:
    """Axes in the order t, c, z, y, x (those that exist) with scale, units and translate of each.

    Attributes:
        axes: one letter an axis, for example "zyx".
        scale: size of a step along each axis, in `units`; 1 for c and t.
        units: "nanometer", "micrometer", ... or "pixel" where unknown; "" for c and t.
        translate: position of the first element along each axis, in `units`.
        name: name to show.
        history: what was done to get here, oldest first.
    """

    axes: str
    scale: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    translate: tuple[float, ...] = ()
    name: str = ""
    history: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (
            not self.axes
            or sorted(self.axes, key=AXES.find) != list(self.axes)
            or len(set(self.axes)) < len(self.axes)
        ):
            raise ValueError(
                f"Axes '{self.axes}' must be letters of '{AXES}', each once and in that order."
            )
        count = len(self.axes)
        for name, value in (
            ("scale", self.scale or (1.0,) * count),
            (
                "units",
                self.units or tuple("pixel" if axis in SPATIAL else "" for axis in self.axes),
            ),
            ("translate", self.translate or (0.0,) * count),
        ):
            if len(value) != count:
                raise ValueError(f"{name} has {len(value)} entries for {count} axes '{self.axes}'.")
            object.__setattr__(self, name, tuple(value))
        if any(not size > 0 or size == float("inf") for size in self.scale):
            raise ValueError(f"Scale {self.scale} must be positive and finite along every axis.")

    def step(self, axis: str) -> float:
        """Scale along one axis; 1 where the axis does not exist."""
        return self.scale[self.axes.index(axis)] if axis in self.axes else 1.0

    def without(self, axis: str) -> Frame:
        """The frame of the array with one axis taken away (indexed by a number)."""
        keep = [k for k, letter in enumerate(self.axes) if letter != axis]
        return dataclasses.replace(
            self,
            axes="".join(self.axes[k] for k in keep),
            scale=tuple(self.scale[k] for k in keep),
            units=tuple(self.units[k] for k in keep),
            translate=tuple(self.translate[k] for k in keep),
        )

    def shifted(self, axis: str, steps: float) -> Frame:
        """The frame of the array cut so that it begins `steps` further along `axis`."""
        at = self.axes.index(axis)
        translate = list(self.translate)
        translate[at] += steps * self.scale[at]
        return dataclasses.replace(self, translate=tuple(translate))

    def after(self, what: str) -> Frame:
        """The same place with one more line of history."""
        return dataclasses.replace(self, history=(*self.history, what))
