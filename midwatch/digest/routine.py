"""Human judgment: what ran as it should, what did it do, and what did it cost? Told shortly: nobody needs to read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from midwatch.budget import UNITS, Spent
from midwatch.digest.facts import DayMeter, Done, Facts
from midwatch.digest.lines import Foreign, Line, Section, counted, of_run, section
from midwatch.digest.wrong import RUNS, ended
from midwatch.outcome import Outcome

SAID: Final[dict[Outcome, str]] = {
    "verified": "verified",
    "verified_noop": "rightly nothing to do",
    "rehearsed": "rehearsed",
    "unverified": "unverified",
    "blocked": "blocked",
    "failed": "failed",
    "unknown": "with an unknown effect",
}
FULL: Final = 0.8
"""Share of a day's limit from which it is told."""
_TOOLS: Final = 3
"""Named in the headline; with more the digest has a section on them."""


def outcomes(facts: Facts) -> dict[Outcome, int]:
    """How many runs ended so."""
    all_ended = [run.outcome for run in facts.runs if ended(run, facts)]
    return {outcome: all_ended.count(outcome) for outcome in SAID if outcome in all_ended}


def ran(facts: Facts) -> Line:
    """Every run and every effect, in one line."""
    told = [f"{number:,} {SAID[outcome]}" for outcome, number in outcomes(facts).items()]
    going = sum(run.outcome is None for run in facts.runs)
    told += [f"{going:,} not at {'its' if going == 1 else 'their'} end"] if going else []
    agents = len({run.agent for run in facts.runs})
    runs = f"{counted(len(facts.runs), 'run')} of {counted(agents, 'agent')}: {', '.join(told)}" if told else ""
    return Line(parts=(runs or "Nothing ran", *_effects(facts), "."))


def _effects(facts: Facts) -> Iterable[str | Foreign]:
    total, ways = sum(one.times for one in facts.done), sum(one.undoable for one in facts.done)
    if not total:
        return
    by_tool: dict[str, int] = {}
    for one in facts.done:
        by_tool[one.tool] = by_tool.get(one.tool, 0) + one.times
    most = sorted(by_tool, key=lambda tool: (-by_tool[tool], tool))
    yield f"; {counted(total, 'effect')} ("
    for number, tool in enumerate(most[:_TOOLS]):
        yield f"{', ' if number else ''}{by_tool[tool]:,} "
        yield Foreign(text=tool, at_most=40)
    yield f", and {counted(len(most) - _TOOLS, 'other tool')})" if len(most) > _TOOLS else ")"
    if ways:
        yield f", {ways:,} with a way back"


def did(facts: Facts) -> Section:
    """A line an agent, where the headline cannot name it all."""
    by_agent = [list(group) for _, group in groupby(facts.done, key=lambda one: one.agent)]
    several = len(by_agent) > 1 or len(facts.done) > _TOOLS
    return section("What they did", (_did(group) for group in by_agent if several), RUNS)


def _did(done: Sequence[Done]) -> Line:
    parts: list[str | Foreign] = [Foreign(text=done[0].agent, at_most=40)]
    for number, one in enumerate(done[:6]):
        parts += [f"{', ' if number else ' '}{one.times:,} ", Foreign(text=one.tool, at_most=40)]
    if len(done) > 6:
        parts.append(f", and {counted(len(done) - 6, 'other tool')}")
    ways = sum(one.undoable for one in done)
    parts += [f"; {ways:,} with a way back"] if ways else []
    return Line(parts=tuple(parts), see=of_run(done[0].last_run))


def spent(facts: Facts) -> Line:
    """Money and tokens, and the fullest limit of a day."""
    total = sum(facts.spent.values(), Spent())
    used = f"Spent {_usd(total)}, {total.tokens:,} tokens, {counted(total.steps, 'step')}"
    if not facts.meters:
        return Line(parts=(f"{used}; no day has a limit.",))
    fullest = max(facts.meters, key=lambda one: one.share)
    return Line(parts=(f"{used}; the fullest limit of a day: ", *_meter(fullest), "."))


def close_to_limits(facts: Facts) -> Section:
    """Limits of a day that were nearly or wholly used up, and money that nobody can count."""
    full = sorted((one for one in facts.meters if one.share >= FULL), key=lambda one: -one.share)
    lines = [Line(parts=_meter(one)) for one in full]
    unpriced = {agent: one.unpriced_steps for agent, one in facts.spent.items() if one.unpriced_steps}
    lines += [
        Line(parts=(Foreign(text=agent, at_most=40), f": nobody knows the price of {counted(steps, 'step')}"))
        for agent, steps in sorted(unpriced.items())
    ]
    return section("Money and limits", lines, RUNS)


def _meter(one: DayMeter) -> tuple[str | Foreign, ...]:
    meter = one.meter
    of = f" {meter.used:,.4g} of {meter.allowed:,.4g} {UNITS[meter.measure]} ({one.share:.0%}) on {one.day:%d %b} UTC"
    return Foreign(text=one.agent, at_most=40), of


def _usd(total: Spent) -> str:
    return f"{'at least ' if total.unpriced_steps else ''}{total.usd:.4f} US dollars"
