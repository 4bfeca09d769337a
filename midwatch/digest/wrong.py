"""Human judgment: what went wrong, and what was said no to? One incident is one line, however often it repeats."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Final

from midwatch.alike import cause_of
from midwatch.digest.facts import Facts
from midwatch.digest.lines import Foreign, Line, Section, See, clock, counted, of_run, section
from midwatch.digest.waits import kept
from midwatch.ledger import AlarmRow, AskRow, AskVerdict, BreakerRow, RunRow
from midwatch.ledger.refused import Refused
from midwatch.outcome import GREEN

RUNS: Final = See(command="midwatch runs")
TOLD: Final[dict[AskVerdict, str]] = {
    "expired": "nobody answered in time",
    "denied": "denied",
    "edited": "approved with edits",
    "taken_over": "taken over",
    "did_not_happen": "found not to have happened",
}
"""Answers that the digest repeats, the one that nobody gave first; every other is a plain yes."""


NO: Final[frozenset[AskVerdict]] = frozenset({"expired", "denied", "taken_over"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Runs of one agent that ended badly in the same way."""

    runs: tuple[RunRow, ...]
    """The earliest end first; at least one."""

    @property
    def run_ids(self) -> tuple[str, ...]:
        return tuple(run.run_id for run in self.runs)

    @property
    def held_off(self) -> int:
        """Runs that the agent's breaker kept from beginning."""
        return sum(run.ending == "held_off" for run in self.runs)

    @property
    def last(self) -> RunRow:
        """The last that began, where one did."""
        return next((run for run in reversed(self.runs) if run.ending != "held_off"), self.runs[-1])


def incidents(facts: Facts) -> list[Incident]:
    """Every run that ended badly, the latest incident first; no rehearsal, and none that a no has ended (see `answered`)."""
    alike: dict[object, list[RunRow]] = {}
    refused = {ask.run_id for ask in facts.decided if ask.verdict in NO}
    for run in sorted(facts.runs, key=lambda run: run.finished_at or facts.until):
        if ended(run, facts) and run.outcome not in GREEN and not (run.shadow or _by_a_no(run, refused)):
            alike.setdefault((run.agent, _cause(run, facts)), []).append(run)
    found = [Incident(runs=tuple(runs)) for runs in alike.values()]
    return sorted(found, key=lambda one: one.last.finished_at or facts.until, reverse=True)


def ended(run: RunRow, facts: Facts) -> bool:
    """Within the while that the digest is about."""
    return run.finished_at is not None and facts.since <= run.finished_at < facts.until


def _cause(run: RunRow, facts: Facts) -> str:
    """Of a run that a breaker held off, what opened that: it is the same incident."""
    assert run.outcome is not None
    mine = [one.cause for one in facts.breakers if one.agent == run.agent and run.ending == "held_off"]
    return mine[0] if mine else cause_of(run.outcome, run.reason)


def standing(found: Sequence[Incident], facts: Facts) -> list[BreakerRow | AlarmRow | Refused]:
    """What is not as it should be, though no run of the while says so."""
    told = {one.last.agent for one in found}
    still_open = [one for one in facts.breakers if one.state != "closed" and one.agent not in told]
    return [*facts.alarms, *still_open, *facts.refused]


def _by_a_no(run: RunRow, refused: Collection[str]) -> bool:
    return run.outcome == "blocked" and run.run_id in refused


def went_wrong(found: Sequence[Incident], facts: Facts) -> Section:
    """A line an incident; one for each breaker and alarm that stands without one, and for each agent's refused arrivals."""
    besides = (_standing(one, facts) for one in standing(found, facts))
    return section("Went wrong", [*(_incident(one, facts) for one in found), *besides], RUNS)


def _incident(one: Incident, facts: Facts) -> Line:
    last, times = one.last, len(one.runs) - one.held_off
    at = clock(last.finished_at or facts.until, facts.zone, facts.until)
    when = f" {times} times, last at {at}" if times > 1 else f" at {at}"
    parts = Foreign(text=last.agent, at_most=40), f" {last.outcome}{when}: ", Foreign(text=last.reason, at_most=160)
    tried = _tried(last.agent, one.held_off, facts)
    return Line(parts=(*parts, *tried, *kept(facts, one.run_ids)), see=of_run(last.run_id))


def _tried(agent: str, held: int, facts: Facts) -> tuple[str, ...]:
    """What the agent's breaker does about it."""
    off = f"; {counted(held, 'run')} held off by its breaker" if held else ""
    mine = [one for one in facts.breakers if one.agent == agent and one.state != "closed"]
    return (off, f"; {_until(mine[0], facts)}") if mine else (off,) if off else ()


def _until(one: BreakerRow, facts: Facts) -> str:
    since = f"its breaker is open since {clock(one.opened_at, facts.zone, facts.until)}"
    if one.state == "half_open":
        return f"{since}, one run is being tried"
    return f"{since}, one run is tried at {clock(one.probe_at, facts.zone, facts.until)}"


def _standing(one: BreakerRow | AlarmRow | Refused, facts: Facts) -> Line:
    name = Foreign(text=one.agent, at_most=40)
    if isinstance(one, Refused):
        said = f": {counted(one.times, 'arrival')} refused: what was sent fits no run"
        return Line(parts=(name, said), see=See(command=f"midwatch arrivals {one.agent}"))
    if isinstance(one, BreakerRow):
        see = See(command=f"midwatch breaker {one.agent}")
        return Line(parts=(name, f": {_until(one, facts)}: ", Foreign(text=one.cause, at_most=160)), see=see)
    over = f" (over since {clock(one.over_at, facts.zone, facts.until)})" if one.over_at else ""
    at = clock(one.raised_at, facts.zone, facts.until)
    return Line(parts=(name, f" at {at}: {one.what}{over}"), see=See(command="midwatch lookout"))


def answered(facts: Facts) -> Section:
    """What people said to questions; a plain yes is only counted."""
    asks = [ask for ask in facts.decided if not ask.planted]
    blocked = {run.run_id for run in facts.runs if run.outcome == "blocked"}
    told = [line for verdict in TOLD for line in _with(verdict, asks, blocked)]
    yes = sum(ask.verdict not in TOLD for ask in asks)
    plain = [Line(parts=(f"{counted(yes, 'question')} answered with a plain yes or a word",))] if yes and told else []
    return section("Answered", [*told, *plain], RUNS)


def _with(verdict: AskVerdict, asks: Iterable[AskRow], blocked: Set[str]) -> Iterable[Line]:
    """A line for each agent and tool."""
    groups: dict[tuple[str, str], list[AskRow]] = {}
    for ask in asks:
        if ask.verdict == verdict:
            groups.setdefault((ask.agent, ask.tool), []).append(ask)
    for (agent, tool), mine in groups.items():
        often = f" {len(mine)} times" if len(mine) > 1 else ""
        said = mine[-1].decided_because if verdict != "expired" else ""
        because = ("; why: ", Foreign(text=said)) if said else ()
        ended_by_it = len(blocked & {ask.run_id for ask in mine}) if verdict in NO else 0
        then = f", which ended {counted(ended_by_it, 'run')}" if ended_by_it else ""
        subject = Foreign(text=agent, at_most=40), " ", Foreign(text=tool, at_most=60)
        yield Line(parts=(*subject, f": {TOLD[verdict]}{often}{then}", *because), see=of_run(mine[-1].run_id))
