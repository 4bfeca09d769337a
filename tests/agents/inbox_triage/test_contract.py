"""The contract of the shipped file, looked at as a run does: the inbox before, the folders after."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.inbox_triage.contract import drafts_written
from agents.inbox_triage.mailbox import file_under, write_draft
from midwatch.agent_file import load_agent
from midwatch.run import RunFacts
from tasks.monitoring.contract import before, check_contract
from tasks.monitoring.evidence import Evidence

AGENTS = Path(__file__).parents[3] / "agents"
CONTRACT = load_agent("inbox-triage", AGENTS).contract
NAME = "01-hub-motor-question.eml"
FIRST = f"mail/inbox/{NAME}"


def file_all(facts: RunFacts) -> None:
    for path in sorted((facts.project / "mail/inbox").iterdir()):
        file_under(facts, f"mail/inbox/{path.name}", "other", reply_due=False, stated={})


async def missed_after(facts: RunFacts, happens: Callable[[RunFacts], object]) -> list[str]:
    """What does not hold when a run has begun, and this has happened in it."""
    was = await before(CONTRACT, facts)
    happens(facts)
    found = await check_contract(CONTRACT, facts, which="done_when", evidence=Evidence(before=was))
    return [finding.detail for finding in found if not finding.held]


async def test_an_empty_inbox_is_nothing_to_do_and_none_at_all_is_not(facts: RunFacts) -> None:
    (full,) = await check_contract(CONTRACT, facts, which="noop_when")
    assert (full.held, "found 6" in full.detail) == (False, True)
    for message in (facts.project / "mail/inbox").iterdir():
        message.unlink()
    (empty,) = await check_contract(CONTRACT, facts, which="noop_when")
    assert empty.held
    shutil.rmtree(facts.project / "mail")
    (none,) = await check_contract(CONTRACT, facts, which="noop_when")
    assert (none.held, none.looked) == (False, False)


async def test_it_holds_when_every_message_is_filed(facts: RunFacts) -> None:
    assert await missed_after(facts, file_all) == []


def kept_back(facts: RunFacts) -> None:
    file_all(facts)
    (facts.project / "mail/other" / NAME).rename(facts.project / FIRST)


def lost(facts: RunFacts) -> None:
    file_all(facts)
    (facts.project / "mail/other" / NAME).unlink()


def there_twice(facts: RunFacts) -> None:
    file_all(facts)
    (facts.project / "mail/billing").mkdir()
    shutil.copy(facts.project / "mail/other" / NAME, facts.project / "mail/billing/copy.eml")


def changed(facts: RunFacts) -> None:
    file_all(facts)
    (facts.project / "mail/other" / NAME).write_text("changed")


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (kept_back, "left in no place"),
        (lost, "lost or changed"),
        (there_twice, "there twice"),
        (changed, "lost or changed"),
    ],
)
async def test_what_became_of_a_message_is_named(
    facts: RunFacts, happens: Callable[[RunFacts], None], said: str
) -> None:
    assert await missed_after(facts, happens) == [f"5 of 6 inputs in exactly one place; {said}: {FIRST}"]


async def test_a_message_that_arrives_during_the_run_is_left_to_the_next(facts: RunFacts) -> None:
    def late(facts: RunFacts) -> None:
        file_all(facts)
        (facts.project / "mail/inbox/new.eml").write_text("Subject: new\n\n")

    assert await missed_after(facts, late) == []


def test_a_missing_draft_is_named(facts: RunFacts) -> None:
    file_under(facts, FIRST, "customer", reply_due=True, stated={})
    (finding,) = drafts_written(facts)
    assert (finding.held, finding.detail) == (False, f"1 filed, 1 due, 1 without a draft: {NAME}")
    write_draft(facts, FIRST, "Dear Marta")
    (finding,) = drafts_written(facts)
    assert (finding.held, finding.detail) == (True, "1 filed, 1 due, 0 without a draft")
