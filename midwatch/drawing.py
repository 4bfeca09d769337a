"""Monitoring: the timeline as one SVG element, for a page and a letter: no style sheet, no script, nothing from elsewhere.

Each mark has its outcome's shape and colour, so that it is told apart without seeing colours. Narrow enough for a phone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape
from typing import Final

from midwatch.characters import visible
from midwatch.timeline import NAME, WORDS, Grid, Look, Mark, Timeline, described, grid_of

WIDTH: Final = 360
"""Of the drawing's own units; a phone shows about one pixel for each."""
_EDGE: Final = 8
_TOP: Final = 18
_LANE: Final = 34
_LEGEND: Final = 18
_SLOTS: Final = 120
"""Marks of one look in one lane, at most: what lies closer together is drawn once, with its number."""

COLOURS: Final[dict[Look, str]] = {
    "verified_noop": "#1a7f37",
    "verified": "#1a7f37",
    "rehearsed": "#57606a",
    "going_on": "#0969da",
    "waiting": "#9a6700",
    "blocked": "#9a6700",
    "unverified": "#9a6700",
    "failed": "#cf222e",
    "unknown": "#8250df",
}


def svg(timeline: Timeline) -> str:
    """The whole drawing; "" where nothing ran."""
    if not timeline.lanes:
        return ""
    grid, rows = grid_of(timeline), -(-len(timeline.looks) // 3)
    lanes = _TOP + _LANE * len(timeline.drawn)
    height = lanes + _LEGEND * (rows + bool(timeline.undrawn)) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="100%" role="img" '
        f'font-family="sans-serif" font-size="11" fill="currentColor" aria-label="{escape(described(timeline))}">',
        *_hours(timeline, grid, lanes),
        *(part for row, _ in enumerate(timeline.drawn) for part in _lane(timeline, row)),
        *_legend(timeline, lanes + _LEGEND),
        "</svg>",
    ]
    return "".join(parts)


def _hours(timeline: Timeline, grid: Grid, bottom: int) -> Iterator[str]:
    for column in range(0, grid.columns, 3):
        moment = grid.moment(column)
        if timeline.since <= moment <= timeline.until:
            x = _x(timeline, moment)
            yield f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#8c959f" stroke-opacity=".35"/>'
            yield f'<text x="{x:.1f}" y="12" text-anchor="middle">{grid.label(column, timeline.zone)}</text>'


def _lane(timeline: Timeline, row: int) -> Iterator[str]:
    lane, top = timeline.drawn[row], _TOP + _LANE * row
    y = top + 25
    yield f'<text x="{_EDGE}" y="{top + 14}">{escape(visible(lane.agent)[:NAME])}</text>'
    yield f'<path d="M{_EDGE} {y}H{WIDTH - _EDGE}" stroke="#8c959f" stroke-opacity=".5"/>'
    slots: dict[tuple[int, Look], list[Mark]] = {}
    for mark in lane.marks:
        slots.setdefault((int(_share(timeline, mark.at) * _SLOTS), mark.look), []).append(mark)
    for (_, look), marks in slots.items():
        first, last = min(mark.began for mark in marks), max(mark.at for mark in marks)
        x, colour = _x(timeline, last), COLOURS[look]
        if x - (start := _x(timeline, first)) > 1:
            yield f'<path d="M{start:.1f} {y}H{x:.1f}" stroke="{colour}" stroke-width="2"/>'
        often = f"{len(marks)} runs " if len(marks) > 1 else ""
        at = f"{timeline.inside(last).astimezone(timeline.zone):%H:%M}"
        yield f"<g><title>{often}{WORDS[look]}, {at}</title>{_shape(look, x, y)}</g>"


def _legend(timeline: Timeline, top: int) -> Iterator[str]:
    third = (WIDTH - 2 * _EDGE) / 3
    for number, look in enumerate(timeline.looks):
        x, y = _EDGE + third * (number % 3) + 4, top + _LEGEND * (number // 3)
        yield f'{_shape(look, x, y - 4)}<text x="{x + 9:.1f}" y="{y}">{WORDS[look]}</text>'
    if timeline.undrawn:
        rows = -(-len(timeline.looks) // 3)
        yield f'<text x="{_EDGE}" y="{top + _LEGEND * rows}">{timeline.undrawn}</text>'


def _shape(look: Look, x: float, y: float) -> str:
    """The mark at its place, as `GLYPHS` has it."""
    colour = COLOURS[look]
    filled, hollow = f'fill="{colour}"', f'fill="none" stroke="{colour}" stroke-width="1.6"'
    at = f"M{x:.1f} {y:.1f}"
    match look:
        case "verified":
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" {filled}/>'
        case "verified_noop":
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" {hollow}/>'
        case "rehearsed":
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" {hollow} stroke-dasharray="2 2"/>'
        case "going_on":
            return f'<path d="{at}m-4 -4.5l8 4.5l-8 4.5z" {hollow}/>'
        case "waiting":
            return f'<path d="{at}m-5 0l5 -5l5 5l-5 5z" {hollow}/>'
        case "blocked":
            return f'<path d="{at}m-4 -4h8v8h-8z" {filled}/>'
        case "unverified":
            return f'<path d="{at}m-5 4l5 -9l5 9z" {filled}/>'
        case "failed":
            return f'<path d="{at}m-4 -4l8 8m0 -8l-8 8" {hollow.replace("1.6", "2.4")}/>'
        case "unknown":
            return f'<path d="{at}m-5.5 0l5.5 -5.5l5.5 5.5l-5.5 5.5z" {filled}/>'


def _x(timeline: Timeline, moment: datetime) -> float:
    return _EDGE + 4 + _share(timeline, moment) * (WIDTH - 2 * _EDGE - 8)


def _share(timeline: Timeline, moment: datetime) -> float:
    """How far into the timeline, 0 to 1."""
    length = (timeline.until - timeline.since).total_seconds()
    return (timeline.inside(moment) - timeline.since).total_seconds() / length if length > 0 else 1.0
