"""Human judgment: what is different from yesterday? New tools, rules and levels, mandates, and how well people looked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from midwatch.digest.facts import Facts
from midwatch.digest.lines import Foreign, Line, Section, See, clock, counted, section
from midwatch.reviewer import found_of

SOON: Final = timedelta(days=2)
"""Before a mandate or a level ends, that it will is told."""


def learned(facts: Facts) -> Section:
    """What a person may want to look at, one day."""
    lines = [*_pins(facts), *_proposals(facts), *_levels(facts), *_mandates(facts), *_planted(facts)]
    return section("Learned", lines, See(command="midwatch rules proposals"))


def _pins(facts: Facts) -> Iterator[Line]:
    """Tools of MCP servers that nobody has accepted, and those that were met for the first time."""
    for agent in sorted({pin.agent for pin in facts.pins}):
        mine = [pin for pin in facts.pins if pin.agent == agent]
        suspect = [pin for pin in mine if pin.state != "pinned"]
        first = [pin for pin in mine if pin.pinned_at and facts.since <= pin.pinned_at < facts.until]
        see = See(command=f"midwatch pins {agent}")
        name = Foreign(text=agent, at_most=40)
        if suspect:
            tools = Foreign(text=", ".join(f"{pin.server} {pin.tool}" for pin in suspect))
            yield Line(parts=(name, f": {counted(len(suspect), 'MCP tool')} changed or new, denied: ", tools), see=see)
        if first:
            tools = Foreign(text=", ".join(f"{pin.server} {pin.tool}" for pin in first))
            yield Line(parts=(name, f": {counted(len(first), 'MCP tool')} pinned: ", tools), see=see)


def _proposals(facts: Facts) -> Iterator[Line]:
    if facts.proposals:
        waits = "waits" if facts.proposals == 1 else "wait"
        said = f"{counted(facts.proposals, 'proposed rule')} {waits} to be accepted"
        yield Line(parts=(said,), see=See(command="midwatch rules proposals"))


def _levels(facts: Facts) -> Iterator[Line]:
    """The grants of the while, and levels that stand and are about to end."""
    standing = {grant.agent: grant for grant in reversed(facts.grants)}
    for grant in facts.grants:
        ends = f", until {clock(grant.until, facts.zone, facts.until)}" if grant.until else ""
        name = Foreign(text=grant.agent, at_most=40)
        if facts.since <= grant.granted_at < facts.until:
            by = " by ", Foreign(text=grant.by, at_most=40), ": ", Foreign(text=grant.because)
            yield Line(parts=(name, f" was put on level {grant.level}{ends}", *by))
        elif grant is standing[grant.agent] and grant.until and facts.until < grant.until <= facts.until + SOON:
            yield Line(parts=(name, f" stands at level {grant.level}{ends}; then at 3 again"))


def _mandates(facts: Facts) -> Iterator[Line]:
    """Those signed or ended in the while, those about to end, and those that are used up."""
    see = See(command="midwatch mandate list")
    for one in facts.mandates:
        mandate = one.mandate
        over = mandate.revoked_at or mandate.until
        if over < facts.since or mandate.created_at >= facts.until:
            continue
        used = f" mandate {mandate.mandate_id}: {one.used} of {mandate.uses} uses"
        if mandate.revoked_at:
            end = "revoked"
        else:
            end = f"{'ended' if mandate.until <= facts.until else 'until'} {clock(over, facts.zone, facts.until)}"
        if facts.since <= mandate.created_at or one.used >= mandate.uses or over <= facts.until + SOON:
            yield Line(parts=(Foreign(text=mandate.agent, at_most=40), f"{used}, {end}"), see=see)


def _planted(facts: Facts) -> Iterator[Line]:
    """Questions that only measured whether people look."""
    found = [found_of(ask) for ask in facts.decided if ask.planted]
    tests = [caught for caught in found if caught is not None]
    if tests:
        yield Line(parts=(f"{counted(len(tests), 'planted proposal')} answered, {sum(tests)} caught",))
