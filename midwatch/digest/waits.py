"""Human judgment: what needs the person, and what interrupted nobody? The most urgent first."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, assert_never

from midwatch.call_line import short_first
from midwatch.digest.facts import Facts, Held
from midwatch.digest.lines import Foreign, Line, Section, See, clock, counted, of_run, section
from midwatch.ledger import AskRow
from midwatch.request import together
from midwatch.severity import SEVERITIES

INBOX: Final = See(command="midwatch inbox")


def waits(facts: Facts) -> Section:
    """What waits for a decision: a line a request."""
    requests = sorted(together(facts.waiting), key=lambda asks: _urgency(asks, facts))
    return section("Waits for you", (_line(asks, facts) for asks in requests), INBOX)


def held_back(facts: Facts, told: Collection[str]) -> Section:
    """What interrupted nobody, and why: of what stands nowhere else in the digest, such as a question answered since.

    Args:
        told: the questions and runs that other lines are about, with the reason (`kept`).
    """
    rest = [one for one in facts.held if one.subjects.isdisjoint(told)]
    return section("Held back", (_held(one, facts) for one in rest), See(command="midwatch attention"))


def kept(facts: Facts, subjects: Collection[str]) -> tuple[str | Foreign, ...]:
    """The end of a line: why nobody was interrupted for it."""
    held = facts.held_with(subjects)
    return (" · held back: ", Foreign(text=held.why)) if held else ()


def _urgency(asks: Sequence[AskRow], facts: Facts) -> tuple[int, bool, float, datetime]:
    """The worst first, of those the one that runs out first."""
    worst = max(SEVERITIES.index(facts.severities.get(ask.ask_id, "attention")) for ask in asks)
    deadline = _first_deadline(asks)
    return -worst, deadline is None, deadline.timestamp() if deadline else 0.0, asks[0].created_at


def _line(asks: Sequence[AskRow], facts: Facts) -> Line:
    ask = asks[0]
    more = f", and {counted(len(asks) - 1, 'more question', 'more questions')}" if len(asks) > 1 else ""
    until = _until(_first_deadline(asks), len(asks) > 1, facts)
    ids = tuple(ask.ask_id for ask in asks)
    said = *_what(ask), f"{more} · {until}", *kept(facts, ids)
    return Line(parts=(Foreign(text=ask.agent, at_most=40), *said), see=replace(of_run(ask.run_id), ask_ids=ids))


def _what(ask: AskRow) -> tuple[str | Foreign, ...]:
    call = Foreign(text=f"{ask.tool} {short_first(ask.args_json)}")
    match ask.kind:
        case "approve":
            return " wants ", call
        case "answer":
            return " asks: ", Foreign(text=_asked(ask))
        case "settle":
            return " may have done ", call, ": nobody saw its end"
        case "park":
            return " stands still: ", Foreign(text=ask.reason)
        case unknown:
            assert_never(unknown)


def _asked(ask: AskRow) -> str:
    arguments: dict[str, Any] = json.loads(ask.args_json)
    return str(arguments.get("question", ask.args_json))


def _first_deadline(asks: Sequence[AskRow]) -> datetime | None:
    return min((ask.deadline for ask in asks if ask.deadline), default=None)


def _until(deadline: datetime | None, several: bool, facts: Facts) -> str:
    if deadline is None:
        return "waits until you say"
    if deadline <= facts.until:
        return "its time has run out"
    minutes = int((deadline - facts.until).total_seconds() // 60)
    left = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    return f"{'the first ' if several else ''}until {clock(deadline, facts.zone, facts.until)}, in {left}"


def _held(one: Held, facts: Facts) -> Line:
    often = f", {one.times} times" if one.times > 1 else ""
    last = clock(one.last_at, facts.zone, facts.until)
    said = f" {one.what}{often}, last at {last} ({one.severity}): "
    return Line(parts=(Foreign(text=one.agent, at_most=40), said, Foreign(text=one.why)), see=of_run(one.run_id))
