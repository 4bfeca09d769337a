"""The drawing of a climb: it stays small however long the climb was, and loses neither its falls nor its end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.page.climb import thinned

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
