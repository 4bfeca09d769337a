"""The page: how far has the evidence of one class come? Its curve against the threshold, as a drawing for a phone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor, log
from typing import Final

from markupsafe import Markup

from midwatch.chart import Chart, Curve, Mark, Point, Tick, svg
from midwatch.ladder import MAJOR, Fall
from midwatch.ladder_view import ENOUGH, Rung, climbed

COLUMNS: Final = 300
"""About the pixels of the drawing: of more points each column keeps its lowest and its highest."""
MARKS: Final = 3
"""The latest falls and major errors have a mark; the words beside the drawing have them all."""
TEN: Final = log(10)
LOWEST: Final = -3
"""Powers of ten; what lies beyond is drawn on the edge."""
HIGHEST: Final = 4


def climb(rung: Rung) -> Markup:
    """The drawing, every foreign word in it escaped; nothing where there is no evidence yet."""
    return Markup(svg(_chart(rung))) if rung.points else Markup("")  # drawn by us


def _chart(rung: Rung) -> Chart:
    line = [0.0, *rung.points]
    marks = list(_marks(rung, line))
    return Chart(
        title=f"Evidence of {rung.name}",
        about=f"{rung.words}. Of the way to the threshold {rung.share:.0%} is done{_fallen(rung)}.",
        curves=[Curve(label="", points=thinned(line))],
        across=_across(len(line) - 1),
        up=_up(line),
        across_is=f"{'actions' if rung.record.rule else 'runs'} that count, the oldest first",
        up_is="strength of the evidence; each line is tenfold",
        threshold=(ENOUGH, "20: enough"),
        marks=marks[-MARKS:],
    )


def _fallen(rung: Rung) -> str:
    count = len(rung.record.falls)
    return f"; it fell {count} time{'' if count == 1 else 's'}" if count else ""


def _marks(rung: Rung, line: Sequence[float]) -> Iterator[Mark]:
    """A fall, and a major error that was none."""
    pieces = climbed(rung.record)
    for number, (piece, following) in enumerate(zip(pieces, [*pieces[1:], None], strict=True), start=1):
        if isinstance(piece, Fall):
            yield Mark(at=(number, line[number]), label="fell")
        elif piece == MAJOR and not isinstance(following, Fall):
            yield Mark(at=(number, line[number]), label="major error")


def _up(line: Sequence[float]) -> list[Tick]:
    low = max(LOWEST, min(-1, floor(min(line) / TEN)))
    high = min(HIGHEST, max(2, ceil(max(line) / TEN)))
    return [(power * TEN, f"{10.0**power:g}") for power in range(low, high + 1)]


def _across(count: int) -> list[Tick]:
    return [(n, f"{n:,}") for n in sorted({0, count // 2, count})]


def thinned(line: Sequence[float], columns: int = COLUMNS) -> list[Point]:
    """The line with at most two points a column, and its last."""
    points: list[Point] = list(enumerate(line))
    if len(points) <= 2 * columns:
        return points
    kept: list[Point] = []
    for column in range(columns):
        mine = points[column * len(points) // columns : (column + 1) * len(points) // columns]
        kept += sorted({min(mine, key=_height), max(mine, key=_height)})
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]


def _height(point: Point) -> float:
    return point[1]
