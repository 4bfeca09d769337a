"""Monitoring: curves as one SVG element, for a page, a letter and the docs: no style sheet, no script, nothing from elsewhere.

Each curve has its own dashes, so that it is told apart without seeing colours. Narrow enough for a phone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

from midwatch.characters import visible

WIDTH: Final = 360
"""Of the drawing's own units; a phone shows about one pixel for each."""
HEIGHT: Final = 170
"""Of the field with the curves."""
_LEFT: Final = 44
_RIGHT: Final = 12
_TOP: Final = 12
_ROW: Final = 20
_TEXT: Final = 13
"""Size of the words: on a phone as many pixels."""
_BESIDE: Final = 90
"""Where the threshold's words stand: so far from one end of its line."""
_COLUMNS: Final = 2
"""Of the legend."""
_DASHES: Final = ("", "6 3", "2 3", "9 3 2 3")
_COLOURS: Final = ("#1a7f37", "#cf222e", "#0969da", "#9a6700")
_GRID: Final = "#8c959f"

Point = tuple[float, float]
Tick = tuple[float, str]
"""Where, and what is written there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    label: str
    """Empty: not in the legend."""
    points: Sequence[Point]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened at one point."""

    at: Point
    label: str
    above: bool = False
    """Where the curve comes up to the mark: the words stand above and before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Axes reach from their least tick to their greatest; what lies beyond is drawn on the edge."""

    about: str
    """For whoever does not see it."""
    curves: Sequence[Curve]
    """Four at most have a look of their own."""
    across: Sequence[Tick]
    up: Sequence[Tick]
    across_is: str
    """What is on the horizontal axis, with its unit."""
    up_is: str = ""
    """And on the other."""
    threshold: Tick | None = None
    """A height that matters, and its name."""
    marks: Sequence[Mark] = ()
    title: str = ""
    """Its name, where several stand on one page; `about` then says more."""


def svg(chart: Chart, *, ink: str = "currentColor", width: str = "100%") -> str:
    """The whole drawing. `ink` is the colour of words and `width` its own, for where nothing around it says either."""
    legend = [number for number, curve in enumerate(chart.curves) if curve.label]
    height = _top(chart) + HEIGHT + 2 * _ROW + _ROW * -(-len(legend) // _COLUMNS) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{width}" role="img" '
        f'font-family="sans-serif" font-size="{_TEXT}" fill="{ink}"{_named(chart)}',
        *_axes(chart),
        *(_line(chart, number) for number in range(len(chart.curves))),
        *_marks(chart),
        *_legend(chart, legend),
        "</svg>",
    ]
    return "".join(parts)


def _named(chart: Chart) -> str:
    if not chart.title:
        return f' aria-label="{_said(chart.about)}">'
    return f"><title>{_said(chart.title)}</title><desc>{_said(chart.about)}</desc>"


def _top(chart: Chart) -> int:
    """Where the field begins."""
    return _TOP + _ROW * bool(chart.up_is)


def _axes(chart: Chart) -> Iterator[str]:
    bottom, right = _top(chart) + HEIGHT, WIDTH - _RIGHT
    if chart.up_is:
        yield f'<text x="2" y="{_TEXT}">{_said(chart.up_is)}</text>'
    for value, label in chart.up:
        y = _y(chart, value)
        yield f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="{_GRID}" stroke-opacity=".35"/>'
        yield f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{_said(label)}</text>'
    for value, label in chart.across:
        # the last one ends where the field does: what is centred there would leave the drawing
        x, anchor = (right + _RIGHT - 2, "end") if value == max(chart.across)[0] else (_x(chart, value), "middle")
        yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="{anchor}">{_said(label)}</text>'
    yield f'<text x="{(_LEFT + right) / 2:.1f}" y="{bottom + 34}" text-anchor="middle">{_said(chart.across_is)}</text>'
    if chart.threshold:
        value, label = chart.threshold
        y = _y(chart, value)
        yield f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#8250df" stroke-width="2" stroke-dasharray="2 2"/>'
        x, anchor = (_LEFT + 4, "start") if _is_crossed(chart, y) else (right, "end")
        yield f'<text x="{x}" y="{y - 5:.1f}" text-anchor="{anchor}">{_said(label)}</text>'


def _is_crossed(chart: Chart, y: float) -> bool:
    """Whether a curve runs through what would be written at the right end of the threshold."""
    ends, words = WIDTH - _RIGHT - _BESIDE, (y - _TEXT - 5, y)
    for curve in chart.curves:
        drawn = [(_x(chart, across), _y(chart, up)) for across, up in curve.points]
        for (_, before), (x, here) in pairwise(drawn):
            if x > ends and min(before, here) < words[1] and max(before, here) > words[0]:
                return True
    return False


def _line(chart: Chart, number: int) -> str:
    points = " ".join(f"{_x(chart, x):.1f},{_y(chart, y):.1f}" for x, y in chart.curves[number].points)
    return f'<polyline points="{points}" fill="none" {_look(number)}/>'


def _marks(chart: Chart) -> Iterator[str]:
    for mark in chart.marks:
        x, y = _x(chart, mark.at[0]), _y(chart, mark.at[1])
        # the words stand below the mark, unless the curve comes up to it or the field ends; near the right edge before it
        deep = y > _top(chart) + HEIGHT - _ROW
        anchor = "end" if mark.above or x > WIDTH * 0.7 else "start"
        below = -6 if mark.above or deep else 15
        words = f'<text x="{x + (-6 if anchor == "end" else 6):.1f}" y="{y + below:.1f}" text-anchor="{anchor}">'
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#cf222e"/>{words}{_said(mark.label)}</text>'


def _legend(chart: Chart, numbers: Sequence[int]) -> Iterator[str]:
    width = (WIDTH - _LEFT - _RIGHT) / _COLUMNS
    for place, number in enumerate(numbers):
        x = _LEFT + width * (place % _COLUMNS)
        y = _top(chart) + HEIGHT + 2 * _ROW + _ROW * (place // _COLUMNS) + 15
        yield f'<path d="M{x:.1f} {y - 4}h24" {_look(number)}/>'
        yield f'<text x="{x + 30:.1f}" y="{y}">{_said(chart.curves[number].label)}</text>'


def _look(number: int) -> str:
    dashes = _DASHES[number % len(_DASHES)]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'stroke="{_COLOURS[number % len(_COLOURS)]}" stroke-width="2"{dashed}'


def _x(chart: Chart, value: float) -> float:
    return _LEFT + _share(chart.across, value) * (WIDTH - _LEFT - _RIGHT)


def _y(chart: Chart, value: float) -> float:
    return _top(chart) + HEIGHT * (1 - _share(chart.up, value))


def _share(ticks: Sequence[Tick], value: float) -> float:
    """How far along the axis, 0 to 1."""
    low, high = min(ticks)[0], max(ticks)[0]
    return (min(max(value, low), high) - low) / (high - low)


def _said(text: str) -> str:
    return escape(visible(text))
