from __future__ import annotations

from typing import get_args

import pytest

from midwatch.backtest.change import OF, REFUSED, WORDS, Change, Past, change_of
from midwatch.decision import STRICTNESS, Verdict

TABLE: dict[Past, tuple[Change, Change, Change]] = {
    "allowed": ("unchanged", "asks_allowed", "blocks_allowed"),
    "approved": ("allows_asked", "unchanged", "blocks_approved"),
    "edited": ("allows_edited", "unchanged", "denies_asked"),
    "denied": ("allows_denied", "unchanged", "denies_asked"),
    "unanswered": ("allows_asked", "unchanged", "denies_asked"),
    "forbidden": ("allows_forbidden", "asks_forbidden", "unchanged"),
}
CASES = [(past, now, row[place]) for past, row in TABLE.items() for place, now in enumerate(STRICTNESS)]


@pytest.mark.parametrize(("past", "now", "change"), CASES)
def test_every_past_with_every_verdict_is_one_change(past: Past, now: Verdict, change: Change) -> None:
    assert change_of(past, now) == change
    assert past in OF[change]


def test_every_change_has_words_and_a_past_that_it_is_a_share_of() -> None:
    assert set(WORDS) == set(OF) == set(get_args(Change))
    assert set(get_args(Past)) == OF["unchanged"] == set(TABLE)


def test_only_what_runs_unasked_after_a_no_is_refused() -> None:
    assert {
        change for past, now, change in CASES if now == "allow" and past in ("edited", "denied", "forbidden")
    } == set(REFUSED)
