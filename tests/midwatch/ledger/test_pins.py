"""Pins: what a server gave at its first use stands until a person takes something else."""

from __future__ import annotations

import json

import pytest

from midwatch.errors import LedgerError
from midwatch.ledger import Ledger, Pin
from midwatch.ledger.tables import journal
from tests.midwatch.ledger.conftest import START, FakeClock

A, B, C = '{"a":1}', '{"b":1}', '{"c":1}'
READ, WIPE = ("book", "read"), ("book", "wipe")


async def seen(ledger: Ledger, tools: dict[tuple[str, str], str], *, first_use: bool = True) -> dict[str, Pin]:
    return {pin.tool: pin for pin in await ledger.see_tools("night-owl", tools, first_use=first_use)}


async def test_the_first_use_of_a_server_pins_all_that_it_has(ledger: Ledger) -> None:
    pins = await seen(ledger, {READ: A, WIPE: B})
    assert {name: (pin.state, pin.pinned, pin.by, pin.pinned_at) for name, pin in pins.items()} == {
        "read": ("pinned", A, "first use", START),
        "wipe": ("pinned", B, "first use", START),
    }


async def test_a_tool_that_changes_keeps_its_pin(ledger: Ledger, clock: FakeClock) -> None:
    await seen(ledger, {READ: A})
    later = clock.forward(days=1)
    pin = (await seen(ledger, {READ: B}))["read"]
    assert (pin.state, pin.pinned, pin.pinned_at, pin.seen, pin.seen_at) == ("changed", A, START, B, later)


async def test_a_tool_that_is_what_it_was_again_is_as_pinned(ledger: Ledger) -> None:
    for definition in (A, B, A):
        pins = await seen(ledger, {READ: definition})
    assert pins["read"].state == "pinned"


async def test_a_tool_that_a_pinned_server_grows_is_new(ledger: Ledger) -> None:
    await seen(ledger, {READ: A})
    pins = await seen(ledger, {READ: A, WIPE: B, ("other", "look"): C})
    assert {name: pin.state for name, pin in pins.items()} == {"read": "pinned", "wipe": "new", "look": "pinned"}


async def test_nothing_is_pinned_where_it_is_not_the_first_use(ledger: Ledger) -> None:
    assert (await seen(ledger, {READ: A}, first_use=False))["read"].state == "new"
    assert (await seen(ledger, {READ: A}))["read"].state == "new"


async def test_pins_are_an_agents_own(ledger: Ledger) -> None:
    await seen(ledger, {READ: A})
    (pin,) = await ledger.see_tools("day-owl", {READ: B}, first_use=True)
    assert (pin.agent, pin.state) == ("day-owl", "pinned")
    assert {pin.agent for pin in await ledger.pins()} == {"day-owl", "night-owl"}
    assert [pin.agent for pin in await ledger.pins("night-owl")] == ["night-owl"]


async def test_a_person_takes_what_was_shown(ledger: Ledger, clock: FakeClock) -> None:
    await seen(ledger, {READ: A, WIPE: A})
    shown = await seen(ledger, {READ: B, WIPE: B})
    later = clock.forward(hours=1)
    pins = await ledger.accept_tools("night-owl", "book", {"read": shown["read"].digest}, by="operator")
    assert [(pin.tool, pin.state, pin.by, pin.pinned_at) for pin in pins] == [
        ("read", "pinned", "operator", later),
        ("wipe", "changed", "first use", START),
    ]


async def test_what_changed_again_since_it_was_shown_is_not_taken(ledger: Ledger) -> None:
    await seen(ledger, {READ: A, WIPE: A})
    shown = await seen(ledger, {READ: B, WIPE: B})
    await seen(ledger, {READ: C})
    both = {name: shown[name].digest for name in ("wipe", "read")}
    with pytest.raises(LedgerError, match="'read' of 'book' is not what was shown"):
        await ledger.accept_tools("night-owl", "book", both, by="operator")
    assert {pin.state for pin in await ledger.pins()} == {"changed"}


@pytest.mark.parametrize(("tool", "by"), [("none", "operator"), ("read", " ")])
async def test_somebody_takes_something_that_is_there(ledger: Ledger, tool: str, by: str) -> None:
    pin = (await seen(ledger, {READ: A}))["read"]
    with pytest.raises(LedgerError):
        await ledger.accept_tools("night-owl", "book", {tool: pin.digest}, by=by)


async def test_the_journal_tells_what_happened_and_stays_whole(ledger: Ledger) -> None:
    await seen(ledger, {READ: A})
    await seen(ledger, {READ: A})
    pins = await seen(ledger, {READ: B, WIPE: A})
    await ledger.accept_tools("night-owl", "book", {"read": pins["read"].digest}, by="operator")
    rows = await ledger.read(lambda tx: tx.all(journal.select().order_by(journal.c.seq)))
    assert [row["kind"] for row in rows] == ["tool_pinned", "tool_changed", "tool_grown", "tool_accepted"]
    assert json.loads(rows[-1]["body"])["by"] == "operator"
    assert (await ledger.verify_chain()).ok
