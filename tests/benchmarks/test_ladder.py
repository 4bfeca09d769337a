"""The ladder's benchmark: what it works out is right, what it draws agrees, and the pictures show it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import accumulate, product
from math import isclose, prod
from operator import mul
from pathlib import Path
from random import Random

import pytest

from benchmarks.ladder import __main__ as ladder
from benchmarks.ladder.exact import by_evidence, in_a_row
from benchmarks.ladder.lives import ByEvidence, InARow, life
from docs.pictures.ladder import HERE, pictures


def by_all_courses(gets_there: Callable[[Sequence[bool]], bool], rate: float, actions: int) -> float:
    """The chance of a promotion, from every course that so many actions can take; True is an error."""
    courses = product((True, False), repeat=actions)
    return sum(prod(rate if bad else 1 - rate for bad in course) for course in courses if gets_there(course))


def complete(length: int) -> Callable[[Sequence[bool]], bool]:
    return lambda course: (False,) * length in [tuple(course[n : n + length]) for n in range(len(course))]


def enough(tested: float) -> Callable[[Sequence[bool]], bool]:
    def reaches_20(course: Sequence[bool]) -> bool:
        steps = [0.1 if bad else (1 - tested / 10) / (1 - tested) for bad in course]
        return bool(max(accumulate(steps, mul)) >= 20)

    return reaches_20


@pytest.mark.parametrize(("length", "rate"), [(1, 0.9), (3, 0.3), (5, 0.1), (12, 0.05), (13, 0.1)])
def test_a_row_comes_about_as_often_as_all_courses_say(length: int, rate: float) -> None:
    found = in_a_row(length, rate, 12)
    assert isclose(found.ever, by_all_courses(complete(length), rate, 12), abs_tol=1e-12)
    assert isclose(found.by[-1], found.ever)


@pytest.mark.parametrize(("tested", "rate"), [(0.4, 0.4), (0.6, 0.2), (0.3, 0.03), (0.7, 0.7), (0.1, 0.1)])
def test_the_e_process_gets_there_as_often_as_all_courses_say(tested: float, rate: float) -> None:
    assert isclose(by_evidence(tested, rate, 14).ever, by_all_courses(enough(tested), rate, 14), abs_tol=1e-12)


def test_a_life_moves_up_and_down_in_turn_and_within_its_time() -> None:
    chance = Random(3)
    for climber in (InARow(length=20), ByEvidence(tested=0.3)):
        moves = life(climber, [(500, 0.02), (500, 0.3)], chance)
        assert [move for _, move in moves] == [("up", "fall")[number % 2] for number in range(len(moves))]
        assert sorted(at for at, _ in moves) == [at for at, _ in moves]
        assert moves[-1][0] <= 1000


def test_every_promise_is_kept_and_written_down(tmp_path: Path) -> None:
    output = tmp_path / "ladder.json"
    assert ladder.main(["--trials", "300", "--json", "--output", str(output)]) == 0
    found = json.loads(output.read_text())
    assert all(found["promises"].values())
    test, row = (
        next(
            line["false_promotions"]["exact"] for line in found["lines"] if (line["rule"], line["p0"]) == (rule, 0.003)
        )
        for rule in ("the e-process", "1,000 in a row")
    )
    assert test < 0.05 < 0.9 < row
    refused = next(one for one in found["thousands"] if (one["p0"], one["d"]) == (0.005, 0.26))
    assert (refused["ready"], refused["needed"], refused["more"]) == (False, 2559, 1559)


def test_a_broken_promise_is_an_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "ALPHA", 0.001)
    assert ladder.main(["--trials", "20", "--output", str(tmp_path / "ladder.json")]) == 1


def test_the_pictures_in_the_docs_are_those_that_are_drawn() -> None:
    assert {name: (HERE / f"{name}.svg").read_text() for name, _ in pictures()} == {
        name: f"{drawn}\n" for name, drawn in pictures()
    }
