"""More than a yes or a no in Slack: taking over, a rule, a mandate, a typed edit, a planted question."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from midwatch.ask_context import AskContext
from tests.cli.slack_house import Watch, decided_in_the_terminal, watching
from tests.tasks.slack.slack_server import ANNA, EVE
from tests.tasks.slack.waiting import RUN, asks

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made


@pytest.fixture
async def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    async with watching(tmp_path, monkeypatch) as it:
        yield it


async def test_a_run_is_taken_over_with_all_that_it_asks_for(watch: Watch) -> None:
    await asks(watch.ledger, "main:1")
    await asks(watch.ledger, "main:2", tool="shell", arguments={"command": "make"})
    async with watch.door():
        await watch.shows("2 · shell")
        form = await watch.slack.opened(ANNA, "take_over", number=2)
        assert (await watch.row()).verdict is None
        assert await watch.slack.submit(ANNA, form, reason="I do it by hand") == {}
        await watch.shows("night  · decided")
    rows = [await watch.row(place) for place in (0, 1)]
    assert {(one.verdict, one.by, one.decided_because) for one in rows} == {
        ("taken_over", "slack:U1ANNA anna", "I do it by hand")
    }
    assert watch.prefect.resumed == [RUN]


async def test_a_yes_with_a_rule_shows_the_rule_after_the_run_went_on(watch: Watch) -> None:
    ask = await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        form = await watch.slack.opened(ANNA, "always")
        assert "hello" in json.dumps(form)
        assert await watch.slack.submit(ANNA, form) == {}
        await watch.told("a rule is proposed as 1a2b")
    assert ((await watch.row()).verdict, watch.wider.proposed, watch.prefect.resumed) == (
        "approved",
        [ask.ask_id],
        [RUN],
    )
    assert {one["user"] for one in watch.slack.ephemeral} == {ANNA[0]}


async def test_a_rule_is_proposed_by_the_yes_alone_that_counted(watch: Watch) -> None:
    row = await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        form = await watch.slack.opened(ANNA, "always")
        await decided_in_the_terminal(watch.ledger, row)
        assert "Decided already: denied by carla" in json.dumps(await watch.slack.submit(ANNA, form))
        await watch.shows("denied by carla")
    assert watch.wider.proposed == []


async def shown_mandate(watch: Watch, **bounds: str) -> dict[str, Any]:
    """The second page."""
    form = await watch.slack.opened(ANNA, "mandate")
    before = len(watch.slack.views)
    assert "Working out" in json.dumps(await watch.slack.submit(ANNA, form, **bounds))
    await watch.slack.until(lambda: len(watch.slack.views) > before)
    return watch.slack.views[-1]


async def test_a_mandate_is_shown_before_it_is_signed_and_signed_before_the_run_goes_on(watch: Watch) -> None:
    ask = await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        faults = await watch.slack.submit(ANNA, await watch.slack.opened(ANNA, "mandate"), uses="0")
        assert "from 1 to 1000" in faults["errors"]["uses"]
        page = await shown_mandate(watch, uses="5", until="48h")
        assert "write_file of a.txt, 5 times" in json.dumps(page)
        assert ((await watch.row()).verdict, await watch.ledger.mandates_of()) == (None, [])
        assert await watch.slack.submit(ANNA, page, reason="the same every night") == {}
        await watch.told("Mandate 1 stands, signed by you")
        await watch.shows("approved by")
    (one,) = await watch.ledger.mandates_of()
    signed = one.mandate
    assert (signed.uses, signed.by, signed.via, signed.because, signed.ask_id) == (
        *(5, "slack:U1ANNA anna", "slack", "the same every night"),
        ask.ask_id,
    )
    assert watch.prefect.resumed == [RUN]


async def test_no_mandate_is_signed_that_was_not_shown_or_whose_question_somebody_decided(watch: Watch) -> None:
    row = await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        page = await shown_mandate(watch)
        digest_and_ask, _, token = page["private_metadata"].rpartition(" ")
        for forged in (f"{digest_and_ask} 1234", digest_and_ask, f"{row.digest} {RUN}:main:2 {token}"):
            sent = await watch.slack.submit(ANNA, {**page, "private_metadata": forged})
            assert "too old to be signed" in json.dumps(sent)
        assert "Only those who are listed" in json.dumps(await watch.slack.submit(EVE, page))
        assert (await watch.row()).verdict is None
        await decided_in_the_terminal(watch.ledger, row)
        assert "Decided already: denied by carla" in json.dumps(await watch.slack.submit(ANNA, page))
    assert await watch.ledger.mandates_of() == []


async def test_where_no_mandate_can_be_made_of_a_call_nothing_is_decided(watch: Watch) -> None:
    await asks(watch.ledger)
    watch.wider.fault = "a rule can say it only with an open end"
    async with watch.door():
        await watch.shows("write_file")
        page = await shown_mandate(watch)
    assert "Nothing was done: a rule can say it only with an open end" in json.dumps(page)
    assert ((await watch.row()).verdict, watch.prefect.resumed) == (None, [])


async def test_an_edit_that_the_tool_does_not_take_is_refused_beside_its_field(watch: Watch) -> None:
    schema = {"type": "object", "properties": {"to": {"type": "string"}, "amount": {"type": "integer", "minimum": 1}}}
    context = AskContext(parameters=schema).model_dump_json()
    await asks(watch.ledger, tool="pay", arguments={"to": "a", "amount": 5}, context_json=context)
    async with watch.door():
        await watch.shows("pay")
        form = await watch.slack.opened(ANNA, "edit")
        faults = await watch.slack.submit(ANNA, form, **{"1": "0"})
        assert faults["errors"] == {"1": "`amount` must be at least 1"}
        assert await watch.slack.submit(ANNA, form, **{"1": "3"}) == {}
        await watch.shows("edited by")
    assert json.loads((await watch.row()).edited_args_json or "") == {"to": "a", "amount": 3}


async def test_whoever_decided_a_planted_question_is_told_at_once(watch: Watch) -> None:
    await asks(watch.ledger, "main:1", planted="the address is not the customer's")
    await asks(watch.ledger, "main:2", planted="the path lies outside")
    async with watch.door():
        await watch.shows("2 · write_file")
        assert "the customer's" not in watch.slack.text()
        await watch.slack.click(ANNA, "approve", number=1)
        await watch.told("That was a test: the address is not the customer's. You said yes")
        form = await watch.slack.opened(ANNA, "deny_because", number=2)
        assert "That was a test: the path lies outside. You caught it." in json.dumps(
            await watch.slack.submit(ANNA, form)
        )
        await watch.shows("the address is not the customer's")
    assert [(await watch.row(place)).granted_digest for place in (0, 1)] == [None, None]


async def test_a_planted_question_makes_no_rule_and_no_mandate(watch: Watch) -> None:
    await asks(watch.ledger, planted="the path lies outside")
    async with watch.door():
        await watch.shows("write_file")
        page = await shown_mandate(watch)
        rule = await watch.slack.opened(ANNA, "always")
        assert "That was a test" in json.dumps(await watch.slack.submit(ANNA, page))
        assert "Decided already" in json.dumps(await watch.slack.submit(ANNA, rule))
    assert (await watch.ledger.mandates_of(), watch.wider.proposed) == ([], [])
