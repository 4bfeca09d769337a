"""Make the pictures of docs/ladder.md: `python -m docs.pictures.ladder`. Needs nothing but Midwatch; the same each time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import log
from pathlib import Path
from typing import Any, Final

from benchmarks.ladder.exact import Chances, by_evidence, in_a_row
from benchmarks.ladder.figures import A_DAY, ROWS, YEAR
from midwatch.chart import Chart, Curve, Mark, Point, svg
from midwatch.ladder import ALPHA, Fall, Tally, curve, needed

HERE: Final = Path(__file__).parent
GREY: Final = "#768390"
"""Seen on white and on black."""
WIDE: Final = "540"
RATE: Final = 0.003
WEEK: Final = 7 * A_DAY
P0: Final = 0.005
ENOUGH: Final = -log(ALPHA)
STORY: Final = HERE.parents[1] / "benchmarks" / "results" / "climb.json"
"""As `python -m benchmarks.climb` has written it down."""
ERRORS: Final[list[float | Fall]] = [*[0.0] * 150, 0.25, *[0.0] * 380, 1.0]
REPORTED: Final[list[float | Fall]] = [1.0, Fall()]
LIFE: Final[list[float | Fall]] = [
    *ERRORS,
    *[0.0] * needed([Tally(clean=530, minor=1, major=1)], P0),
    *REPORTED,
    *[0.0] * needed([Tally()], P0),
]
"""A minor error, a major one, enough; then one that is reported, the fall, and what it takes to come back."""


def main() -> None:
    for name, drawn in pictures():
        (HERE / f"{name}.svg").write_text(drawn + "\n")
        print(f"docs/pictures/{name}.svg")


def pictures() -> Iterator[tuple[str, str]]:
    """Names and drawings."""
    yield "ladder-year", svg(a_year(), ink=GREY, width=WIDE)
    yield "ladder-climb", svg(a_climb(), ink=GREY, width=WIDE)
    yield "climb", svg(a_story(json.loads(STORY.read_text())), ink=GREY, width=WIDE)


def a_year() -> Chart:
    """Of classes that go wrong at p0 = 0.3 %: how many are promoted by when?"""
    rows = [Curve(label=f"{row:,} in a row", points=by_week(in_a_row(row, RATE, YEAR))) for row in reversed(ROWS)]
    test = Curve(label="the e-process", points=by_week(by_evidence(RATE, RATE, YEAR)))
    return Chart(
        about=(
            "Chance that a class which goes wrong in 0.3 % of cases has been promoted, over a year of 50 actions a day. "
            "20 and 50 in a row: all within days. 1,000 in a row: 19 of 20 within the year. The e-process: under 5 %."
        ),
        curves=[test, *rows],
        across=[(month * YEAR / 12, str(month)) for month in range(0, 13, 2)],
        up=[(share / 100, f"{share} %") for share in range(0, 101, 20)],
        across_is="months, at 50 actions a day",
        up_is="promoted by then",
        threshold=(ALPHA, "5 %"),
    )


def by_week(chances: Chances) -> list[Point]:
    by = [0.0, *chances.by]
    return [(n, by[n]) for n in [*range(0, 60, 4), *range(60, YEAR, WEEK), YEAR]]


def a_climb() -> Chart:
    """E of one class whose p0 is 0.5 %."""
    line = [0.0, *curve(LIFE, P0)]
    fell = LIFE.index(Fall()) + 1
    minor, major = LIFE.index(0.25) + 1, LIFE.index(1.0) + 1
    return Chart(
        about=(
            "E of a class over 1,900 actions: it climbs, loses a little by a minor error and a factor of ten by a major "
            "one, reaches 20 and is promoted, falls to 1 when an error is reported, and climbs again."
        ),
        curves=[Curve(label="", points=corners(line))],
        across=[(n, f"{n:,}") for n in range(0, 2001, 500)],
        up=[(log(e), f"{e:g}") for e in (0.1, 1, 10, 100)],
        across_is="actions",
        up_is="E: what is held; each line is tenfold",
        threshold=(ENOUGH, "20: enough"),
        marks=[
            Mark(at=(minor, line[minor]), label="minor"),
            Mark(at=(major, line[major]), label="major error"),
            Mark(at=(fell, line[fell]), label="reported: it falls"),
        ],
    )


def a_story(told: Mapping[str, Any]) -> Chart:
    """E of one class in real runs, as it was at each look."""
    looks = told["looks"]
    events = [look for look in looks if look["event"]]
    weeks = [(float(day), str(day)) for day in range(0, told["days"] + 14, 7)]
    return Chart(
        about=(
            f"E of a class over {told['days']} days of real runs: it climbs to 20 and a person promotes it; four days later "
            "a bad action is reported, E falls to 1 and the class asks again; it climbs to 20 and is promoted once more."
        ),
        curves=[Curve(label="", points=[(0.0, 0.0), *((look["day"], look["log_e"]) for look in looks)])],
        across=weeks,
        up=[(log(e), f"{e:g}") for e in (0.5, 1, 2, 5, 10, 20, 50, 100)],
        across_is="days",
        up_is="E: what is held, as it was each morning",
        threshold=(ENOUGH, "20: enough"),
        marks=[
            Mark(at=(look["day"], look["log_e"]), label=_short(look["event"]), above=look["stands"] == "allow")
            for look in events
        ],
    )


def _short(event: str) -> str:
    """As much as there is room for."""
    return {"first promotion": "promoted", "second promotion": "again"}.get(event, event)


def corners(line: Sequence[float]) -> list[Point]:
    """Of a long climb, which is straight between its errors, the points that a line has to touch."""
    around = zip(line, line[1:], line[2:], strict=False)
    bends = [n for n, (before, here, after) in enumerate(around, start=1) if abs(before + after - 2 * here) > 1e-9]
    return [(n, line[n]) for n in [0, *bends, len(line) - 1]]


if __name__ == "__main__":
    main()
