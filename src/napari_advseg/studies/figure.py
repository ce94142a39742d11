"""Small figures as SVG text: lines with deviations, and bars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

Point = tuple[float, float]
"""Mean and standard deviation."""

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 40, 60
# Told apart by the colour-blind too (Okabe and Ito 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")


def lines(title: str, along: str, series: Mapping[str, Sequence[tuple[float, Point]]]) -> str:
    """Means joined by a line for each series, with bars of one deviation."""
    every = [one for points in series.values() for one in points]
    xs = sorted({x for x, _ in every})
    highest = _round_up(max(mean + spread for _, (mean, spread) in every))
    place = {x: LEFT + (k + 0.5) * _inner() / len(xs) for k, x in enumerate(xs)}
    parts = [*_frame(title, highest), _text(LEFT + _inner() / 2, HEIGHT - 14, along)]
    parts += [_text(place[x], HEIGHT - BOTTOM + 20, f"{x:g}") for x in xs]
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        ordered = sorted(points)
        parts.append(
            _line([(place[x], _height(mean, highest)) for x, (mean, _) in ordered], colour)
        )
        for x, point in ordered:
            parts += _mark(place[x] + 2 * number, point, highest, colour)
        parts += _legend(number, name, colour)
    return _svg(parts)


def bars(title: str, points: Mapping[str, Point]) -> str:
    """A bar for each name, with one deviation."""
    highest = _round_up(max((mean + spread for mean, spread in points.values()), default=1.0))
    step = _inner() / max(1, len(points))
    parts = list(_frame(title, highest))
    for number, (name, point) in enumerate(points.items()):
        colour = COLOURS[number % len(COLOURS)]
        left, top = LEFT + (number + 0.2) * step, _height(point[0], highest)
        parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{0.6 * step:.1f}" height="{HEIGHT - BOTTOM - top:.1f}" '
            f'fill="{colour}"/>'
        )
        parts += _mark(left + 0.3 * step, point, highest, "#444444")
        parts += _legend(number, name, colour)
    return _svg(parts)


def curves(title: str, along: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """A line for each name over numbers from 0 on."""
    every = [one for points in series.values() for one in points]
    furthest = _round_up(max((x for x, _ in every), default=1.0))
    highest = _round_up(max((y for _, y in every), default=1.0))
    parts = [*_frame(title, highest), _text(LEFT + _inner() / 2, HEIGHT - 14, along)]
    for share in (0, 0.25, 0.5, 0.75, 1):
        at = LEFT + share * _inner()
        parts += [_text(at, HEIGHT - BOTTOM + 20, f"{share * furthest:.3g}")]
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        way = [(LEFT + x / furthest * _inner(), _height(y, highest)) for x, y in points]
        parts.append(_line(way, colour))
        parts += _legend(number, name, colour)
    return _svg(parts)


def _frame(title: str, highest: float) -> Iterator[str]:
    yield f'<text x="{LEFT}" y="24" font-size="15" font-weight="bold">{escape(title)}</text>'
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = _height(share * highest, highest)
        yield f'<line x1="{LEFT}" x2="{LEFT + _inner()}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>'
        yield _text(LEFT - 8, y + 4, f"{share * highest:.3g}", "end")


def _line(way: Sequence[tuple[float, float]], colour: str) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in way)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _mark(x: float, point: Point, highest: float, colour: str) -> Iterator[str]:
    mean, spread = point
    low, high = (_height(value, highest) for value in (max(0.0, mean - spread), mean + spread))
    yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{colour}" stroke-width="1.5"/>'
    yield f'<circle cx="{x:.1f}" cy="{_height(mean, highest):.1f}" r="3" fill="{colour}"/>'


def _legend(number: int, name: str, colour: str) -> Iterator[str]:
    x, y = WIDTH - RIGHT + 16, TOP + 8 + 20 * number
    yield f'<rect x="{x}" y="{y - 9}" width="12" height="12" fill="{colour}"/>'
    yield _text(x + 18, y + 2, name, "start")


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _inner() -> float:
    return float(WIDTH - LEFT - RIGHT)


def _height(value: float, highest: float) -> float:
    return HEIGHT - BOTTOM - value / highest * (HEIGHT - TOP - BOTTOM)


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 and 10 times a power of ten."""
    if not value > 0 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * (1 - 1e-9))


def _svg(parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )
