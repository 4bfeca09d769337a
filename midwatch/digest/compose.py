"""Human judgment: what does the digest say, and in which order? What needs the person, what went wrong, then the rest."""

from __future__ import annotations

from midwatch.digest.facts import Facts
from midwatch.digest.learned import learned
from midwatch.digest.lines import Digest, Line, clock, counted
from midwatch.digest.routine import close_to_limits, did, outcomes, ran, spent
from midwatch.digest.waits import held_back, waits
from midwatch.digest.wrong import Incident, answered, incidents, standing, went_wrong
from midwatch.ledger import RunRow
from midwatch.timeline import Lane, Look, Mark, Timeline


def digest_of(facts: Facts) -> Digest:
    """The digest: three lines on a quiet night, and a section for each thing that there is to say besides."""
    wrong = incidents(facts)
    told = {ask.ask_id for ask in facts.waiting} | {run_id for one in wrong for run_id in one.run_ids}
    needed = waits(facts), went_wrong(wrong, facts), held_back(facts, told), answered(facts)
    every = *needed, close_to_limits(facts), did(facts), learned(facts)
    return Digest(
        person=facts.person,
        since=facts.since,
        until=facts.until,
        zone=facts.zone,
        headline=(_needed(facts, wrong), ran(facts), spent(facts)),
        sections=tuple(section for section in every if section.lines),
        timeline=timeline_of(facts),
        figures=_figures(facts, wrong),
    )


def _needed(facts: Facts, wrong: list[Incident]) -> Line:
    number, bad = len(facts.waiting), sum(len(one.runs) for one in wrong)
    first = min((ask.deadline for ask in facts.waiting if ask.deadline), default=None)
    until = f", the first until {clock(first, facts.zone, facts.until)}" if first else ""
    waiting = f"{counted(number, 'question')} {'waits' if number == 1 else 'wait'} for you{until}" if number else ""
    repeats = f" ({bad} runs)" if bad > len(wrong) else ""
    things = len(wrong) + len(standing(wrong, facts))
    failed = f"{counted(things, 'thing')} went wrong{repeats}" if things else "nothing went wrong"
    return Line(parts=(f"{waiting or 'Nothing waits for you'}; {failed}.",))


def timeline_of(facts: Facts) -> Timeline:
    """Agents by name, the runs of each by their beginning."""
    waiting = {ask.run_id for ask in facts.waiting}
    lanes: dict[str, list[Mark]] = {}
    for run in facts.runs:
        end = min(run.finished_at or facts.until, facts.until)
        mark = Mark(began=max(run.started_at, facts.since), at=end, look=_look(run, waiting))
        lanes.setdefault(run.agent, []).append(mark)
    told = tuple(Lane(agent=agent, marks=tuple(lanes[agent])) for agent in sorted(lanes))
    return Timeline(since=facts.since, until=facts.until, zone=facts.zone, lanes=told)


def _look(run: RunRow, waiting: set[str]) -> Look:
    return run.outcome or ("waiting" if run.run_id in waiting else "going_on")


def _figures(facts: Facts, wrong: list[Incident]) -> dict[str, int | float]:
    return {
        "waiting": len(facts.waiting),
        "incidents": len(wrong),
        "held_back": len(facts.held),
        "runs": len(facts.runs),
        **{str(outcome): number for outcome, number in outcomes(facts).items()},
        "effects": sum(one.times for one in facts.done),
        "usd": round(sum(one.usd for one in facts.spent.values()), 6),
        "tokens": sum(one.tokens for one in facts.spent.values()),
    }
