from __future__ import annotations

from datetime import UTC, datetime

import pytest

from midwatch.errors import LedgerError
from midwatch.halt import Halt, Scope, Target

AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("scope", "name"), [("all", "a"), ("agent", ""), ("run", ""), ("agent", "../all"), ("run", "a/b"), ("run", ".")]
)
def test_a_target_that_is_no_name_of_anything_is_refused(scope: Scope, name: str) -> None:
    with pytest.raises(LedgerError, match="name an agent, or a run by its whole id"):
        Target(scope, name)


def test_a_run_is_stopped_by_what_covers_everything_its_agent_or_itself() -> None:
    assert Target.around("owl", "r1") == (Target.of(), Target.of("owl"), Target.of("owl", "r1"))


@pytest.mark.parametrize(
    ("target", "covered"),
    [
        (Target.of(), {"owl r1", "owl", "lark r1", "lark"}),
        (Target.of("owl"), {"owl r1", "owl"}),
        (Target.of(run_id="r1"), {"owl r1", "lark r1"}),
        (Target.of(run_id="r2"), set()),
    ],
)
def test_a_halt_covers_what_it_stops(target: Target, covered: set[str]) -> None:
    halt = Halt(scope=target.scope, name=target.name, by="anna", via="cli", because="it spends", at=AT)
    assert {said for said in ("owl r1", "owl", "lark r1", "lark") if halt.covers(*said.split())} == covered


@pytest.mark.parametrize(
    ("target", "words", "command"),
    [
        (Target.of(), "everything", "midwatch resume"),
        (Target.of("owl"), "agent owl", "midwatch resume owl"),
        (Target.of(run_id="r1"), "run r1", "midwatch resume --run r1"),
    ],
)
def test_a_target_says_what_it_is_and_what_lifts_it(target: Target, words: str, command: str) -> None:
    assert (target.words(), target.lifted_by()) == (words, command)


def test_a_halt_names_what_who_when_and_why() -> None:
    halt = Halt(scope="agent", name="owl", by="anna", via="cli", because="it spends", at=AT)
    assert halt.words() == "agent owl was halted by anna (cli) at 2026-03-01 03:00:00 UTC: it spends"
