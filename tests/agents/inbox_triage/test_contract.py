from __future__ import annotations

import shutil
from collections.abc import Sequence

import pytest

from agents.inbox_triage.contract import all_filed, drafts_written, inbox_is_empty, nothing_lost_or_twice
from agents.inbox_triage.mailbox import file_under, write_draft
from midwatch.contract import Finding
from midwatch.run import RunFacts

FIRST = "mail/inbox/01-hub-motor-question.eml"


@pytest.fixture
def begun(facts: RunFacts) -> RunFacts:
    """A run that has looked at its inbox."""
    assert not inbox_is_empty(facts)[0].held
    return facts


def missed(findings: Sequence[Finding]) -> list[str]:
    return [finding.detail for finding in findings if not finding.held]


def file_all(facts: RunFacts) -> None:
    for path in sorted((facts.project / "mail/inbox").iterdir()):
        file_under(facts, f"mail/inbox/{path.name}", "other", reply_due=False, stated={})


def test_an_empty_inbox_is_nothing_to_do(facts: RunFacts) -> None:
    shutil.rmtree(facts.project / "mail")
    assert inbox_is_empty(facts)[0].held


def test_the_contract_holds_when_every_message_is_filed(begun: RunFacts) -> None:
    file_all(begun)
    assert missed([*nothing_lost_or_twice(begun), *all_filed(begun), *drafts_written(begun)]) == []


def test_a_message_that_a_person_kept_back_is_neither_lost_nor_filed_and_is_named(begun: RunFacts) -> None:
    file_all(begun)
    (begun.project / "mail/other/01-hub-motor-question.eml").rename(begun.project / FIRST)
    assert missed(nothing_lost_or_twice(begun)) == []
    assert missed(all_filed(begun)) == ["1 of 6 still in the inbox: 01-hub-motor-question.eml"]


def test_a_lost_message_is_named(begun: RunFacts) -> None:
    (begun.project / FIRST).unlink()
    assert missed(nothing_lost_or_twice(begun)) == ["1 of 6 lost: 01-hub-motor-question.eml"]


def test_a_changed_message_is_a_lost_one(begun: RunFacts) -> None:
    (begun.project / FIRST).write_text("changed")
    assert missed(nothing_lost_or_twice(begun)) == ["1 of 6 lost: 01-hub-motor-question.eml"]


def test_a_message_that_is_there_twice_is_named(begun: RunFacts) -> None:
    file_all(begun)
    shutil.copy(begun.project / "mail/other/01-hub-motor-question.eml", begun.project / FIRST)
    assert missed(nothing_lost_or_twice(begun)) == ["1 of 6 there twice: 01-hub-motor-question.eml"]


def test_two_messages_with_the_same_content_are_two(facts: RunFacts) -> None:
    shutil.copy(facts.project / FIRST, facts.project / "mail/inbox/01-again.eml")
    inbox_is_empty(facts)
    file_all(facts)
    assert missed(nothing_lost_or_twice(facts)) == []
    (facts.project / "mail/other/01-again.eml").unlink()
    assert missed(nothing_lost_or_twice(facts)) == ["2 of 7 lost: 01-again.eml, 01-hub-motor-question.eml"]


def test_a_message_that_arrives_during_the_run_is_left_to_the_next(begun: RunFacts) -> None:
    file_all(begun)
    (begun.project / "mail/inbox/new.eml").write_text("Subject: new\n\n")
    assert missed([*nothing_lost_or_twice(begun), *all_filed(begun)]) == []


def test_a_missing_draft_is_named(begun: RunFacts) -> None:
    file_under(begun, FIRST, "customer", reply_due=True, stated={})
    assert missed(drafts_written(begun)) == ["1 due; 1 of 6 without a draft: 01-hub-motor-question.eml"]
    write_draft(begun, FIRST, "Dear Marta")
    assert missed(drafts_written(begun)) == []


def test_the_agents_file_says_where_the_inbox_is(facts: RunFacts) -> None:
    shutil.move(facts.project / "mail", facts.project / "post")
    file = facts.project / "agents/inbox-triage.yaml"
    file.write_text(file.read_text().replace("files: mail/inbox/", "files: post/inbox/"))
    assert inbox_is_empty(facts)[0].detail == "6 in post/inbox"
