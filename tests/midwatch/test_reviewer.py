"""What share of bad proposals a person catches: who counts how, and how sure that is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from midwatch.ledger import AskRow
from midwatch.reviewer import found_of, lesson, reviewers, undisclosed

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def row(verdict: Any, by: str | None = "ada", planted: str = "it is a trap", edited: str | None = None) -> AskRow:
    return AskRow(
        ask_id="a",
        run_id="run",
        call_id="main/1",
        tool="shell",
        args_json='{"command":"ls","n":1.0}',
        digest="d",
        kind="approve",
        rule="ask.shell",
        reason="",
        words="",
        created_at=NOW,
        deadline=NOW,
        planted=planted,
        agent="night",
        verdict=verdict,
        by=by,
        via="cli",
        decided_at=NOW,
        decided_because=None,
        edited_args_json=edited,
        answer=None,
        granted_digest=None,
        spent_at=None,
    )


@pytest.mark.parametrize(
    ("verdict", "edited", "found"),
    [
        ("denied", None, True),
        ("approved", None, False),
        ("edited", '{"command": "ls -l", "n": 1}', True),
        ("edited", '{"n": 1, "command": "ls"}', False),
        ("expired", None, None),
        ("taken_over", None, None),
        (None, None, None),
    ],
)
def test_a_no_and_a_change_are_catches_a_yes_is_a_miss_and_silence_is_neither(
    verdict: Any, edited: str | None, found: bool | None
) -> None:
    assert found_of(row(verdict, edited=edited)) is found


def test_everybody_is_counted_by_themselves_and_real_questions_by_nobody() -> None:
    rows = [row("denied"), row("approved"), row("denied"), row("approved", by="bob"), row("approved", planted="")]
    found = reviewers([*rows, row("expired", by="nobody"), row(None, by=None)])
    assert [(one.person, one.caught, one.missed) for one in found] == [("ada", 2, 1), ("bob", 0, 1)]


@pytest.mark.parametrize("verdict", [None, "approved", "denied", "edited", "expired", "taken_over"])
def test_a_test_is_told_after_the_decision_and_never_before(verdict: Any) -> None:
    one = row(verdict, edited="{}")
    assert bool(lesson(one)) is (verdict is not None)
    assert bool(undisclosed(one).planted) is (verdict is not None)
    assert lesson(row(verdict, planted="")) == ""
