from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pydantic_ai import ModelRetry, RunContext

from agents.inbox_triage.concern import Concern
from agents.inbox_triage.mailbox import Label, file_under, filing_of
from agents.inbox_triage.tools import draft_reply, file_message
from midwatch.risk import facts_of
from midwatch.run import RunFacts

In = Callable[[str], RunContext[RunFacts]]
"""The context of a tool call in the conversation about one message."""

ASKS = "mail/inbox/01-hub-motor-question.eml"
THANKS = "mail/inbox/04-thank-you.eml"
ANSWER = "Dear Marta, thank you for your message. A colleague will write to you."


async def filed(
    inside: In, item: str, *, needs_reply: bool, label: Label = "customer", fact: str = "", wary_of: Concern = "nothing"
) -> str:
    """File `item`; `fact` is the one sensitive fact that is stated."""
    return await file_message(
        inside(item),
        gist="a question",
        asks_for_money=fact == "asks_for_money",
        legal_matter=fact == "legal_matter",
        private_data=fact == "private_data",
        security_incident=fact == "security_incident",
        label=label,
        needs_reply=needs_reply,
        message=item,
        wary_of=wary_of,
    )


async def test_the_result_of_filing_says_whether_a_reply_is_due(inside: In) -> None:
    assert "draft it" in await filed(inside, ASKS, needs_reply=True)
    assert "you are done" in await filed(inside, THANKS, needs_reply=False)


async def test_what_another_run_has_filed_is_left_where_it_lies(inside: In, facts: RunFacts) -> None:
    file_under(replace(facts, run_id="run-2"), ASKS, "billing", reply_due=False, stated={})
    with pytest.raises(ModelRetry, match="another run or a person"):
        await filed(inside, ASKS, needs_reply=True)
    assert (facts.project / "mail/billing/01-hub-motor-question.eml").exists()


async def test_what_is_filed_as_automated_is_never_answered(inside: In) -> None:
    assert "you are done" in await filed(inside, ASKS, label="automated", needs_reply=True)


@pytest.mark.parametrize("fact", ["asks_for_money", "legal_matter", "private_data", "security_incident"])
async def test_what_is_sensitive_a_person_answers_alone(inside: In, fact: str) -> None:
    assert "you are done" in await filed(inside, ASKS, needs_reply=True, fact=fact)


async def test_what_code_is_wary_of_a_person_answers_alone(inside: In) -> None:
    assert "you are done" in await filed(inside, ASKS, needs_reply=True, wary_of="money")


async def test_a_draft_is_addressed_by_code_and_not_sent(inside: In, facts: RunFacts) -> None:
    await filed(inside, ASKS, needs_reply=True)
    await draft_reply(inside(ASKS), text=ANSWER, message=ASKS)
    draft = (facts.project / "mail/drafts/01-hub-motor-question.txt").read_text()
    assert draft.startswith("DRAFT, not sent\nTo: marta@riverside.example\nSubject: Re: Do you repair hub motors?\n\n")
    assert ANSWER in draft


async def test_no_draft_before_the_message_is_filed(inside: In) -> None:
    with pytest.raises(ModelRetry, match="file_message first"):
        await draft_reply(inside(ASKS), text=ANSWER, message=ASKS)


async def test_no_draft_where_none_is_due(inside: In, facts: RunFacts) -> None:
    await filed(inside, THANKS, needs_reply=False)
    with pytest.raises(ModelRetry, match="No reply is due"):
        await draft_reply(inside(THANKS), text=ANSWER, message=THANKS)
    assert not (facts.project / "mail/drafts").exists()


async def test_the_facts_by_which_it_was_judged_are_written_down(inside: In, facts: RunFacts) -> None:
    await filed(inside, ASKS, needs_reply=True)
    filing = filing_of(facts, ASKS)
    assert filing is not None
    assert filing.stated["needs_reply"] is True
    assert filing.stated["wary_of"] == "nothing"


async def test_the_probe_sees_whether_a_message_was_filed(inside: In, facts: RunFacts) -> None:
    probe = facts_of(file_message).probe
    assert probe is not None
    assert await probe(facts, {"message": ASKS}) == "did_not_happen"
    await filed(inside, ASKS, needs_reply=False)
    assert await probe(facts, {"message": ASKS}) == "happened"
    (facts.project / "mail/customer/01-hub-motor-question.eml").unlink()
    assert await probe(facts, {"message": ASKS}) == "cannot_tell"
