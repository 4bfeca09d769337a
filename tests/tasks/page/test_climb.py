"""The drawing of a climb: it stays small however long the climb was, and loses neither its falls nor its end."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from midwatch.ladder import Action, Sensitivity, Tally, curve, evidence_of, judge
from midwatch.ladder_view import Rung, climbed
from midwatch.ledger import Record
from midwatch.ledger.inherited import Inherited
from tasks.page.climb import climb, thinned

HEIGHTS = st.lists(st.floats(-50, 50), min_size=1, max_size=400)


@given(HEIGHTS, st.integers(1, 40))
def test_its_lowest_its_highest_and_its_last_point_stay(line: list[float], columns: int) -> None:
    points = thinned(line, columns)
    places = [place for place, _ in points]
    kept = sorted(height for _, height in points)
    whole = sorted(line)
    assert [kept[0], kept[-1]] == [whole[0], whole[-1]]
    assert list(points[-1]) == [len(line) - 1, line[-1]]
    assert places == sorted(set(places))
    assert len(points) <= 2 * columns + 1


def rung(own: int, inherited: int) -> Rung:
    """So many clean actions of its own, then a fall; what it inherited came before."""
    began = datetime(2026, 3, 1, tzinfo=UTC)
    actions = tuple(
        Action(
            at=began + timedelta(hours=number), severity=0.0, args_sha256=str(number), ripe=True, run_id="", call_id=""
        )
        for number in range(own)
    )
    falls = (began + timedelta(days=40),)
    evidence, seen = evidence_of(actions, falls, began + timedelta(days=60)), Sensitivity(d=0.5, caught=0, tests=0)
    given = Inherited(share=0.5, eval_id="e", fingerprint="older", left=Tally(clean=inherited)) if inherited else None
    record = Record(
        agent="owl",
        rule="ask.push",
        risk="write",
        fingerprint="now",
        actions=actions,
        falls=falls,
        evidence=evidence,
        verdict=judge(evidence, "write", seen),
        inherited=given,
    )
    line = tuple(curve(climbed(record), 0.01))
    return Rung(record=record, move=None, stands="ask", words="", points=line, missing=())


def test_a_fall_is_marked_where_it_was_whether_what_came_before_was_inherited_or_its_own() -> None:
    marked = [re.findall("<circle.*?/>", climb(each)) for each in (rung(30, 20), rung(50, 0))]
    assert marked[0] == marked[1]
    assert len(marked[0]) == 1
