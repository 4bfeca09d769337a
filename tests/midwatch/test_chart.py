"""Curves as a drawing: well-formed, inside its frame, and told apart without colours."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from midwatch.chart import HEIGHT, WIDTH, Chart, Curve, Mark, Point, svg

POINTS = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=20)


def chart(*curves: list[Point], about: str = "a test", mark: str = "here") -> Chart:
    return Chart(
        about=about,
        curves=[Curve(label=f"no. {number} {about}", points=points) for number, points in enumerate(curves)],
        across=[(0, "0"), (10, "10")],
        up=[(0, "none"), (1, "all")],
        across_is="days",
        threshold=(0.5, "half"),
        marks=[Mark(at=(9, 0.2), label=mark)],
    )


@given(POINTS)
def test_whatever_is_drawn_stays_inside(points: list[Point]) -> None:
    drawn = ElementTree.fromstring(svg(chart(points)))
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    (line,) = drawn.iter("{http://www.w3.org/2000/svg}polyline")
    for pair in line.attrib["points"].split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= width == WIDTH
        assert 0 <= y <= height


@given(st.text(max_size=40))
def test_words_stay_words(words: str) -> None:
    drawn = ElementTree.fromstring(svg(chart([(0, 0)], about=words, mark=words)))
    assert {element.tag.rpartition("}")[2] for element in drawn.iter()} <= {"svg", "path", "text", "polyline", "circle"}


def test_curves_are_told_apart_without_colours() -> None:
    drawn = ElementTree.fromstring(svg(chart(*[[(0.0, 0.0)]] * 4)))
    lines = list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len({line.attrib.get("stroke-dasharray") for line in lines}) == 4


def test_the_ink_is_that_of_the_place_unless_it_is_named() -> None:
    assert ElementTree.fromstring(svg(chart([(0, 0)]))).attrib["fill"] == "currentColor"
    assert ElementTree.fromstring(svg(chart([(0, 0)]), ink="#123456")).attrib["fill"] == "#123456"


def test_the_words_of_a_mark_stand_above_it_where_that_is_said() -> None:
    plain = chart([(0, 0), (10, 1)])
    heights = []
    for above in (True, False):
        drawn = ElementTree.fromstring(svg(replace(plain, marks=[Mark(at=(5, 0.5), label="here", above=above)])))
        (words,) = [one for one in drawn.iter("{http://www.w3.org/2000/svg}text") if one.text == "here"]
        heights.append(float(words.attrib["y"]))
    assert heights[0] < 12 + HEIGHT / 2 < heights[1]


def words_of(one: Chart) -> dict[str, ElementTree.Element]:
    drawn = ElementTree.fromstring(svg(one))
    return {str(each.text): each for each in drawn.iter("{http://www.w3.org/2000/svg}text")}


def test_the_words_of_the_threshold_stand_where_no_curve_runs_through_them() -> None:
    free, crossed = chart([(0, 0), (10, 0.1)]), chart([(0, 0), (10, 0.6)])
    assert [words_of(one)["half"].attrib["text-anchor"] for one in (free, crossed)] == ["end", "start"]


def test_the_words_of_a_mark_at_the_bottom_stay_in_the_field() -> None:
    deep = replace(chart([(0, 0)]), marks=[Mark(at=(2, 0.0), label="here")])
    assert float(words_of(deep)["here"].attrib["y"]) < 12 + HEIGHT


def test_what_is_on_the_upright_axis_stands_above_the_field() -> None:
    named = replace(chart([(0, 0), (10, 1)]), up_is="share")
    heights = {name: float(one.attrib["y"]) for name, one in words_of(named).items()}
    assert heights["share"] < heights["all"] - 12
