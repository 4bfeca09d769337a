"""The picture of a night: one mark a run, with a shape for each outcome, however long the night and however many runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import get_args
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.drawing import COLOURS, svg
from midwatch.outcome import Outcome
from midwatch.timeline import COLUMNS, GLYPHS, NAME, ORDER, WORDS, Lane, Look, Mark, Timeline, described, text_picture

NIGHT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SVG = "{http://www.w3.org/2000/svg}"


def mark(hour: float, look: Look = "verified", length: float = 0.1) -> Mark:
    end = NIGHT + timedelta(hours=hour)
    return Mark(began=end - timedelta(hours=length), at=end, look=look)


def timeline(*lanes: Lane, hours: float = 12, zone: ZoneInfo = BERLIN) -> Timeline:
    return Timeline(since=NIGHT, until=NIGHT + timedelta(hours=hours), zone=zone, lanes=lanes)


def lane(*marks: Mark, agent: str = "owl") -> Lane:
    return Lane(agent=agent, marks=marks)


def test_every_outcome_has_a_shape_a_colour_and_a_word_of_its_own() -> None:
    assert set(get_args(Outcome)) | {"going_on", "waiting"} == set(GLYPHS) == set(WORDS) == set(COLOURS)
    assert len(set(GLYPHS.values())) == len(GLYPHS)
    shapes = {re.sub(r"#\w+", "", svg(timeline(lane(mark(6, look))))).partition("</title>")[2] for look in ORDER}
    assert len(shapes) == len(ORDER)


def test_a_row_has_a_glyph_an_hour_and_the_hours_are_local() -> None:
    head, row, legend = text_picture(timeline(lane(mark(0.5), mark(3.5, "failed"), mark(11.5, "waiting")))).split("\n")
    assert head == "     19 22 01 04"
    assert row == "owl  ●··×·······◇"
    assert legend == "● verified  ◇ waits for a person  × failed"


def test_where_runs_share_an_hour_the_worst_is_seen() -> None:
    assert "×" in text_picture(timeline(lane(mark(1.1, "failed"), *(mark(1.2 + n / 100) for n in range(9)))))
    assert "●" not in text_picture(timeline(lane(mark(1.1, "failed"), mark(1.5)))).split("\n")[1]


@pytest.mark.parametrize("hours", [0, 0.2, 1, 24, 25, 26.5, 100, 800, 9000])
def test_however_long_it_is_it_keeps_its_width(hours: float) -> None:
    long = timeline(lane(mark(0), mark(hours, "failed")), hours=hours)
    row = text_picture(long).split("\n")[1]
    assert 1 <= len(row) - len("owl  ") <= COLUMNS
    assert row.endswith("×")
    assert svg(long).count("<text") < 15


def test_agents_without_room_are_counted() -> None:
    many = timeline(*(lane(mark(1), agent=f"a{number:02}") for number in range(15)))
    assert text_picture(many).split("\n")[13] == "and 3 more agents"
    assert "and 3 more agents" in svg(many)
    assert "a14" not in svg(many)


def test_without_runs_there_is_no_picture() -> None:
    assert (text_picture(timeline()), svg(timeline())) == ("", "")


def test_its_words_tell_what_the_picture_shows() -> None:
    drawn = timeline(lane(*(mark(number / 10, "failed") for number in range(1, 15)), mark(2)))
    told = "Runs from 01 Mar 19:00 to 02 Mar 07:00. owl: 14 failed, last at 20:24, 1 verified, last at 21:00."
    assert described(drawn) == told
    root = ElementTree.fromstring(svg(drawn))
    assert (root.get("role"), root.get("aria-label")) == ("img", told)


def test_a_thousand_runs_are_a_small_drawing() -> None:
    looks: tuple[Look, ...] = ORDER
    busy = lane(*(mark(number / 84, looks[number % len(looks)]) for number in range(1000)))
    assert len(svg(timeline(busy))) < 250_000
    assert "2 runs" in svg(timeline(lane(mark(1), mark(1.001))))


@given(st.text(), st.lists(st.tuples(st.floats(-5, 20), st.sampled_from(ORDER)), min_size=1, max_size=20))
def test_whatever_an_agent_is_called_and_whenever_it_ran_it_is_one_sound_drawing(
    agent: str, runs: list[tuple[float, Look]]
) -> None:
    drawn = timeline(lane(*(mark(hour, look) for hour, look in runs), agent=agent))
    root = ElementTree.fromstring(svg(drawn))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {"svg", "g", "path", "text", "circle", "title"}
    name, _, cells = text_picture(drawn).split("\n")[1].rpartition("  ")
    assert (len(name) <= NAME, set(cells) <= {"·", *GLYPHS.values()}) == (True, True)


def test_the_night_in_which_the_clocks_change_has_its_hours() -> None:
    began = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
    changed = Timeline(since=began, until=began + timedelta(hours=9), zone=BERLIN, lanes=(lane(mark(0)),))
    assert text_picture(changed).split("\n")[0].split() == ["23", "03", "06"]
