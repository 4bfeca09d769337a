from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.evals import Made, Tried, compared, inherited


def made(*args: str, tool: str = "put") -> list[Made]:
    return [Made(tool=tool, args_json=f'{{"what":"{arg}"}}') for arg in args]


def test_the_same_effects_in_another_order_are_the_same() -> None:
    assert compared(made("a", "b", "b"), made("b", "a", "b")) == ((), ())


def test_what_is_made_less_or_more_often_is_named() -> None:
    assert compared(made("a", "b", "b"), made("b", "c")) == (
        ('put {"what":"a"}', 'put {"what":"b"}'),
        ('put {"what":"c"}',),
    )


def test_numbers_are_compared_as_numbers() -> None:
    one, other = Made(tool="pay", args_json='{"sum": 1.50}'), Made(tool="pay", args_json='{"sum":15e-1}')
    assert compared([one], [other]) == ((), ())


def test_an_argument_that_may_be_worded_anew_may_and_the_others_may_not() -> None:
    then = [Made(tool="mail", args_json='{"body":"Dear","to":"a"}')]
    now = [Made(tool="mail", args_json='{"body":"Hello","to":"a"}')]
    assert compared(then, now)[0] != ()
    assert compared(then, now, {"mail.body"}) == ((), ())
    assert compared(then, now, {"other.body", "mail.to"})[0] != ()


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_nothing_differs_exactly_where_both_are_the_same_multiset(then: list[str], now: list[str]) -> None:
    missing, extra = compared(made(*then), made(*now))
    assert (missing, extra) == ((), ()) if sorted(then) == sorted(now) else (missing or extra)
    assert len(then) - len(missing) == len(now) - len(extra)


@pytest.mark.parametrize(
    ("missing", "extra", "fault", "passed"),
    [((), (), "", True), (("x",), (), "", False), ((), ("x",), "", False), ((), (), "error: no", False)],
)
def test_a_case_passes_with_the_same_effects_and_an_end_of_its_own(
    missing: tuple[str, ...], extra: tuple[str, ...], fault: str, passed: bool
) -> None:
    tried = Tried(case_run="r", missing=missing, extra=extra, not_on_record=("look",), fault=fault)
    assert tried.passed == passed


@pytest.mark.parametrize(
    ("clean", "discount", "passed", "left"),
    [
        (612, 0, True, 0),
        (612, 0.5, True, 306),
        (612, 1, True, 612),
        (612, 1, False, 0),
        (3, 0.5, True, 1),
        (-1, 1, True, 0),
    ],
)
def test_evidence_is_inherited_after_passing_at_the_operators_discount(
    clean: int, discount: float, passed: bool, left: int
) -> None:
    assert inherited(clean, discount, passed) == left


@pytest.mark.parametrize("discount", [-0.1, 1.1, float("nan")])
def test_a_discount_is_a_share(discount: float) -> None:
    with pytest.raises(ValueError, match="a share from 0 to 1"):
        inherited(1, discount, passed=True)
