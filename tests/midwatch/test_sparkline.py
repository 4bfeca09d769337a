from __future__ import annotations

from midwatch.sparkline import REACHED, sparkline


def test_a_curve_rises_to_the_threshold_and_says_where_it_is_reached() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 8) == f"▁▂▃▄▅▆▇█{REACHED}{REACHED}"


def test_what_is_owed_is_drawn_at_the_bottom_and_a_long_curve_keeps_its_end() -> None:
    assert sparkline([-5, 0], 8) == "▁▁"
    drawn = sparkline([*range(1000), -1], 1000, width=20)
    assert (len(drawn), drawn[0], drawn[-1]) == (20, "▁", "▁")


def test_nothing_is_drawn_where_there_is_nothing() -> None:
    assert (sparkline([], 3), sparkline([1], 0)) == ("", "")
