"""`midwatch rules explain`: may it do exactly this, by which rule, and what would change that?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.proposals import facts_of
from cli.rulebook import Rulebook
from midwatch.calls import Call, canonical_json, parse_call
from midwatch.decision import Decision, Verdict
from midwatch.errors import CallError
from midwatch.policy import Policy, PolicyContext
from midwatch.policy.narrow import Proposal, Unallowable, narrow
from midwatch.run import LEVELS, Level
from tasks.permissions.level import held_to_level


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    call: Call
    decision: Decision
    """At the level that was asked about; without one, what the rules say."""
    places: tuple[str, ...]
    """Where the rules that decided stand; empty for a built-in one."""
    levels: Mapping[Level, Verdict]
    change: tuple[str, ...]
    """What would change it, in sentences."""
    proposal: Proposal | None
    """The narrowest rule that would allow it."""
    note: str
    """What this answer does not know."""


def call_of(words: list[str], policy: Policy) -> Call:
    """What was asked about: `COMMAND` (of the shell), `TOOL`, `TOOL ARGUMENT` or `TOOL JSON`.

    Raises:
        CallError: it is not one well-formed call.
    """
    families = policy.toolbox.families
    if len(words) == 1:
        return parse_call(words[0], {}) if words[0] in families else parse_call("shell", {"command": words[0]})
    tool, text = words[0], " ".join(words[1:])
    if text.startswith("{") or tool not in families:
        return parse_call(tool, text if text.startswith("{") else {})
    try:
        return parse_call(tool, families[tool].example(text))
    except ValueError as error:
        raise CallError(f"{tool} {text!r}: write its arguments as one JSON object ({error})") from error


def explain(book: Rulebook, call: Call, level: Level | None, *, clean: bool) -> Explanation:
    """The answer of the policy that a run would have; `clean`: one that has read nothing from outside or private."""
    policy, context = book.policy, book.around(call.tool, clean=clean)
    ruled = policy.decide(call, context)
    risk = book.risk(call.tool) if call.tool in book.tools else "execute"
    held = {each: held_to_level(ruled, each, risk) for each in LEVELS}
    decision = held[level] if level else ruled
    proposal, change = _change(book, call, ruled, context)
    unread = policy.decide(call, book.around(call.tool))
    if unread.verdict != ruled.verdict:
        change = (f"In a run that has read nothing from outside and nothing private: {_short(unread)}.", *change)
    if decision.verdict != ruled.verdict:
        change = (*_higher(book, {each: one.verdict for each, one in held.items()}, ruled.verdict), *change)
    return Explanation(
        call=call,
        decision=decision,
        places=tuple(rule.place for part in decision.rule.split(" + ") if (rule := book.written(part))),
        note=_note(book, call),
        levels={each: one.verdict for each, one in held.items()},
        change=change,
        proposal=proposal,
    )


def _note(book: Rulebook, call: Call) -> str:
    if call.tool in book.stand_ins:
        return "Its server was not started, so its arguments were not checked: `--start-servers` does."
    missing = sorted(book.filled_in(call.tool) - call.args.keys())
    named = ", ".join(f"`{name}`" for name in missing)
    return f"In a run code fills in {named} (`bind`): give all arguments as JSON, with those." if missing else ""


def _change(
    book: Rulebook, call: Call, ruled: Decision, context: PolicyContext
) -> tuple[Proposal | None, tuple[str, ...]]:
    if ruled.verdict == "allow":
        return None, ()
    written = book.written(ruled.rule)
    if written is not None:
        then = book.without(written).decide(call, context)
        return None, (
            f"Rule {ruled.rule} at {written.place}: no allow rule opens what it names. Without it: {_short(then)}.",
        )
    if ruled.rule != "default":
        return None, (f"No rule opens it ({ruled.rule}).",)
    found = narrow([call], book.trial, context)
    if isinstance(found, Unallowable):
        return None, (f"No narrow rule can allow it: {found.why}.",)
    return found, ()


def _short(decision: Decision) -> str:
    return f"{decision.verdict} ({decision.rule}), {decision.reason}"


def _higher(book: Rulebook, levels: Mapping[Level, Verdict], wanted: Verdict) -> Iterator[str]:
    """Which level gives what the rules say."""
    level = next(each for each in LEVELS if levels[each] == wanted)
    within = f'`midwatch grant {book.spec.name} {level} --because "..."`'
    above = f"its file says `ceiling: {book.spec.ceiling}`, so nobody can grant that"
    yield f"From level {level} on it is as the rules say ({wanted}): {within if level <= book.spec.ceiling else above}."


def explained(found: Explanation) -> dict[str, Any]:
    """For machines."""
    return {
        "tool": found.call.tool,
        "arguments": canonical_json(found.call.args),
        "verdict": found.decision.verdict,
        "rule": found.decision.rule,
        "reason": found.decision.reason,
        "places": list(found.places),
        "levels": dict(found.levels),
        "change": list(found.change),
        "note": found.note,
        "proposal": facts_of(found.proposal) if found.proposal else None,
    }
